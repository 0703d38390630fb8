/** AI Operator's Job: a model that is fetched, and fine-tuned by a command of the user's image. */
import { HUGGING_FACE } from '../../artifact/sources/hugging-face';
import { call, Expression, literal, member, object, ref } from '../plan';
import type { PipelineBuilder, PlanBuilder } from '../plan-builder';
import type { Resources } from '../read-resources';
import type { Resource } from '../resource';
import { factsOf, huggingFace } from '../sources';
import type { Notes, Translation } from '../translation';
import { accessModes, isOneNode, isPinned, SECRET_NAME, size, texts } from '../values';

interface JobSpec {
  readonly image?: string;
  readonly model?: string;
  readonly runtimeClassName?: string;
  /** In GiB. */
  readonly diskSize?: number;
  readonly storageClassName?: string;
  readonly accessModes?: readonly string[];
  readonly command?: readonly string[];
  readonly huggingFaceSecret: string;
}

/** What AI Operator takes where a Job says nothing. */
const DEFAULTS = {
  image: 'silentehrec/torchtune:latest',
  model: 'Qwen/Qwen2.5-0.5B-Instruct',
  runtimeClassName: 'nvidia',
  diskSize: 50,
  storageClassName: 'local-path',
  accessModes: ['ReadWriteOnce'],
  command: [
    'tune',
    'run',
    'full_finetune_single_device',
    '-r=3',
    '--config',
    'qwen2_5/0.5B_full_single_device',
  ],
};

/** What torchtune's configs train with, unless told otherwise (torchtune 0.6.1, recipes/configs). */
const TORCHTUNE_DATASET = 'yahma/alpaca-cleaned';

/** @internal */
export function translateAiOperator(resources: Resources, translation: Translation, plan: PlanBuilder): void {
  for (const resource of resources.of<JobSpec>('ai-operator-job.json'))
    translate(resource, translation.of(resource), plan);
}

function translate(resource: Resource<JobSpec>, notes: Notes, plan: PlanBuilder): void {
  const { spec } = resource;
  const pipeline = plan.pipeline(resource);
  const tokenSecret = pipeline.secret(secretName(resource, notes));
  const repo = spec.model ?? DEFAULTS.model;
  const base = { field: 'spec.model', repo, tokenSecret };
  const source = huggingFace(notes, base);
  const facts = factsOf(notes, base);
  const run = torchtuneRun(spec.command ?? DEFAULTS.command);
  const gpus = gpusOf(notes, run);
  const accelerator = pipeline.constant(
    'gpu',
    call(
      'Accelerator.nvidia',
      object({
        count: gpus === '1' ? undefined : literal(Number(gpus || '1')),
        runtimeClass: literal(spec.runtimeClassName ?? DEFAULTS.runtimeClassName),
      }),
    ),
  );
  const modes = spec.accessModes ?? DEFAULTS.accessModes;
  const store = pipeline.constant(
    'store',
    call(
      'ModelStore.claim',
      object({
        size: size(`${spec.diskSize ?? DEFAULTS.diskSize}Gi`),
        storageClassName: literal(spec.storageClassName ?? DEFAULTS.storageClassName),
        accessModes: accessModes(modes),
        placement: isOneNode(modes) ? ref(accelerator.to, 'placement') : undefined,
      }),
    ),
  );
  const cache = pipeline.construct(
    { class: 'ModelCache', phase: 'download', id: 'weights' },
    object({ source, store, facts }),
    notes.taken(),
  );
  const image = imageOf(notes, spec.image ?? DEFAULTS.image);
  const trained = run
    ? torchtune(notes, run, { pipeline, store })
    : command(notes, spec.command ?? [], tokenSecret);
  notes.warn(
    'spec.runtimeClassName',
    `A runtime class alone asks for no GPU: the operator's pod sees all GPUs of its node, and those of others. ${gpus || 'So many'} ${gpus === '1' ? 'is' : 'are'} asked for.`,
  );
  pipeline.construct(
    { class: 'FineTune', phase: 'tune', id: 'tuned' },
    object({
      model: ref(cache, 'artifact'),
      image: literal(image),
      ...trained,
      accelerator,
    }),
    notes.taken(),
  );
}

/** The operator takes the field's value for a token, though its documents say that it is a Secret's name. */
function secretName({ spec, namespace }: Resource<JobSpec>, notes: Notes): string {
  const given = spec.huggingFaceSecret;
  if (SECRET_NAME.test(given)) {
    notes.warn(
      'spec.huggingFaceSecret',
      'It is the name of a Secret, as the documents say. The operator writes the name itself as the token into the Secret hf-token: see that the Secret still holds one under the key token ' +
        `(kubectl get secret ${given} -n ${namespace} -o jsonpath='{.data.token}' | base64 -d | head -c 3).`,
    );
    return given;
  }
  return notes.ask('spec.huggingFaceSecret', 'tokenSecret', {
    given: '***',
    allowed: 'the name of a Secret of the namespace that holds a token under the key token',
    form: SECRET_NAME,
    why: 'It is a token itself, which everybody reads who reads the resource: revoke it.',
    command: `kubectl create secret generic hf-token -n ${namespace} --from-literal=token="$HF_TOKEN" -o name | cut -d / -f 2`,
  });
}

function imageOf(notes: Notes, given: string): string {
  if (isPinned(given)) return given;
  return notes.ask('spec.image', 'image', {
    given,
    allowed: 'the image of the trainer, by its digest, or one that you build: torchtune has none of its own',
    form: /^\S+(:(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})$/,
    why: 'What is not pinned changes from run to run.',
    command: `docker buildx imagetools inspect ${given} --format '${given.replace(/:latest$/, '')}@{{.Manifest.Digest}}'`,
  });
}

/** `tune run`, taken apart. */
interface TorchtuneRun {
  readonly recipe: string;
  readonly config: string;
  /** `key=value` */
  readonly overrides: readonly (readonly [string, string])[];
  /** `-r 3` of torchrun: how often it may begin again. */
  readonly restarts?: number;
  readonly processes?: string;
  /** What this does not know. */
  readonly others: readonly string[];
}

/** Nothing where the command is another. */
function torchtuneRun(words: readonly string[]): TorchtuneRun | undefined {
  if (words[0] !== 'tune' || words[1] !== 'run') return undefined;
  const positional: string[] = [];
  const overrides: [string, string][] = [];
  const others: string[] = [];
  let config = '';
  let restarts: number | undefined;
  let processes: string | undefined;
  for (let index = 2; index < words.length; index++) {
    const [, flag, inline] = /^(-{1,2}[A-Za-z][\w-]*)(?:=(.*))?$/s.exec(words[index]) ?? [];
    const value = () => inline ?? words[++index] ?? '';
    const override = /^([A-Za-z_][\w.]*)=(.*)$/s.exec(words[index]);
    if (flag === '--config') config = value();
    else if (flag === '-r' || flag === '--max-restarts' || flag === '--max_restarts')
      restarts = Number(value());
    else if (flag === '--nproc_per_node' || flag === '--nproc-per-node') processes = value();
    else if (flag !== undefined) others.push(words[index]);
    else if (override) overrides.push([override[1], override[2]]);
    else positional.push(words[index]);
  }
  if (positional.length !== 1 || config === '') return undefined;
  return { recipe: positional[0], config, overrides, restarts, processes, others };
}

function gpusOf(notes: Notes, run: TorchtuneRun | undefined): string {
  if (run?.recipe.endsWith('_single_device')) return '1';
  if (run?.processes !== undefined && /^[1-9]\d*$/.test(run.processes)) return run.processes;
  return notes.ask('spec.command', 'gpus', {
    given: 'a command that does not say how many GPUs it takes',
    allowed: 'how many GPUs it trains on: 1, 2, 4, 8',
    form: /^[1-9]\d*$/,
    command:
      "kubectl get nodes -o custom-columns='NODE:.metadata.name,GPUS:.status.allocatable.nvidia\\.com/gpu'",
  });
}

/** Keys that the preset wires to where things are in the pod. */
const WIRED =
  /^(output_dir|checkpointer\.(checkpoint_dir|output_dir|checkpoint_files)|resume_from_checkpoint|save_adapter_weights_only|tokenizer\.\w+)$/;

function torchtune(
  notes: Notes,
  run: TorchtuneRun,
  { pipeline, store }: { readonly pipeline: PipelineBuilder; readonly store: Expression },
): Record<string, Expression | undefined> {
  const { recipe, config, restarts, others } = run;
  if (others.length > 0) {
    notes.refuse('spec.command', others.join(' '), {
      allowed: "tune run RECIPE --config CONFIG [key=value ...], with torchrun's -r and --nproc_per_node",
      advice: 'Other arguments of torchrun follow from the properties of FineTune.',
    });
  }
  if (restarts !== undefined) {
    notes.warn(
      'spec.command',
      `-r=${restarts} behind the recipe is handed to the recipe, and nothing is tried again. The Job is, ${restarts} times, and goes on at the last checkpoint.`,
    );
  }
  const wired = run.overrides.filter(([key]) => WIRED.test(key)).map(([key]) => key);
  if (wired.length > 0)
    notes.warn(
      'spec.command',
      `${wired.join(', ')} are left out: the preset sets them to where the files are in the pod.`,
    );
  const told = new Map(run.overrides.filter(([key]) => !WIRED.test(key)));
  const dataset = datasetOf(notes, told.get('dataset.source'), config, { pipeline, store });
  const seed = told.get('seed');
  for (const key of ['dataset.source', 'seed']) told.delete(key);
  return {
    preset: call('FineTunePreset.torchtune', object({ recipe: literal(recipe), config: literal(config) })),
    datasets: object({ train: dataset }),
    result: member('FineTuneResult', /lora|dora/i.test(recipe) ? 'LORA_ADAPTER' : 'FULL_WEIGHTS'),
    seed: seed === undefined || !/^\d+$/.test(seed) ? undefined : literal(Number(seed)),
    hyperparameters:
      told.size > 0
        ? object(Object.fromEntries([...told].map(([key, value]) => [key, literal(scalar(value))])))
        : undefined,
    backoffLimit: restarts === undefined || !Number.isSafeInteger(restarts) ? undefined : literal(restarts),
  };
}

/** The recipe fetches its dataset while it trains, at whatever state that is. */
function datasetOf(
  notes: Notes,
  given: string | undefined,
  config: string,
  { pipeline, store }: { readonly pipeline: PipelineBuilder; readonly store: Expression },
): Expression {
  const repo = given ?? TORCHTUNE_DATASET;
  const answer = notes.ask('spec.command', 'dataset', {
    given:
      given === undefined
        ? `${config}, which trains with ${repo} unless it says otherwise`
        : `dataset.source=${given}`,
    allowed: "the dataset and its full commit id: 'org/name@<40 hexadecimal digits>'",
    form: /^[\w.-]+\/[\w.-]+@[0-9a-fA-F]{40}$/,
    why: 'The recipe fetches it while it trains, at the state of the day; here it is fetched once.',
    command: `echo ${repo}@$(git ls-remote ${HUGGING_FACE}/datasets/${repo} main | cut -f 1)`,
  });
  const [dataset, revision] = answer === '' ? [repo, ''] : answer.split('@');
  const source = call(
    'ModelSource.huggingFace',
    literal(dataset),
    object({ revision: literal(revision.toLowerCase()), dataset: literal(true) }),
  );
  const cache = pipeline.construct(
    { class: 'ModelCache', phase: 'download', id: 'dataset' },
    object({ source, store }),
    [],
  );
  return ref(cache, 'artifact');
}

/** `0.0001`, `true` and whatever is neither. */
function scalar(text: string): string | number | boolean {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return /^-?(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(text) ? Number(text) : text;
}

/** A command of which nothing is known: it may ask the hub, as it could, and finds its files by variables. */
function command(
  notes: Notes,
  words: readonly string[],
  tokenSecret: Expression,
): Record<string, Expression | undefined> {
  notes.warn(
    'spec.command',
    'The model is in the folder $(MODEL_DIR), and what is to last goes to $(OUTPUT_DIR); the operator has both at /tmp. It may ask the hub while it trains, as it could. ' +
      'What it leaves is taken for a whole model: in code, result says otherwise.',
  );
  return {
    command: texts(words),
    result: member('FineTuneResult', 'FULL_WEIGHTS'),
    hubAccess: literal(true),
    hubTokenSecret: tokenSecret,
  };
}
