import { Size } from 'cdk8s';
import { artifactAnnotations } from '../artifact/annotations';
import { LOOK_PROGRAM, lookContainer } from '../artifact/look';
import { s3Args, s3Env, s3Ports, s3Secrets } from '../artifact/s3-access';
import { inPlaceArgs } from '../artifact/sources/claim';
import { DownloaderPod, downloaderSteps } from '../artifact/sources/downloader';
import { ProgramFetch, SecretUse, SOURCE_FOLDER } from '../artifact/sources/source-spec';
import { python } from '../pod/guard';
import { addJob } from '../pod/job';
import { ANNOTATION } from '../pod/metadata';
import { addNetworkPolicy, portOf } from '../pod/network';
import { outsideEnv, outsideMounts, outsideVolumes } from '../pod/outside';
import {
  ContainerSpec,
  renderPod,
  storeAnnotations,
  storeLabels,
  storeMount,
  storePodVolume,
} from '../pod/pod-spec';
import { MODELS_FOLDER } from '../pod/store-folder';
import { Programs } from '../pod/programs';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import { secretEnv } from '../pod/secret-env';
import type { StoreVolume } from '../artifact/stores/store-volume';
import { ModelCacheSpec, mountedStores } from './model-cache-spec';

/** Where files are gathered that cannot be streamed into a bucket. */
const SCRATCH_FOLDER = '/scratch';

const LOGS = Size.mebibytes(64);

/** Containers in their order, the programs they run, and the volumes that are theirs alone. */
interface Steps {
  readonly containers: ContainerSpec[];
  readonly programs: string[];
  readonly volumes?: Record<string, unknown>[];
}

/** @internal */
export function renderModelCache(spec: ModelCacheSpec): void {
  const { owner, artifact, options } = spec;
  const { containers, programs: files, volumes: own = scratchVolume(spec) } = allSteps(spec);
  const programs = new Programs(owner, files);
  const stores = mountedStores(spec);
  const reached = [...new Set(ports(spec))];
  addJob(owner, {
    component: 'download',
    options,
    annotations: {
      ...artifactAnnotations(artifact),
      ...storeAnnotations(spec.store.kind === 'volume' ? [spec.store.volume] : [], spec.sourceVolume),
      [ANNOTATION.secrets]: secretPurposes(secrets(spec)),
    },
    podLabels: { ...storeLabels(stores), ...identityLabels(spec) },
    pod: renderPod({
      placement: options.placement,
      imagePullSecrets: options.imagePullSecrets,
      serviceAccountName: spec.serviceAccountName,
      stores,
      initContainers: containers.slice(0, -1),
      containers: containers.slice(-1),
      volumes: [...volumes(spec), ...own, programs.volume()],
    }),
  });
  addNetworkPolicy(owner, {
    component: 'download',
    ingress: [],
    egress: reached.length ? [{ ports: reached }] : [],
    dns: reached.length > 0,
  });
  programs.add();
}

/**
 * What is streamed goes to the store in one step. What must be gathered on a disk first is put into the bucket from
 * there, and not gathered again where the bucket has it already.
 */
function allSteps(spec: ModelCacheSpec): Steps {
  const { fetch, kind } = spec.source;
  if (fetch.by === 'container') return downloaderSteps(fetch, downloaderPod(spec));
  if (spec.inPlace) return { containers: [adoptContainer(spec)], programs: ['adopt.py'] };
  const fetching = fetchContainer(spec, fetch);
  const programs = ['fetch.py', `${kind}.py`, isStreamed(spec) ? 'bucket.py' : 'folder.py'];
  if (!spec.scratch) return { containers: [fetching], programs };
  return {
    containers: [look(spec), fetching, uploadContainer(spec)],
    programs: [LOOK_PROGRAM, 'put.py', 'bucket.py', ...programs],
  };
}

function downloaderPod(spec: ModelCacheSpec): DownloaderPod {
  const { artifact, store, options } = spec;
  return {
    key: artifact.key,
    path: artifact.path,
    image: spec.image,
    storeMounts: store.kind === 'volume' ? [storeMount('write', store.volume)] : [],
    ...(store.kind === 's3' ? { bucketArgs: bucketArgs(spec), bucketEnv: bucketEnv(spec) } : {}),
    scratch: spec.scratch,
    movingArgs: pace(spec),
    memory: spec.memory,
    outsideEnv: outsideEnv(options),
    outsideMounts: outsideMounts(options),
  };
}

function identityLabels({ source }: ModelCacheSpec): Record<string, string> {
  return (source.fetch.by === 'container' && source.fetch.podLabels) || {};
}

function isStreamed({ store, scratch }: ModelCacheSpec): boolean {
  return store.kind === 's3' && !scratch;
}

/** The folder in which the files are gathered, or come to stay. */
function folderOf({ artifact, scratch }: ModelCacheSpec): string {
  return `${scratch ? SCRATCH_FOLDER : MODELS_FOLDER}/${artifact.path}`;
}

function fetchContainer(spec: ModelCacheSpec, fetch: ProgramFetch): ContainerSpec {
  const { source, artifact } = spec;
  return {
    name: 'fetch',
    image: spec.image,
    command: [...python('fetch.py'), source.kind],
    args: [
      ...fetch.endpoints.map(({ flag, url }) => `${flag}=${url}`),
      ...fetch.args,
      ...(fetch.hints ?? []),
      `--key=${artifact.key}`,
      ...(isStreamed(spec) ? bucketArgs(spec) : [`--dir=${folderOf(spec)}`]),
      ...pace(spec),
    ],
    env: [
      ...fetch.secrets.map(secretEnv),
      ...(isStreamed(spec) ? bucketEnv(spec) : []),
      ...outsideEnv(spec.options),
    ],
    mounts: [
      ...folderMounts(spec),
      ...(spec.sourceVolume ? [{ name: 'source', mountPath: SOURCE_FOLDER, readOnly: true }] : []),
      ...outsideMounts(spec.options),
    ],
    resources: ourResources(spec),
  };
}

/** Verifies files that are in the store already. */
function adoptContainer(spec: ModelCacheSpec): ContainerSpec {
  return {
    name: 'adopt',
    image: spec.image,
    command: python('adopt.py'),
    args: [`--key=${spec.artifact.key}`, `--dir=${folderOf(spec)}`, ...inPlaceArgs(spec.source)],
    mounts: folderMounts(spec),
    resources: ourResources(spec),
  };
}

function look(spec: ModelCacheSpec): ContainerSpec {
  return lookContainer({
    image: spec.image,
    key: spec.artifact.key,
    note: folderOf(spec),
    placeArgs: bucketArgs(spec),
    env: [...bucketEnv(spec), ...outsideEnv(spec.options)],
    mounts: [...folderMounts(spec), ...outsideMounts(spec.options)],
  });
}

function uploadContainer(spec: ModelCacheSpec): ContainerSpec {
  return {
    name: 'upload',
    image: spec.image,
    command: python('put.py'),
    args: [`--key=${spec.artifact.key}`, `--dir=${folderOf(spec)}`, ...bucketArgs(spec), ...pace(spec)],
    env: [...bucketEnv(spec), ...outsideEnv(spec.options)],
    mounts: [
      ...folderMounts(spec).map((mount) => ({ ...mount, readOnly: true })),
      ...outsideMounts(spec.options),
    ],
    resources: ourResources(spec),
  };
}

function pace({ concurrency, chunkMib }: ModelCacheSpec): string[] {
  return [`--workers=${concurrency}`, `--chunk-mib=${chunkMib}`];
}

/** What one of our programs needs that moves files. */
function ourResources(spec: ModelCacheSpec): ContainerSpec['resources'] {
  // All emptyDirs of the pod count: past its limit the pod is evicted.
  const disk = bytesOf(LOGS) + (spec.scratch ? bytesOf(spec.scratch) : 0);
  return { cpu: '500m', cpuLimit: '2', memory: spec.memory, storage: mebibytesFor(disk) };
}

function bucketArgs({ store, artifact }: ModelCacheSpec): string[] {
  return store.kind === 's3' ? s3Args(store.s3, artifact.path) : [];
}

function bucketEnv({ store }: ModelCacheSpec): Record<string, unknown>[] {
  return store.kind === 's3' ? s3Env(store.s3) : [];
}

/** The mount of the folder that the files are written to. */
function folderMounts(spec: ModelCacheSpec): Record<string, unknown>[] {
  if (spec.scratch) return [{ name: 'scratch', mountPath: SCRATCH_FOLDER }];
  return spec.store.kind === 'volume' ? [storeMount('write', spec.store.volume)] : [];
}

function volumes(spec: ModelCacheSpec): Record<string, unknown>[] {
  const { store, sourceVolume } = spec;
  return [
    ...(store.kind === 'volume' ? [storePodVolume(store.volume)] : []),
    ...(sourceVolume ? [readOnlyVolume(sourceVolume)] : []),
    ...outsideVolumes(spec.options),
  ];
}

/**
 * The volume of a source. Of a claim, it is read-only for the pod as a whole: otherwise the kubelet would give all that
 * is in it to the pod's fsGroup, though it belongs to others.
 */
function readOnlyVolume(volume: StoreVolume): Record<string, unknown> {
  const name = 'source';
  if (volume.kind !== 'claim') return { ...storePodVolume(volume), name };
  return { name, persistentVolumeClaim: { claimName: volume.claimName, readOnly: true } };
}

function scratchVolume({ scratch }: ModelCacheSpec): Record<string, unknown>[] {
  return scratch ? [{ name: 'scratch', emptyDir: { sizeLimit: bytesQuantity(scratch) } }] : [];
}

function ports({ source, store, options }: ModelCacheSpec): number[] {
  const { fetch } = source;
  const isOutside = fetch.by === 'container' || fetch.endpoints.length > 0;
  return [
    // A hub sends its large files from other hosts, whose addresses nobody can list.
    ...(isOutside ? [443] : []),
    ...fetch.endpoints.map(({ url }) => portOf(url)),
    ...(fetch.ports ?? []),
    ...(store.kind === 's3' ? s3Ports(store.s3) : []),
    ...options.ports,
  ];
}

function secrets({ source, store }: ModelCacheSpec): NeededSecret[] {
  const files = source.fetch.by === 'container' ? source.fetch.secretFiles : [];
  return [...source.fetch.secrets, ...files, ...(store.kind === 's3' ? s3Secrets(store.s3, 'store') : [])];
}

/** A key that a Secret has to hold, as a variable or a file. */
type NeededSecret = Pick<SecretUse, 'secret' | 'key' | 'purpose' | 'optional'>;

/** A line for each Secret and purpose, with the keys it must hold. */
function secretPurposes(uses: NeededSecret[]): string | undefined {
  const keys = new Map<string, string[]>();
  const purposes = uses.filter(({ optional }) => !optional);
  for (const { secret, key, purpose } of purposes) {
    const line = `${secret}\0${purpose}`;
    keys.set(line, [...(keys.get(line) ?? []), key]);
  }
  const lines = [...keys].map(([line, names]) => {
    const [secret, purpose] = line.split('\0');
    return `${secret}/${names.join(',')}=${purpose}`;
  });
  return lines.length ? lines.join('\n') : undefined;
}
