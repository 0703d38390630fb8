import type { Size } from 'cdk8s';
import type { PercentOrAbsolute } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { Artifact } from '../artifact/artifact';
import { sourceKey } from '../artifact/key';
import { checkSource } from '../artifact/model-source';
import { ModelStore } from '../artifact/model-store';
import { fromSource } from '../artifact/source-artifact';
import type { ProgramFetch, SourceSpec } from '../artifact/sources/source-spec';
import { nodeFolder, nodeFolderVolume } from '../artifact/stores/node-store';
import { mirroredSource } from '../mirror/mirrored-source';
import { mirrorOf } from '../mirror/rules';
import { Phase } from '../phases/phase';
import {
  checkFlag,
  checkKind,
  checkList,
  checkOptions,
  checkPositiveInteger,
  checkProps,
  checkSize,
} from '../pod/checks';
import { checkImage, PYTHON_IMAGE } from '../pod/image';
import { InputError } from '../pod/input-error';
import { ResolvedOutsideOptions, resolveOutsideOptions } from '../pod/job-options';
import { hasImageVolumes } from '../pod/kubernetes-version';
import { checkLabels } from '../pod/labels';
import { portOf } from '../pod/network';
import type { NetworkPeer } from '../pod/network-peer';
import { Owner, ownerOf } from '../pod/owner';
import { checkPlacement } from '../pod/placement';
import type { Placement } from '../pod/pod-spec';
import { bytesOf, mebibytesFor } from '../pod/quantity';
import { checkFrom, checkSeconds } from '../serving/checks';
import { checkEvicted, inUse } from './model-eviction';
import type { NodeCacheImage, NodeCacheRepository } from './node-cache-item';
import { CacheFolder, KeptArtifact, registerMaker } from './node-cache-kept';
import type { NodeCacheModelProps, NodeCacheMonitoringProps, NodeCacheProps } from './node-cache-props';
import { repositoryOf, RepositorySpec } from './node-cache-repository';

/** A cache as plain data. @internal */
export interface NodeCacheSpec {
  readonly owner: Owner;
  readonly placement: Placement;
  readonly images: readonly NodeCacheImage[];
  readonly repositories: readonly NodeCacheRepository[];
  readonly kept: readonly KeptArtifact[];
  readonly folder?: CacheFolder;
  readonly evict: readonly string[];
  readonly imageVolumes: boolean;
  readonly maxUnavailable: number | string;
  readonly memory: Size;
  readonly image: string;
  readonly busyboxImage: string;
  readonly serviceAccountName?: string;
  readonly monitoring?: MonitoringSpec;
  readonly options: ResolvedOutsideOptions;
}

/** @internal */
export interface MonitoringSpec {
  readonly from: NetworkPeer[];
  readonly labels: Record<string, string>;
  readonly intervalSeconds: number;
}

/** Python and git, which the slim variant lacks: it is built on buildpack-deps (docker-library/python). */
const GIT_IMAGE =
  'docker.io/library/python:3.13.7-bookworm@sha256:c900d35aba5fe4c1dc1cd358408baae2902ff2a2926a1d15cc5002c6061ddb2e';

/** Built with CONFIG_STATIC=y (docker-library/busybox, latest-1/musl/Dockerfile.builder), for all architectures. */
const BUSYBOX_IMAGE = 'docker.io/library/busybox:1.37.0-musl';

const ALL_NODES: Placement = { nodeSelector: { 'kubernetes.io/os': 'linux' } };

/** @internal */
export function resolveNodeCache(scope: Construct, props: NodeCacheProps): NodeCacheSpec {
  const owner = ownerOf(scope, 'node-cache', Phase.DOWNLOAD, [
    Phase.DOWNLOAD,
    Phase.TUNE,
    Phase.CONVERT,
    Phase.SERVE,
  ]);
  checkProps(scope, props);
  const options = resolveOutsideOptions(scope, props);
  const placement = resolvePlacement(scope, props.placement);
  const images = resolveImages(scope, props, placement);
  const repositories = checkList(scope, 'repositories', props.repositories);
  const models = checkList(scope, 'models', props.models);
  if (images.length + repositories.length + models.length === 0) {
    throw new InputError(scope, 'images', undefined, {
      allowed: 'at least one of images, repositories and models',
    });
  }
  const folder = resolveFolder(scope, props, placement, repositories.length + models.length > 0);
  const cloned = repositories.map((each, index) =>
    repositoryOf(owner, `repositories[${index}]`, each, folder!, placement),
  );
  const fetched = models.map((each, index) => resolveModel(owner, `models[${index}]`, each, folder!));
  const kept = [...cloned.map(({ kept: one }) => one), ...fetched.map(({ kept: one }) => one)];
  checkNames(scope, { images, repositories, models });
  checkApart(scope, kept);
  if (folder) checkFits(scope, folder, kept);
  const identities = fetched.flatMap(({ fetch }) => fetch.serviceAccountName ?? []);
  return {
    owner,
    placement,
    images,
    repositories: cloned.map(({ handle }) => handle),
    kept,
    folder,
    evict: resolveEviction(owner, props, folder),
    imageVolumes: resolveImageVolumes(owner, props),
    maxUnavailable: resolveMaxUnavailable(scope, props.maxUnavailable),
    memory:
      props.memory === undefined
        ? mebibytesFor((folder ? 512 : 128) * 1024 * 1024)
        : checkSize(scope, 'memory', props.memory),
    image: resolveImage(scope, props, cloned, fetched),
    busyboxImage: checkImage(scope, 'busyboxImage', props.busyboxImage ?? BUSYBOX_IMAGE),
    serviceAccountName: oneIdentity(scope, identities),
    monitoring: resolveMonitoring(scope, props.monitoring),
    options,
  };
}

/** A selector of no labels would be of all nodes, those of other systems too. */
function resolvePlacement(scope: Construct, given: Placement | undefined): Placement {
  const { nodeSelector = {}, ...others } = checkPlacement(scope, 'placement', given);
  return Object.keys(nodeSelector).length ? { nodeSelector, ...others } : { ...ALL_NODES, ...others };
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/;

/** Of images, repositories and models, each has a name that no other of its kind has. */
function checkNames(scope: Construct, items: Record<string, readonly { readonly name: string }[]>): void {
  for (const [field, list] of Object.entries(items)) {
    const names = list.map(({ name }) => name);
    names.forEach((name, index) => {
      if (typeof name !== 'string' || !NAME.test(name)) {
        throw new InputError(scope, `${field}[${index}].name`, name, {
          allowed: "at most 40 lower-case letters, digits and '-', with a letter or digit at both ends",
        });
      }
      if (names.indexOf(name) !== index) {
        throw new InputError(scope, `${field}[${index}].name`, name, { allowed: 'each name once' });
      }
    });
  }
}

const IMAGE_PROPS = { name: true, image: true } as const;

function resolveImages(scope: Construct, props: NodeCacheProps, placement: Placement): NodeCacheImage[] {
  return checkList(scope, 'images', props.images).map((given, index) => {
    const { name, image } = checkOptions(scope, `images[${index}]`, given, IMAGE_PROPS);
    return { name, image: checkImage(scope, `images[${index}].image`, image), placement };
  });
}

const FOLDER_NEEDS =
  'The folder must be on each of the nodes, and user 65532 must be able to write to it: ' +
  'install -d -o 65532 -g 65532 /var/lib/models.';

function resolveFolder(
  scope: Construct,
  { path, size }: NodeCacheProps,
  { nodeSelector = {}, tolerations }: Placement,
  needed: boolean,
): CacheFolder | undefined {
  if (!needed) {
    const odd = path !== undefined ? 'path' : size !== undefined ? 'size' : undefined;
    if (odd === undefined) return undefined;
    throw new InputError(scope, odd, 'given', {
      allowed: 'nothing here, as there are neither repositories nor models',
      advice: "Images are in the container runtime's own store, whose room the kubelet keeps.",
    });
  }
  const where = { where: scope.node.path, needs: FOLDER_NEEDS };
  const onNodes = nodeFolder(path as string, { nodeSelector, tolerations }, where);
  return {
    store: ModelStore._nodeCache(onNodes),
    volume: nodeFolderVolume(onNodes),
    size: checkSize(
      scope,
      'size',
      size as Size,
      "the most that the folder may take of a node's disk: Size.gibibytes(500)",
    ),
  };
}

const MODEL_PROPS: Record<keyof NodeCacheModelProps, true> = {
  name: true,
  source: true,
  facts: true,
  licence: true,
  attempt: true,
};

interface FetchedModel {
  readonly kept: KeptArtifact;
  readonly fetch: ProgramFetch;
}

function resolveModel(
  owner: Owner,
  field: string,
  given: NodeCacheModelProps,
  { store }: CacheFolder,
): FetchedModel {
  const { scope } = owner;
  const props = checkOptions(scope, field, given, MODEL_PROPS);
  const source = mirroredSource(checkSource(scope, props.source)._spec, mirrorOf(scope));
  const fetch = checkFetch(scope, field, source);
  const artifact = Artifact._of({
    ...fromSource(source, props),
    store,
    namespace: owner.namespace,
    key: sourceKey(source),
  });
  registerMaker(owner, artifact);
  const kept: KeptArtifact = {
    kind: 'model',
    name: props.name,
    attempt: checkPositiveInteger(scope, `${field}.attempt`, props.attempt ?? 1),
    artifact,
    program: [
      'fetch_within.py',
      source.kind,
      ...fetch.endpoints.map(({ flag, url }) => `${flag}=${url}`),
      ...fetch.args,
      ...(fetch.hints ?? []),
    ],
    modules: [`${source.kind}.py`],
    secrets: fetch.secrets,
    ports: [...fetch.endpoints.map(({ url }) => portOf(url)), ...(fetch.ports ?? [])],
  };
  return { kept, fetch };
}

/** The pods of all nodes bring the model, each for itself: by the one program that they all have. */
function checkFetch(scope: Construct, field: string, { fetch, address }: SourceSpec): ProgramFetch {
  if (fetch.by === 'program' && !fetch.volume) return fetch;
  throw new InputError(scope, `${field}.source`, address, {
    allowed: 'a source that every node can reach by itself: Hugging Face, https, S3, NGC, Ollama, OCI',
    advice:
      fetch.by === 'program'
        ? 'A claim or the folder of a node is where it is.'
        : 'It is brought by an image of its own: have a ModelCache bring it into a bucket, and read it from there.',
  });
}

function checkApart(scope: Construct, kept: readonly KeptArtifact[]): void {
  const names = new Map<string, string>();
  for (const { name, artifact } of kept) {
    const other = names.get(artifact.path);
    if (other !== undefined) {
      throw new InputError(scope, 'name', name, {
        allowed: `nothing, as '${other}' is the same: ${artifact.provenance.source}`,
        advice: 'Use the one for both.',
      });
    }
    names.set(artifact.path, name);
  }
}

const GIB = 1024 ** 3;

/** What is known to be too much is refused here; the rest, on the node. */
function checkFits(scope: Construct, { size }: CacheFolder, kept: readonly KeptArtifact[]): void {
  const known = kept.flatMap(({ name, artifact }) =>
    artifact.bytes === undefined ? [] : [{ name, bytes: artifact.bytes }],
  );
  const sum = known.reduce((all, { bytes }) => all + bytes, 0);
  if (sum <= bytesOf(size)) return;
  const parts = known.map(({ name, bytes }) => `${(bytes / GIB).toFixed(2)} GiB (${name})`);
  throw new InputError(scope, 'size', `${(bytesOf(size) / GIB).toFixed(2)} GiB`, {
    allowed: `${Math.ceil(sum / GIB)} GiB or more: ${parts.join(' + ')}`,
    advice: 'Besides, all that was kept before and is not evicted counts.',
  });
}

function resolveEviction(owner: Owner, { evict }: NodeCacheProps, folder?: CacheFolder): string[] {
  const { scope } = owner;
  if (evict === undefined) return [];
  if (!folder) {
    throw new InputError(scope, 'evict', 'given', {
      allowed: 'nothing here, as there are neither repositories nor models',
    });
  }
  const artifacts = checkEvicted(scope, 'evict', evict);
  const place = folder.store._place(owner) as string;
  // Not now: a construct that uses an artifact may be added later.
  scope.node.addValidation({ validate: () => inUse('evict', { owner, place, artifacts }) });
  return artifacts;
}

function resolveImageVolumes(owner: Owner, { imageVolumes, images = [] }: NodeCacheProps): boolean {
  const { scope, kubernetesVersion: version } = owner;
  if (checkFlag(scope, 'imageVolumes', imageVolumes) === undefined) return hasImageVolumes(version);
  if (images.length === 0) {
    throw new InputError(scope, 'imageVolumes', imageVolumes, {
      allowed: 'nothing here, as there are no images',
    });
  }
  if (imageVolumes && !hasImageVolumes(version)) {
    throw new InputError(scope, 'imageVolumes', `true with Kubernetes ${version}`, {
      allowed: 'Kubernetes 1.35 or newer',
      advice: 'Without it, images are held by containers.',
    });
  }
  return imageVolumes === true;
}

function resolveMaxUnavailable(scope: Construct, given: PercentOrAbsolute | undefined): number | string {
  if (given === undefined) return '25%';
  checkKind(scope, 'maxUnavailable', given, (one) => typeof one.isZero === 'function', {
    allowed: 'PercentOrAbsolute.percent(25), PercentOrAbsolute.absolute(2)',
    advice: 'It is a class of cdk8s-plus.',
  });
  if (given.isZero()) {
    throw new InputError(scope, 'maxUnavailable', 0, {
      allowed: 'at least one node: nothing could be replaced, as two pods of one node would be two caches',
    });
  }
  return given.value as number | string;
}

/** An image that can do all that the items need. */
function resolveImage(
  scope: Construct,
  { image }: NodeCacheProps,
  repositories: readonly RepositorySpec[],
  models: readonly FetchedModel[],
): string {
  const special = models.find(({ fetch }) => fetch.image !== undefined);
  if (image === undefined && special && repositories.length > 0) {
    throw new InputError(scope, 'image', undefined, {
      allowed: `an image with git and what ${special.kept.name} needs: ${special.fetch.image} has no git`,
      advice: 'Name one that has both, or make two caches, which may share the folder.',
    });
  }
  const usual = repositories.length > 0 ? GIT_IMAGE : PYTHON_IMAGE;
  return checkImage(scope, 'image', image ?? special?.fetch.image ?? usual);
}

function oneIdentity(scope: Construct, identities: readonly string[]): string | undefined {
  const [one, other] = new Set(identities);
  if (other === undefined) return one;
  throw new InputError(scope, 'models', `sources that are read as the ServiceAccounts ${one} and ${other}`, {
    allowed: 'sources that are read as one',
    advice: 'A pod has one identity: make two caches, which may share the folder.',
  });
}

const MONITORING_PROPS: Record<keyof NodeCacheMonitoringProps, true> = {
  from: true,
  labels: true,
  interval: true,
};

function resolveMonitoring(
  scope: Construct,
  given: NodeCacheMonitoringProps | undefined,
): MonitoringSpec | undefined {
  if (given === undefined) return undefined;
  const { from, labels, interval } = checkOptions(scope, 'monitoring', given, MONITORING_PROPS);
  return {
    from: checkFrom(scope.node.path, from, 'monitoring.from'),
    labels: checkLabels(scope, 'monitoring.labels', labels ?? {}),
    intervalSeconds:
      interval === undefined ? 60 : checkSeconds(scope.node.path, 'monitoring.interval', interval),
  };
}
