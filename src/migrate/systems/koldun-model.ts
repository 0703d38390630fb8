/** Koldun's Model: a repository streamed into a bucket, and converted into another one. */
import { parseHuggingFaceAddress } from '../../artifact/sources/hugging-face';
import { PublishedDllamaModel } from '../../engines/dllama/published-models';
import { call, Expression, literal, member, object, ref, RefExpression } from '../plan';
import type { PipelineBuilder, PlanBuilder } from '../plan-builder';
import type { Resource } from '../resource';
import { bucketProps, factsOf, huggingFace, Repository, s3Place, trimSlashes } from '../sources';
import type { Notes, Translation } from '../translation';
import {
  ConversionSpec,
  conversionProps,
  DownloadSpec,
  downloadProps,
  refuseCommands,
  SecretRef,
  weightsOf,
} from './koldun-jobs';
import { csi, Place, VolumeSpec } from './koldun-volume';

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

/** The stores of a Model: in its buckets, by its CSI volumes. */
interface Stores {
  readonly resource: Resource<ModelSpec>;
  readonly pipeline: PipelineBuilder;
  readonly notes: Notes;
  readonly credentialsSecret?: RefExpression;
}

/** @internal */
export function translateModel(
  resource: Resource<ModelSpec>,
  translation: Translation,
  plan: PlanBuilder,
): TranslatedModel | undefined {
  const { spec } = resource;
  const notes = translation.of(resource);
  const address = checkModel(resource, notes);
  if (!address || !spec.objectStorage) return undefined;

  const pipeline = plan.pipeline(resource);
  const repository: Repository = {
    ...address,
    field: 'spec.sourceUrl',
    tokenSecret: tokenSecret(resource, notes, pipeline),
  };
  const stores = { resource, pipeline, notes, credentialsSecret: storageSecret(resource, notes, pipeline) };
  if (spec.launchOptions?.length) {
    notes.warn(
      'spec.launchOptions',
      'Koldun never reads it. It is left out; arguments of the server are rootArgs and workerArgs of DllamaTopology.',
    );
  }
  const source = huggingFace(notes, repository);
  const isPublished = PublishedDllamaModel.ofRepository(address.repo) !== undefined;
  const facts = isPublished ? undefined : factsOf(notes, repository);
  const place = sourcePlace(resource, notes);
  const store = pipeline.constant('source-store', storeAt(stores, place, notes), notes.taken());
  const cache = pipeline.construct(
    { class: 'ModelCache', phase: 'download', id: 'weights' },
    object({ source, store, facts, ...downloadProps(notes, spec.download) }),
    notes.taken(),
  );
  const model = ref(cache, 'artifact');
  if (spec.pipProxy && !spec.conversion) {
    notes.warn('spec.pipProxy', 'The download installs nothing, and there is no conversion: it is left out.');
  }
  let converted = spec.conversion && convert(stores, model, place, spec.conversion);
  if (isPublished) converted ??= model;
  return {
    resource,
    pipeline,
    converted: () => {
      if (!converted) {
        notes.warn(
          'spec.conversion',
          'It is missing, and Koldun would wait for its result for ever. distributed-llama can run converted files alone, so a conversion to q40 is added.',
        );
        converted = convert(stores, model, place, {});
      }
      return converted;
    },
  };
}

/** @returns the repository, if it is one that can be fetched */
function checkModel(resource: Resource<ModelSpec>, notes: Notes) {
  const { spec } = resource;
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
  return address;
}

/** @param notes is told what is odd of the volume: once, though both buckets have one */
function storeAt({ resource: { spec }, credentialsSecret }: Stores, place: Place, notes?: Notes): Expression {
  return call(
    'ModelStore.s3',
    object({
      ...bucketProps({ endpoint: spec.objectStorage!.endpoint, ...place, credentialsSecret }),
      csi: csi(spec.pv, place, notes),
    }),
  );
}

function convert(
  stores: Stores,
  model: RefExpression,
  from: Place,
  conversion: ConversionSpec,
): RefExpression {
  const { resource, pipeline, notes } = stores;
  const { pipProxy } = resource.spec;
  const weights = weightsOf(notes, conversion);
  const to = convertedPlace(resource, conversion);
  const isSame = to.bucket === from.bucket && to.prefix === from.prefix;
  const store = isSame ? undefined : pipeline.constant('converted-store', storeAt(stores, to));
  const variable = pipeline.construct(
    { class: 'DllamaConversion', phase: 'convert', id: weights, variable: 'converted' },
    object({
      model,
      weights: weights === 'q40' ? undefined : member('FloatType', weights.toUpperCase()),
      store,
      name: literal(resource.name),
      ...conversionProps(notes, conversion),
      pipProxy: pipProxy ? literal(pipProxy) : undefined,
    }),
    notes.taken(),
  );
  return ref(variable, 'artifact');
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
function sourcePlace({ spec }: Resource<ModelSpec>, notes: Notes): Place {
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
function convertedPlace({ spec }: Resource<ModelSpec>, { outputPath }: ConversionSpec): Place {
  return s3Place(outputPath ?? '') ?? { bucket: spec.objectStorage!.bucketForConvert, prefix: '' };
}
