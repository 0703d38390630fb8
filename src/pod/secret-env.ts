import type { ISecret, SecretValue } from 'cdk8s-plus-28';
import type { IConstruct } from 'constructs';
import { checkKind, checkList } from './checks';
import { InputError } from './input-error';

/** An environment variable whose value is a key of a Secret. */
export interface SecretVariable {
  readonly env: string;
  readonly secret: string;
  readonly key: string;
  /** Whether the container starts without it. */
  readonly optional?: boolean;
}

/** The variable as containers have it: the value itself is never in the YAML. */
export function secretEnv({ env, secret, key, optional }: SecretVariable): Record<string, unknown> {
  return { name: env, valueFrom: { secretKeyRef: { name: secret, key, ...(optional ? { optional } : {}) } } };
}

/** @throws when it is no Secret but, for instance, the name of one */
export function checkSecret(where: IConstruct | string, field: string, secret: ISecret): ISecret {
  return checkKind(where, field, secret, ({ name }) => typeof name === 'string' && name !== '', {
    allowed: 'a Secret of cdk8s-plus',
    advice: "Name one that exists: Secret.fromSecretName(scope, 'id', 'its-name').",
  });
}

/** @throws when one of them is no Secret */
export function secretNames(scope: IConstruct, field: string, secrets?: ISecret[]): string[] {
  return checkList(scope, field, secrets).map(
    (secret, index) => checkSecret(scope, `${field}[${index}]`, secret).name,
  );
}

/** What a variable reads: a Secret's name, and the key in it. */
export interface SecretKey {
  readonly secret: string;
  readonly key: string;
}

/** @throws when it is not a key of a Secret */
export function checkSecretValue(where: IConstruct | string, field: string, value: SecretValue): SecretKey {
  const { secret, key } = checkKind(where, field, value, (given) => typeof given.key === 'string', {
    allowed: 'a Secret and the key in it: { secret, key }',
  });
  if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) {
    throw new InputError(where, `${field}.key`, key, { allowed: "letters, digits, '-', '_' and '.'" });
  }
  return { secret: checkSecret(where, `${field}.secret`, secret).name, key };
}

/** What a user can say of one value: the Secret alone, whose key is then the usual one, or the Secret and the key. */
export interface SecretChoice {
  readonly secret?: ISecret;
  readonly usualKey: string;
  readonly value?: SecretValue;
}

/**
 * @param field the property with Secret and key, `token`; the one with the Secret alone is `tokenSecret`
 * @throws when both are given, when one of them is of another kind
 */
export function resolveSecretKey(
  where: IConstruct | string,
  field: string,
  { secret, usualKey, value }: SecretChoice,
): SecretKey | undefined {
  if (value !== undefined && secret !== undefined) {
    throw new InputError(where, `${field}Secret`, 'a Secret', {
      allowed: `nothing beside ${field}, which names a Secret and the key in it`,
    });
  }
  if (value !== undefined) return checkSecretValue(where, field, value);
  return secret === undefined
    ? undefined
    : { secret: checkSecret(where, `${field}Secret`, secret).name, key: usualKey };
}
