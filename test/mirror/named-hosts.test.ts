import { hostsInObject, hostsInText } from '../../src/mirror/named-hosts';

const hosts = (text: string) => hostsInText(text).map(({ host }) => host);

test.each([
  ['https://huggingface.co/Qwen', ['huggingface.co']],
  [
    'see https://a.example/x, http://b.example:80 and ws://c.example',
    ['a.example', 'b.example', 'c.example'],
  ],
  ['https://me:secret@a.example/x', ['a.example']],
  ['oci://ghcr.io/org/name@sha256:00', ['ghcr.io']],
  ['ollama://hf.co/org/name:tag', ['hf.co']],
  ['https://10.0.0.5:9000', ['10.0.0.5']],
  ['https://[fd00::1]:9000/x', ['[fd00::1]']],
  ['git@github.com:org/repo.git', ['github.com']],
  ['ssh://git@github.com:22/org', ['github.com']],
  ['HTTPS://A.Example/x', ['a.example']],
  ['hf://org/name@commit', []],
  ['s3://bucket.of.mine/prefix', []],
  ['gs://bucket az://container pvc://claim/x', []],
  ["'https://sts.%s.%s' % (region, suffix)", []],
  ['https://s3.amazon%s', []],
  ['`https://${host}/v2`', []],
  ["r'https?://[^/@]+.*'", []],
  ['python:3.13@sha256:00', []],
  ['someone@example.com wrote: text', []],
  ['nothing', []],
])('%j names %j', (text, expected) => expect(hosts(text)).toEqual(expected));

test.each([
  ['https://github.com/vllm-project/vllm.git', 'git'],
  ['["https://github.com/org/name.git@0123456789ab"]', 'git'],
  ['https://github.com/org/name', 'web'],
  ['https://github.com/org/name.github.io', 'web'],
  ['https://a.example/x and name.git', 'web'],
])('%j is of a %s server', (text, kind) => expect(hostsInText(text)[0].kind).toBe(kind));

test('a user and a password are not repeated', () => {
  expect(JSON.stringify(hostsInText('https://me:secret@a.example/x'))).not.toContain('secret');
});

/** A Deployment whose container has these fields. */
const deployment = (fields: object, more: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'x', annotations: { 'example.com/from': 'https://from.example/x' } },
  spec: { template: { spec: { containers: [{ name: 'x', ...fields }], ...more } } },
});

const found = (object: object) =>
  hostsInObject(object).map(({ field, host, kind }) => `${field}: ${kind} ${host}`);

const ANNOTATION = 'metadata.annotations["example.com/from"]: web from.example';
const CONTAINER = 'spec.template.spec.containers[0]';

test.each<[object, string[]]>([
  [{ image: 'python:3' }, [`${CONTAINER}.image: image docker.io`]],
  [{ image: 'ghcr.io/a/b:1' }, [`${CONTAINER}.image: image ghcr.io`]],
  [{ args: ['--url=https://a.example/x'] }, [`${CONTAINER}.args[0]: web a.example`]],
  [{ args: ['--server=a.example.com:9000'] }, [`${CONTAINER}.args[0]: host a.example.com`]],
  [{ args: ['pull ghcr.io/a/b:1'] }, [`${CONTAINER}.args[0]: image ghcr.io`]],
  [{ command: ['ping', 'a.corp.internal'] }, [`${CONTAINER}.command[1]: host a.corp.internal`]],
  [{ env: [{ name: 'X', value: '10.1.2.3:53' }] }, [`${CONTAINER}.env[0].value: host 10.1.2.3`]],
  [{ env: [{ name: 'X', value: 'a.example.com' }] }, [`${CONTAINER}.env[0].value: host a.example.com`]],
  [{ args: ['model.safetensors', 'fetch.py', '--name=qwen3-1.7b', 'nvidia.com/gpu', '1.2.3'] }, []],
  [{ name: 'https-port.example.com' }, []],
])('a container with %j names %j', (fields, expected) => {
  expect(found(deployment(fields))).toEqual([ANNOTATION, ...expected]);
});

test('an image volume names a registry', () => {
  const volumes = [{ name: 'model', image: { reference: 'quay.io/models/a:1' } }];
  expect(found(deployment({}, { volumes }))).toContain(
    'spec.template.spec.volumes[0].image.reference: image quay.io',
  );
});

test('names of resources and keys name no host', () => {
  const object = {
    metadata: { name: 'app.example.com', labels: { 'app.kubernetes.io/name': 'kubernetes.io' } },
    spec: { driver: 's3.csi.aws.com', topologyKey: 'kubernetes.io/hostname' },
  };
  expect(found(object)).toEqual([]);
});

test('the text of a program names what it reaches', () => {
  expect(found({ data: { 'fetch.py': "HUB = 'https://huggingface.co'\n" } })).toEqual([
    'data["fetch.py"]: web huggingface.co',
  ]);
});
