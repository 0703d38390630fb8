import { Size } from 'cdk8s';
import { python } from '../../pod/guard';
import type { ContainerSpec } from '../../pod/pod-spec';
import { MODELS_FOLDER } from '../../pod/store-folder';
import { programPath } from '../../pod/programs';
import { bytesOf, bytesQuantity, mebibytesFor } from '../../pod/quantity';
import { secretEnv } from '../../pod/secret-env';
import { LOOK_PROGRAM, lookContainer } from '../look';
import type { ContainerFetch } from './source-spec';

/** A tool's container that fills a folder; the flags of its endpoints are environment variables. @internal */
export interface DownloaderFetch extends ContainerFetch {
  /** What the tool's exit codes mean: `3=66,7=64`; empty for a tool that knows ours. */
  readonly exitCodes: string;
  /**
   * A line of the tool's log that this extended regular expression matches says that it is not let in, whatever the
   * exit code. What the log says of addresses then ends at their question marks, behind which signatures are.
   */
  readonly denied?: string;
  /** TCP ports that it asks, besides 443 and those of the endpoints. */
  readonly ports: number[];
  /** Labels by which a cloud gives the pod its identity. */
  readonly podLabels?: Record<string, string>;
}

/** The pod that a downloader is to be part of. @internal */
export interface DownloaderPod {
  readonly key: string;
  /** The artifact's folder in the store. */
  readonly path: string;
  /** Our own image, with Python. */
  readonly image: string;
  /** The mounts of the store's volume, to write to it; none for a bucket. */
  readonly storeMounts: Record<string, unknown>[];
  /** Where the artifact is in a bucket, as stored.py and fetch.py take it. @default - in the store's volume */
  readonly bucketArgs?: string[];
  readonly bucketEnv?: Record<string, unknown>[];
  /** The disk where files are gathered. @default - none: they come straight into the store's volume */
  readonly scratch?: Size;
  /** `--workers` and `--chunk-mib`. */
  readonly movingArgs: string[];
  readonly memory: Size;
  /** The proxy and the certificate authorities. */
  readonly outsideEnv: Record<string, unknown>[];
  readonly outsideMounts: Record<string, unknown>[];
}

/** What a pod needs for a downloader. @internal */
export interface DownloaderSteps {
  /** In their order; the last is the main one. */
  readonly containers: ContainerSpec[];
  /** Besides those of the store, the programs and the outside. */
  readonly volumes: Record<string, unknown>[];
  readonly programs: string[];
}

/** The downloader's own disk: HOME and TMPDIR, and what many tools write to whatever they are told. */
const OWN_FOLDER = '/tmp';

/** Where files are gathered. */
const GATHERED_FOLDER = '/model';

const LOGS = Size.mebibytes(64);

/** Whether the files must be gathered on a disk of the pod before they come into the store. @internal */
export function mustGather(fetch: ContainerFetch, toBucket: boolean): boolean {
  return toBucket || !fetch.shell;
}

/**
 * How a tool's files come into the store. Into a volume: the tool fills a folder within the artifact's, under its
 * lock, and adopt.py verifies the files and gives them their places. By way of a disk of the pod: stored.py looks
 * whether the tool is needed at all, and fetch.py brings the files from the disk, verified as they pass.
 *
 * @internal
 */
export function downloaderSteps(fetch: DownloaderFetch, pod: DownloaderPod): DownloaderSteps {
  const gathered = pod.scratch !== undefined;
  const place = pod.bucketArgs ? ['bucket.py'] : ['folder.py'];
  return {
    containers: gathered
      ? [look(pod), download(fetch, pod), carry(fetch, pod)]
      : [download(fetch, pod), adopt(fetch, pod)],
    volumes: volumes(fetch, pod),
    programs: [
      ...(fetch.shell ? ['custom.sh'] : []),
      ...(gathered ? [LOOK_PROGRAM, 'fetch.py', 'mounted.py', ...place] : ['adopt.py']),
    ],
  };
}

function artifactFolder(pod: DownloaderPod): string {
  return `${MODELS_FOLDER}/${pod.path}`;
}

/** The folder that the tool fills. */
function modelFolder(pod: DownloaderPod): string {
  return pod.scratch ? GATHERED_FOLDER : `${artifactFolder(pod)}/.artifact.parts/files`;
}

function download(fetch: DownloaderFetch, pod: DownloaderPod): ContainerSpec {
  const marked = pod.scratch ? GATHERED_FOLDER : artifactFolder(pod);
  return {
    name: 'download',
    image: fetch.image,
    command: fetch.shell
      ? [
          '/bin/sh',
          programPath('custom.sh'),
          `--key=${pod.key}`,
          `--dir=${marked}`,
          ...(fetch.exitCodes ? [`--codes=${fetch.exitCodes}`] : []),
          ...(fetch.denied ? [`--denied=${fetch.denied}`] : []),
          '--',
          ...fetch.command,
        ]
      : fetch.command,
    args: fetch.args,
    env: [
      // First, so that the others can name them.
      { name: 'MODEL_DIR', value: modelFolder(pod) },
      { name: 'MODEL_KEY', value: pod.key },
      { name: 'HOME', value: OWN_FOLDER },
      { name: 'TMPDIR', value: OWN_FOLDER },
      ...pod.outsideEnv,
      ...fetch.endpoints.map(({ flag, url }) => ({ name: flag, value: url })),
      ...fetch.secrets.map(secretEnv),
      ...fetch.env,
    ],
    mounts: [
      ...(pod.scratch ? [{ name: 'gathered', mountPath: GATHERED_FOLDER }] : pod.storeMounts),
      { name: 'own', mountPath: OWN_FOLDER },
      ...secretFolders(fetch).map(({ name, folder }) => ({ name, mountPath: folder, readOnly: true })),
      ...pod.outsideMounts,
    ],
    resources: {
      ...fetch.resources,
      // All emptyDirs of the pod count while the tool runs: past its limit the pod is evicted.
      storage: mebibytesFor(
        bytesOf(fetch.resources.storage) + bytesOf(LOGS) + (pod.scratch ? bytesOf(pod.scratch) : 0),
      ),
    },
  };
}

function adopt(fetch: DownloaderFetch, pod: DownloaderPod): ContainerSpec {
  return {
    name: 'adopt',
    image: pod.image,
    command: python('adopt.py'),
    args: [`--key=${pod.key}`, `--dir=${artifactFolder(pod)}`, ...fetch.adoptArgs],
    mounts: pod.storeMounts,
    resources: { cpu: '500m', cpuLimit: '2', memory: pod.memory, storage: LOGS },
  };
}

function look(pod: DownloaderPod): ContainerSpec {
  return lookContainer({
    image: pod.image,
    key: pod.key,
    note: GATHERED_FOLDER,
    placeArgs: placeArgs(pod),
    env: [...(pod.bucketEnv ?? []), ...pod.outsideEnv],
    mounts: [{ name: 'gathered', mountPath: GATHERED_FOLDER }, ...pod.storeMounts, ...pod.outsideMounts],
  });
}

function carry(fetch: DownloaderFetch, pod: DownloaderPod): ContainerSpec {
  return {
    name: 'fetch',
    image: pod.image,
    command: [...python('fetch.py'), 'mounted'],
    args: [
      `--folder=${GATHERED_FOLDER}`,
      ...fetch.adoptArgs,
      `--key=${pod.key}`,
      ...placeArgs(pod),
      ...pod.movingArgs,
    ],
    env: [...(pod.bucketEnv ?? []), ...pod.outsideEnv],
    mounts: [
      { name: 'gathered', mountPath: GATHERED_FOLDER, readOnly: true },
      ...pod.storeMounts,
      ...pod.outsideMounts,
    ],
    resources: { cpu: '500m', cpuLimit: '2', memory: pod.memory, storage: LOGS },
  };
}

function placeArgs(pod: DownloaderPod): string[] {
  return pod.bucketArgs ?? [`--dir=${artifactFolder(pod)}`];
}

function volumes(fetch: DownloaderFetch, pod: DownloaderPod): Record<string, unknown>[] {
  return [
    { name: 'own', emptyDir: { sizeLimit: bytesQuantity(fetch.resources.storage) } },
    ...(pod.scratch ? [{ name: 'gathered', emptyDir: { sizeLimit: bytesQuantity(pod.scratch) } }] : []),
    ...secretFolders(fetch).map(({ name, secret, items }) => ({
      name,
      secret: { secretName: secret, items, defaultMode: 0o440 },
    })),
  ];
}

/** Each file of a Secret has a folder of its own, because a volume is of one Secret. */
function secretFolders(fetch: ContainerFetch) {
  return fetch.secretFiles.map(({ secret, key, path }, index) => {
    const slash = path.lastIndexOf('/');
    return {
      name: `secret-${index}`,
      secret,
      folder: path.slice(0, slash),
      items: [{ key, path: path.slice(slash + 1) }],
    };
  });
}
