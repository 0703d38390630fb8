import { Size } from 'cdk8s';
import { Construct } from 'constructs';
import { checkStore, ModelStore } from '../artifact/model-store';
import { s3Args, s3Env, s3Ports, s3SecretPurpose } from '../artifact/s3-access';
import { AppStores } from '../artifact/stores/app-stores';
import { placeOnStores } from '../artifact/stores/placing';
import type { S3StoreProps } from '../artifact/stores/s3-store';
import type { StoreVolume } from '../artifact/stores/store-volume';
import { Phase } from '../phases/phase';
import { checkProps } from '../pod/checks';
import { python } from '../pod/guard';
import { checkImage, PYTHON_IMAGE } from '../pod/image';
import { InputError } from '../pod/input-error';
import { addJob } from '../pod/job';
import { JobOptions, ResolvedJobOptions, resolveJobOptions } from '../pod/job-options';
import { ANNOTATION } from '../pod/metadata';
import { addNetworkPolicy } from '../pod/network';
import { outsideEnv, outsideMounts, outsideVolumes } from '../pod/outside';
import { Owner, ownerOf } from '../pod/owner';
import {
  Placement,
  renderPod,
  storeAnnotations,
  storeLabels,
  storeMount,
  storePodVolume,
} from '../pod/pod-spec';
import { MODELS_FOLDER } from '../pod/store-folder';
import { Programs } from '../pod/programs';

/** What a `ModelEviction` is told. */
export interface ModelEvictionProps extends JobOptions {
  /**
   * The store. A new claim is one that other constructs of the app use as well; one that was made before is
   * `ModelStore.existingClaim(name)`.
   */
  readonly store: ModelStore;

  /**
   * The artifacts to remove, each by its key (12 hexadecimal digits) or its folder (`<name>-<key>`): as in the
   * store, in the README that was synthesized, or in the annotations of the Job that made it. What is not there is
   * no error.
   */
  readonly artifacts: string[];

  /**
   * Whether the Job only tells what would go, and how many bytes.
   *
   * @default false
   */
  readonly dryRun?: boolean;

  /**
   * The image of the Job: any with Python 3.11 or newer; nothing is installed in it.
   *
   * @default docker.io/library/python:3.13.7-slim-bookworm, by digest
   */
  readonly image?: string;
}

/**
 * A Job that removes artifacts from a store. Nothing else in this library does: a model that leaves the program
 * stays in its store until an eviction names it.
 *
 * What is in use stays: `synth()` refuses an artifact that a construct of the app makes or reads, and the Job one
 * that another artifact in the store was made from, unless that goes with it. It waits for a download that is at
 * work. What other programs use it cannot know. In a bucket that keeps versions, the bytes are freed by the
 * bucket's own lifecycle rules.
 *
 * @example
 *
 * new ModelEviction(pipeline.download, 'old-model', {
 *   store: ModelStore.existingClaim('models'),
 *   artifacts: ['qwen--qwen2.5-0.5b-6b58a2fb0a35'],
 *   dryRun: true,
 * });
 */
export class ModelEviction extends Construct {
  /**
   * @throws when an artifact is neither a key nor a folder, when the store is one of images, can only be read, or
   * is a new claim that nothing else uses; and at synth, when a construct of the app uses one of the artifacts
   */
  constructor(scope: Construct, id: string, props: ModelEvictionProps) {
    super(scope, id);
    const spec = resolveModelEviction(this, props ?? {});
    // Not now: a construct that uses an artifact may be added later.
    this.node.addValidation({ validate: () => inUse('artifacts', spec) });
    renderModelEviction(spec);
  }
}

/** @internal */
interface ModelEvictionSpec {
  readonly owner: Owner;
  /** Where the store is, in words. */
  readonly place: string;
  readonly artifacts: readonly string[];
  readonly dryRun: boolean;
  /** A bucket is reached by its API; everything else through a volume. */
  readonly s3?: S3StoreProps;
  readonly volume?: StoreVolume;
  readonly placement: Placement;
  readonly image: string;
  readonly options: ResolvedJobOptions;
}

function resolveModelEviction(scope: Construct, props: ModelEvictionProps): ModelEvictionSpec {
  const owner = ownerOf(scope, 'model-eviction', Phase.DOWNLOAD, [Phase.DOWNLOAD, Phase.TUNE, Phase.CONVERT]);
  const artifacts = checkEvicted(scope, 'artifacts', props.artifacts);
  const store = checkStore(scope, props.store);
  checkProps(scope, props);
  const place = placeOf(owner, store);
  const options = resolveJobOptions(scope, props, { backoffLimit: 6 });
  const image = checkImage(scope, 'image', props.image ?? PYTHON_IMAGE);
  const s3 = store._spec.kind === 's3' ? store._spec.s3 : undefined;
  const volume = s3 ? undefined : store._volume(owner);
  const placement = placeOnStores(owner, 'placement', options.placement, volume ? [volume] : []);
  return { owner, place, artifacts, dryRun: props.dryRun ?? false, s3, volume, placement, image, options };
}

const KEY = /^[0-9a-f]{12}$/;
const FOLDER = /^[a-z0-9][a-z0-9._-]*-[0-9a-f]{12}$/;

/** @throws when they are no list of keys and folders. @internal */
export function checkEvicted(scope: Construct, field: string, artifacts: string[]): string[] {
  const allowed = 'keys (12 hexadecimal digits) or folders (<name>-<key>) of artifacts';
  if (!Array.isArray(artifacts) || artifacts.length === 0) {
    throw new InputError(scope, field, artifacts, { allowed: `a list of ${allowed}` });
  }
  const wrong = artifacts.findIndex(
    (each) => typeof each !== 'string' || !(KEY.test(each) || FOLDER.test(each)),
  );
  if (wrong >= 0) {
    throw new InputError(scope, `${field}[${wrong}]`, artifacts[wrong], {
      allowed,
      advice: 'They are in the README that was synthesized, and the names of the folders in the store.',
    });
  }
  return [...new Set(artifacts)];
}

function placeOf(owner: Owner, store: ModelStore): string {
  const spec = store._spec;
  if (spec.kind === 'image') {
    throw new InputError(owner.scope, 'store', 'ModelStore.imageVolume', {
      allowed: 'a store that files are put into',
      advice: 'Images are removed where they are: in their registry; nodes drop those that no pod uses.',
    });
  }
  if (store._isReadOnly()) {
    throw new InputError(owner.scope, 'store', 'a claim that can only be read', {
      allowed: 'a store that can be written to',
    });
  }
  if (spec.kind === 'claim' && spec.create && !store._isUsed(owner)) {
    throw new InputError(owner.scope, 'store', 'a new claim that no construct uses yet', {
      allowed: 'the store of constructs that come before this one, or a claim that exists',
      advice:
        "In a new claim there is nothing to remove. Name one that is there: ModelStore.existingClaim('its-name').",
    });
  }
  return store._place(owner) as string;
}

/**
 * The errors of artifacts that constructs of the app use, in one place with this store.
 *
 * @internal
 */
export function inUse(
  field: string,
  { owner, place, artifacts }: Pick<ModelEvictionSpec, 'owner' | 'place' | 'artifacts'>,
): string[] {
  const uses = AppStores.of(owner.scope).usesOf(place);
  return artifacts.flatMap((artifact) => {
    const use = uses.find(({ key, path }) => artifact === key || artifact === path);
    if (!use) return [];
    const error = new InputError(owner.scope, field, artifact, {
      allowed: 'artifacts that no construct uses',
      advice: `${use.by.node.path} ${use.does} ${use.path} in this store: remove that construct first.`,
    });
    return [error.message];
  });
}

const LOGS = Size.mebibytes(64);

function renderModelEviction(spec: ModelEvictionSpec): void {
  const { owner, volume, s3, options } = spec;
  const programs = new Programs(owner, [
    'evict.py',
    s3 ? 'evict_bucket.py' : 'evict_folder.py',
    ...(s3 ? ['s3_client.py'] : []),
  ]);
  const stores = volume ? [volume] : [];
  addJob(owner, {
    component: 'evict',
    options,
    annotations: {
      ...storeAnnotations(stores),
      [ANNOTATION.evicts]: spec.artifacts.join(' '),
      [ANNOTATION.secrets]: s3 && s3SecretPurpose(s3),
    },
    podLabels: storeLabels(stores),
    pod: renderPod({
      placement: spec.placement,
      imagePullSecrets: options.imagePullSecrets,
      serviceAccountName: s3?.serviceAccount?.name,
      stores,
      containers: [
        {
          name: 'evict',
          image: spec.image,
          command: python('evict.py'),
          args: [
            ...(s3 ? s3Args(s3, '') : [`--root=${MODELS_FOLDER}`]),
            ...spec.artifacts.map((artifact) => `--artifact=${artifact}`),
            ...(spec.dryRun ? ['--dry-run'] : []),
          ],
          env: s3 ? [...s3Env(s3), ...outsideEnv(options)] : [],
          mounts: [
            ...(volume ? [storeMount(spec.dryRun ? 'read' : 'write', volume)] : []),
            ...(s3 ? outsideMounts(options) : []),
          ],
          resources: { cpu: '100m', cpuLimit: '1', memory: Size.mebibytes(128), storage: LOGS },
        },
      ],
      volumes: [
        ...(volume ? [storePodVolume(volume)] : []),
        ...(s3 ? outsideVolumes(options) : []),
        programs.volume(),
      ],
    }),
  });
  addNetworkPolicy(owner, {
    component: 'evict',
    ingress: [],
    egress: s3 ? [{ ports: [...new Set([...s3Ports(s3), ...options.ports])] }] : [],
    dns: s3 !== undefined,
  });
  programs.add();
}
