import { KubeObject } from '../../src/validation/check';
import { Good } from './good-objects';

/** What breaks the rules about routes and autoscalers: objects that are added to the good ones. */

/** A case as the test of all rules has it. */
interface TrafficCase {
  readonly rule: string;
  readonly edit: (good: Good) => void;
  readonly object: keyof Good;
  readonly says: RegExp;
}

function ours(apiVersion: string, kind: string, name: string, spec: Record<string, unknown>): KubeObject {
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace: 'llm',
      labels: {
        'app.kubernetes.io/name': 'test',
        'app.kubernetes.io/instance': 'qwen',
        'app.kubernetes.io/component': 'server',
        'app.kubernetes.io/part-of': 'qwen',
        'app.kubernetes.io/managed-by': 'cdk8s-llm',
      },
      annotations: { 'argocd.argoproj.io/sync-wave': '40' },
    },
    spec,
  };
}

/** With what the API server would add. */
function wholeRef(ref: Record<string, unknown>): Record<string, unknown> {
  return { group: '', kind: 'Service', weight: 1, ...ref };
}

function httpRoute(name: string, backendRefs: Record<string, unknown>[]): KubeObject {
  return ours('gateway.networking.k8s.io/v1', 'HTTPRoute', name, {
    parentRefs: [
      { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'public', namespace: 'gateways' },
    ],
    hostnames: ['llm.example.com'],
    rules: [
      { matches: [{ path: { type: 'PathPrefix', value: '/qwen' } }], backendRefs: backendRefs.map(wholeRef) },
    ],
  });
}

function ingress(name: string, service: Record<string, unknown>, path = '/qwen'): KubeObject {
  return ours('networking.k8s.io/v1', 'Ingress', name, {
    ingressClassName: 'traefik',
    rules: [
      { host: 'llm.example.com', http: { paths: [{ path, pathType: 'Prefix', backend: { service } }] } },
    ],
  });
}

function scaledObject(
  scaleTargetRef: Record<string, string>,
  triggers: object[] = [{ type: 'prometheus', metadata: {} }],
): KubeObject {
  return ours('keda.sh/v1alpha1', 'ScaledObject', 'chat', {
    scaleTargetRef,
    maxReplicaCount: 1,
    triggers,
  });
}

const SERVICE = { name: 'qwen', port: 80 };
const BACKEND = { name: 'qwen', port: { number: 80 } };

function broken(rule: string, says: RegExp, ...objects: KubeObject[]): TrafficCase {
  return {
    rule,
    says,
    object: `added${objects.length}` as keyof Good,
    edit: (good) =>
      objects.forEach((object, index) => {
        (good as unknown as Record<string, KubeObject>)[`added${index + 1}`] = structuredClone(object);
      }),
  };
}

function withMiddlewares(object: KubeObject, names: string): KubeObject {
  object.metadata.annotations!['traefik.ingress.kubernetes.io/router.middlewares'] = names;
  return object;
}

export function trafficCases(): TrafficCase[] {
  return [
    broken(
      'backend-exists',
      /backendRefs\[0\]\.name is "gone"; there is no such Service/,
      httpRoute('chat', [{ name: 'gone', port: 80 }]),
    ),
    broken(
      'backend-exists',
      /backendRefs\[1\]\.port is 8080; the Service qwen has 80/,
      httpRoute('chat', [SERVICE, { ...SERVICE, port: 8080 }]),
    ),
    broken(
      'backend-exists',
      /is "chat"; there is no such InferencePool/,
      httpRoute('chat', [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'chat' }]),
    ),
    broken(
      'backend-exists',
      /paths\[0\]\.backend\.service\.name is "gone"; there is no such Service/,
      ingress('chat', { ...BACKEND, name: 'gone' }),
    ),
    broken(
      'middleware-exists',
      /there is no Middleware "strip" in the namespace/,
      withMiddlewares(ingress('chat', BACKEND), 'auth-jwt@kubernetescrd, llm-strip@kubernetescrd'),
    ),
    broken(
      'pool-selects',
      /selects no pod/,
      ours('inference.networking.k8s.io/v1', 'InferencePool', 'chat', {
        selector: { matchLabels: { 'app.kubernetes.io/component': 'nobody' } },
        targetPorts: [{ number: 8080 }],
        endpointPickerRef: { name: 'picker', port: { number: 9002 } },
      }),
    ),
    broken(
      'scale-target',
      /names Deployment llm\/gone, which is not among these/,
      scaledObject({ name: 'gone' }),
    ),
    broken(
      'scale-target',
      /names Server llm\/server, which ScaledObject llm\/chat scales/,
      { apiVersion: 'example.com/v1', kind: 'Server', metadata: { name: 'server', namespace: 'llm' } },
      scaledObject({ kind: 'Server', name: 'server' }),
      ours('http.keda.sh/v1alpha1', 'HTTPScaledObject', 'chat', {
        scaleTargetRef: { kind: 'Server', name: 'server', service: 'qwen', port: 80 },
      }),
    ),
    broken(
      'scaler-authentication',
      /triggers\[0\]\.authenticationRef\.name is "prometheus"; there is no such TriggerAuthentication/,
      { apiVersion: 'example.com/v1', kind: 'Server', metadata: { name: 'server', namespace: 'llm' } },
      scaledObject({ apiVersion: 'example.com/v1', kind: 'Server', name: 'server' }, [
        { type: 'prometheus', metadata: {}, authenticationRef: { name: 'prometheus' } },
      ]),
    ),
    broken(
      'route-address',
      /has llm\.example\.com\/qwen of the Gateway gateways\/public listener \*, as HTTPRoute llm\/first has/,
      httpRoute('first', [SERVICE]),
      httpRoute('second', [SERVICE]),
    ),
    broken(
      'route-address',
      /has llm\.example\.com\/qwen of the class "traefik", as Ingress llm\/first has/,
      ingress('first', BACKEND),
      ingress('second', BACKEND),
    ),
  ];
}

/** An object of each kind that leads requests or scales, with all parts that this library writes. */
export function trafficObjects(): KubeObject[] {
  const route = httpRoute('chat', [SERVICE]);
  route.spec.rules[0].timeouts = { request: '1h', backendRequest: '1h' };
  route.spec.rules[0].filters = [
    {
      type: 'URLRewrite',
      urlRewrite: { hostname: 'chat.llm', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } },
    },
    { type: 'ExtensionRef', extensionRef: { group: 'traefik.io', kind: 'Middleware', name: 'jwt' } },
  ];
  const behavior = {
    scaleDown: {
      stabilizationWindowSeconds: 600,
      policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
    },
  };
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'chat' };
  const scaled = scaledObject(target, [
    { type: 'prometheus', name: 'a', metadata: { query: 'up' }, authenticationRef: { name: 'a' } },
  ]);
  Object.assign(scaled.spec, {
    advanced: { horizontalPodAutoscalerConfig: { behavior } },
    fallback: { failureThreshold: 3, replicas: 1 },
    cooldownPeriod: 300,
  });
  return [
    route,
    ingress('chat', BACKEND),
    scaled,
    ours('keda.sh/v1alpha1', 'TriggerAuthentication', 'chat', {
      secretTargetRef: [{ parameter: 'bearerToken', name: 'prometheus', key: 'token' }],
    }),
    ours('http.keda.sh/v1alpha1', 'HTTPScaledObject', 'chat', {
      hosts: ['chat.llm'],
      scaleTargetRef: { ...target, service: 'chat', port: 80 },
      replicas: { min: 0, max: 2 },
      scalingMetric: { concurrency: { targetValue: 4 } },
      timeouts: { conditionWait: '10m', responseHeader: '1h' },
    }),
    ours('autoscaling/v2', 'HorizontalPodAutoscaler', 'chat', {
      scaleTargetRef: target,
      maxReplicas: 2,
      behavior,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
        },
      ],
    }),
    ours('inference.networking.k8s.io/v1', 'InferencePool', 'chat', {
      selector: { matchLabels: { app: 'chat' } },
      targetPorts: [{ number: 8080 }],
      endpointPickerRef: { name: 'picker', port: { number: 9002 }, failureMode: 'FailOpen' },
    }),
    ours('inference.networking.x-k8s.io/v1alpha2', 'InferencePool', 'chat', {
      selector: { app: 'chat' },
      targetPortNumber: 8080,
      extensionRef: { name: 'picker', portNumber: 9002, failureMode: 'FailClose' },
    }),
    ours('traefik.io/v1alpha1', 'Middleware', 'chat', { stripPrefix: { prefixes: ['/qwen'] } }),
  ];
}
