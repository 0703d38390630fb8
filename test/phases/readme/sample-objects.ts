import { Phase, phaseFolder } from '../../../src/phases/phase';
import type { PipelineView } from '../../../src/phases/views';
import type { KubeObject } from '../../../src/validation/kube-object';

/** Objects of the shape that the constructs give: a download, a conversion, a root with three workers. */
export const KEY = { weights: '1111aaaa2222bbbb', converted: '3333cccc4444dddd' };

const SOURCE = {
  'cdk8s-llm/source': 'hf://Qwen/Qwen3-1.7B@70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
  'cdk8s-llm/repository': 'Qwen/Qwen3-1.7B',
  'cdk8s-llm/licence': 'apache-2.0',
};

/** Labels by which a component's pods are selected. */
export function labels(name: string, component: string): Record<string, string> {
  return { 'app.kubernetes.io/instance': name, 'app.kubernetes.io/component': component };
}

function container(name: string, image: string, cpu: string, memory: string, more: object = {}) {
  return { name, image, resources: { requests: { cpu, memory }, limits: { memory } }, ...more };
}

const PYTHON = 'docker.io/library/python:3.13-slim';
export const DLLAMA = `ghcr.io/example/dllama:0.16.4@sha256:${'a'.repeat(64)}`;

export function downloadObjects(): KubeObject[] {
  return [
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name: 'qwen-weights-download-0a1b2c3d',
        namespace: 'llm',
        annotations: {
          ...SOURCE,
          'cdk8s-llm/artifact-key': KEY.weights,
          'cdk8s-llm/artifact-path': `weights-${KEY.weights}`,
          'cdk8s-llm/secrets': 'hub-token/token=access token for the hub',
        },
      },
      spec: {
        template: {
          metadata: { labels: labels('weights', 'download') },
          spec: {
            containers: [
              container('fetch', PYTHON, '500m', '256Mi', {
                args: [`--key=${KEY.weights}`],
                env: [{ name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hub-token', key: 'token' } } }],
                volumeMounts: [{ name: 'store', mountPath: '/models' }],
              }),
            ],
            volumes: [
              { name: 'store', persistentVolumeClaim: { claimName: 'qwen-weights' } },
              { name: 'programs', configMap: { name: 'qwen-weights-programs-1234' } },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'qwen-weights', namespace: 'llm' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'fast|ssd',
        resources: { requests: { storage: '20Gi' } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'qwen-weights-programs-1234', namespace: 'llm' },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'qwen-weights-download', namespace: 'llm' },
      spec: {
        podSelector: { matchLabels: labels('weights', 'download') },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [],
        egress: [
          {
            ports: [
              { protocol: 'UDP', port: 53 },
              { protocol: 'TCP', port: 53 },
            ],
          },
          { ports: [{ protocol: 'TCP', port: 443 }] },
        ],
      },
    },
  ];
}

export function convertObjects(): KubeObject[] {
  return [
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name: 'qwen-q40-convert-9f8e7d6c',
        namespace: 'llm',
        annotations: {
          ...SOURCE,
          'cdk8s-llm/needs-artifact': KEY.weights,
          'cdk8s-llm/artifact-key': KEY.converted,
          'cdk8s-llm/artifact-path': `q40-${KEY.converted}`,
          'cdk8s-llm/artifact-bytes': String(1.5 * 2 ** 30),
        },
      },
      spec: {
        template: {
          metadata: { labels: labels('q40', 'convert') },
          spec: {
            initContainers: [
              container('await-model', PYTHON, '100m', '64Mi', {
                args: [`--key=${KEY.weights}`],
                volumeMounts: [{ name: 'store', mountPath: '/models', readOnly: true }],
              }),
            ],
            containers: [
              container('convert', PYTHON, '4', '1Gi', {
                volumeMounts: [{ name: 'store', mountPath: '/models' }],
              }),
            ],
            volumes: [{ name: 'store', persistentVolumeClaim: { claimName: 'qwen-weights' } }],
          },
        },
      },
    },
  ];
}

export function serveObjects(): KubeObject[] {
  const root = labels('chat', 'root');
  const worker = labels('chat', 'worker');
  const annotations = { ...SOURCE, 'cdk8s-llm/needs-artifact': KEY.converted };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'qwen-chat-root', namespace: 'llm', annotations: { ...annotations } },
      spec: {
        replicas: 1,
        selector: { matchLabels: root },
        template: {
          metadata: { labels: root },
          spec: {
            initContainers: [
              container('await-model', PYTHON, '100m', '64Mi', { args: [`--key=${KEY.converted}`] }),
              container('front', PYTHON, '500m', '256Mi', {
                restartPolicy: 'Always',
                ports: [{ name: 'http', containerPort: 9990 }],
              }),
            ],
            containers: [
              container('root', DLLAMA, '4', '2Gi', {
                args: ['--workers', 'qwen-chat-workers-0.qwen-chat-workers.llm.svc:9999'],
                volumeMounts: [{ name: 'store', mountPath: '/models', readOnly: true }],
              }),
            ],
            volumes: [
              { name: 'store', persistentVolumeClaim: { claimName: 'qwen-weights', readOnly: true } },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'qwen-chat-workers', namespace: 'llm', annotations: { ...annotations } },
      spec: {
        replicas: 3,
        serviceName: 'qwen-chat-workers',
        selector: { matchLabels: worker },
        template: {
          metadata: { labels: worker },
          spec: { containers: [container('worker', DLLAMA, '4', '1Gi')] },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'qwen-chat', namespace: 'llm', annotations: { ...annotations } },
      spec: { type: 'ClusterIP', selector: root, ports: [{ port: 80, targetPort: 'http' }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'qwen-chat-workers', namespace: 'llm' },
      spec: { clusterIP: 'None', selector: worker, ports: [{ port: 9999 }] },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'qwen-chat-worker', namespace: 'llm' },
      spec: {
        podSelector: { matchLabels: worker },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          { from: [{ podSelector: { matchLabels: root } }], ports: [{ protocol: 'TCP', port: 9999 }] },
        ],
        egress: [],
      },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'qwen-chat-root', namespace: 'llm' },
      spec: {
        podSelector: { matchLabels: root },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [{ podSelector: {} }], ports: [{ protocol: 'TCP', port: 'http' }] }],
        egress: [
          { to: [{ podSelector: { matchLabels: worker } }], ports: [{ protocol: 'TCP', port: 9999 }] },
        ],
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'qwen-chat-workers', namespace: 'llm' },
      spec: { maxUnavailable: 1, selector: { matchLabels: worker } },
    },
  ];
}

/** The whole pipeline, or other objects in its phases. */
export function qwen(objects: Partial<Record<Phase, KubeObject[]>> = {}, name = 'qwen3-1.7b'): PipelineView {
  const all = {
    [Phase.DOWNLOAD]: downloadObjects(),
    [Phase.CONVERT]: convertObjects(),
    [Phase.SERVE]: serveObjects(),
    ...objects,
  };
  return {
    name,
    namespace: 'llm',
    phases: Object.entries(all)
      .map(([phase, given]) => ({ phase: Number(phase), objects: given }))
      .filter((phase) => phase.objects.length > 0)
      .sort((a, b) => a.phase - b.phase)
      .map(({ phase, objects: given }) => ({ phase, folder: phaseFolder(phase), objects: given })),
  };
}
