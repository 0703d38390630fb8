import type { ISecret } from 'cdk8s-plus-28';
import type { IConstruct } from 'constructs';
import { checkKind, checkList } from './checks';

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
