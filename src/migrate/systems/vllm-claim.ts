/** k8shazgpu's `vllm run`: a ResourceClaim whose annotations say what runs with its GPUs. */
import { call, Expression, list, literal, object, ref } from '../plan';
import type { PipelineBuilder, PlanBuilder } from '../plan-builder';
import { annotationField } from '../read-resources';
import type { Resource } from '../resource';
import { huggingFace } from '../sources';
import type { Notes } from '../translation';
import { QUANTITY, size, texts } from '../values';
import type { NodeItems } from './node-items';

interface ClaimRequest {
  readonly name: string;
  readonly deviceClassName?: string;
  readonly allocationMode?: 'ExactCount' | 'All';
  readonly count?: number;
  /** The same, in newer versions of the API. */
  readonly exactly?: Omit<ClaimRequest, 'name' | 'exactly'>;
}

/** @internal */
export interface ClaimSpec {
  readonly devices: { readonly requests: readonly ClaimRequest[] };
}

/** The device class of k8shazgpu's own driver. */
const DEVICE_CLASS = 'canhazgpu.class';

const CMD = annotationField('canhazgpu.dev/cmd');

/** What `vllm run` takes for its repository where nobody names one. */
const DEFAULT_REPOSITORY = 'dougbtv-vllm';

/** The answer that no repository is meant. */
const OF_THE_IMAGE = 'image';

/** @internal */
export function translateVllmClaim(
  resource: Resource<ClaimSpec>,
  notes: Notes,
  plan: PlanBuilder,
  kept: NodeItems,
): void {
  const told = (name: string) => resource.metadata.annotations?.[`canhazgpu.dev/${name}`];
  if (resource.metadata.annotations?.['k8shazgpu.com/pod-spec'] !== undefined) {
    notes.refuse(annotationField('k8shazgpu.com/pod-spec'), 'a pod', {
      allowed: 'nothing: it is any pod, of which it is not known what it does, nor whether it ends or serves',
      advice:
        'It needs no k8shazgpu to run: put the pod into a Job of yours, whose container has as many nvidia.com/gpu in ' +
        'its limits as the claim counts. What it does with a model, VllmRun, FineTune or InferenceServer do in code.',
    });
    return;
  }
  if (told('workload') !== 'vllm') {
    notes.refuse(annotationField('canhazgpu.dev/workload'), told('workload'), { allowed: 'vllm' });
    return;
  }
  const words = wordsOf(told('cmd') ?? '', notes);
  const pipeline = plan.pipeline(resource);
  const program = programOf(resource, kept, notes);
  const accelerator = acceleratorOf(resource.spec, told('prefer-node'), pipeline, notes);
  const { command, model } = modelOf(words, { pipeline, accelerator, kept }, notes);
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
      ...program,
      model,
      accelerator,
      containerPort: port === 0 ? undefined : literal(port),
    }),
    notes.taken(),
  );
}

/** The annotation is the arguments joined by spaces. */
function wordsOf(cmd: string, notes: Notes): string[] {
  const words = cmd.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0)
    notes.refuse(CMD, undefined, { allowed: "a command: 'vllm serve facebook/opt-125m'" });
  if (/^(\/bin\/)?(ba)?sh$/.test(words[0] ?? '') && words[1] === '-c') {
    notes.warn(
      CMD,
      'k8shazgpu joins the arguments by spaces, so that where each began is lost. All behind -c is taken for one.',
    );
    return [words[0], words[1], words.slice(2).join(' ')];
  }
  if (/["'{\\]/.test(cmd)) {
    notes.warn(
      CMD,
      'k8shazgpu joins the arguments by spaces, so that where each began is lost. It is taken apart at each space: see that it is what was meant.',
    );
  }
  return words;
}

/** Which vLLM runs: that of an image, of a repository that nodes keep, or of a checkout. */
function programOf(
  { metadata, namespace }: Resource,
  kept: NodeItems,
  notes: Notes,
): Record<string, Expression | undefined> {
  const told = (name: string) => metadata.annotations?.[`canhazgpu.dev/${name}`];
  const changes = told('diff-configmap');
  if (changes === undefined) {
    return {
      image: literal(imageOf(told('image-name'), kept, notes)),
      repository: repositoryOf(told('repo-name'), kept, notes),
    };
  }
  const both = ['image-name', 'repo-name'].filter((name) => told(name) !== undefined);
  if (both.length > 0) {
    notes.warn(
      both.map((name) => annotationField(`canhazgpu.dev/${name}`)).join(', '),
      'The checkout says it: the image is that of its merge base, and the pod has all of its files.',
    );
  }
  return { checkout: checkoutOf(changes, namespace, notes) };
}

/** The changes as the checkout has them, and not as the ConfigMap does. */
function checkoutOf(changes: string, namespace: string, notes: Notes): Expression {
  const folder = notes.ask(annotationField('canhazgpu.dev/diff-configmap'), 'checkout', {
    given: changes,
    allowed: "the folder of the checkout of vLLM that it was packed from: '../vllm'",
    form: /\S/,
    why: 'The ConfigMap lacks staged and committed changes, and new files are empty in it: the changes are packed anew.',
    command: `kubectl get configmap ${changes} -n ${namespace} -o jsonpath='{.data.checkout_info}'`,
  });
  return call('VllmCheckout.fromDirectory', literal(folder));
}

/** A repository of a CachePlan, whose Python files run in the place of those of the image. */
function repositoryOf(name: string | undefined, kept: NodeItems, notes: Notes): Expression | undefined {
  if (name === undefined) return undefined;
  const known = kept.repository(name);
  if (known) return known;
  const names = [OF_THE_IMAGE, ...kept.repositoryNames];
  const written = name === DEFAULT_REPOSITORY ? ' `vllm run` writes this name where nobody gives one.' : '';
  const others =
    names.length > 1
      ? `, or a repository that a CachePlan of the files keeps: ${names.slice(1).join(', ')}`
      : '';
  const answer = notes.ask(annotationField('canhazgpu.dev/repo-name'), 'repository', {
    given: name,
    allowed: `'${OF_THE_IMAGE}', for the vLLM of the image${others}`,
    form: new RegExp(`^(${names.map((each) => each.replace(/[^\w-]/g, '\\$&')).join('|')})$`),
    why: `No CachePlan of the files keeps a repository of that name.${written} Where the CachePlan of the cluster does, add it to the files.`,
    command: 'kubectl get cacheplans.canhazgpu.dev default -o yaml',
  });
  return kept.repository(answer);
}

function imageOf(name: string | undefined, kept: NodeItems, notes: Notes): string {
  const known = name === undefined ? undefined : kept.image(name);
  if (known !== undefined) return known;
  return notes.ask(annotationField('canhazgpu.dev/image-name'), 'image', {
    given: name,
    allowed: 'the image, pinned by tag or digest',
    form: /^\S+(:(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})$/,
    why: 'The name is one of a CachePlan, and no CachePlan of the files has an image of that name.',
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

/** Where a model can be. */
interface Surroundings {
  readonly pipeline: PipelineBuilder;
  readonly accelerator: { readonly to: string };
  readonly kept: NodeItems;
}

/** The model that the command names at the hub, fetched before it runs, as k8shazgpu's caches mean it to be. */
function modelOf(
  words: readonly string[],
  { pipeline, accelerator, kept }: Surroundings,
  notes: Notes,
): { readonly command: readonly string[]; readonly model?: Expression } {
  const isServe = words[0] === 'vllm' && words[1] === 'serve';
  const flag = words.indexOf('--model');
  const index = isServe && !words[2]?.startsWith('-') ? 2 : flag < 0 ? -1 : flag + 1;
  const repo = words[index];
  if (index < 0 || !/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(repo ?? '')) return { command: words };
  const command = words.map((word, at) => (at === index ? '$(MODEL_DIR)' : word));
  const isNamed = words.some((word) => word.startsWith('--served-model-name'));
  return {
    command: isServe && !isNamed ? [...command, `--served-model-name=${repo}`] : command,
    model: kept.model(repo)
      ? keptModel(repo, kept, notes)
      : fetchedModel(repo, { pipeline, accelerator }, notes),
  };
}

/** On the nodes, which k8shazgpu's pods mount and do not look into. */
function keptModel(repo: string, kept: NodeItems, notes: Notes): Expression | undefined {
  notes.warn(
    CMD,
    `k8shazgpu's pods ask the hub for ${repo} while they run, though a CachePlan keeps it. It is read from there, by $(MODEL_DIR).`,
  );
  return kept.model(repo);
}

/** In a claim, fetched before it runs. */
function fetchedModel(
  repo: string,
  { pipeline, accelerator }: Pick<Surroundings, 'pipeline' | 'accelerator'>,
  notes: Notes,
): Expression {
  notes.warn(
    CMD,
    `k8shazgpu's pods ask the hub for ${repo} while they run, at the state of the day. It is fetched once, and read from $(MODEL_DIR).`,
  );
  const source = huggingFace(notes, { field: CMD, repo });
  const bytes = notes.ask(CMD, 'size', {
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
  return ref(cache, 'artifact');
}
