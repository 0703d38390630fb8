/** k8shazgpu's `vllm run`: a ResourceClaim whose annotations say what runs with its GPUs. */
import { call, Expression, list, literal, object, ref } from '../plan';
import type { PipelineBuilder, PlanBuilder } from '../plan-builder';
import { annotationField, Resources } from '../read-resources';
import type { Resource } from '../resource';
import { huggingFace } from '../sources';
import type { Notes, Translation } from '../translation';
import { isPinned, QUANTITY, size, texts } from '../values';

interface ClaimRequest {
  readonly name: string;
  readonly deviceClassName?: string;
  readonly allocationMode?: 'ExactCount' | 'All';
  readonly count?: number;
  /** The same, in newer versions of the API. */
  readonly exactly?: Omit<ClaimRequest, 'name' | 'exactly'>;
}

interface ClaimSpec {
  readonly devices: { readonly requests: readonly ClaimRequest[] };
}

/** What of a CachePlan a run refers to. */
interface CachedItems {
  readonly items: readonly {
    readonly type: string;
    readonly name: string;
    readonly image?: { readonly ref: string };
  }[];
}

/** The device class of k8shazgpu's own driver. */
const DEVICE_CLASS = 'canhazgpu.class';

/** @internal */
export function translateVllmClaims(resources: Resources, translation: Translation, plan: PlanBuilder): void {
  const items = resources.of<CachedItems>('cache-plan.json').flatMap(({ spec }) => spec.items);
  for (const resource of resources.of<ClaimSpec>('vllm-claim.json')) {
    translate(resource, translation.of(resource), plan, items);
  }
}

function translate(
  resource: Resource<ClaimSpec>,
  notes: Notes,
  plan: PlanBuilder,
  items: CachedItems['items'],
): void {
  const told = (name: string) => resource.metadata.annotations?.[`canhazgpu.dev/${name}`];
  if (resource.metadata.annotations?.['k8shazgpu.com/pod-spec'] !== undefined) {
    notes.refuse(annotationField('k8shazgpu.com/pod-spec'), 'a pod', {
      allowed: 'nothing: it is any pod, and not one of vLLM',
      advice: 'Apply it as a Job of your own, or write an InferenceServer in code.',
    });
    return;
  }
  if (told('workload') !== 'vllm') {
    notes.refuse(annotationField('canhazgpu.dev/workload'), told('workload'), { allowed: 'vllm' });
    return;
  }
  if (told('diff-configmap') !== undefined) {
    notes.refuse(annotationField('canhazgpu.dev/diff-configmap'), told('diff-configmap'), {
      allowed: 'nothing: such a ConfigMap lacks staged and committed changes, and new files are empty in it',
      advice:
        "Run it from the checkout itself, in code: VllmRun with checkout: VllmCheckout.fromDirectory('path').",
    });
  }
  const words = wordsOf(told('cmd') ?? '', notes);
  const pipeline = plan.pipeline(resource);
  if (told('repo-name') !== undefined) {
    notes.warn(
      annotationField('canhazgpu.dev/repo-name'),
      `The vLLM of the image runs. In code, a NodeCache keeps the repository, and repository: cache.repository('${told('repo-name')}') has it run.`,
    );
  }
  const image = imageOf(told('image-name'), items, notes);
  const accelerator = acceleratorOf(resource.spec, told('prefer-node'), pipeline, notes);
  const { command, model } = modelOf(words, pipeline, accelerator, notes);
  const port = Number(told('port') ?? '0');
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    notes.refuse(annotationField('canhazgpu.dev/port'), told('port'), {
      allowed: '1 to 65535, or 0 for none',
    });
    return;
  }
  pipeline.construct(
    { class: port === 0 ? 'VllmRun' : 'VllmRunServer', phase: 'serve', id: 'run' },
    object({
      command: texts(command),
      image: literal(image),
      model,
      accelerator,
      containerPort: port === 0 ? undefined : literal(port),
    }),
    notes.taken(),
  );
}

/** The annotation is the arguments joined by spaces. */
function wordsOf(cmd: string, notes: Notes): string[] {
  const field = annotationField('canhazgpu.dev/cmd');
  const words = cmd.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0)
    notes.refuse(field, undefined, { allowed: "a command: 'vllm serve facebook/opt-125m'" });
  if (/^(\/bin\/)?(ba)?sh$/.test(words[0] ?? '') && words[1] === '-c') {
    notes.warn(
      field,
      'k8shazgpu joins the arguments by spaces, so that where each began is lost. All behind -c is taken for one.',
    );
    return [words[0], words[1], words.slice(2).join(' ')];
  }
  if (/["'{\\]/.test(cmd)) {
    notes.warn(
      field,
      'k8shazgpu joins the arguments by spaces, so that where each began is lost. It is taken apart at each space: see that it is what was meant.',
    );
  }
  return words;
}

function imageOf(name: string | undefined, items: CachedItems['items'], notes: Notes): string {
  const known = items.find((item) => item.type === 'image' && item.name === name)?.image?.ref;
  if (known !== undefined && isPinned(known)) return known;
  return notes.ask(annotationField('canhazgpu.dev/image-name'), 'image', {
    given: name,
    allowed: 'the image, pinned by tag or digest',
    form: /^\S+(:(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})$/,
    why: 'The name is one of a CachePlan; no image of that name in the files is pinned.',
    command: 'kubectl get cacheplans.canhazgpu.dev default -o yaml',
  });
}

function acceleratorOf(
  { devices }: ClaimSpec,
  preferNode: string | undefined,
  pipeline: PipelineBuilder,
  notes: Notes,
): Expression & { readonly to: string } {
  const [{ exactly, ...flat }] = devices.requests;
  const at = `spec.devices.requests[0]${exactly ? '.exactly' : ''}`;
  const { deviceClassName, allocationMode, count = 1 } = exactly ?? flat;
  notes.warn(
    'spec.devices.requests[0].name',
    'It names the request within the claim, which nothing that is made has. It is left out.',
  );
  if (deviceClassName !== undefined) {
    notes.warn(
      `${at}.deviceClassName`,
      `${deviceClassName === DEVICE_CLASS ? "k8shazgpu's driver shows all GPUs of a node to every pod" : 'Only its number is taken'}. ` +
        "GPUs are asked of NVIDIA's device plugin; in code, Accelerator.dra asks a driver.",
    );
  }
  if (allocationMode === 'All') {
    notes.refuse(`${at}.allocationMode`, allocationMode, {
      allowed: 'ExactCount',
      advice: 'How many GPUs a node has is not known here: give a count.',
    });
  }
  if (preferNode !== undefined) {
    notes.warn(
      annotationField('canhazgpu.dev/prefer-node'),
      'k8shazgpu never reads it, and takes the first node that is ready. Here the node is preferred.',
    );
  }
  return pipeline.constant(
    'gpu',
    call(
      'Accelerator.nvidia',
      object({
        count: count === 1 ? undefined : literal(count),
        preferNodes: preferNode === undefined ? undefined : list([literal(preferNode)]),
      }),
    ),
  );
}

/** The model that the command names at the hub, fetched before it runs, as k8shazgpu's caches mean it to be. */
function modelOf(
  words: readonly string[],
  pipeline: PipelineBuilder,
  accelerator: { readonly to: string },
  notes: Notes,
): { readonly command: readonly string[]; readonly model?: Expression } {
  const field = annotationField('canhazgpu.dev/cmd');
  const isServe = words[0] === 'vllm' && words[1] === 'serve';
  const flag = words.indexOf('--model');
  const index = isServe && !words[2]?.startsWith('-') ? 2 : flag < 0 ? -1 : flag + 1;
  const repo = words[index];
  if (index < 0 || !/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(repo ?? '')) return { command: words };
  notes.warn(
    field,
    `k8shazgpu's pods ask the hub for ${repo} while they run, at the state of the day. It is fetched once, and read from $(MODEL_DIR).`,
  );
  const source = huggingFace(notes, { field, repo });
  const bytes = notes.ask(field, 'size', {
    given: repo,
    allowed: "the size of the claim that holds the model: '20Gi'",
    form: QUANTITY,
    command: `curl -fsS 'https://huggingface.co/api/models/${repo}?blobs=true' | grep -oE '"size":[0-9]+' | cut -d : -f 2 | paste -sd + | bc`,
  });
  const cache = pipeline.construct(
    { class: 'ModelCache', phase: 'download', id: 'weights' },
    object({
      source,
      store: call(
        'ModelStore.claim',
        object({ size: size(bytes || '1Gi'), placement: ref(accelerator.to, 'placement') }),
      ),
    }),
    notes.taken(),
  );
  const command = words.map((word, at) => (at === index ? '$(MODEL_DIR)' : word));
  const isNamed = words.some((word) => word.startsWith('--served-model-name'));
  return {
    command: isServe && !isNamed ? [...command, `--served-model-name=${repo}`] : command,
    model: ref(cache, 'artifact'),
  };
}
