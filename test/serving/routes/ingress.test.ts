import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { NetworkPeer } from '../../../src/pod/network-peer';
import { Route } from '../../../src/serving/route';
import { IngressController, IngressRouteProps } from '../../../src/serving/routes/ingress';
import type { KubeObject } from '../../../src/validation/kube-object';
import { ofKind, the } from '../../support/objects';
import { served } from '../../support/servers';

const FROM = [NetworkPeer.namespace('ingress-nginx')];

function ingressOf(props: Partial<IngressRouteProps> = {}) {
  return the(served({ routes: [Route.ingress({ className: 'nginx', from: FROM, ...props })] }), 'Ingress');
}

/** Without what all objects of a server say of its model. */
function ownAnnotations({ metadata: { annotations = {} } }: KubeObject): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !name.startsWith('cdk8s-llm/')));
}

function refused(props: Partial<IngressRouteProps>): () => unknown {
  return () => Route.ingress({ className: 'nginx', from: FROM, ...props });
}

test('an Ingress of a host and a path leads to the Service, and streams', () => {
  const ingress = ingressOf({ host: 'llm.example.com', path: '/qwen/' });
  expect(ingress.metadata.name).toBe('qwen-chat');
  expect(ingress.metadata.labels).toMatchObject({ 'app.kubernetes.io/component': 'server' });
  expect(ownAnnotations(ingress)).toEqual({
    'argocd.argoproj.io/sync-wave': '40',
    'nginx.ingress.kubernetes.io/proxy-buffering': 'off',
    'nginx.ingress.kubernetes.io/proxy-read-timeout': '3600',
    'nginx.ingress.kubernetes.io/proxy-send-timeout': '3600',
    'nginx.ingress.kubernetes.io/proxy-body-size': '64m',
    'nginx.ingress.kubernetes.io/use-regex': 'true',
    'nginx.ingress.kubernetes.io/rewrite-target': '/$2',
  });
  expect(ingress.spec).toEqual({
    ingressClassName: 'nginx',
    rules: [
      {
        host: 'llm.example.com',
        http: {
          paths: [
            {
              path: '/qwen(/|$)(.*)',
              pathType: 'ImplementationSpecific',
              backend: { service: { name: 'qwen-chat', port: { number: 8080 } } },
            },
          ],
        },
      },
    ],
  });
});

test('the rewritten path of ingress-nginx is what the engine answers at', () => {
  const [{ path }] = ingressOf({ path: '/qwen' }).spec.rules[0].http.paths;
  const rewritten = (asked: string) => asked.replace(new RegExp(`^${path}`), '/$2');
  expect(rewritten('/qwen/v1/models')).toBe('/v1/models');
  expect(rewritten('/qwen')).toBe('/');
  expect(rewritten('/qwen2/v1')).toBe('/qwen2/v1');
});

test('of a server with an API key the API alone is open', () => {
  const paths = (props: Partial<IngressRouteProps>) =>
    the(
      served((pipeline) => ({
        apiKey: { secret: Secret.fromSecretName(pipeline.serve, 'key', 'api-key'), key: 'key' },
        routes: [Route.ingress({ className: 'nginx', from: FROM, ...props })],
      })),
      'Ingress',
    ).spec.rules[0].http.paths.map(({ path }: { path: string }) => path);
  const [path, ...others] = paths({ path: '/qwen' });
  expect(others).toEqual([]);
  // As ingress-nginx writes it: a location that begins here, of which the annotation takes the second group.
  const rewritten = (asked: string) => {
    const groups = new RegExp(`^${path}`).exec(asked);
    return groups ? `/${groups[2]}` : 'refused';
  };
  expect(rewritten('/qwen/v1/chat/completions')).toBe('/v1/chat/completions');
  expect(rewritten('/qwen/v1')).toBe('/v1');
  for (const other of ['/qwen/v10', '/qwen/invocations', '/qwen', '/qwen/metrics', '/qwen/x/v1/models'])
    expect(rewritten(other)).toBe('refused');
  expect(paths({ className: 'traefik', path: '/qwen' })).toEqual(['/qwen/v1']);
  expect(paths({ className: 'haproxy' })).toEqual(['/v1']);
  expect(paths({ paths: ['/'] })).toEqual(['/']);
  expect(paths({ path: '/qwen', paths: ['/v1', '/rerank'] })).toEqual([
    '/qwen(/)(v1(/.*|$))',
    '/qwen(/)(rerank(/.*|$))',
  ]);
});

test('what can be said otherwise is said otherwise', () => {
  const ingress = ingressOf({
    timeout: Duration.minutes(5),
    maxBody: Size.gibibytes(1),
    annotations: {
      'nginx.ingress.kubernetes.io/auth-url': 'https://auth.example.com',
      'nginx.ingress.kubernetes.io/proxy-buffering': 'on',
    },
    name: 'public',
  });
  expect(ingress.metadata.name).toBe('public');
  expect(ingress.metadata.annotations).toMatchObject({
    'nginx.ingress.kubernetes.io/proxy-read-timeout': '300',
    'nginx.ingress.kubernetes.io/proxy-body-size': '1024m',
    'nginx.ingress.kubernetes.io/auth-url': 'https://auth.example.com',
    'nginx.ingress.kubernetes.io/proxy-buffering': 'on',
  });
  expect(ingress.spec.rules[0].http.paths[0]).toMatchObject({ path: '/', pathType: 'Prefix' });
  expect(ingress.metadata.annotations).not.toHaveProperty('nginx.ingress.kubernetes.io/rewrite-target');
});

test('Traefik takes the prefix away by a Middleware, which is there', () => {
  const objects = served({
    routes: [Route.ingress({ className: 'traefik', from: FROM, host: 'llm.example.com', path: '/qwen' })],
  });
  const ingress = the(objects, 'Ingress');
  expect(ownAnnotations(ingress)).toEqual({
    'argocd.argoproj.io/sync-wave': '40',
    'traefik.ingress.kubernetes.io/router.middlewares': 'llm-qwen-chat@kubernetescrd',
  });
  expect(ingress.spec.rules[0].http.paths[0]).toMatchObject({ path: '/qwen', pathType: 'Prefix' });
  expect(the(objects, 'Middleware')).toMatchObject({
    apiVersion: 'traefik.io/v1alpha1',
    metadata: { name: 'qwen-chat', namespace: 'llm' },
    spec: { stripPrefix: { prefixes: ['/qwen'] } },
  });
});

test('TLS is of the host, by a Secret that cert-manager makes or that is there', () => {
  const ingress = ingressOf({
    host: 'llm.example.com',
    tls: { secretName: 'llm-tls', clusterIssuer: 'letsencrypt' },
  });
  expect(ingress.spec.tls).toEqual([{ hosts: ['llm.example.com'], secretName: 'llm-tls' }]);
  expect(ingress.metadata.annotations).toMatchObject({ 'cert-manager.io/cluster-issuer': 'letsencrypt' });
  const own = ingressOf({ host: 'llm.example.com', tls: { secretName: 'llm-tls' } });
  expect(own.metadata.annotations).not.toHaveProperty('cert-manager.io/cluster-issuer');
});

test('a class whose controller is not known is told what an Ingress can say', () => {
  const ingress = ingressOf({ className: 'haproxy', path: '/qwen', stripPrefix: false });
  expect(ownAnnotations(ingress)).toEqual({ 'argocd.argoproj.io/sync-wave': '40' });
  expect(ingress.spec.rules[0].http.paths[0]).toMatchObject({ path: '/qwen', pathType: 'Prefix' });
});

test('who sends the requests is let in', () => {
  const policy = the(
    served({ routes: [Route.ingress({ className: 'nginx', from: FROM })] }),
    'NetworkPolicy',
    /server/,
  );
  expect(policy.spec.ingress[0].from).toContainEqual({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } },
  });
});

test('two Ingresses of one server have names of their own', () => {
  const objects = served({
    routes: [
      Route.ingress({ className: 'nginx', from: FROM, host: 'a.example.com' }),
      Route.ingress({ className: 'traefik', from: FROM, host: 'b.example.com', path: '/qwen' }),
    ],
  });
  expect(ofKind(objects, 'Ingress').map(({ metadata }) => metadata.name)).toEqual([
    'qwen-chat',
    'qwen-chat-2',
  ]);
  expect(the(objects, 'Middleware').metadata.name).toBe('qwen-chat-2');
});

test.each<[Partial<IngressRouteProps>, RegExp]>([
  [{ from: [] }, /Route\.ingress: 'from' is .*NetworkPeer/],
  [{ from: ['ingress-nginx'] as unknown as NetworkPeer[] }, /'from\[0\]' is 'a string'/],
  [{ className: '' }, /'className' is ''/],
  [{ host: 'LLM.example.com' }, /'host' is 'LLM\.example\.com'/],
  [{ host: 'llm.example.com:443' }, /without a port/],
  [{ path: 'qwen' }, /'path' is 'qwen'/],
  [{ path: '/a/../b' }, /'path' is/],
  [{ path: '/(a|b)' }, /'path' is/],
  [{ stripPrefix: true }, /'stripPrefix' is true; allowed: false, or a path/],
  [{ className: 'haproxy', path: '/qwen' }, /allowed: false for the class 'haproxy'.*Route\.httpRoute/],
  [{ className: 'traefik', timeout: Duration.minutes(5) }, /'timeout' is .*ingress-nginx/],
  [{ controller: 'nginx' as IngressController }, /allowed: 'ingress-nginx', 'traefik', 'other'/],
  [{ tls: { secretName: 'tls' } }, /'tls' is 'given without a host'/],
  [{ annotations: { 'a/b': true as unknown as string } }, /annotations\["a\/b"\]' is true/],
  [{ timeout: Duration.millis(100) }, /'timeout in seconds' is 0\.1/],
])('%j is refused', (props, message) => {
  expect(refused(props)).toThrow(message);
});
