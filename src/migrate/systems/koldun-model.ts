/** Koldun's Model: a repository streamed into a bucket, and converted into another one. */
import { parseHuggingFaceAddress } from '../../artifact/sources/hugging-face';
import { PublishedDllamaModel } from '../../engines/dllama/published-models';
import { quantity } from '../../validation/quantity';
import { call, Expression, literal, member, object, ref, RefExpression } from '../plan';
import type { PipelineBuilder, PlanBuilder } from '../plan-builder';
import type { Resource } from '../resource';
import { bucketProps, factsOf, huggingFace, Repository, s3Place, trimSlashes } from '../sources';
import type { Notes, Translation } from '../translation';
import { accessModes, isPinned, optional, pythonOfImage, size, textMap } from '../values';

interface SecretRef {
  readonly name: string;
  readonly namespace?: string;
}

/** What a Job is told; its command and arguments replace its program. */
interface JobSpec {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly memory?: string;
}

interface DownloadSpec extends JobSpec {
  readonly huggingFaceTokenSecretRef?: SecretRef;
  readonly chunkMaxMiB?: number;
  readonly concurrency?: number;
}

interface ConversionSpec extends JobSpec {
  readonly weightsFloatType?: 'q40' | 'q80' | 'f16' | 'f32';
  readonly outputPath?: string;
  readonly rcloneImage?: string;
  readonly toolsImage?: string;
  readonly converterVersion?: string;
}

interface VolumeSpec {
  readonly storageClassName?: string;
  readonly capacity?: string;
  readonly accessModes?: readonly string[];
  readonly reclaimPolicy?: 'Retain' | 'Delete' | 'Recycle';
  readonly csiDriver?: string;
  readonly csiMounter?: string;
  readonly csiOptions?: string;
  readonly volumeAttributes?: Readonly<Record<string, string>>;
  readonly csiSecretName?: string;
  readonly csiSecretNamespace?: string;
  readonly pvcStorageClassName?: string;
  readonly pvcCapacity?: string;
  readonly pvcAccessModes?: readonly string[];
}

/** @internal */
export interface ModelSpec {
  readonly sourceUrl: string;
  readonly localPath: string;
  readonly objectStorage?: {
    readonly endpoint: string;
    readonly secretRef?: SecretRef;
    readonly bucketForSource: string;
    readonly bucketForConvert: string;
  };
  readonly pipProxy?: string;
  readonly launchOptions?: readonly string[];
  readonly download?: DownloadSpec;
  readonly conversion?: ConversionSpec;
  readonly pv?: VolumeSpec;
}

/** What topologies take of a model. @internal */
export interface TranslatedModel {
  readonly resource: Resource<ModelSpec>;
  readonly pipeline: PipelineBuilder;
  /** What distributed-llama can run: the converted files, or those that are published for it. */
  readonly converted: () => RefExpression;
}

/** The default of Koldun's CSI volumes. */
const CSI_DRIVER = 'ru.yandex.s3.csi';

/** The upstream version whose bytes our converter writes. */
const CONVERTER_VERSION = 'v0.16.2';

/** Further upstream versions, which DllamaConverter.upstream can run. */
const OTHER_VERSIONS = ['v0.16.3', 'v0.16.4'];

const MIB = 1024 ** 2;

/** @internal */
export function translateModel(
  resource: Resource<ModelSpec>,
  translation: Translation,
  plan: PlanBuilder,
): TranslatedModel | undefined {
  const { spec } = resource;
  const notes = translation.of(resource);
  warnOfAnnotations(resource, notes);
  refuseCommands(notes, 'spec.download', spec.download);
  refuseCommands(notes, 'spec.conversion', spec.conversion);
  const address = parseHuggingFaceAddress(spec.sourceUrl);
  if (!address || address.dataset) {
    notes.refuse('spec.sourceUrl', spec.sourceUrl, {
      allowed: "the web address of a model on Hugging Face: 'https://huggingface.co/org/name'",
      advice: 'Koldun downloads nothing else. Other sources are there in code: ModelSource.parse.',
    });
  }
  if (!spec.objectStorage) {
    notes.refuse('spec.objectStorage', undefined, {
      allowed: '{ endpoint, bucketForSource, bucketForConvert }',
      advice: 'Koldun makes no Job without it, and says nothing. Name the buckets.',
    });
  }
  if (!address || !spec.objectStorage) return undefined;

  const pipeline = plan.pipeline(resource);
  const repository: Repository = {
    ...address,
    field: 'spec.sourceUrl',
    tokenSecret: tokenSecret(resource, notes, pipeline),
  };
  const credentialsSecret = storageSecret(resource, notes, pipeline);
  if (spec.launchOptions?.length) {
    notes.warn(
      'spec.launchOptions',
      'Koldun never reads it. It is left out; arguments of the server are rootArgs and workerArgs of DllamaTopology.',
    );
  }
  const source = huggingFace(notes, repository);
  const published = PublishedDllamaModel.ofRepository(address.repo) !== undefined;
  const facts = published ? undefined : factsOf(notes, repository);
  const place = sourcePlace(resource, notes);
  const store = pipeline.constant(
    'source-store',
    call(
      'ModelStore.s3',
      object({
        ...bucketProps({ endpoint: spec.objectStorage.endpoint, ...place, credentialsSecret }),
        csi: csi(spec.pv, place, notes),
      }),
    ),
    notes.taken(),
  );
  const cache = pipeline.construct(
    { class: 'ModelCache', phase: 'download', id: 'weights' },
    object({ source, store, facts, ...downloadProps(notes, spec.download) }),
    notes.taken(),
  );
  const model = ref(cache, 'artifact');
  const convert = (conversion: ConversionSpec): RefExpression => {
    const weights = weightsOf(notes, conversion);
    const to = convertedPlace(resource, conversion);
    const isSame = to.bucket === place.bucket && to.prefix === place.prefix;
    const converted = isSame
      ? undefined
      : pipeline.constant(
          'converted-store',
          call(
            'ModelStore.s3',
            object({
              ...bucketProps({ endpoint: spec.objectStorage!.endpoint, ...to, credentialsSecret }),
              csi: csi(spec.pv, to),
            }),
          ),
        );
    const variable = pipeline.construct(
      { class: 'DllamaConversion', phase: 'convert', id: weights, variable: 'converted' },
      object({
        model,
        weights: weights === 'q40' ? undefined : member('FloatType', weights.toUpperCase()),
        store: converted,
        name: literal(resource.name),
        ...conversionProps(notes, conversion),
        pipProxy: spec.pipProxy ? literal(spec.pipProxy) : undefined,
      }),
      notes.taken(),
    );
    return ref(variable, 'artifact');
  };
  if (spec.pipProxy && !spec.conversion) {
    notes.warn('spec.pipProxy', 'The download installs nothing, and there is no conversion: it is left out.');
  }
  let converted = spec.conversion && convert(spec.conversion);
  if (published) converted ??= model;
  return {
    resource,
    pipeline,
    converted: () => {
      if (!converted) {
        notes.warn(
          'spec.conversion',
          'It is missing, and Koldun would wait for its result for ever. distributed-llama can run converted files alone, so a conversion to q40 is added.',
        );
        converted = convert({});
      }
      return converted;
    },
  };
}

/** What the operator read from annotations. */
function warnOfAnnotations({ metadata }: Resource, notes: Notes): void {
  const told = {
    'koldun.gorizond.io/ttl-seconds':
      'Finished Jobs stay, and cost nothing: a Job that its time to live deletes would be made anew by Argo CD and Flux. It is left out.',
    'koldun.gorizond.io/force-size-rerun':
      'The size is measured while the files are made, and stands in their marker: nothing runs again for it. It is left out.',
  };
  for (const [name, message] of Object.entries(told)) {
    if (metadata.annotations?.[name] !== undefined) notes.warn(`metadata.annotations["${name}"]`, message);
  }
}

/** A program of the user's, of which nothing is known. */
function refuseCommands(notes: Notes, at: string, job: JobSpec | undefined): void {
  for (const field of ['command', 'args'] as const) {
    if (!job?.[field]?.length) continue;
    notes.refuse(`${at}.${field}`, job[field], {
      allowed: 'nothing: what it does cannot be known',
      advice:
        at === 'spec.download'
          ? 'Leave it out to have the download of this library, or write a ModelSource.custom in code: docs/custom-source.md is the contract.'
          : 'Leave it out to have the converter of this library.',
    });
  }
}

/** The Secret of the pipeline's namespace; Koldun ignores any other. */
function secretOf(
  notes: Notes,
  field: string,
  { name, namespace }: SecretRef,
  pipeline: PipelineBuilder,
): RefExpression {
  if (namespace !== undefined && namespace !== pipeline.namespace) {
    notes.warn(
      `${field}.namespace`,
      `A pod reads Secrets of its own namespace alone, so Koldun ignores one in ${namespace}. ` +
        `The Secret ${name} is taken from ${pipeline.namespace}: copy it there.`,
    );
  }
  return pipeline.secret(name);
}

function tokenSecret(
  { spec }: Resource<ModelSpec>,
  notes: Notes,
  pipeline: PipelineBuilder,
): RefExpression | undefined {
  const given = spec.download?.huggingFaceTokenSecretRef;
  return given && secretOf(notes, 'spec.download.huggingFaceTokenSecretRef', given, pipeline);
}

function storageSecret(
  { spec }: Resource<ModelSpec>,
  notes: Notes,
  pipeline: PipelineBuilder,
): RefExpression | undefined {
  const given = spec.objectStorage?.secretRef;
  return given && secretOf(notes, 'spec.objectStorage.secretRef', given, pipeline);
}

/** Koldun writes to `bucketForSource`, below the path of `localPath`. */
function sourcePlace({ spec }: Resource<ModelSpec>, notes: Notes): { bucket: string; prefix: string } {
  const bucket = spec.objectStorage!.bucketForSource;
  const path = s3Place(spec.localPath);
  if (path && path.bucket !== bucket) {
    notes.warn(
      'spec.localPath',
      `Koldun writes into the bucket ${bucket} (bucketForSource) and then reads from ${path.bucket}, where nothing is. ` +
        `${bucket} is taken for both.`,
    );
  }
  return { bucket, prefix: path?.prefix ?? trimSlashes(spec.localPath) };
}

/** Where the converted files go: `outputPath`, or the bucket for them. */
function convertedPlace(
  { spec }: Resource<ModelSpec>,
  { outputPath }: ConversionSpec,
): { bucket: string; prefix: string } {
  return s3Place(outputPath ?? '') ?? { bucket: spec.objectStorage!.bucketForConvert, prefix: '' };
}

function downloadProps(notes: Notes, download: DownloadSpec = {}): Record<string, Expression | undefined> {
  const concurrency = download.concurrency || undefined;
  const chunk = download.chunkMaxMiB || undefined;
  if (chunk !== undefined && chunk < 8) {
    notes.warn(
      'spec.download.chunkMaxMiB',
      `${chunk} MiB is less than the 8 MiB that Koldun takes at least; 8 MiB are taken.`,
    );
  }
  return {
    concurrency: optional(concurrency),
    chunkMax: chunk === undefined ? undefined : call('Size.mebibytes', literal(Math.max(8, chunk))),
    memory: memoryOf(notes, 'spec.download.memory', download.memory, (15 + 8 * (concurrency ?? 8)) * MIB),
    image: imageOf(
      notes,
      'spec.download.image',
      download.image,
      ({ minor }) => minor >= 11,
      'Python 3.11 or newer',
    ),
  };
}

function conversionProps(notes: Notes, conversion: ConversionSpec): Record<string, Expression | undefined> {
  const { outputPath, rcloneImage, toolsImage, converterVersion = CONVERTER_VERSION } = conversion;
  if (outputPath !== undefined && outputPath !== '' && !s3Place(outputPath)) {
    notes.warn(
      'spec.conversion.outputPath',
      `'${outputPath}' is a folder of Koldun's pod, and no place that lasts. The files go to bucketForConvert.`,
    );
  }
  if (rcloneImage !== undefined)
    notes.warn('spec.conversion.rcloneImage', 'Koldun never uses it. It is left out.');
  if (toolsImage !== undefined) {
    notes.warn(
      'spec.conversion.toolsImage',
      'It fetched the scripts and measured the result, which the converter does itself. It is left out.',
    );
  }
  const isOurs = converterVersion === CONVERTER_VERSION;
  if (!isOurs && !OTHER_VERSIONS.includes(converterVersion)) {
    notes.refuse('spec.conversion.converterVersion', converterVersion, {
      allowed: [CONVERTER_VERSION, ...OTHER_VERSIONS].join(', '),
      advice: 'The scripts of other versions have no checksum here.',
    });
  }
  return {
    converter: isOurs
      ? undefined
      : call('DllamaConverter.upstream', object({ version: literal(converterVersion) })),
    memory: memoryOf(notes, 'spec.conversion.memory', conversion.memory, 1024 * MIB),
    image: imageOf(
      notes,
      'spec.conversion.image',
      conversion.image,
      ({ minor, musl }) => minor >= 11 && minor <= 13 && !musl,
      'Python 3.11 to 3.13 with glibc',
    ),
  };
}

function weightsOf(notes: Notes, { weightsFloatType = 'q40' }: ConversionSpec): 'q40' | 'f32' {
  if (weightsFloatType === 'q40' || weightsFloatType === 'f32') return weightsFloatType;
  notes.warn(
    'spec.conversion.weightsFloatType',
    `distributed-llama cannot run ${weightsFloatType} weights: it takes q40, whose buffers are q80, or f32. q40 is taken.`,
  );
  return 'q40';
}

/** What is too little for our program is left to its own default. */
function memoryOf(
  notes: Notes,
  field: string,
  given: string | undefined,
  least: number,
): Expression | undefined {
  if (given === undefined) return undefined;
  if (quantity(given) >= least) return size(given);
  notes.warn(
    field,
    `${given} is less than the ${Math.ceil(least / MIB)} MiB that the Job takes. It is left out; the default is enough.`,
  );
  return undefined;
}

/** Nothing is installed in an image, so that the default does as well. */
function imageOf(
  notes: Notes,
  field: string,
  given: string | undefined,
  fits: (python: { readonly minor: number; readonly musl: boolean }) => boolean,
  needed: string,
): Expression | undefined {
  if (given === undefined) return undefined;
  const python = pythonOfImage(given);
  if (!isPinned(given)) {
    notes.warn(
      field,
      `${given} is pinned by no tag, and changes from day to day. It is left out: the default, by digest, is taken.`,
    );
  } else if (python && !fits(python)) {
    notes.warn(
      field,
      `${given} is not ${needed}, which the program needs. It is left out: the default, by digest, is taken.`,
    );
  } else {
    return literal(given);
  }
  return undefined;
}

/** The volume by which a bucket is read, where it is not as Koldun and this library make it by default. */
function csi(
  pv: VolumeSpec | undefined,
  place: { bucket: string; prefix: string },
  notes?: Notes,
): Expression | undefined {
  if (!pv) return undefined;
  const driver = pv.csiDriver || CSI_DRIVER;
  const isOther = driver !== CSI_DRIVER;
  // Koldun tells any driver what csi-s3 is told; of another one, this library knows no defaults.
  const told = isOther ? { bucket: place.bucket, ...(place.prefix ? { prefix: place.prefix } : {}) } : {};
  const attributes = { ...told, ...ownAttributes(pv, place, notes) };
  const storageClass = pv.storageClassName || (isOther ? 'csi-s3' : undefined);
  const volumeClass = storageClass ?? 'csi-s3';
  if (pv.pvcStorageClassName !== undefined && pv.pvcStorageClassName !== volumeClass) {
    notes?.warn(
      'spec.pv.pvcStorageClassName',
      `A claim of class '${pv.pvcStorageClassName}' and a volume of class '${volumeClass}' bind by luck. The claim gets the class of the volume.`,
    );
  }
  if (pv.reclaimPolicy === 'Recycle') {
    notes?.warn(
      'spec.pv.reclaimPolicy',
      'Recycle is gone from Kubernetes, and was never for CSI volumes. Retain is taken.',
    );
  }
  const members = object({
    driver: isOther ? literal(driver) : undefined,
    mounter: optional(pv.csiMounter || undefined),
    options: optional(pv.csiOptions || undefined),
    volumeAttributes: Object.keys(attributes).length > 0 ? textMap(attributes) : undefined,
    volumeHandle: isOther
      ? literal([place.bucket, place.prefix].filter((part) => part !== '').join('/'))
      : undefined,
    secretName: optional(pv.csiSecretName ?? (isOther ? 'csi-s3-secret' : undefined)),
    secretNamespace: optional(pv.csiSecretNamespace),
    capacity: pv.capacity === undefined ? undefined : size(pv.capacity),
    accessModes: pv.accessModes && accessModes(pv.accessModes),
    reclaimPolicy:
      pv.reclaimPolicy === 'Delete' ? member('PersistentVolumeReclaimPolicy', 'DELETE') : undefined,
    storageClassName: optional(storageClass),
    claimCapacity: pv.pvcCapacity === undefined ? undefined : size(pv.pvcCapacity),
    claimAccessModes: pv.pvcAccessModes && accessModes(pv.pvcAccessModes),
  });
  return members.members.length > 0 ? members : undefined;
}

/** Bucket and prefix are the store's. */
function ownAttributes(
  { volumeAttributes = {} }: VolumeSpec,
  place: { bucket: string; prefix: string },
  notes?: Notes,
) {
  const others = Object.entries(volumeAttributes).filter(([name]) => name !== 'bucket' && name !== 'prefix');
  const odd = (['bucket', 'prefix'] as const).filter(
    (name) => volumeAttributes[name] !== undefined && volumeAttributes[name] !== place[name],
  );
  if (odd.length > 0) {
    notes?.warn(
      'spec.pv.volumeAttributes',
      `${odd.join(' and ')} would lead to another place than the one that the files are put into. Left out.`,
    );
  }
  return Object.fromEntries(others);
}
