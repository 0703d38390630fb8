import { ConfigMap, Secret } from 'cdk8s-plus-28';
import type { KubeObject } from '../../src/validation/kube-object';
import { JobOptions } from '../../src';
import { NO_MESH } from '../../src/pod/mesh';
import { objectsOf, plainChart, the, violationsOf } from '../support/objects';
import { cache, s3 } from '../support/models';
import { DllamaConversion } from '../../src/constructs/dllama-conversion';

/** A download and a conversion into S3 with the same options: all programs that reach out. */
function jobs(options: JobOptions = {}) {
  const chart = plainChart();
  const store = s3(chart);
  const { artifact } = cache(chart, { store, ...options });
  new DllamaConversion(chart, 'q40', { model: artifact, ...options });
  const objects = objectsOf(chart);
  const of = (component: string) => {
    const job = the(
      objects.filter((object) => object.metadata.labels?.['app.kubernetes.io/component'] === component),
      'Job',
    );
    const { containers, initContainers = [] } = job.spec.template.spec;
    return { job, pod: job.spec.template.spec, containers: [...initContainers, ...containers] };
  };
  return { chart, objects, download: of('download'), convert: of('convert') };
}

const egressPorts = (objects: KubeObject[]) =>
  objects
    .filter((object) => object.kind === 'NetworkPolicy')
    .map((policy) => policy.spec.egress.at(-1).ports.map(({ port }: { port: number }) => port));

const reachingOut = ({ download, convert }: ReturnType<typeof jobs>) =>
  [...download.containers, ...convert.containers].filter(({ name }) =>
    ['fetch', 'packages', 'upload'].includes(name),
  );

test('a mesh is kept out of every Job: its proxy would keep the pod from ever completing', () => {
  const { download, convert } = jobs();
  for (const { job } of [download, convert]) {
    expect(job.spec.template.metadata.labels).toMatchObject(NO_MESH.labels);
    expect(job.spec.template.metadata.annotations).toMatchObject(NO_MESH.annotations);
  }
});

test('images are pulled by the Secrets that are named, and by none unless they are', () => {
  const { download, convert } = jobs({
    imagePullSecrets: [Secret.fromSecretName(plainChart(), 'pull', 'registry')],
  });
  for (const { pod } of [download, convert]) expect(pod.imagePullSecrets).toEqual([{ name: 'registry' }]);
  expect(jobs().download.pod).not.toHaveProperty('imagePullSecrets');
});

test('a class of priority is that of every Job', () => {
  const made = jobs({ priorityClassName: 'batch-low' });
  for (const { pod } of [made.download, made.convert]) expect(pod.priorityClassName).toBe('batch-low');
  expect(violationsOf(made.objects)).toBe('');
  expect(jobs().download.pod).not.toHaveProperty('priorityClassName');
  expect(() => jobs({ priorityClassName: 'High' })).toThrow("'priorityClassName' is 'High'");
});

const DIRECT =
  'localhost,127.0.0.1,.svc,.cluster.local,169.254.169.254,169.254.170.23,metadata.google.internal';

const variables = (env: { name: string; value: string }[]) =>
  Object.fromEntries(env.filter(({ value }) => value !== undefined).map(({ name, value }) => [name, value]));

test('a proxy is told to all that reach out, in both cases, and its port opened', () => {
  const made = jobs({
    httpsProxy: 'http://proxy.example.com:3128',
    httpProxy: 'http://proxy.example.com:3129',
    noProxy: ['hub.example.com', '.corp.example.com'],
  });
  expect(reachingOut(made)).toHaveLength(3);
  const direct = `${DIRECT},hub.example.com,.corp.example.com`;
  for (const { env } of reachingOut(made)) {
    expect(variables(env)).toMatchObject({
      HTTPS_PROXY: 'http://proxy.example.com:3128',
      https_proxy: 'http://proxy.example.com:3128',
      HTTP_PROXY: 'http://proxy.example.com:3129',
      http_proxy: 'http://proxy.example.com:3129',
      NO_PROXY: direct,
      no_proxy: direct,
    });
  }
  for (const ports of egressPorts(made.objects)) expect(ports).toEqual(expect.arrayContaining([3128, 3129]));
  expect(violationsOf(made.objects)).toBe('');
});

test('what is not encrypted is reached directly unless a proxy is named for it', () => {
  const [{ env }] = reachingOut(jobs({ httpsProxy: 'http://proxy.example.com:3128' }));
  expect(variables(env)).toMatchObject({ NO_PROXY: DIRECT });
  expect(Object.keys(variables(env)).map((name) => name.toUpperCase())).not.toContain('HTTP_PROXY');
});

test('certificate authorities are mounted and told to each tool in its own way', () => {
  const made = jobs({
    caConfigMap: ConfigMap.fromConfigMapName(plainChart(), 'ca', 'company-ca'),
  });
  for (const { env, volumeMounts } of reachingOut(made)) {
    const names = ['SSL_CERT_FILE', 'PIP_CERT', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'AWS_CA_BUNDLE'];
    for (const name of [...names, 'GIT_SSL_CAINFO']) {
      expect(env).toContainEqual({ name, value: '/etc/cdk8s-llm/ca/ca.crt' });
    }
    expect(volumeMounts).toContainEqual({ name: 'ca', mountPath: '/etc/cdk8s-llm/ca', readOnly: true });
  }
  for (const { pod } of [made.download, made.convert]) {
    expect(pod.volumes).toContainEqual({
      name: 'ca',
      configMap: { name: 'company-ca', items: [{ key: 'ca.crt', path: 'ca.crt' }] },
    });
  }
  expect(violationsOf(made.objects)).toBe('');
});

test('further ports are opened, for Services whose pods listen on other ones', () => {
  for (const ports of egressPorts(jobs({ egressPorts: [9000] }).objects)) expect(ports).toContain(9000);
});

test.each<[JobOptions, string]>([
  [{ httpsProxy: 'proxy:3128' }, "'httpsProxy' is 'proxy:3128'; allowed: 'http(s)://host[:port]'"],
  [{ httpsProxy: 'http://me:secret@proxy' }, "'httpsProxy' is 'http://***@proxy'"],
  [{ httpProxy: 'proxy' }, "'httpProxy' is 'proxy'; allowed: 'http(s)://host[:port]'"],
  [{ noProxy: ['hub.example.com'] }, '\'noProxy\' is ["hub.example.com"]; allowed: nothing, as there is no'],
  [
    { httpsProxy: 'http://p', noProxy: ['http://hub'] },
    "'noProxy' is 'http://hub'; allowed: the name or the",
  ],
  [{ caConfigMap: 'ca' as never }, "'caConfigMap' is "],
  [{ egressPorts: [0] }, "'egressPorts' is 0; allowed: 1 to 65535"],
])('%j is refused', (options, message) => expect(() => jobs(options)).toThrow(message));
