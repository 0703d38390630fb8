import type { ISecret, SecretValue } from 'cdk8s-plus-28';
import type { IConstruct } from 'constructs';
import { resolveSecretKey, SecretKey } from '../../pod/secret-env';

/** The key of a Secret with a token, where nobody says another one. @internal */
export const TOKEN_KEY = 'token';

/** The two ways to name a token. @internal */
export interface TokenProps {
  readonly token?: SecretValue;
  readonly tokenSecret?: ISecret;
}

/**
 * @param field where these properties are, if they are within another one: `repositories[0].`
 * @throws when it is named in both ways, or by something else than a Secret
 * @internal
 */
export function resolveToken(
  where: IConstruct | string,
  { token, tokenSecret }: TokenProps,
  field = '',
): SecretKey | undefined {
  return resolveSecretKey(where, `${field}token`, {
    secret: tokenSecret,
    usualKey: TOKEN_KEY,
    value: token,
  });
}
