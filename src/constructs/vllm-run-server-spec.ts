import { Duration } from 'cdk8s';
import type { Construct } from 'constructs';
import { VLLM_VERSION } from '../engines/vllm/images';
import { vllmMetrics } from '../engines/vllm/metrics';
import { checkNamed, checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { checkPlacement, unitePlacements } from '../pod/placement';
import type { PreparedFolder } from '../checkout/on-pod';
import { withSharedMemory } from '../serving/server-volumes';
import { ServerProbe } from '../serving/server-probe';
import type { ServerSpec } from '../serving/server-spec';
import type { InferenceServerProps } from './inference-server-props';
import { resolveInferenceServer } from './inference-server-spec';
import {
  amountsFor,
  REPOSITORY_ROLE,
  resolveProgram,
  VLLM_RUN,
  VllmProgram,
  WRITABLE_FOLDERS,
} from './vllm-run-program';
import type { VllmRunServerProps } from './vllm-run-props';

/** vLLM's own. */
const PORT = 8000;

/** From the start of the process to its first answer, beside the reading: compiling, capturing graphs. */
const STARTUP = Duration.minutes(15);

/** Slowly, but it answers while it computes; 503 says that the engine is dead. */
const PATIENT = { timeout: Duration.seconds(10), failures: 6 };

/** @throws when a value cannot be used @internal */
export function resolveVllmRunServer(scope: Construct, props: VllmRunServerProps): ServerSpec {
  checkProps(scope, props);
  const accelerator = props.accelerator?._spec;
  const program = resolveProgram(scope, props, accelerator);
  let prepared: PreparedFolder[] = [];
  const given = inferenceServerProps(scope, props, program);
  const prepare: VllmProgram['prepare'] = (owner, artifacts) => {
    prepared = program.prepare(owner, artifacts);
    return prepared;
  };
  const repository = program.roles.filter(({ role }) => role === REPOSITORY_ROLE);
  const spec = resolveInferenceServer(scope, given, VLLM_RUN, prepare, repository);
  const env = prepared.flatMap((each) => Object.entries(each.env));
  refuseToSet(
    scope,
    props,
    env.map(([name]) => name),
  );
  return {
    ...spec,
    env: [...spec.env, ...env.map(([name, value]) => ({ name, value }))],
    engine: { ...spec.engine, metrics: vllmMetrics(VLLM_VERSION) },
  };
}

function inferenceServerProps(
  scope: Construct,
  props: VllmRunServerProps,
  program: VllmProgram,
): InferenceServerProps {
  const { apiKey } = props;
  const { cpu, memory } = amountsFor(props.accelerator?._spec);
  const own = checkPlacement(scope, 'placement', props.placement);
  return {
    cpu,
    memory: memory && withSharedMemory(memory, program.sharedMemory),
    ...props,
    engine: 'vllm',
    image: program.image,
    command: program.command,
    containerPort: portOf(scope, program.command, props.containerPort),
    sharedMemory: program.sharedMemory,
    placement: unitePlacements(scope, 'placement', own, program.placements),
    readiness: ServerProbe.http('/health'),
    liveness: ServerProbe.http('/health', PATIENT),
    modelNames: namesIn(program.command),
    writableFolders: WRITABLE_FOLDERS,
    engineStartup: STARTUP,
    env: { ...program.env, ...checkNamed(scope, 'env', props.env) },
    secretEnv: {
      ...(apiKey === undefined ? {} : { VLLM_API_KEY: apiKey }),
      ...checkNamed(scope, 'secretEnv', props.secretEnv),
    },
  };
}

function refuseToSet(scope: Construct, { env, secretEnv }: VllmRunServerProps, names: string[]): void {
  const odd = names.find((name) => name in (env ?? {}) || name in (secretEnv ?? {}));
  if (odd === undefined) return;
  throw new InputError(scope, 'name in env', odd, {
    allowed: 'a name that this construct does not set itself',
  });
}

/** Where the command says that it listens. */
function portOf(scope: Construct, command: readonly string[], given: number | undefined): number {
  const [told] = valuesOf(command, '--port');
  if (told === undefined) return given ?? PORT;
  if (given !== undefined && String(given) !== told) {
    throw new InputError(scope, 'containerPort', given, { allowed: `${told}, as the command says` });
  }
  return Number(told);
}

/** What requests call the model. */
function namesIn(command: readonly string[]): string[] {
  return valuesOf(command, '--served-model-name');
}

/** The values of a flag in either form: `--flag=value`, or `--flag` and what follows up to the next flag. */
function valuesOf(command: readonly string[], flag: string): string[] {
  const joined = command.find((word) => word.startsWith(`${flag}=`));
  if (joined !== undefined) return [joined.slice(flag.length + 1)];
  const at = command.indexOf(flag);
  if (at < 0) return [];
  const rest = command.slice(at + 1);
  const end = rest.findIndex((word) => word.startsWith('-'));
  return end < 0 ? rest : rest.slice(0, end);
}
