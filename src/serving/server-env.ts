import type { IConstruct } from 'constructs';
import { checkNamed } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { Owner } from '../pod/owner';
import { checkSecretValue } from '../pod/secret-env';
import type { EngineSpec, EngineVariable } from './engine-spec';
import type { ServerProps } from './server-props';

/** What every shell and every version of Kubernetes takes for the name of a variable. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** By which the programs of a container choose among its devices. */
const CHOICES = ['CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES'];

/** By which NVIDIA's runtime gives a container devices of the node, whether or not they are reserved for it. */
const GRANT = 'NVIDIA_VISIBLE_DEVICES';

/** What it says where an image for GPUs is to see none. */
const NO_DEVICES = ['void', 'none', ''];

/**
 * The environment of an engine: what its construct sets, and what the user adds.
 *
 * @throws when a name cannot be one, is given twice, or is one that the construct sets or refuses
 * @internal
 */
export function resolveEnv(
  scope: IConstruct,
  props: Pick<ServerProps, 'env' | 'secretEnv' | 'accelerator'>,
  engine: Pick<EngineSpec, 'env' | 'refusedEnv'>,
): EngineVariable[] {
  const env = checkNamed(scope, 'env', props.env);
  const secretEnv = checkNamed(scope, 'secretEnv', props.secretEnv);
  const own = new Set(engine.env.map(({ name }) => name));
  const check = (field: string, name: string) => {
    const refuse = (allowed: string, advice?: string) => {
      throw new InputError(scope, `name in ${field}`, name, { allowed, advice });
    };
    if (!NAME.test(name)) refuse("letters, digits and '_', without a digit at the start");
    if (own.has(name)) refuse('a name that this construct does not set itself');
    const reason = engine.refusedEnv?.[name];
    if (reason !== undefined) refuse('another name', reason);
    const chooses =
      props.accelerator === undefined
        ? name === GRANT && !NO_DEVICES.includes(env[name])
        : name === GRANT || CHOICES.includes(name);
    if (chooses) {
      refuse(
        'nothing that chooses devices: a container has those of its accelerator',
        'It would take those of other pods, or leave its own unused.',
      );
    }
  };
  const plain = Object.entries(env).map(([name, value]): EngineVariable => {
    check('env', name);
    if (typeof value !== 'string') throw new InputError(scope, `env.${name}`, value, { allowed: 'a string' });
    return { name, value };
  });
  const secret = Object.entries(secretEnv).map(([name, value]): EngineVariable => {
    check('secretEnv', name);
    if (name in env)
      throw new InputError(scope, 'name in secretEnv', name, { allowed: 'a name that env has not' });
    return { name, ...checkSecretValue(scope, `secretEnv.${name}`, value) };
  });
  return [...engine.env, ...plain, ...secret];
}

/**
 * What a server's API key is for, as a line of the annotation that the README is made from. The same words wherever the
 * key is named, so that the README has them once.
 *
 * @internal
 */
export function apiKeyPurpose(server: Owner, { secret, key }: { secret: string; key: string }): string {
  return `${secret}/${key}=the API key of ${server.name}`;
}

/** As a container has them. @internal */
export function renderEnv(env: readonly EngineVariable[]): Record<string, unknown>[] {
  return env.map((variable) => {
    const { name } = variable;
    if ('value' in variable) return { name, value: variable.value };
    if ('field' in variable) return { name, valueFrom: { fieldRef: { fieldPath: variable.field } } };
    return { name, valueFrom: { secretKeyRef: { name: variable.secret, key: variable.key } } };
  });
}

/** What the Secrets among them are for, as lines of the annotation that the README is made from. @internal */
export function secretPurposes(env: readonly EngineVariable[]): string[] {
  return env.flatMap((variable) =>
    'secret' in variable
      ? [`${variable.secret}/${variable.key}=the environment variable ${variable.name}`]
      : [],
  );
}
