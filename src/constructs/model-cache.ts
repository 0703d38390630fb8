import { Size } from 'cdk8s';
import { Construct } from 'constructs';
import { artifactAnnotations } from '../artifact/annotations';
import { Artifact } from '../artifact/artifact';
import { sourceKey } from '../artifact/key';
import { checkSource, ModelSource } from '../artifact/model-source';
import { checkStore, ModelStore, S3StoreProps, StoreVolume } from '../artifact/model-store';
import { s3Args, s3Env, s3SecretPurpose } from '../artifact/s3-access';
import type { ProgramFetch, SourceSpec } from '../artifact/sources/source-spec';
import { ModelFacts } from '../engines/model-facts';
import { Phase } from '../phases/phase';
import { artifactFolder, python } from '../pod/guard';
import { checkImage, PYTHON_IMAGE } from '../pod/image';
import { InputError } from '../pod/input-error';
import { addJob } from '../pod/job';
import { JobOptions, ResolvedJobOptions, resolveJobOptions } from '../pod/job-options';
import { ANNOTATION } from '../pod/metadata';
import { addNetworkPolicy, portOf } from '../pod/network';
import { outsideEnv, outsideMounts, outsideVolumes } from '../pod/outside';
import { Owner, ownerOf } from '../pod/owner';
import { renderPod, storeLabels, storeMount, storePodVolume } from '../pod/pod-spec';
import { Programs } from '../pod/programs';
import { bytesOf, mebibytesFor } from '../pod/quantity';
import { secretEnv } from '../pod/secret-env';
import { checkPositiveInteger } from '../pod/checks';

/** What a `ModelCache` is told. */
export interface ModelCacheProps extends JobOptions {
  /** Where the model's bytes come from. */
  readonly source: ModelSource;

  /** Where they are kept. */
  readonly store: ModelStore;

  /**
   * The model's dimensions, from its config.json. With them the constructs that follow can compute sizes and
   * memory, and refuse what cannot work.
   *
   * @default - those this library knows of well-known repositories
   */
  readonly facts?: ModelFacts;

  /**
   * The licence, as an SPDX identifier or the name that Hugging Face uses; written on all that holds or
   * serves the model.
   *
   * @default - read from the hub at run time and left in the marker alone
   */
  readonly licence?: string;

  /**
   * How many ranges are fetched at once.
   *
   * @default 8
   */
  readonly concurrency?: number;

  /**
   * The largest range that is fetched at once. A range is an eighth of the memory divided by the concurrency,
   * but never under 8 MiB.
   *
   * @default 64 MiB
   */
  readonly chunkMax?: Size;

  /**
   * Memory of the Job, request and limit. It does not depend on the model's size.
   *
   * @default 256 MiB, or more where concurrency needs it
   */
  readonly memory?: Size;

  /**
   * The image of the Job: any with Python 3.11 or newer; nothing is installed in it.
   *
   * @default docker.io/library/python:3.13.7-slim-bookworm, by digest
   */
  readonly image?: string;
}

/**
 * A model in a store, verified byte for byte: a Job that fetches it once, and whatever the store needs.
 *
 * The Job can be killed at any time; it continues where it was. When everything is there, running it again
 * reads no file.
 *
 * @example
 *
 * const weights = new ModelCache(pipeline.download, 'weights', {
 *   source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', { revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e' }),
 *   store: ModelStore.claim({ size: Size.gibibytes(20) }),
 * });
 */
export class ModelCache extends Construct {
  /** The verified files, for whatever consumes them. */
  public readonly artifact: Artifact;

  /**
   * @throws when the memory cannot hold the ranges, when the image is not pinned, when the chart has no
   * namespace or is that of another phase
   */
  constructor(scope: Construct, id: string, props: ModelCacheProps) {
    super(scope, id);
    const spec = resolveModelCache(this, props ?? {});
    props.store._admit(spec.owner, spec.artifact);
    renderModelCache(spec);
    this.artifact = spec.artifact;
  }
}

const MIB = 1024 * 1024;

/** The interpreter with the program, measured 9 to 15 MiB. */
const PROCESS_BYTES = 15 * MIB;

/** S3's least size of a part; smaller ranges gain nothing. */
const LEAST_CHUNK = 8 * MIB;

/** @internal */
interface ModelCacheSpec {
  readonly owner: Owner;
  readonly artifact: Artifact;
  readonly fetch: ProgramFetch;
  readonly s3?: S3StoreProps;
  /** The volume that the Job writes to; an S3 bucket is written to without one. */
  readonly volume?: StoreVolume;
  readonly image: string;
  readonly memory: Size;
  readonly concurrency: number;
  readonly chunkMib: number;
  readonly options: ResolvedJobOptions;
}

function resolveModelCache(scope: Construct, props: ModelCacheProps): ModelCacheSpec {
  const owner = ownerOf(scope, 'model-cache', Phase.DOWNLOAD, [Phase.DOWNLOAD, Phase.TUNE, Phase.CONVERT]);
  const source = checkSource(scope, props.source)._spec;
  const facts = props.facts ?? source.facts;
  const concurrency = checkPositiveInteger(scope, 'concurrency', props.concurrency ?? 8);
  const { memory, chunk } = memoryAndChunk(scope, props, concurrency);
  const store = checkStore(scope, props.store)._spec;
  return {
    owner,
    artifact: Artifact._of({
      store: props.store,
      namespace: owner.namespace,
      name: source.name,
      key: sourceKey(source),
      format: source.format,
      provenance: {
        source: source.address,
        repository: source.repository,
        revision: source.revision,
        licence: props.licence,
      },
      facts,
      bytes: source.bytes ?? (source.allWeights ? facts?.sourceBytes : undefined),
      modelFile: source.modelFile,
      tokenizerFile: source.tokenizerFile,
      weights: source.weights,
    }),
    fetch: programFetch(source),
    s3: store.kind === 's3' ? store.s3 : undefined,
    volume: store.kind === 'claim' ? props.store._volume(owner) : undefined,
    image: checkImage(scope, 'image', props.image ?? PYTHON_IMAGE),
    memory,
    concurrency,
    chunkMib: Math.floor(chunk / MIB),
    options: resolveJobOptions(scope, props, { backoffLimit: 10 }),
  };
}

function programFetch(source: SourceSpec): ProgramFetch {
  if (source.fetch.by !== 'program') throw new Error(`a source that is fetched by ${source.fetch.by}`);
  return source.fetch;
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
  return { memory, chunk: Math.max(LEAST_CHUNK, Math.min(cap, bytesOf(memory) / concurrency / 8)) };
}

function renderModelCache(spec: ModelCacheSpec): void {
  const { owner, artifact, fetch, volume, s3, options } = spec;
  const programs = new Programs(owner, ['fetch.py', 'huggingface.py', s3 ? 'bucket.py' : 'folder.py']);
  addJob(owner, {
    component: 'download',
    options,
    annotations: {
      ...artifactAnnotations(artifact),
      [ANNOTATION.secrets]: secretPurposes(spec),
    },
    podLabels: storeLabels(volume ? [volume] : []),
    pod: renderPod({
      placement: options.placement,
      imagePullSecrets: options.imagePullSecrets,
      stores: volume ? [volume] : [],
      containers: [
        {
          name: 'fetch',
          image: spec.image,
          command: [...python('fetch.py'), 'huggingface'],
          args: fetchArgs(spec),
          env: [
            ...fetch.secrets.map(({ env, secret, key }) => secretEnv(env, secret, key)),
            ...(s3 ? s3Env(s3) : []),
            ...outsideEnv(options),
          ],
          mounts: [...(volume ? [storeMount('write')] : []), ...outsideMounts(options)],
          resources: { cpu: '500m', cpuLimit: '2', memory: spec.memory, storage: Size.mebibytes(64) },
        },
      ],
      volumes: [...(volume ? [storePodVolume(volume)] : []), ...outsideVolumes(options), programs.volume()],
    }),
  });
  addNetworkPolicy(owner, {
    component: 'download',
    ingress: [],
    // A hub sends its large files from other hosts, whose addresses nobody can list.
    egress: [
      {
        ports: [
          ...new Set([
            443,
            ...fetch.endpoints.map(({ url }) => portOf(url)),
            ...(s3 ? [portOf(s3.endpoint)] : []),
            ...options.ports,
          ]),
        ],
      },
    ],
    dns: true,
  });
  programs.add();
}

function fetchArgs({ fetch, artifact, s3, concurrency, chunkMib }: ModelCacheSpec): string[] {
  return [
    ...fetch.endpoints.map(({ flag, url }) => `${flag}=${url}`),
    ...fetch.args,
    `--key=${artifact.key}`,
    ...(s3 ? s3Args(s3, artifact.path) : [`--dir=${artifactFolder(artifact)}`]),
    `--workers=${concurrency}`,
    `--chunk-mib=${chunkMib}`,
  ];
}

function secretPurposes({ fetch, s3 }: ModelCacheSpec): string | undefined {
  const lines = [
    ...fetch.secrets.map(({ secret, key, purpose }) => `${secret}/${key}=${purpose}`),
    ...(s3 ? [s3SecretPurpose(s3)] : []),
  ];
  return lines.length ? lines.join('\n') : undefined;
}
