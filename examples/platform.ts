// What a platform team says of its cluster, once for all pipelines.
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import { Accelerator, Monitoring, NetworkPeer } from 'cdk8s-llm';

/** No image of distributed-llama is published; images/dllama/Dockerfile builds it. */
export const DLLAMA_IMAGE = 'registry.example.com/dllama:v0.16.4';

/** TRL with PEFT, in an image of your own: docs/fine-tune.md has what it must do. */
export const TRL_IMAGE = 'registry.example.com/trl:0.24.0';

/** A training script of your own, /app/train.py, with all that it imports. */
export const TRAINER_IMAGE = 'registry.example.com/trainer:3.2';

export const L4 = Accelerator.nvidia({ product: 'NVIDIA-L4' });

/** Nodes of four, with a taint, so that no pod that needs one of them keeps a pod waiting that needs all. */
export const FOUR_L4 = Accelerator.nvidia({
  product: 'NVIDIA-L4',
  count: 4,
  nodeSelector: { 'nvidia.com/gpu.count': '4' },
  tolerations: [{ key: 'example.com/whole-node', operator: 'Exists', effect: 'NoSchedule' }],
});

/** Nodes of eight, which InfiniBand connects. */
export const H100 = Accelerator.nvidia({
  product: 'NVIDIA-H100-80GB-HBM3',
  rdma: { resource: 'rdma/ib', count: 8 },
});

/** Of claims that pods of several nodes mount: the class must be of NFS, CephFS, Lustre or the like. */
export const SHARED = [PersistentVolumeAccessMode.READ_WRITE_MANY];

/** The bucket server in the cluster. */
export const MINIO = 'http://minio.minio.svc:9000';

/** By which KEDA asks what it scales by. */
export const PROMETHEUS = { serverAddress: 'http://prometheus-operated.monitoring.svc:9090' };

export const MONITORING = Monitoring.prometheus({
  from: [NetworkPeer.podsOfNamespace('monitoring', { 'app.kubernetes.io/name': 'prometheus' })],
  labels: { release: 'kube-prometheus-stack' },
});

/** The one way in from outside. Each model has a path of its own below the host. */
export const GATEWAY = {
  gateway: { name: 'llm', namespace: 'gateways', sectionName: 'https' },
  from: [NetworkPeer.namespace('envoy-gateway-system')],
  hostnames: ['llm.example.com'],
};
