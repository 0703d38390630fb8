import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { placeWithDevices } from '../artifact/stores/placing-devices';
import { Phase } from '../phases/phase';
import type { AcceleratorSpec } from '../pod/accelerator/accelerator-spec';
import { AcceleratorOnPod, acceleratorOnPod } from '../pod/accelerator/on-pod';
import {
  checkCpu,
  checkFlag,
  checkKind,
  checkNamed,
  checkProps,
  checkQueueName,
  checkSize,
} from '../pod/checks';
import { InputError } from '../pod/input-error';
import { ResolvedJobOptions, resolveJobOptions } from '../pod/job-options';
import type { Opening } from '../pod/network';
import { Owner, ownerOf } from '../pod/owner';
import type { Placement } from '../pod/pod-spec';
import { bytesOf, bytesQuantity } from '../pod/quantity';
import type { PreparedFolder } from '../checkout/on-pod';
import { folderVariables } from '../serving/artifact-roles';
import { checkSeconds } from '../serving/checks';
import { checkReferences } from '../serving/command-line';
import type { EngineVariable } from '../serving/engine-spec';
import { MountedArtifacts, mountArtifacts } from '../serving/mounted-artifacts';
import { resolveEnv } from '../serving/server-env';
import { withSharedMemory } from '../serving/server-volumes';
import { resolveReaches } from '../serving/server-reach';
import { amountsFor, resolveProgram, VLLM_RUN, VllmProgram } from './vllm-run-program';
import type { VllmRunProps } from './vllm-run-props';

/** A run that comes to an end, with every default applied. @internal */
export interface VllmRunSpec {
  readonly owner: Owner;
  readonly program: VllmProgram;
  readonly artifacts: MountedArtifacts;
  readonly prepared: PreparedFolder[];
  readonly env: EngineVariable[];
  readonly cpu: string;
  /** The container's limit, /dev/shm included. */
  readonly memory: Size;
  readonly accelerator?: AcceleratorSpec;
  readonly devices?: AcceleratorOnPod;
  readonly placement: Placement;
  readonly writableRoot: boolean;
  readonly timeoutSeconds?: number;
  readonly reaches: Opening[];
  readonly queueName?: string;
  readonly options: ResolvedJobOptions;
}

/** @internal */
export function resolveVllmRun(scope: Construct, props: VllmRunProps): VllmRunSpec {
  const owner = ownerOf(scope, VLLM_RUN, Phase.SERVE, [Phase.SERVE, Phase.VERIFY]);
  checkProps(scope, props);
  const accelerator = resolveAccelerator(scope, props);
  const devices = accelerator && acceleratorOnPod(owner, accelerator);
  const program = resolveProgram(scope, props, accelerator);
  const artifacts = mountArtifacts(owner, program.roles);
  const prepared = program.prepare(owner, artifacts);
  const options = resolveJobOptions(scope, props, { backoffLimit: 0 });
  const env = resolveVariables(scope, props, { program, artifacts, prepared });
  return {
    owner,
    program,
    artifacts,
    prepared,
    env,
    cpu: checkCpu(scope, props.cpu ?? amountsFor(accelerator).cpu),
    memory: resolveMemory(scope, props, accelerator, program.sharedMemory),
    accelerator,
    devices,
    placement: resolvePlacement({ owner, artifacts, program, options, devices }),
    writableRoot: checkFlag(scope, 'writableRoot', props.writableRoot) ?? accelerator?.writesRoot ?? false,
    timeoutSeconds: props.timeout === undefined ? undefined : checkSeconds(scope, 'timeout', props.timeout),
    reaches: resolveReaches(scope, props.reaches),
    queueName: checkQueueName(scope, props.queueName),
    options,
  };
}

function resolveAccelerator(scope: Construct, { accelerator }: VllmRunProps): AcceleratorSpec | undefined {
  if (accelerator === undefined) return undefined;
  const spec = checkKind(
    scope,
    'accelerator',
    accelerator,
    ({ _spec }) => typeof _spec?.vendor === 'string',
    { allowed: 'an Accelerator', advice: 'Make one: Accelerator.nvidia({ count: 1 }).' },
  )._spec;
  if (spec.hosts === 1) return spec;
  throw new InputError(scope, 'accelerator', `a slice of ${spec.hosts} hosts`, {
    allowed: 'devices of one node: a run is one pod',
  });
}

/** What this library says of vLLM's environment the user may say anew; where files are follows from other properties. */
function resolveVariables(
  scope: Construct,
  props: VllmRunProps,
  { program, artifacts, prepared }: Pick<VllmRunSpec, 'program' | 'artifacts' | 'prepared'>,
): EngineVariable[] {
  const given = {
    ...checkNamed(scope, 'env', props.env),
    ...checkNamed(scope, 'secretEnv', props.secretEnv),
  };
  const own = [
    ...folderVariables(artifacts),
    ...prepared.flatMap(({ env }) => variables(env)),
    ...variables(program.env).filter(({ name }) => !(name in given)),
  ];
  checkReferences(scope, props, own, { command: program.command });
  return resolveEnv(scope, props, { env: own });
}

function variables(env: Record<string, string>): EngineVariable[] {
  return Object.entries(env).map(([name, value]) => ({ name, value }));
}

function resolveMemory(
  scope: Construct,
  { memory }: VllmRunProps,
  accelerator: AcceleratorSpec | undefined,
  sharedMemory: Size | undefined,
): Size {
  const shared = sharedMemory ? bytesOf(sharedMemory) : 0;
  if (memory === undefined) {
    const computed = amountsFor(accelerator).memory;
    if (computed) return withSharedMemory(computed, sharedMemory);
    throw new InputError(scope, 'memory', undefined, {
      allowed: 'an amount, as on CPUs the weights are in it',
      advice: 'The size of the files, a key-value cache of 4 GiB, and 8 GiB for the processes.',
    });
  }
  checkSize(scope, 'memory', memory);
  if (bytesOf(memory) > shared) return memory;
  throw new InputError(scope, 'memory', bytesQuantity(memory), {
    allowed: `more than the ${bytesQuantity(sharedMemory!)} of /dev/shm, which count in it`,
  });
}

function resolvePlacement({
  owner,
  artifacts,
  program,
  options,
  devices,
}: Pick<VllmRunSpec, 'owner' | 'artifacts' | 'program' | 'options' | 'devices'>): Placement {
  const own = Object.keys(options.placement).length ? options.placement : undefined;
  return placeWithDevices(owner, 'placement', own, devices, artifacts.volumes, program.placements);
}
