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

test('a proxy is told to all that reach out, and its port opened', () => {
  const made = jobs({ httpsProxy: 'http://proxy.example.com:3128' });
  expect(reachingOut(made)).toHaveLength(3);
  for (const { env } of reachingOut(made)) {
    expect(env).toContainEqual({ name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' });
    expect(env).toContainEqual({ name: 'NO_PROXY', value: 'localhost,127.0.0.1,.svc,.cluster.local' });
  }
  for (const ports of egressPorts(made.objects)) expect(ports).toContain(3128);
  expect(violationsOf(made.objects)).toBe('');
});

test('certificate authorities are mounted and told to Python and pip', () => {
  const made = jobs({
    caConfigMap: ConfigMap.fromConfigMapName(plainChart(), 'ca', 'company-ca'),
  });
  for (const { env, volumeMounts } of reachingOut(made)) {
    expect(env).toContainEqual({ name: 'SSL_CERT_FILE', value: '/etc/cdk8s-llm/ca/ca.crt' });
    expect(env).toContainEqual({ name: 'PIP_CERT', value: '/etc/cdk8s-llm/ca/ca.crt' });
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
  [{ caConfigMap: 'ca' as never }, "'caConfigMap' is "],
  [{ egressPorts: [0] }, "'egressPorts' is 0; allowed: 1 to 65535"],
])('%j is refused', (options, message) => expect(() => jobs(options)).toThrow(message));
