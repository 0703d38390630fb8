import { Size } from 'cdk8s';
import { PersistentVolumeAccessMode, Secret } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import {
  Artifact,
  ClaimStoreProps,
  DllamaConversion,
  DllamaConversionProps,
  DllamaTopology,
  DllamaTopologyProps,
  ModelArchitecture,
  ModelCache,
  ModelCacheProps,
  ModelFacts,
  ModelFactsProps,
  ModelSource,
  ModelStore,
  S3StoreProps,
} from '../../src';

export const COMMIT = '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e';
export const OTHER_COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** A repository whose facts the library knows. */
export const QWEN = 'Qwen/Qwen3-1.7B';

/** A repository that it knows nothing of. */
export const UNKNOWN = 'acme/mystery';

export const DLLAMA_IMAGE = 'registry.example.com/dllama:v0.16.4';

const TINY: ModelFactsProps = {
  architecture: ModelArchitecture.LLAMA,
  dim: 256,
  hiddenDim: 512,
  layers: 2,
  heads: 8,
  kvHeads: 4,
  vocabSize: 1024,
  maxSeqLen: 2048,
  ropeTheta: 10000,
  normEpsilon: 1e-5,
};

/** The facts of a small llama. */
export function tinyFacts(props: Partial<ModelFactsProps> = {}): ModelFacts {
  return ModelFacts.of({ ...TINY, ...props });
}

export function source(repository = QWEN, revision = COMMIT): ModelSource {
  return ModelSource.huggingFace(repository, { revision });
}

/** A new claim that holds any model. */
export function claim(props: Partial<ClaimStoreProps> = {}): ModelStore {
  return ModelStore.claim({ size: Size.tebibytes(2), ...props });
}

/** A claim that all nodes can mount. */
export function sharedClaim(props: Partial<ClaimStoreProps> = {}): ModelStore {
  return claim({ accessModes: [PersistentVolumeAccessMode.READ_WRITE_MANY], ...props });
}

export function s3(scope: Construct, props: Partial<S3StoreProps> = {}): ModelStore {
  const bucket = props.bucket ?? 'models';
  return ModelStore.s3({
    endpoint: 'http://minio.minio.svc:9000',
    bucket,
    credentialsSecret: Secret.fromSecretName(scope, `credentials-of-${bucket}`, 'minio-creds'),
    ...props,
  });
}

export function cache(scope: Construct, props: Partial<ModelCacheProps> = {}, id = 'weights'): ModelCache {
  return new ModelCache(scope, id, { source: source(), store: claim(), ...props });
}

/** What a cache of these props hands on. */
export function downloaded(scope: Construct, props: Partial<ModelCacheProps> = {}): Artifact {
  return cache(scope, props).artifact;
}

export function conversion(
  scope: Construct,
  props: Partial<DllamaConversionProps> = {},
  id = 'q40',
): DllamaConversion {
  return new DllamaConversion(scope, id, { ...props, model: props.model ?? downloaded(scope) });
}

export function topology(
  scope: Construct,
  props: Partial<DllamaTopologyProps> = {},
  id = 'chat',
): DllamaTopology {
  return new DllamaTopology(scope, id, {
    image: DLLAMA_IMAGE,
    ...(props.workers === undefined ? { replicaPower: 2 } : {}),
    ...props,
    model: props.model ?? conversion(scope).artifact,
  });
}
