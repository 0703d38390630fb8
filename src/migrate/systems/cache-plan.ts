/** k8shazgpu's CachePlan: images, Git repositories and models kept on nodes. */
import { shortHash } from '../../pod/content-hash';
import { withoutCredentials } from '../../pod/input-error';
import { Expression, list, literal, object, ObjectExpression, RefExpression } from '../plan';
import type { PipelineBuilder, PlanBuilder } from '../plan-builder';
import type { Resource } from '../resource';
import { huggingFace } from '../sources';
import type { Notes } from '../translation';
import { COMMIT, isPinned, QUANTITY, SECRET_NAME, size, textMap } from '../values';
import type { NodeItems } from './node-items';

interface CacheItem {
  readonly type: 'image' | 'gitRepo' | 'pythonWheels' | 'hfModel' | 'models';
  readonly name: string;
  readonly scope?: 'allNodes' | 'nodeSelector';
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly image?: { readonly ref: string };
  readonly gitRepo?: {
    readonly url: string;
    readonly branch?: string;
    readonly commit?: string;
    readonly pathName: string;
    readonly syncStrategy?: 'hardReset' | 'merge';
  };
  readonly models?: { readonly repoId: string; readonly revision?: string; readonly cache?: string };
}

/** @internal */
export interface CachePlanSpec {
  readonly items: readonly CacheItem[];
}

/** Where k8shazgpu keeps repositories and models on each node. */
const FOLDER = '/var/lib/canhazgpu-cache';

/** The Secret of its node agent. */
const TOKEN_SECRET = 'hf-token';

/** The answer that there is none. */
const NO_SECRET = 'none';

/** The longest name of an item. */
const LONGEST_NAME = 40;

/** The taint of nodes with GPUs, which are those that k8shazgpu is for. */
const GPU_TAINT = object({
  key: literal('nvidia.com/gpu'),
  operator: literal('Exists'),
  effect: literal('NoSchedule'),
});

/** What is kept on the nodes of one selector. */
interface Kept {
  readonly selector?: Readonly<Record<string, string>>;
  readonly images: ObjectExpression[];
  readonly repositories: ObjectExpression[];
  readonly models: ObjectExpression[];
  /** Tell of it who runs it, once the cache has a variable. */
  readonly tell: ((items: NodeItems, cache: string) => void)[];
}

/** A cache for each set of nodes. @internal */
export function translateCachePlan(
  resource: Resource<CachePlanSpec>,
  notes: Notes,
  plan: PlanBuilder,
  items: NodeItems,
): void {
  const pipeline = plan.pipeline(resource);
  const groups = new Map<string, Kept>();
  const token = tokenOf(resource, notes, pipeline);
  resource.spec.items.forEach((item, index) => {
    const at = `spec.items[${index}]`;
    const selector = selectorOf(item, at, notes);
    const key = JSON.stringify(selector ?? {});
    const kept = groups.get(key) ?? { selector, images: [], repositories: [], models: [], tell: [] };
    if (addItem(kept, item, at, { notes, pipeline, token })) groups.set(key, kept);
  });
  const isFiles = [...groups.values()].some(
    ({ repositories, models }) => repositories.length + models.length > 0,
  );
  const disk = isFiles ? diskOf(notes, resource) : '';
  if (groups.size === 0) {
    notes.refuse('spec.items', resource.spec.items.length, {
      allowed: 'one image, gitRepo or models at least, which k8shazgpu keeps',
    });
    return;
  }
  for (const { selector, images, repositories, models, tell } of groups.values()) {
    const hasFiles = repositories.length + models.length > 0;
    const cache = pipeline.construct(
      { class: 'NodeCache', phase: 'serve', id: selector ? `nodes-${shortHash(selector, 6)}` : 'all-nodes' },
      object({
        placement: object({
          nodeSelector: selector && textMap(selector),
          tolerations: list([GPU_TAINT]),
        }),
        images: images.length > 0 ? list(images) : undefined,
        repositories: repositories.length > 0 ? list(repositories) : undefined,
        models: models.length > 0 ? list(models) : undefined,
        path: hasFiles ? literal(FOLDER) : undefined,
        size: hasFiles ? size(disk || '1Gi') : undefined,
      }),
      notes.taken(),
    );
    for (const each of tell) each(items, cache);
  }
}

/** The Secret that k8shazgpu's node agent reads, if it is there, for all models of the hub. */
function tokenOf(
  { spec, namespace, name }: Resource<CachePlanSpec>,
  notes: Notes,
  pipeline: PipelineBuilder,
): RefExpression | undefined {
  if (!spec.items.some(({ models }) => models)) return undefined;
  const secret = notes.ask('spec.items', 'tokenSecret', {
    given: `CachePlan ${name}, whose models are read with the token of the Secret ${TOKEN_SECRET}, where there is one`,
    allowed: `the name of a Secret of namespace ${namespace} with the key token, or '${NO_SECRET}' where all models are public`,
    form: SECRET_NAME,
    command: `(kubectl get secret ${TOKEN_SECRET} -n ${namespace} -o name 2>/dev/null || echo secret/${NO_SECRET}) | cut -d / -f 2`,
  });
  return secret === '' || secret === NO_SECRET ? undefined : pipeline.secret(secret);
}

/** How much of each node's disk the cache may take. k8shazgpu takes all of it. */
function diskOf(notes: Notes, { name }: Resource): string {
  notes.warn(
    'spec.items',
    `k8shazgpu's pods write ${FOLDER} as root, with all privileges. Here user 65532 does, who has to be let: on each node, ` +
      `install -d -o 65532 -g 65532 ${FOLDER}. What lies there is not reused.`,
  );
  return notes.ask('spec.items', 'size', {
    given: `CachePlan ${name}, which takes of each node's disk what it needs`,
    allowed: "the most that the cache may take of each node's disk: '500Gi'",
    form: QUANTITY,
    command: `df -h ${FOLDER}`,
  });
}

function selectorOf(
  { scope = 'allNodes', nodeSelector }: CacheItem,
  at: string,
  notes: Notes,
): CacheItem['nodeSelector'] {
  if (scope === 'nodeSelector') {
    if (nodeSelector && Object.keys(nodeSelector).length > 0) return nodeSelector;
    notes.refuse(`${at}.nodeSelector`, nodeSelector, {
      allowed: 'the labels of the nodes, as scope is nodeSelector',
    });
  } else if (nodeSelector) {
    notes.warn(
      `${at}.nodeSelector`,
      'The scope is allNodes, so that k8shazgpu does not look at it. All nodes are taken.',
    );
  }
  return undefined;
}

/** What all items of a plan have in common. */
interface Common {
  readonly notes: Notes;
  readonly pipeline: PipelineBuilder;
  /** Of the hub. */
  readonly token?: RefExpression;
}

/** @returns whether there is something to keep */
function addItem(kept: Kept, item: CacheItem, at: string, { notes, pipeline, token }: Common): boolean {
  const { type } = item;
  if (type === 'pythonWheels' || type === 'hfModel') {
    notes.warn(
      `${at}.type`,
      `k8shazgpu has no ${type}: nothing is kept of it. ${type === 'hfModel' ? 'Models are of type models.' : 'Wheels are part of an image.'} It is left out.`,
    );
    return false;
  }
  for (const block of ['image', 'gitRepo', 'models'] as const) {
    if (block !== type && item[block])
      notes.refuse(`${at}.${block}`, 'given', { allowed: `nothing beside type ${type}` });
  }
  if (!item[type]) {
    notes.refuse(`${at}.${type}`, undefined, { allowed: `what is kept, as the type is ${type}` });
    return false;
  }
  const { image, gitRepo, models } = item;
  const given = nameOf(item, at, notes);
  const name = literal(given);
  if (image) {
    const reference = imageOf(item, at, image.ref, notes);
    kept.images.push(object({ name, image: literal(reference) }));
    kept.tell.push((items) => items.addImage(item.name, reference));
  }
  if (gitRepo) {
    kept.repositories.push(object({ name, ...repositoryOf(item, at, gitRepo, notes, pipeline) }));
    kept.tell.push((items, cache) => items.addRepository(item.name, { cache, name: given }));
  }
  if (models) {
    kept.models.push(object({ name, source: modelOf(item, at, models, notes, token) }));
    kept.tell.push((items, cache) => items.addModel(models.repoId, { cache, name: given }));
  }
  return true;
}

function nameOf({ name }: CacheItem, at: string, notes: Notes): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  if (plain === name && name.length <= LONGEST_NAME) return name;
  const given =
    plain !== '' && plain.length <= LONGEST_NAME
      ? plain
      : `${plain.slice(0, LONGEST_NAME - 7)}-${shortHash(name, 6)}`.replace(/^-+/, 'item-');
  notes.warn(
    `${at}.name`,
    `The cache calls it ${given}: a name is of at most ${LONGEST_NAME} lower-case letters, digits and '-'.`,
  );
  return given;
}

function imageOf({ name }: CacheItem, at: string, given: string, notes: Notes): string {
  if (isPinned(given)) return given;
  return notes.ask(`${at}.image.ref`, `${name}/image`, {
    given,
    allowed: 'the image by its digest, or by a tag other than latest',
    form: /^\S+(:(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})$/,
    why: 'What is not pinned is another image on each node.',
    command: `docker buildx imagetools inspect ${given} --format '${given.replace(/:latest$/, '')}@{{.Manifest.Digest}}'`,
  });
}

function repositoryOf(
  { name }: CacheItem,
  at: string,
  repository: NonNullable<CacheItem['gitRepo']>,
  notes: Notes,
  pipeline: PipelineBuilder,
): Record<string, Expression | undefined> {
  const { url, branch = 'HEAD', commit, pathName, syncStrategy } = repository;
  const address = httpsAddress(url);
  if (address === undefined) {
    notes.refuse(`${at}.gitRepo.url`, withoutCredentials(url), {
      allowed: "an address by https, without credentials: 'https://github.com/vllm-project/vllm.git'",
      advice: 'A forge has one for each repository. Who may read it is proven by a token.',
    });
  } else if (address !== url) {
    notes.warn(
      `${at}.gitRepo.url`,
      `Repositories are read by https, and no ssh key is on a node: ${address} is taken.`,
    );
  }
  notes.warn(
    `${at}.gitRepo.pathName`,
    `Its folder on the node is named after its content, so that two states do not mix. What runs finds it by cache.repository('${name}'), not at ${FOLDER}/${pathName}.`,
  );
  if (syncStrategy !== undefined) {
    notes.warn(
      `${at}.gitRepo.syncStrategy`,
      'A commit does not move, so that there is nothing to reset or to merge. It is left out.',
    );
  }
  if (commit !== undefined && repository.branch !== undefined) {
    notes.warn(`${at}.gitRepo.branch`, 'The commit says which state is kept. It is left out.');
  }
  const pinned =
    commit ??
    notes.ask(`${at}.gitRepo.branch`, `${name}/commit`, {
      given: repository.branch,
      allowed: 'a full commit id (40 hexadecimal digits)',
      form: COMMIT,
      why: 'A branch moves under what runs from it.',
      command: `git ls-remote ${address ?? 'URL'} ${branch} | cut -f 1`,
    });
  return {
    url: literal(address ?? url),
    commit: literal(pinned.toLowerCase()),
    tokenSecret: address === url ? undefined : gitToken(name, address ?? url, at, notes, pipeline),
  };
}

/** What an ssh key proves at the original; no CachePlan names a Secret. */
function gitToken(
  name: string,
  address: string,
  at: string,
  notes: Notes,
  pipeline: PipelineBuilder,
): RefExpression | undefined {
  const secret = notes.ask(`${at}.gitRepo.url`, `${name}/tokenSecret`, {
    given: `${name}, which an ssh key opens`,
    allowed: `the name of a Secret of namespace ${pipeline.namespace} with a token that may read it under the key token, or '${NO_SECRET}' where it is public`,
    form: SECRET_NAME,
    command: `GIT_TERMINAL_PROMPT=0 git ls-remote ${address} HEAD >/dev/null 2>&1 && echo ${NO_SECRET} || kubectl get secrets -n ${pipeline.namespace}`,
  });
  return secret === '' || secret === NO_SECRET ? undefined : pipeline.secret(secret);
}

/** `git@github.com:user/vllm.git` as https; nothing where it is neither. */
function httpsAddress(url: string): string | undefined {
  if (/^https:\/\/[^\s@]+$/.test(url)) return url;
  const [, host, path] = /^(?:ssh:\/\/)?git@([\w.-]+)[:/]([\w./-]+)$/.exec(url) ?? [];
  return host === undefined ? undefined : `https://${host}/${path}`;
}

function modelOf(
  { name }: CacheItem,
  at: string,
  { repoId, revision, cache }: NonNullable<CacheItem['models']>,
  notes: Notes,
  tokenSecret: RefExpression | undefined,
): Expression {
  if (cache !== undefined) {
    notes.warn(
      `${at}.models.cache`,
      `The layout is that of this library, verified byte for byte, and servers are told where it is: cache.artifact('${name}').`,
    );
  }
  return huggingFace(notes, {
    field: `${at}.models.repoId`,
    repo: repoId,
    revision,
    revisionField: `${at}.models.revision`,
    key: `${name}/revision`,
    tokenSecret,
  });
}
