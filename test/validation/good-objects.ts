import { contentHash, jobHash } from '../../src/pod/content-hash';
import { CheckedObject, KubeObject } from '../../src/validation/check';

/**
 * Objects that break no rule, written by hand: a pipeline of distributed-llama, what points Argo CD and Flux at
 * it, and a Deployment of somebody else. Tests break one thing in them.
 */
export interface Good {
  readonly namespace: KubeObject;
  readonly volume: KubeObject;
  readonly claim: KubeObject;
  readonly programs: KubeObject;
  readonly download: KubeObject;
  readonly convert: KubeObject;
  readonly root: KubeObject;
  readonly service: KubeObject;
  readonly workers: KubeObject;
  readonly workerService: KubeObject;
  readonly workerBudget: KubeObject;
  readonly downloadPolicy: KubeObject;
  readonly convertPolicy: KubeObject;
  readonly rootPolicy: KubeObject;
  readonly workerPolicy: KubeObject;
  readonly secret: KubeObject;
  readonly serviceAccount: KubeObject;
  readonly application: KubeObject;
  readonly applicationSet: KubeObject;
  readonly downloadPhase: KubeObject;
  readonly servePhase: KubeObject;
  readonly foreign: KubeObject;
  readonly foreignPolicy: KubeObject;
}

const OURS = { 'app.kubernetes.io/managed-by': 'cdk8s-llm' };
const KEPT = {
  'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
  'kustomize.toolkit.fluxcd.io/prune': 'disabled',
};
const COMMIT = '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e';
const PROVENANCE = {
  'cdk8s-llm/source': `hf://Qwen/Qwen3-1.7B@${COMMIT}`,
  'cdk8s-llm/repository': 'Qwen/Qwen3-1.7B',
  'cdk8s-llm/revision': COMMIT,
};
const NO_MESH = {
  labels: { 'sidecar.istio.io/inject': 'false', 'istio.io/dataplane-mode': 'none' },
  annotations: { 'linkerd.io/inject': 'disabled' },
};

function selector(component: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'test',
    'app.kubernetes.io/instance': 'qwen',
    'app.kubernetes.io/component': component,
  };
}

function labels(component: string): Record<string, string> {
  return { ...selector(component), 'app.kubernetes.io/part-of': 'qwen', ...OURS };
}

function meta(name: string, wave: number, component: string, annotations: Record<string, string> = {}) {
  return {
    name,
    namespace: 'llm',
    labels: labels(component),
    annotations: { 'argocd.argoproj.io/sync-wave': String(wave), ...annotations },
  };
}

function resources(cpu: string) {
  const amounts = { cpu, memory: '1Gi', 'ephemeral-storage': '64Mi' };
  return { requests: { ...amounts }, limits: { ...amounts } };
}

function secureContainer() {
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  };
}

function securePod() {
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      fsGroup: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
}

const CLAIM_LABEL = { 'cdk8s-llm/claim': 'qwen-models' };

function byTheClaim() {
  const term = {
    labelSelector: { matchLabels: { ...CLAIM_LABEL } },
    topologyKey: 'kubernetes.io/hostname',
  };
  return { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
}

const PROGRAMS = { 'guard.py': 'print("hello")\n', 'dllama.sh': 'exec "$@"\n' };
const PROGRAMS_NAME = `qwen-programs-${contentHash(PROGRAMS)}`;

function job(name: string, wave: number, component: string, annotations: Record<string, string>): KubeObject {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: meta(name, wave, component, {
      'cdk8s-llm/attempt': '1',
      ...PROVENANCE,
      ...annotations,
    }),
    spec: {
      backoffLimit: 10,
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          { action: 'FailJob', onExitCodes: { operator: 'In', values: [64, 65, 66, 73, 77] } },
        ],
      },
      template: {
        metadata: {
          labels: { ...labels(component), ...CLAIM_LABEL, ...NO_MESH.labels },
          annotations: { ...NO_MESH.annotations },
        },
        spec: {
          restartPolicy: 'Never',
          ...securePod(),
          affinity: byTheClaim(),
          containers: [
            {
              name: component,
              image: 'registry.example/python:3.13.7-slim',
              command: ['python3', '/opt/guard.py'],
              args: ['--dir=/models'],
              env: [
                { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hub', key: 'token' } } },
                { name: 'MAX_TOKENS', value: '100' },
              ],
              resources: resources('500m'),
              securityContext: secureContainer(),
              volumeMounts: [
                { name: 'models', mountPath: '/models' },
                { name: 'programs', mountPath: '/opt', readOnly: true },
              ],
            },
          ],
          volumes: [
            { name: 'models', persistentVolumeClaim: { claimName: 'qwen-models' } },
            { name: 'programs', configMap: { name: PROGRAMS_NAME } },
          ],
        },
      },
    },
  };
}

/** Gives a Job the name that its spec, attempt and queue call for. */
export function nameJob(object: KubeObject): void {
  const attempt = Number(object.metadata.annotations?.['cdk8s-llm/attempt']);
  const base = object.metadata.name?.replace(/-[0-9a-f]{8}$/, '');
  object.metadata.name = `${base}-${jobHash(object.spec as object, attempt, object.metadata.labels?.['kueue.x-k8s.io/queue-name'])}`;
}

function policy(component: string, ingress: object[], egress: object[]): KubeObject {
  const wave = { download: 10, convert: 30 }[component] ?? 40;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta(`qwen-${component}`, wave, component),
    spec: {
      podSelector: { matchLabels: selector(component) },
      policyTypes: ['Ingress', 'Egress'],
      ingress,
      egress,
    },
  };
}

function execProbe(state: string) {
  return { exec: { command: ['sh', '/opt/dllama.sh', state] }, periodSeconds: 10, failureThreshold: 3 };
}

function httpProbe() {
  return { httpGet: { path: '/health', port: 'http' }, periodSeconds: 10, failureThreshold: 3 };
}

const DNS = {
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};
const PROGRAMS_VOLUME = { name: 'programs', configMap: { name: PROGRAMS_NAME } };
const PROGRAMS_MOUNT = { name: 'programs', mountPath: '/opt', readOnly: true };

function root(): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('qwen-root', 40, 'root', { ...PROVENANCE, 'cdk8s-llm/needs-artifact': 'converted' }),
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      progressDeadlineSeconds: 900,
      selector: { matchLabels: selector('root') },
      template: {
        metadata: {
          labels: { ...labels('root'), ...CLAIM_LABEL, ...NO_MESH.labels },
          annotations: { ...NO_MESH.annotations },
        },
        spec: {
          ...securePod(),
          affinity: byTheClaim(),
          terminationGracePeriodSeconds: 60,
          initContainers: [
            {
              name: 'front',
              image: 'registry.example/python:3.13.7-slim',
              command: ['python3', '/opt/guard.py'],
              restartPolicy: 'Always',
              ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
              startupProbe: httpProbe(),
              readinessProbe: httpProbe(),
              livenessProbe: httpProbe(),
              resources: resources('500m'),
              securityContext: secureContainer(),
              volumeMounts: [{ ...PROGRAMS_MOUNT }],
            },
          ],
          containers: [
            {
              name: 'root',
              image: 'registry.example/dllama:v0.16.4',
              command: ['sh', '/opt/dllama.sh', 'root'],
              args: [
                'dllama-api',
                ...['--model', '/models/q.m', '--tokenizer', '/models/q.t'],
                ...['--buffer-float-type', 'q80', '--max-seq-len', '4096'],
                ...['--workers', worker(0), worker(1)],
                ...['--nthreads', '2', '--host', '127.0.0.1', '--port', '9990'],
              ],
              tty: true,
              startupProbe: execProbe('started'),
              readinessProbe: execProbe('ready'),
              livenessProbe: execProbe('live'),
              lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
              resources: resources('2'),
              securityContext: secureContainer(),
              volumeMounts: [{ name: 'models', mountPath: '/models', readOnly: true }, { ...PROGRAMS_MOUNT }],
            },
          ],
          volumes: [
            { name: 'models', persistentVolumeClaim: { claimName: 'qwen-models' } },
            structuredClone(PROGRAMS_VOLUME),
          ],
        },
      },
    },
  };
}

function worker(slot: number): string {
  return `qwen-worker-${slot}.qwen-worker.llm.svc.cluster.local:9999`;
}

function workers(): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta('qwen-worker', 40, 'worker', { ...PROVENANCE, 'cdk8s-llm/needs-artifact': 'converted' }),
    spec: {
      replicas: 2,
      serviceName: 'qwen-worker',
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: selector('worker') },
      template: {
        metadata: {
          labels: { ...labels('worker'), ...NO_MESH.labels },
          annotations: { ...NO_MESH.annotations },
        },
        spec: {
          ...securePod(),
          terminationGracePeriodSeconds: 5,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: selector('worker') },
            },
          ],
          containers: [
            {
              name: 'worker',
              image: 'registry.example/dllama:v0.16.4',
              command: ['sh', '/opt/dllama.sh', 'worker'],
              args: ['dllama', 'worker', '--nthreads', '2', '--host', '0.0.0.0', '--port', '9999'],
              tty: true,
              ports: [{ name: 'dllama', containerPort: 9999, protocol: 'TCP' }],
              startupProbe: execProbe('ready'),
              readinessProbe: execProbe('ready'),
              livenessProbe: execProbe('live'),
              resources: resources('2'),
              securityContext: secureContainer(),
              volumeMounts: [{ ...PROGRAMS_MOUNT }],
            },
          ],
          volumes: [structuredClone(PROGRAMS_VOLUME)],
        },
      },
    },
  };
}

function foreign(): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'proxy', namespace: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'proxy' } },
      template: {
        metadata: { labels: { app: 'proxy' } },
        spec: {
          ...securePod(),
          containers: [
            {
              name: 'proxy',
              image: 'registry.example/proxy:v1.2.3',
              ports: [{ name: 'http', containerPort: 8080 }],
              startupProbe: httpProbe(),
              readinessProbe: httpProbe(),
              livenessProbe: httpProbe(),
              resources: resources('1'),
              securityContext: secureContainer(),
            },
          ],
        },
      },
    },
  };
}

function application(): object {
  return {
    project: 'default',
    source: {
      repoURL: 'https://git.example/models.git',
      targetRevision: 'main',
      path: 'dist/qwen',
      directory: { recurse: true },
    },
    destination: { server: 'https://kubernetes.default.svc', namespace: 'llm' },
    syncPolicy: {
      automated: { prune: true, selfHeal: true },
      retry: { limit: 10, refresh: true, backoff: { duration: '30s', factor: 2, maxDuration: '10m' } },
      syncOptions: ['CreateNamespace=true'],
    },
  };
}

function kustomization(name: string, after: string[]): KubeObject {
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name, namespace: 'flux-system', labels: { ...OURS } },
    spec: {
      ...(after.length > 0 ? { dependsOn: after.map((other) => ({ name: other })) } : {}),
      sourceRef: { kind: 'GitRepository', name: 'models' },
      path: `./dist/qwen/${name}`,
      interval: '1h',
      retryInterval: '1m',
      timeout: '5m',
      prune: true,
      wait: true,
      force: false,
    },
  };
}

export function goodObjects(): Good {
  const good: Good = {
    namespace: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: 'llm',
        labels: { ...OURS },
        annotations: { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' },
      },
    },
    volume: {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'llm-qwen', labels: labels('store'), annotations: { ...KEPT } },
      spec: {
        capacity: { storage: '20Gi' },
        accessModes: ['ReadWriteMany'],
        persistentVolumeReclaimPolicy: 'Retain',
        csi: { driver: 's3.csi.example', volumeHandle: 'models/qwen' },
      },
    },
    claim: {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: meta('qwen-models', 10, 'store', KEPT),
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '20Gi' } } },
    },
    programs: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: meta(PROGRAMS_NAME, 10, 'programs', {
        'argocd.argoproj.io/sync-options': 'PruneLast=true',
        'kustomize.toolkit.fluxcd.io/substitute': 'disabled',
      }),
      immutable: true,
      data: { ...PROGRAMS },
    },
    download: job('qwen-download', 10, 'download', { 'cdk8s-llm/artifact-key': 'source' }),
    convert: job('qwen-convert', 30, 'convert', {
      'cdk8s-llm/artifact-key': 'converted',
      'cdk8s-llm/needs-artifact': 'source',
    }),
    root: root(),
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta('qwen', 40, 'root'),
      spec: {
        type: 'ClusterIP',
        selector: selector('root'),
        ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
      },
    },
    workers: workers(),
    workerService: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta('qwen-worker', 40, 'worker'),
      spec: {
        clusterIP: 'None',
        publishNotReadyAddresses: true,
        selector: selector('worker'),
        ports: [{ name: 'dllama', port: 9999, targetPort: 'dllama', protocol: 'TCP' }],
      },
    },
    workerBudget: {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: meta('qwen-worker', 40, 'worker'),
      spec: { maxUnavailable: 1, selector: { matchLabels: selector('worker') } },
    },
    downloadPolicy: policy('download', [], [DNS, { ports: [{ protocol: 'TCP', port: 443 }] }]),
    convertPolicy: policy('convert', [], [DNS]),
    rootPolicy: policy(
      'root',
      [{ from: [{ podSelector: {} }], ports: [{ protocol: 'TCP', port: 8080 }] }],
      [DNS, { to: [{ podSelector: { matchLabels: selector('worker') } }], ports: [{ port: 9999 }] }],
    ),
    workerPolicy: policy(
      'worker',
      [
        {
          from: ['root', 'worker'].map((c) => ({ podSelector: { matchLabels: selector(c) } })),
          ports: [{ port: 9999 }],
        },
      ],
      [DNS, { to: [{ podSelector: { matchLabels: selector('worker') } }], ports: [{ port: 9999 }] }],
    ),
    secret: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hub', namespace: 'web' }, type: 'Opaque' },
    serviceAccount: {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'proxy', namespace: 'web' },
    },
    application: {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name: 'qwen', namespace: 'argocd', labels: { ...OURS } },
      spec: application(),
    },
    applicationSet: {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'ApplicationSet',
      metadata: { name: 'models', namespace: 'argocd', labels: { ...OURS } },
      spec: {
        goTemplate: true,
        generators: [
          {
            git: {
              repoURL: 'https://git.example/models.git',
              revision: 'main',
              directories: [{ path: 'dist/*' }],
            },
          },
        ],
        template: { metadata: { name: '{{.path.basename}}' }, spec: application() },
      },
    },
    downloadPhase: kustomization('qwen-10-download', []),
    servePhase: kustomization('qwen-40-serve', ['qwen-10-download']),
    foreign: foreign(),
    foreignPolicy: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'proxy', namespace: 'web' },
      spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
    },
  };
  nameJob(good.download);
  nameJob(good.convert);
  return good;
}

/** The same for Kubernetes 1.28, which has no native sidecars. */
export function goodObjectsOf128(): Good {
  const good = goodObjects();
  const pod = good.root.spec.template.spec;
  const [front] = pod.initContainers;
  delete front.restartPolicy;
  delete pod.initContainers;
  pod.containers.push(front);
  return good;
}

/** The objects as a check is given them, each found at its name above. */
export function checked(good: Good): CheckedObject[] {
  return Object.entries(good as unknown as Record<string, KubeObject>).map(([where, object]) => ({
    object,
    where,
  }));
}
