import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { Artifact } from '../artifact/artifact';
import { sourceKey } from '../artifact/key';
import { checkSource } from '../artifact/model-source';
import { checkStore, ModelStore } from '../artifact/model-store';
import { fromSource } from '../artifact/source-artifact';
import { inPlaceOf } from '../artifact/sources/claim';
import { mustGather } from '../artifact/sources/downloader';
import type { SourceSpec } from '../artifact/sources/source-spec';
import type { MakerOptions } from '../artifact/stores/app-stores';
import { placeOnStores } from '../artifact/stores/placing';
import type { S3StoreProps } from '../artifact/stores/s3-store';
import { isSingleNode, StoreVolume } from '../artifact/stores/store-volume';
import { mirroredSource } from '../mirror/mirrored-source';
import { mirrorOf } from '../mirror/rules';
import { Phase } from '../phases/phase';
import { checkPositiveInteger, checkProps, checkSize } from '../pod/checks';
import { checkImage, PYTHON_IMAGE } from '../pod/image';
import { InputError } from '../pod/input-error';
import { optionsByName, ResolvedJobOptions, resolveJobOptions } from '../pod/job-options';
import { Owner, ownerOf } from '../pod/owner';
import { bytesOf, mebibytesFor } from '../pod/quantity';
import type { ModelCacheProps } from './model-cache';

const MIB = 1024 * 1024;

/** The interpreter with the program, measured 9 to 15 MiB. */
const PROCESS_BYTES = 15 * MIB;

/** S3's least size of a part; smaller ranges gain nothing. */
const LEAST_CHUNK = 8 * MIB;

/** A download as plain data. @internal */
export interface ModelCacheSpec {
  readonly owner: Owner;
  readonly artifact: Artifact;
  readonly source: SourceSpec;
  readonly store: StoreAccess;
  /** The volume that the source's files are in. */
  readonly sourceVolume?: StoreVolume;
  /** The source is a folder of the store itself: it is verified where it is. */
  readonly inPlace: boolean;
  /** The disk where files are gathered that cannot be streamed into a bucket. */
  readonly scratch?: Size;
  readonly serviceAccountName?: string;
  readonly image: string;
  readonly memory: Size;
  readonly concurrency: number;
  readonly chunkMib: number;
  readonly options: ResolvedJobOptions;
}

/** The volumes that the Job mounts. @internal */
export function mountedStores({
  store,
  sourceVolume,
}: Pick<ModelCacheSpec, 'store' | 'sourceVolume'>): StoreVolume[] {
  return [...(store.kind === 'volume' ? [store.volume] : []), ...(sourceVolume ? [sourceVolume] : [])];
}

/** How the Job reaches the store: through a volume, or a bucket's API. @internal */
export type StoreAccess =
  | { readonly kind: 'volume'; readonly volume: StoreVolume }
  | { readonly kind: 's3'; readonly s3: S3StoreProps };

/**
 * What is known of the download before it is decided whether a Job of its own is needed for it.
 *
 * @internal
 */
export interface ModelCachePlan {
  readonly artifact: Artifact;
  /** Nothing where the files are there already, or another construct's Job brings them. */
  readonly job?: ModelCacheSpec;
}

/** @internal */
export function resolveModelCache(scope: Construct, props: ModelCacheProps): ModelCachePlan {
  const owner = ownerOf(scope, 'model-cache', Phase.DOWNLOAD, [Phase.DOWNLOAD, Phase.TUNE, Phase.CONVERT]);
  const source = mirroredSource(checkSource(scope, props.source)._spec, mirrorOf(scope));
  const store = checkStore(scope, props.store)._for(scope, source);
  checkProps(scope, props);
  const artifact = artifactOf(owner, props, source, store);
  if (store._spec.kind === 'image') {
    checkMounted(scope, props, source, store._spec.fallback !== undefined);
    return { artifact };
  }
  const told = resolveTold(scope, props, source, store, artifact);
  const passing = unpacks(source) ? artifact.bytes : 0;
  if (!store._makes(owner, artifact, agreed(told), passing)) return { artifact };
  const access = storeAccess(owner, store);
  const volumes = { store: access, sourceVolume: told.inPlace ? undefined : sourceVolume(owner, source) };
  checkBothReachable(scope, volumes);
  const placement = placeOnStores(owner, 'placement', told.options.placement, mountedStores(volumes));
  return {
    artifact,
    job: { ...told, ...volumes, owner, artifact, source, options: { ...told.options, placement } },
  };
}

/** What the Job is told besides what decides the bytes, and where it runs. */
type Told = Omit<ModelCacheSpec, 'owner' | 'artifact' | 'source' | 'store' | 'sourceVolume'> & {
  readonly fetch: SourceSpec['fetch'];
  readonly licence?: string;
  /** In bytes. */
  readonly chunkMax: number;
};

function resolveTold(
  scope: Construct,
  props: ModelCacheProps,
  source: SourceSpec,
  store: ModelStore,
  artifact: Artifact,
): Told {
  const concurrency = checkPositiveInteger(scope, 'concurrency', props.concurrency ?? 8);
  for (const field of ['memory', 'chunkMax', 'scratch'] as const) {
    if (props[field] !== undefined) checkSize(scope, field, props[field]);
  }
  const { memory, chunk, chunkMax } = memoryAndChunk(scope, props, concurrency);
  const inPlace = inPlaceOf(source, store._spec) !== undefined;
  if (source.fetch.by === 'container') checkImage(scope, 'source.image', source.fetch.image);
  const image = source.fetch.by === 'program' ? source.fetch.image : undefined;
  const s3 = store._spec.kind === 's3' ? store._spec.s3 : undefined;
  const scratch = scratchSize(scope, props, source, s3 !== undefined, artifact);
  if (inPlace || (source.fetch.by === 'container' && !scratch)) refusePace(scope, props);
  return {
    fetch: source.fetch,
    licence: props.licence,
    inPlace,
    scratch,
    serviceAccountName: serviceAccountName(scope, source, s3),
    image: checkImage(scope, 'image', props.image ?? image ?? PYTHON_IMAGE),
    memory,
    concurrency,
    chunkMax,
    chunkMib: Math.floor(chunk / MIB),
    options: resolveJobOptions(scope, props, { backoffLimit: 10 }),
  };
}

/**
 * What two caches that share the Job have to agree on, by the names of the properties that say it. Hints of a source
 * make no difference; chunks follow from the rest.
 */
function agreed({ fetch, inPlace, options, ...told }: Told): MakerOptions {
  return {
    source: { ...fetch, hints: undefined, inPlace },
    licence: told.licence,
    image: told.image,
    memory: bytesOf(told.memory),
    concurrency: told.concurrency,
    chunkMax: told.chunkMax,
    scratch: told.scratch && bytesOf(told.scratch),
    serviceAccount: told.serviceAccountName,
    ...optionsByName(options),
  };
}

function artifactOf(owner: Owner, props: ModelCacheProps, source: SourceSpec, store: ModelStore): Artifact {
  const inPlace = inPlaceOf(source, store._spec);
  return Artifact._of({
    ...fromSource(source, props),
    store,
    namespace: owner.namespace,
    key: inPlace?.key ?? sourceKey(source),
    path: inPlace?.path,
    image: store._spec.kind === 'image' ? source.image : undefined,
  });
}

function storeAccess(owner: Owner, store: ModelStore): StoreAccess {
  return store._spec.kind === 's3'
    ? { kind: 's3', s3: store._spec.s3 }
    : { kind: 'volume', volume: store._volume(owner) };
}

function sourceVolume({ namespace }: Owner, { fetch }: SourceSpec): StoreVolume | undefined {
  const volume = fetch.by === 'program' ? fetch.volume : undefined;
  if (!volume) return undefined;
  return volume.kind === 'claim' ? { ...volume, namespace, bindsLate: false } : volume;
}

/** What a Job alone could be told; a kubelet that mounts an image is told by its node. */
const OF_THE_JOB = [
  ...['concurrency', 'chunkMax', 'memory', 'scratch', 'image', 'backoffLimit', 'attempt', 'placement'],
  ...['imagePullSecrets', 'httpsProxy', 'httpProxy', 'noProxy', 'caConfigMap', 'egressPorts'],
] as (keyof ModelCacheProps)[];

/**
 * @param hasFallback a Job copies the image in clusters of other versions, and may be told what it likes
 * @throws when an image that is mounted comes with what would have no effect on that
 */
function checkMounted(
  scope: Construct,
  props: ModelCacheProps,
  source: SourceSpec,
  hasFallback: boolean,
): void {
  const advice = 'The image is mounted as it is, by the kubelet: there is no Job.';
  const odd = hasFallback ? undefined : OF_THE_JOB.find((field) => props[field] !== undefined);
  if (odd !== undefined) throw new InputError(scope, odd, 'given', { allowed: 'nothing here', advice });
  if (source.image?.endpoint !== undefined) {
    throw new InputError(scope, 'source.endpoint', source.image.endpoint, {
      allowed: 'nothing beside ModelStore.imageVolume',
      advice: `${advice} Name the registry in the reference, or a mirror in the configuration of the nodes' runtime.`,
    });
  }
}

/** Where nothing is moved by our program, its ranges are of no use. */
function refusePace(scope: Construct, props: ModelCacheProps): void {
  for (const field of ['concurrency', 'chunkMax'] as const) {
    if (props[field] === undefined) continue;
    throw new InputError(scope, field, field === 'chunkMax' ? 'given' : props[field], {
      allowed: 'nothing here',
      advice: 'The files are brought by another tool, or there already, and only verified.',
    });
  }
}

/** A claim that is read from may be on another node than the one that is written to. */
function checkBothReachable(
  scope: Construct,
  { store, sourceVolume: from }: Pick<ModelCacheSpec, 'store' | 'sourceVolume'>,
): void {
  const to = store.kind === 'volume' ? store.volume : undefined;
  if (from?.kind !== 'claim' || to?.kind !== 'claim' || !isSingleNode(from) || !isSingleNode(to)) return;
  throw new InputError(scope, 'source', `claim ${from.claimName}, which one node at a time can mount`, {
    allowed: `a claim that all nodes can mount, as the store is one (claim ${to.claimName}) that a single node can`,
    advice:
      'The two may be on different nodes, and the Job that mounts both would never start. If all nodes can mount the ' +
      'source, say so by its accessModes. Or let it be the store too, ' +
      `ModelStore.existingClaim('${from.claimName}'): nothing is copied then.`,
  });
}

/** What cannot be streamed is gathered on a disk first: its size must be known. */
function scratchSize(
  scope: Construct,
  props: ModelCacheProps,
  source: SourceSpec,
  toBucket: boolean,
  artifact: Artifact,
): Size | undefined {
  const { fetch } = source;
  const gathered = fetch.by === 'container' ? mustGather(fetch, toBucket) : unpacks(source) && toBucket;
  if (!gathered) {
    if (props.scratch === undefined) return undefined;
    throw new InputError(scope, 'scratch', `${bytesOf(props.scratch) / MIB} MiB`, {
      allowed: 'nothing here',
      advice: toBucket
        ? 'The files are streamed into the bucket.'
        : 'The files come straight into the volume of the store.',
    });
  }
  const needed = artifact.bytes === undefined ? undefined : room(source) * artifact.bytes;
  if (props.scratch === undefined && needed === undefined) {
    throw new InputError(scope, 'scratch', undefined, {
      allowed: 'the size of all files together, for instance Size.gibibytes(20)',
      advice: `What comes from ${source.address} passes through a disk of the pod on its way into the store.`,
    });
  }
  if (props.scratch && bytesOf(props.scratch) < (needed ?? 0)) {
    throw new InputError(scope, 'scratch', `${bytesOf(props.scratch) / MIB} MiB`, {
      allowed: `${Math.ceil((needed ?? 0) / MIB)} MiB or more`,
    });
  }
  return props.scratch ?? mebibytesFor(needed ?? 0);
}

/** Archives and layers are on the disk beside what they unpack to, so that nothing is fetched twice. */
function unpacks({ fetch }: SourceSpec): boolean {
  return fetch.by === 'program' && fetch.needsFolder;
}

/** Of the disk, for each byte of the files: 5 % for the file system. */
function room(source: SourceSpec): number {
  return unpacks(source) ? 2.1 : 1.05;
}

/** A pod has one identity. */
function serviceAccountName(scope: Construct, source: SourceSpec, s3?: S3StoreProps): string | undefined {
  const ofSource = source.fetch.serviceAccountName;
  const ofStore = s3?.serviceAccount?.name;
  if (ofSource !== undefined && ofStore !== undefined && ofSource !== ofStore) {
    throw new InputError(scope, 'source', `a source that is read as ServiceAccount ${ofSource}`, {
      allowed: `one that is read as ${ofStore}, as which the store is written`,
      advice: 'A pod has one identity: use one ServiceAccount, or a credentials Secret for one of the two.',
    });
  }
  return ofSource ?? ofStore;
}

/** Koldun's rule: as large a range as an eighth of the memory gives each worker, between 8 MiB and the cap. */
function memoryAndChunk(scope: Construct, props: ModelCacheProps, concurrency: number) {
  const cap = props.chunkMax ? bytesOf(props.chunkMax) : 64 * MIB;
  if (cap < LEAST_CHUNK) {
    throw new InputError(scope, 'chunkMax', `${cap / MIB} MiB`, { allowed: '8 MiB or more' });
  }
  const least = PROCESS_BYTES + concurrency * LEAST_CHUNK;
  // Twice what is needed, for the page cache and the allocator.
  const memory = props.memory ?? mebibytesFor(Math.max(256 * MIB, 2 * least));
  if (bytesOf(memory) < least) {
    throw new InputError(scope, 'memory', `${bytesOf(memory) / MIB} MiB`, {
      allowed: `${Math.ceil(least / MIB)} MiB or more for a concurrency of ${concurrency} (15 MiB + ${concurrency} x 8 MiB)`,
      advice: 'Give more memory, or a lower concurrency.',
    });
  }
  const chunk = Math.max(LEAST_CHUNK, Math.min(cap, bytesOf(memory) / concurrency / 8));
  return { memory, chunk, chunkMax: cap };
}
