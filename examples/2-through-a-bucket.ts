// The same model through buckets, as Koldun does it: streamed into one, converted into another, and read through a CSI
// driver, so that no node and no claim has to hold it whole on the way.
//
// The cluster must have: a server of buckets (MinIO here) with both buckets, the CSI driver ru.yandex.s3.csi with its
// storage class csi-s3, a proxy of PyPI (Dragonfly here), the image of distributed-llama, and the Secrets `minio-creds`
// and `my-hf`.
import { Secret } from 'cdk8s-plus-28';
import { DllamaConversion, DllamaTopology, ModelCache, ModelSource, ModelStore, PhasedApp } from 'cdk8s-llm';
import { DLLAMA_IMAGE, MINIO } from './platform';

export function throughABucket(app: PhasedApp): void {
  const qwen = app.pipeline('qwen3-1.7b-s3', { namespace: 'llm-s3' });
  const bucketAccess = {
    endpoint: MINIO,
    credentialsSecret: Secret.fromSecretName(qwen, 'minio-creds', 'minio-creds'),
  };

  const weights = new ModelCache(qwen.download, 'weights', {
    source: ModelSource.parse('https://huggingface.co/Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
      tokenSecret: Secret.fromSecretName(qwen, 'my-hf', 'my-hf'),
    }),
    store: ModelStore.s3({ ...bucketAccess, bucket: 'my-bucket-model', prefix: 'Qwen' }),
    licence: 'apache-2.0',
  });
  const converted = new DllamaConversion(qwen.convert, 'q40', {
    model: weights.artifact,
    store: ModelStore.s3({ ...bucketAccess, bucket: 'my-bucket-convert' }),
    pipProxy: 'http://dragonfly.dragonfly-system.svc:4001',
  });
  new DllamaTopology(qwen.serve, 'chat', {
    model: converted.artifact,
    image: DLLAMA_IMAGE,
    replicaPower: 1,
  });
}
