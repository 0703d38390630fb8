/** k8shazgpu's CachePlan: images, Git repositories and models kept on nodes. */
import { shortHash } from '../../pod/content-hash';
import { withoutCredentials } from '../../pod/input-error';
import { Expression, list, literal, object, ObjectExpression } from '../plan';
import type { PlanBuilder } from '../plan-builder';
import type { Resources } from '../read-resources';
import type { Resource } from '../resource';
import { huggingFace } from '../sources';
import type { Notes, Translation } from '../translation';
import { COMMIT, isPinned, QUANTITY, size, textMap } from '../values';

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

interface CachePlanSpec {
  readonly items: readonly CacheItem[];
}

/** Where k8shazgpu keeps repositories and models on each node. */
const FOLDER = '/var/lib/canhazgpu-cache';

/** The longest name of an item. */
const LONGEST_NAME = 40;

/** @internal */
export function translateCanhazgpu(resources: Resources, translation: Translation, plan: PlanBuilder): void {
  for (const resource of resources.of<CachePlanSpec>('cache-plan.json')) {
    translatePlan(resource, translation.of(resource), plan);
  }
}

/** What is kept on the nodes of one selector. */
interface Kept {
  readonly selector?: Readonly<Record<string, string>>;
  readonly images: ObjectExpression[];
  readonly repositories: ObjectExpression[];
  readonly models: ObjectExpression[];
}

/** A cache for each set of nodes. */
function translatePlan(resource: Resource<CachePlanSpec>, notes: Notes, plan: PlanBuilder): void {
  const groups = new Map<string, Kept>();
  resource.spec.items.forEach((item, index) => {
    const at = `spec.items[${index}]`;
    const selector = selectorOf(item, at, notes);
    const key = JSON.stringify(selector ?? {});
    const kept = groups.get(key) ?? { selector, images: [], repositories: [], models: [] };
    if (addItem(kept, item, at, notes)) groups.set(key, kept);
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
  const pipeline = plan.pipeline(resource);
  for (const { selector, images, repositories, models } of groups.values()) {
    const hasFiles = repositories.length + models.length > 0;
    pipeline.construct(
      { class: 'NodeCache', phase: 'serve', id: selector ? `nodes-${shortHash(selector, 6)}` : 'all-nodes' },
      object({
        placement: selector && object({ nodeSelector: textMap(selector) }),
        images: images.length > 0 ? list(images) : undefined,
        repositories: repositories.length > 0 ? list(repositories) : undefined,
        models: models.length > 0 ? list(models) : undefined,
        path: hasFiles ? literal(FOLDER) : undefined,
        size: hasFiles ? size(disk || '1Gi') : undefined,
      }),
      notes.taken(),
    );
  }
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

/** @returns whether there is something to keep */
function addItem(kept: Kept, item: CacheItem, at: string, notes: Notes): boolean {
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
  const name = literal(nameOf(item, at, notes));
  if (item.image)
    kept.images.push(object({ name, image: literal(imageOf(item, at, item.image.ref, notes)) }));
  if (item.gitRepo) kept.repositories.push(object({ name, ...repositoryOf(item, at, item.gitRepo, notes) }));
  if (item.models) kept.models.push(object({ name, source: modelOf(item, at, item.models, notes) }));
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
): Record<string, Expression | undefined> {
  const { url, branch = 'HEAD', commit, pathName, syncStrategy } = repository;
  const address = httpsAddress(url);
  if (address === undefined) {
    notes.refuse(`${at}.gitRepo.url`, withoutCredentials(url), {
      allowed: "an address by https, without credentials: 'https://github.com/vllm-project/vllm.git'",
      advice: 'Who may read it is proven by a token, tokenSecret in code.',
    });
  } else if (address !== url) {
    notes.warn(
      `${at}.gitRepo.url`,
      `Repositories are read by https, and no ssh key is on a node: ${address} is taken. Of a private one, tokenSecret in code names the token.`,
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
  return { url: literal(address ?? url), commit: literal(pinned.toLowerCase()) };
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
  });
}
