import { Duration, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { Artifact, checkArtifact, checkModelArtifact, Provenance } from '../artifact/artifact';
import { ArtifactFormat } from '../artifact/format';
import { derivedKey } from '../artifact/key';
import { checkStore } from '../artifact/model-store';
import { SourceProof } from '../artifact/sources/source-spec';
import type { S3StoreProps } from '../artifact/stores/s3-store';
import { placeWithDevices } from '../artifact/stores/placing-devices';
import { describeVolume, isOnOneNode, StoreVolume } from '../artifact/stores/store-volume';
import { Phase } from '../phases/phase';
import { AcceleratorOnPod, acceleratorOnPod } from '../pod/accelerator/on-pod';
import type { AcceleratorSpec } from '../pod/accelerator/accelerator-spec';
import {
  checkCpu,
  checkFlag,
  checkKind,
  checkNamed,
  checkObjectName,
  checkPositiveInteger,
  checkProps,
  checkQueueName,
  checkSize,
} from '../pod/checks';
import { canonicalJson } from '../pod/content-hash';
import { checkImage, PYTHON_IMAGE } from '../pod/image';
import { InputError } from '../pod/input-error';
import { ResolvedJobOptions, resolveJobOptions } from '../pod/job-options';
import { Owner, ownerOf } from '../pod/owner';
import type { Placement } from '../pod/pod-spec';
import { bytesOf, mebibytesFor } from '../pod/quantity';
import { checkSeconds } from '../serving/checks';
import type { EngineVariable } from '../serving/engine-spec';
import { mountArtifacts, MountedArtifacts } from '../serving/mounted-artifacts';
import { resolveEnv } from '../serving/server-env';
import { commandTrainer } from './fine-tune-command';
import {
  bytesOfModel,
  resolveCheckpointBytes,
  resolveDevices,
  resolveProcesses,
  resolveSharedMemory,
  resolveTrainingMemory,
} from './fine-tune-devices';
import { HubAccess, resolveHub, trainerVariables } from './fine-tune-environment';
import type { FineTuneProps } from './fine-tune-props';
import { FineTuneResult } from './fine-tune-result';
import {
  checkHyperparameters,
  DATASETS_FOLDER,
  MODEL_FOLDER,
  OUTPUT_FOLDER,
  Trainer,
  TrainerCommand,
  TrainerTask,
} from './fine-tune-trainer';

const DEFAULT_SEED = 42;

/** What a fine-tuning is, with every default applied. @internal */
export interface FineTuneSpec {
  readonly owner: Owner;
  readonly model: Artifact;
  readonly datasets: Readonly<Record<string, Artifact>>;
  readonly artifact: Artifact;
  readonly result: FineTuneResult;
  readonly image: string;
  readonly programImage: string;
  /** `torchtune`, or `command`. */
  readonly trainer: string;
  readonly command: TrainerCommand;
  readonly task: TrainerTask;
  readonly accelerator?: AcceleratorSpec;
  readonly hub?: HubAccess;
  /** Of the trainer, but for the folder of the result. */
  readonly env: EngineVariable[];
  readonly cpu: string;
  readonly memory: Size;
  readonly scratch: Size;
  /** Of the claim that the trainer's own disk is; undefined where it is one of the node. */
  readonly scratchStorageClass?: string;
  readonly sharedMemory: Size;
  /** In the store besides the result while it is trained, in bytes. */
  readonly passing: number;
  readonly deadlineSeconds?: number;
  readonly graceSeconds: number;
  readonly queueName?: string;
  readonly options: ResolvedJobOptions;
}

/** Where the result is written: a volume, which may be that of an input, or a disk from which a bucket is filled. @internal */
export type FineTuneOutput =
  | {
      readonly kind: 'volume';
      readonly volume: StoreVolume;
      readonly volumeName: string;
      readonly own: boolean;
    }
  | { readonly kind: 's3'; readonly s3: S3StoreProps; readonly volumeName: string; readonly scratch: Size };

/** What the Job mounts, and where it may run for that. Made only where there is a Job. @internal */
export interface FineTuneVolumes {
  readonly inputs: MountedArtifacts;
  readonly output: FineTuneOutput;
  readonly stores: StoreVolume[];
  readonly devices?: AcceleratorOnPod;
  readonly placement: Placement;
}

/** @internal */
export function resolveFineTune(scope: Construct, props: FineTuneProps): FineTuneSpec {
  const owner = ownerOf(scope, 'fine-tune', Phase.TUNE, [Phase.TUNE]);
  const model = checkModel(scope, props.model);
  checkProps(scope, props);
  const datasets = checkDatasets(scope, props.datasets);
  const result = checkResult(scope, props.result);
  const isAdapter = result === FineTuneResult.LORA_ADAPTER;
  const trainer = resolveTrainer(scope, props);
  const accelerator = resolveDevices(scope, props);
  const task: TrainerTask = {
    scope,
    result,
    datasets: Object.keys(datasets),
    hyperparameters: checkHyperparameters(scope, 'hyperparameters', props.hyperparameters),
    seed: checkPositiveInteger(scope, 'seed', props.seed ?? DEFAULT_SEED, 0),
    nodes: checkPositiveInteger(scope, 'nodes', props.nodes ?? 1),
    processesPerNode: resolveProcesses(scope, props, accelerator),
    hubAccess: checkFlag(scope, 'hubAccess', props.hubAccess) ?? false,
    rendezvousId: owner.name,
  };
  const command = trainer.command(task);
  const hub = checkHub(owner, props);
  const own = trainerVariables(owner, task, hub, trainer.name === 'command');
  const env = resolveEnv(scope, props, { env: own, refusedEnv: REFUSED_ENV });
  const image = checkImage(scope, 'image', props.image);
  const sharedMemory = resolveSharedMemory(scope, props, task.processesPerNode);
  const artifact = resolveArtifact(owner, { ...props, model, datasets, result }, trainer, task, command);
  return {
    owner,
    model,
    datasets,
    artifact,
    result,
    image,
    programImage: checkImage(scope, 'programImage', props.programImage ?? PYTHON_IMAGE),
    trainer: trainer.name,
    command,
    task,
    accelerator,
    hub,
    env,
    cpu: checkCpu(scope, props.cpu ?? String(4 * task.processesPerNode)),
    memory: resolveTrainingMemory(scope, { ...props, model }, task.processesPerNode, sharedMemory),
    scratch: checkSize(scope, 'scratch', props.scratch ?? Size.gibibytes(20)),
    scratchStorageClass:
      props.scratchStorageClass === undefined
        ? undefined
        : checkObjectName(scope, 'scratchStorageClass', props.scratchStorageClass),
    sharedMemory,
    passing: resolveCheckpointBytes(scope, { ...props, model }, isAdapter),
    deadlineSeconds: props.deadline && checkSeconds(scope, 'deadline', props.deadline),
    graceSeconds: checkSeconds(scope, 'gracePeriod', props.gracePeriod ?? Duration.minutes(2)),
    queueName: checkQueueName(scope, props.queueName),
    // For each node, as one that ends takes the others with it.
    options: resolveJobOptions(scope, props, { backoffLimit: 5 * task.nodes }),
  };
}

/** What only this library knows, or what would undo what a property says. */
const REFUSED_ENV: Record<string, string> = {
  OUTPUT_DIR: 'It is the folder that the result goes to.',
  HF_HUB_OFFLINE: 'hubAccess decides it.',
  TRANSFORMERS_OFFLINE: 'hubAccess decides it.',
  HF_DATASETS_OFFLINE: 'hubAccess decides it.',
  HF_TOKEN: 'Give the Secret as hubTokenSecret, or as hubToken with a key.',
  HF_ENDPOINT: 'It is the hub, or what stands for it in the mirror of the app.',
  JOB_COMPLETION_INDEX: 'Kubernetes sets it.',
};

function checkModel(scope: Construct, given: Artifact): Artifact {
  const model = checkModelArtifact(scope, 'model', given);
  if (model.format === ArtifactFormat.HUGGING_FACE) return model;
  throw new InputError(scope, 'model', `an artifact of format '${model.format}'`, {
    allowed: `a model of format '${ArtifactFormat.HUGGING_FACE}'`,
    advice:
      'Trainers read models as they are on Hugging Face; what was converted or quantized is not trained.',
  });
}

function checkDatasets(scope: Construct, given: FineTuneProps['datasets']): Record<string, Artifact> {
  const datasets = checkNamed(scope, 'datasets', given);
  for (const [name, dataset] of Object.entries(datasets)) {
    if (!/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(name)) {
      throw new InputError(scope, 'name in datasets', name, {
        allowed: "at most 32 lower-case letters, digits and '-': 'train'",
      });
    }
    checkDataset(scope, `datasets.${name}`, dataset);
  }
  return { ...datasets };
}

/** Files of a folder are taken for a model's where nobody says what they are, so that those may be a dataset. */
function checkDataset(scope: Construct, field: string, given: Artifact): void {
  const { format, facts, provenance } = checkArtifact(
    scope,
    field,
    given,
    'Give the .artifact of the ModelCache of the dataset.',
  );
  const mayBe =
    format === ArtifactFormat.DATASET ||
    format === ArtifactFormat.GIT_TREE ||
    (format === ArtifactFormat.HUGGING_FACE && facts === undefined);
  if (mayBe) return;
  throw new InputError(scope, field, `${provenance.repository}, a model of format '${format}'`, {
    allowed: 'a dataset',
    advice:
      'Of Hugging Face it is fetched with dataset: true; elsewhere its source can say format: ArtifactFormat.DATASET.',
  });
}

function checkResult(scope: Construct, given: FineTuneResult): FineTuneResult {
  if (Object.values(FineTuneResult).includes(given)) return given;
  throw new InputError(scope, 'result', given, {
    allowed: 'FineTuneResult.FULL_WEIGHTS or FineTuneResult.LORA_ADAPTER',
    advice: 'What is verified when the trainer has ended, and what can take the result, depends on it.',
  });
}

function resolveTrainer(scope: Construct, { command, preset }: FineTuneProps): Trainer {
  if ((command === undefined) === (preset === undefined)) {
    throw new InputError(scope, 'preset', command ? 'given, and command too' : undefined, {
      allowed: 'exactly one of preset and command',
      advice: "For instance FineTunePreset.trl({ method: TrlMethod.SFT }), or ['python3', '/app/train.py'].",
    });
  }
  if (command !== undefined) return commandTrainer(scope, { command });
  return checkKind(scope, 'preset', preset, ({ _trainer }) => typeof _trainer?.command === 'function', {
    allowed: 'what a factory of FineTunePreset makes',
  })!._trainer;
}

function checkHub(owner: Owner, props: FineTuneProps): HubAccess | undefined {
  if (props.hubAccess) return resolveHub(owner, props);
  const field = (['hubTokenSecret', 'hubToken'] as const).find((name) => props[name] !== undefined);
  if (field === undefined) return undefined;
  throw new InputError(owner.scope, field, 'a Secret', {
    allowed: 'nothing without hubAccess: true',
    advice: 'What is private is fetched by a ModelCache, whose source has the token.',
  });
}

type CheckedProps = FineTuneProps & { readonly datasets: Readonly<Record<string, Artifact>> };

function resolveArtifact(
  owner: Owner,
  props: CheckedProps,
  trainer: Trainer,
  task: TrainerTask,
  command: TrainerCommand,
): Artifact {
  const { scope } = owner;
  const { model, datasets, result } = props;
  const isAdapter = result === FineTuneResult.LORA_ADAPTER;
  const store = checkStore(scope, props.store ?? model.store)._for(scope, {});
  if (task.nodes > 1 && store._spec.kind === 's3') {
    throw new InputError(scope, 'store', 'a bucket', {
      allowed: 'a claim that several nodes can mount (ReadWriteMany), with several nodes',
      advice: 'They write checkpoints together, to one folder.',
    });
  }
  const name = resolveName(scope, props.name, model);
  const key = derivedKey(model.key, `fine-tune/${props.image}`, {
    result,
    trainer: trainer.name,
    command: canonicalJson(command.identity),
    datasets: canonicalJson(
      Object.fromEntries(Object.entries(datasets).map(([set, artifact]) => [set, artifact.key])),
    ),
    seed: String(task.seed),
    // The batches of all processes together are what one step learns from.
    processes: `${task.nodes}x${task.processesPerNode}`,
    env: canonicalJson(props.env ?? {}),
    ...(task.hubAccess ? { hubAccess: 'true' } : {}),
  });
  return Artifact._of({
    store,
    namespace: owner.namespace,
    name: name.toLowerCase(),
    key,
    parents: [model, ...Object.values(datasets)],
    format: isAdapter ? ArtifactFormat.LORA : ArtifactFormat.HUGGING_FACE,
    provenance: provenanceOf(name, key, [model, ...Object.values(datasets)], task.hubAccess),
    facts: isAdapter ? undefined : model.facts,
    bytes: isAdapter ? undefined : bytesOfModel(model),
  });
}

function resolveName(scope: Construct, given: string | undefined, model: Artifact): string {
  const name =
    given ?? `${model.provenance.repository.split('/').slice(-1)[0]}-${scope.node.id}`.toLowerCase();
  if (typeof name === 'string' && /^[A-Za-z0-9][\w.-]{0,79}$/.test(name)) return name;
  throw new InputError(scope, 'name', name, { allowed: "letters, digits, '.', '_' and '-', at most 80" });
}

/** The result is none of the base model's repository: whoever serves it does so by a name of its own. */
function provenanceOf(
  name: string,
  key: string,
  parents: readonly Artifact[],
  hubAccess: boolean,
): Provenance {
  const [model, ...datasets] = parents.map(({ provenance }) => provenance);
  const sources = datasets.map(({ source }) => source);
  const licences = [...new Set([model, ...datasets].flatMap(({ licence }) => licence ?? []))];
  const proofs = [model, ...datasets].map(({ proof }) => proof);
  const weakest = [SourceProof.NONE, SourceProof.VERSION].find((proof) => proofs.includes(proof));
  return {
    source: `fine-tune of ${model.source}${sources.length ? ` with ${sources.join(' and ')}` : ''}`,
    repository: name,
    revision: key,
    proof: hubAccess ? SourceProof.NONE : (weakest ?? SourceProof.CONTENT),
    ...(licences.length ? { licence: licences.join(' AND ') } : {}),
  };
}

/** @internal */
export function resolveFineTuneVolumes(spec: FineTuneSpec): FineTuneVolumes {
  const { owner, model, datasets, accelerator, options } = spec;
  const inputs = mountArtifacts(owner, [
    { role: 'model', artifact: model, mountPath: MODEL_FOLDER },
    ...Object.entries(datasets).map(([name, artifact]) => ({
      role: `dataset ${name}`,
      artifact,
      mountPath: `${DATASETS_FOLDER}/${name}`,
    })),
  ]);
  const output = resolveOutput(spec, inputs);
  const stores = [...inputs.volumes, ...(output.kind === 'volume' && output.own ? [output.volume] : [])];
  checkNodes(spec, stores);
  const devices = accelerator && acceleratorOnPod(owner, accelerator);
  const own = Object.keys(options.placement).length ? options.placement : undefined;
  const placement = placeWithDevices(owner, 'placement', own, devices, stores);
  return { inputs, output, stores, devices, placement };
}

function resolveOutput(spec: FineTuneSpec, inputs: MountedArtifacts): FineTuneOutput {
  const { owner, artifact, passing } = spec;
  const { store } = artifact;
  if (store._spec.kind === 's3') {
    return {
      kind: 's3',
      s3: store._spec.s3,
      volumeName: OUTPUT_VOLUME,
      scratch: gatheringDisk(spec, passing),
    };
  }
  const volume = store._volume(owner);
  const shared = inputs.all.find((input) => describeVolume(input.volume) === describeVolume(volume));
  return shared
    ? { kind: 'volume', volume, volumeName: shared.volumeName, own: false }
    : { kind: 'volume', volume, volumeName: OUTPUT_VOLUME, own: true };
}

const OUTPUT_VOLUME = OUTPUT_FOLDER.slice(1);

function gatheringDisk({ owner, artifact, result }: FineTuneSpec, passing: number): Size {
  const bytes = result === FineTuneResult.LORA_ADAPTER ? 0 : artifact.bytes;
  if (bytes !== undefined && passing > 0) return mebibytesFor(1.06 * (bytes + passing));
  throw new InputError(owner.scope, 'checkpointSpace', undefined, {
    allowed: 'an amount, because the size of the base model is not known',
    advice: 'Result and checkpoints are on a disk of the pod on their way into the bucket.',
  });
}

/** Pods on several nodes mount all stores at once. */
function checkNodes({ owner, task }: FineTuneSpec, stores: readonly StoreVolume[]): void {
  if (task.nodes === 1) return;
  const single = stores.find(isOnOneNode);
  if (!single) return;
  throw new InputError(owner.scope, 'nodes', task.nodes, {
    allowed: `1, as one node at a time can mount ${describeVolume(single)}`,
    advice:
      'Keep models, datasets and the result where all nodes can mount them (accessModes: ReadWriteMany), or what is ' +
      'read on each node, by a NodeCache.',
  });
}

/** The folder of the artifact, as the pods that make it see it. @internal */
export function outputFolderOf({ path }: Artifact): string {
  return `${OUTPUT_FOLDER}/${path}`;
}

/** The folder that the trainer fills: see tune.py. @internal */
export function workFolderOf(artifact: Artifact): string {
  return `${outputFolderOf(artifact)}/.artifact.parts/work`;
}

/** What is on the disk of the pod on the way to a bucket, in bytes. @internal */
export function gatheredBytes(output: FineTuneOutput): number {
  return output.kind === 's3' ? bytesOf(output.scratch) : 0;
}
