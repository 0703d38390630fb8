/** Koldun's Dllama, and Root and Worker where they stand by themselves: a root and its workers. */
import { DllamaChatTemplate } from '../../constructs/dllama-topology-props';
import { DLLAMA_FLAGS } from '../../engines/dllama/flags';
import { isOlder, versionOfImage } from '../../engines/dllama/version';
import { call, Expression, list, literal, member, object } from '../plan';
import { idWithin, PipelineBuilder, PlanBuilder } from '../plan-builder';
import type { Resource } from '../resource';
import type { Notes, Translation } from '../translation';
import { isPinned, texts } from '../values';
import type { TranslatedModel } from './koldun-model';

/** @internal */
export interface DllamaSpec {
  readonly modelRef: {
    readonly apiGroup?: string;
    readonly kind: 'Model';
    readonly name: string;
    readonly namespace?: string;
  };
  readonly replicaPower: number;
  readonly rootImage: string;
  readonly workerImage: string;
}

interface ProcessSpec {
  readonly modelRef: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly cacheSpec?: {
    readonly endpoint: string;
    readonly bucket: string;
    readonly secretRef?: { readonly name: string };
  };
}

/** @internal */
export interface RootSpec extends ProcessSpec {
  readonly workerSelector?: Readonly<Record<string, string>>;
}

/** @internal */
export interface WorkerSpec extends ProcessSpec {
  readonly rootRef: string;
  readonly slot: number;
}

/** The topology that a Root or a Worker was made for, in the label that Koldun gives it. */
const DLLAMA_LABEL = 'koldun.gorizond.io/dllama';

/** What Koldun appends to a model's name for the claim that its processes are told. */
const CLAIM_SUFFIX = /-s3-(output-)?pvc$/;

/** Flags of Koldun's own, which no program has ever had in that sense. */
const KOLDUN_FLAGS = ['--role', '--slot', '--root', '--model'];

/** By which a process computes on a GPU. */
const GPU_FLAG = '--gpu-index';

/** Whose GPUs have Vulkan, which distributed-llama computes by. */
const VENDORS = ['nvidia', 'amd', 'intel'] as const;

/** @internal */
export interface Topologies {
  readonly dllamas: readonly Resource<DllamaSpec>[];
  readonly roots: readonly Resource<RootSpec>[];
  readonly workers: readonly Resource<WorkerSpec>[];
}

/** @internal */
export function translateTopologies(
  { dllamas, roots, workers }: Topologies,
  models: readonly TranslatedModel[],
  translation: Translation,
  plan: PlanBuilder,
): void {
  const serve = { models, translation, plan };
  for (const dllama of dllamas) translateDllama(dllama, serve);
  const ownRoots = roots.filter((root) => !isMadeByDllama(root, dllamas, translation));
  const left = new Set(workers.filter((worker) => !isMadeByDllama(worker, dllamas, translation)));
  for (const root of ownRoots) {
    const mine = [...left].filter((worker) => isWorkerOf(worker, root));
    mine.forEach((worker) => left.delete(worker));
    translateRoot(root, mine, serve);
  }
  for (const worker of left) {
    translation.of(worker).refuse('spec.rootRef', worker.spec.rootRef, {
      allowed: 'a Root of the files',
      advice: `Add it: kubectl get roots.koldun.gorizond.io ${worker.spec.rootRef} -n ${worker.namespace} -o yaml`,
    });
  }
}

interface Serving {
  readonly models: readonly TranslatedModel[];
  readonly translation: Translation;
  readonly plan: PlanBuilder;
}

function translateDllama(dllama: Resource<DllamaSpec>, serving: Serving): void {
  const { modelRef, replicaPower, rootImage, workerImage } = dllama.spec;
  const notes = serving.translation.of(dllama);
  const model = modelOf(
    notes,
    'spec.modelRef.name',
    modelRef.name,
    modelRef.namespace || dllama.namespace,
    serving,
  );
  const linear = replicaPower * 2 - 1;
  const workers = 2 ** replicaPower - 1;
  if (linear !== workers) {
    notes.warn(
      'spec.replicaPower',
      `Koldun makes power x 2 - 1 = ${linear} workers of it, so ${linear + 1} nodes, where a power of two is meant. ` +
        `${workers} workers are made: with the root, ${workers + 1} nodes.`,
    );
  }
  const image = imageOf(notes, { rootImage, workerImage });
  if (!model) return;
  const pipeline = pipelineFor(dllama, model, serving);
  pipeline.construct(
    { class: 'DllamaTopology', phase: 'serve', id: idWithin(pipeline, dllama.name, 'topology') },
    object({ model: model.converted(), image: literal(image), replicaPower: literal(replicaPower) }),
    notes.taken(),
  );
}

/** In the pipeline of the model; in one of its own where it is in another namespace. */
function pipelineFor(resource: Resource, model: TranslatedModel, { plan }: Serving): PipelineBuilder {
  if (resource.namespace !== model.pipeline.namespace) return plan.pipeline(resource);
  model.pipeline.addOrigin(resource);
  return model.pipeline;
}

function modelOf(
  notes: Notes,
  field: string,
  name: string,
  namespace: string,
  { models }: Serving,
): TranslatedModel | undefined {
  const model = models.find(({ resource }) => resource.name === name && resource.namespace === namespace);
  if (!model) {
    notes.refuse(field, name, {
      allowed: `a Model of namespace ${namespace} in the files, itself without errors`,
      advice: `Add it: kubectl get models.koldun.gorizond.io ${name} -n ${namespace} -o yaml`,
    });
  }
  return model;
}

/** One image holds both programs, which must be of one version. */
function imageOf(
  notes: Notes,
  { rootImage, workerImage }: Pick<DllamaSpec, 'rootImage' | 'workerImage'>,
): string {
  if (isOperator(workerImage) || !isPinned(workerImage)) {
    if (workerImage !== rootImage)
      notes.warn(
        'spec.workerImage',
        `${workerImage} ${reasonAgainst(workerImage)}. The image of the root is taken for the workers.`,
      );
  } else if (workerImage !== rootImage && !isOperator(rootImage)) {
    notes.warn(
      'spec.workerImage',
      `Root and workers speak one protocol, which changes with the version. ${rootImage}, the image of the root, is taken for the workers too.`,
    );
  }
  return programImage(notes, 'spec.rootImage', rootImage);
}

function programImage(notes: Notes, field: string, given: string): string {
  if (!isOperator(given) && isPinned(given) && !isTooOld(given)) return given;
  return notes.ask(field, 'image', {
    given,
    allowed: 'an image with distributed-llama v0.16.4 or newer, pinned by tag or digest',
    form: /^[^\s]+(:(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})$/,
    why: `It ${reasonAgainst(given)}.`,
    command: 'docker build -t registry.example.com/dllama:v0.16.4 node_modules/cdk8s-llm/images/dllama',
  });
}

function reasonAgainst(image: string): string {
  if (isOperator(image)) return 'is the operator itself, and holds no distributed-llama';
  return isPinned(image) ? 'is older than distributed-llama v0.16.4' : 'is pinned by no tag';
}

function isOperator(image: string): boolean {
  return /(^|\/)gorizond\/koldun([:@]|$)/.test(image);
}

function isTooOld(image: string): boolean {
  const version = versionOfImage(image);
  return version !== undefined && isOlder(version, [0, 16, 4]);
}

/** Whether a Dllama of the files stands for it. Without that Dllama it would be lost. */
function isMadeByDllama(
  resource: Resource,
  dllamas: readonly Resource<DllamaSpec>[],
  translation: Translation,
): boolean {
  const { metadata, namespace } = resource;
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'Dllama')?.name as string | undefined;
  const name = owner ?? metadata.labels?.[DLLAMA_LABEL];
  if (name === undefined) return false;
  const notes = translation.of(resource);
  if (dllamas.some((dllama) => dllama.name === name && dllama.namespace === namespace)) {
    notes.warn('spec', `Koldun made it of Dllama ${namespace}/${name}, which stands for it here too.`);
  } else {
    notes.refuse('metadata.labels', name, {
      allowed: 'the name of a Dllama in the files, of which Koldun made this',
      advice: `Add it, and this is not needed: kubectl get dllamas.koldun.gorizond.io ${name} -n ${namespace} -o yaml`,
    });
  }
  return true;
}

function isWorkerOf({ spec, namespace, metadata }: Resource<WorkerSpec>, root: Resource<RootSpec>): boolean {
  if (namespace !== root.namespace) return false;
  const selector = Object.entries(root.spec.workerSelector ?? {});
  const isSelected =
    selector.length > 0 && selector.every(([label, value]) => metadata.labels?.[label] === value);
  return isSelected || spec.rootRef === root.name;
}

function translateRoot(
  root: Resource<RootSpec>,
  workers: readonly Resource<WorkerSpec>[],
  serving: Serving,
): void {
  const { spec, namespace } = root;
  const notes = serving.translation.of(root);
  const model = modelOf(notes, 'spec.modelRef', spec.modelRef.replace(CLAIM_SUFFIX, ''), namespace, serving);
  if (!Number.isInteger(Math.log2(workers.length + 1))) {
    notes.refuse('workers', workers.length, {
      allowed: '0, 1, 3, 7 or 15 Workers whose rootRef or labels are those of this Root',
      advice: 'distributed-llama shares a model among 2^n nodes, of which the root is one.',
    });
  }
  warnOfCache(notes, spec, model);
  const image = programImage(notes, 'spec.image', spec.image);
  const rootArgs = argsOf(notes, spec.args);
  const workerArgs = workers.map((worker) =>
    workerArgsOf(worker, workers, spec, { model, rootArgs }, serving),
  );
  refuseOthers(workers, workerArgs, serving);
  const vendor = vendorOf([rootArgs, ...workerArgs], spec, notes);
  const props = { ...workerArgs[0]?.props, ...rootArgs.props };
  if (!model) return;
  const pipeline = pipelineFor(root, model, serving);
  workers.forEach((worker) => pipeline.addOrigin(worker));
  pipeline.construct(
    { class: 'DllamaTopology', phase: 'serve', id: idWithin(pipeline, root.name, 'topology') },
    object({
      model: model.converted(),
      image: literal(image),
      workers: literal(workers.length),
      ...props,
      accelerator: vendor && call(`Accelerator.${vendor}`),
      workerSlots: slotsOf(workers, workerArgs, props.threads),
      rootArgs: rootArgs.extra.length > 0 ? texts(rootArgs.extra) : undefined,
      workerArgs: workerArgs[0]?.extra.length > 0 ? texts(workerArgs[0].extra) : undefined,
    }),
    notes.taken(),
  );
}

/** Whose GPUs the processes are to compute on, where they are told that they do. */
function vendorOf(
  processes: readonly ProcessArgs[],
  { args }: RootSpec,
  notes: Notes,
): (typeof VENDORS)[number] | undefined {
  const onGpus = processes.filter(({ isOnGpu }) => isOnGpu).length;
  if (onGpus === 0) return undefined;
  if (onGpus < processes.length) {
    notes.refuse('spec.args', args, {
      allowed: '--gpu-index of the Root and of all its Workers, or of none',
      advice: 'In code, workerSlots gives the accelerator of a single slot.',
    });
    return undefined;
  }
  notes.warn(
    'spec.args',
    'Koldun asks for no GPU, so that its pods have none. Each process gets one, which is the only one of its pod: --gpu-index is 0.',
  );
  const answer = notes.ask('spec.args', 'accelerator', {
    given: '--gpu-index',
    allowed: `whose GPUs: ${VENDORS.join(', ')}`,
    form: new RegExp(`^(${VENDORS.join('|')})$`),
    command: `kubectl get nodes -o custom-columns='NODE:.metadata.name,NVIDIA:.status.allocatable.nvidia\\.com/gpu,AMD:.status.allocatable.amd\\.com/gpu,INTEL:.status.allocatable.gpu\\.intel\\.com/xe'`,
  });
  return VENDORS.find((each) => each === answer);
}

/** Slots that have another number of threads than the topology. */
function slotsOf(
  workers: readonly Resource<WorkerSpec>[],
  args: readonly ProcessArgs[],
  usual: Expression | undefined,
): Expression | undefined {
  const slots = workers.flatMap(({ spec }, index) => {
    const { threads } = args[index].props;
    const isUsual = threads === undefined || JSON.stringify(threads) === JSON.stringify(usual);
    return isUsual ? [] : [object({ slot: literal(spec.slot), threads })];
  });
  return slots.length > 0 ? list(slots) : undefined;
}

/** Workers are one set of pods: but for their threads, they are told alike. */
function refuseOthers(
  workers: readonly Resource<WorkerSpec>[],
  args: readonly ProcessArgs[],
  { translation }: Serving,
): void {
  const common = ({ props, extra }: ProcessArgs) => JSON.stringify([{ ...props, threads: undefined }, extra]);
  workers.forEach((worker, index) => {
    if (common(args[index]) === common(args[0])) return;
    translation.of(worker).refuse('spec.args', worker.spec.args, {
      allowed: `those of the first Worker, ${workers[0].name}, and other --nthreads`,
      advice: 'The workers of a topology are one set of pods.',
    });
  });
}

/** What a worker says besides that it is one. */
function workerArgsOf(
  worker: Resource<WorkerSpec>,
  workers: readonly Resource<WorkerSpec>[],
  root: RootSpec,
  { model, rootArgs }: { readonly model: TranslatedModel | undefined; readonly rootArgs: ProcessArgs },
  { translation }: Serving,
): ProcessArgs {
  const { spec } = worker;
  const notes = translation.of(worker);
  if (spec.modelRef !== root.modelRef) {
    notes.warn(
      'spec.modelRef',
      `A worker has no files of its own: the root sends it its part. The model of the root, ${root.modelRef}, is served.`,
    );
  }
  if (spec.image !== root.image) {
    notes.warn(
      'spec.image',
      `Root and workers speak one protocol, which changes with the version. The image of the root is taken.`,
    );
  }
  if (
    spec.slot >= workers.length ||
    workers.some((other) => other !== worker && other.spec.slot === spec.slot)
  ) {
    notes.refuse('spec.slot', spec.slot, {
      allowed: `each of 0 to ${workers.length - 1} once, as there are ${workers.length} workers`,
    });
  }
  warnOfCache(notes, spec, model);
  const args = argsOf(notes, spec.args);
  const differing = Object.keys(args.props).filter(
    (name) =>
      name !== 'threads' &&
      rootArgs.props[name] &&
      JSON.stringify(rootArgs.props[name]) !== JSON.stringify(args.props[name]),
  );
  if (differing.length > 0) {
    notes.warn('spec.args', `A topology has one ${differing.join(', ')}: what the Root says is taken.`);
  }
  return args;
}

function warnOfCache(notes: Notes, { cacheSpec }: ProcessSpec, model: TranslatedModel | undefined): void {
  if (!cacheSpec) return;
  const storage = model?.resource.spec.objectStorage;
  const where = storage
    ? `from the bucket ${storage.bucketForConvert} of the Model`
    : "from the Model's bucket";
  const fields = [
    'endpoint',
    'bucket',
    ...Object.keys(cacheSpec.secretRef ?? {}).map((name) => `secretRef.${name}`),
  ];
  notes.warn(
    fields.map((field) => `spec.cacheSpec.${field}`).join(', '),
    `No program reads it: Koldun hands it over in environment variables that distributed-llama does not know. The root reads the files ${where}.`,
  );
}

/** Arguments of a process, as properties of a topology and as what is left of them. */
interface ProcessArgs {
  readonly props: Readonly<Record<string, Expression>>;
  readonly extra: readonly string[];
  /** Whether it computes on a GPU. */
  readonly isOnGpu: boolean;
}

/** What follows from the topology, whatever a process is told of it. */
const OF_THE_TOPOLOGY = ['model', 'weights', 'workers', 'host', 'port'];

/** Without the flags that Koldun made up, and those that follow from the topology. */
function argsOf(notes: Notes, args: readonly string[] = []): ProcessArgs {
  const props: Record<string, Expression> = {};
  const extra: string[] = [];
  const dropped: string[] = [];
  let isOnGpu = false;
  for (let index = 0; index < args.length;) {
    const flag = args[index];
    const next = args.findIndex((word, at) => at > index && word.startsWith('--'));
    const values = args.slice(index + 1, next < 0 ? undefined : next);
    const property = DLLAMA_FLAGS.find(({ name }) => name === flag)?.setBy;
    const value = property && propertyValue(property, values[0] ?? '');
    if (flag === GPU_FLAG) isOnGpu = true;
    else if (KOLDUN_FLAGS.includes(flag) || (property && OF_THE_TOPOLOGY.includes(property)))
      dropped.push(flag, ...values);
    else if (property && value) props[property] = value;
    else extra.push(flag, ...values);
    index += 1 + values.length;
  }
  if (dropped.length > 0) {
    notes.warn(
      'spec.args',
      `Roles, addresses and files follow from the topology; some of it distributed-llama never knew. Left out: ${dropped.join(' ')}.`,
    );
  }
  return { props, extra, isOnGpu };
}

/** The value of a flag that is a property; nothing where it is none, which the construct then says. */
function propertyValue(property: string, value: string): Expression | undefined {
  if (property === 'netTurbo') return /^[01]$/.test(value) ? literal(value === '1') : undefined;
  if (property === 'chatTemplate') {
    const known = Object.entries(DllamaChatTemplate).find(([, each]) => (each as string) === value);
    return known && member('DllamaChatTemplate', known[0]);
  }
  return /^\d+$/.test(value) ? literal(Number(value)) : undefined;
}
