import { MirrorRules, NO_MIRROR } from '../../src/mirror/rules';

const DIGEST = `@sha256:${'a'.repeat(64)}`;

const RULES = new MirrorRules({
  registries: { 'docker.io': 'reg.corp.test/dockerhub', 'ghcr.io/ggml-org': 'reg.corp.test/ggml' },
  defaultRegistry: 'reg.corp.test/all/{registry}',
  addresses: {
    'https://huggingface.co': 'https://hub.corp.test/hf',
    'https://files.example': 'https://files.corp.test',
    'https://files.example/deep': 'http://deep.corp.test:8080/x',
  },
  git: { 'https://github.com': 'https://git.corp.test/gh', 'git@github.com:': 'git@git.corp.test:gh' },
  packageIndex: 'https://pypi.corp.test/simple',
  allow: ['proxy.partner.example', '*.trusted.example'],
});

describe('an image', () => {
  test.each([
    ['python:3.13', 'reg.corp.test/dockerhub/library/python:3.13'],
    [`docker.io/library/python:3${DIGEST}`, `reg.corp.test/dockerhub/library/python:3${DIGEST}`],
    ['ghcr.io/ggml-org/llama.cpp:b1', 'reg.corp.test/ggml/llama.cpp:b1'],
    ['ghcr.io/ggml-organ/llama.cpp:b1', 'reg.corp.test/all/ghcr.io/ggml-organ/llama.cpp:b1'],
    ['quay.io/a/b:1', 'reg.corp.test/all/quay.io/a/b:1'],
    ['quay.io:8443/a/b:1', 'reg.corp.test/all/quay.io:8443/a/b:1'],
    ['reg.corp.test/own/tool:1', 'reg.corp.test/own/tool:1'],
    ['registry.tools.svc:5000/tool:1', 'registry.tools.svc:5000/tool:1'],
    ['localhost:5000/tool:1', 'localhost:5000/tool:1'],
    ['eu.trusted.example/tool:1', 'eu.trusted.example/tool:1'],
  ])('%s is pulled as %s', (reference, expected) => {
    expect(RULES.image(reference)).toBe(expected);
    expect(RULES.image(expected)).toBe(expected);
    expect(NO_MIRROR.image(reference)).toBe(reference);
  });

  test('of a registry that nothing names stays as it is', () => {
    const rules = new MirrorRules({
      registries: { 'docker.io': 'reg.corp.test' },
      addresses: {},
      git: {},
      allow: [],
    });
    expect(rules.image('quay.io/a/b:1')).toBe('quay.io/a/b:1');
    expect(rules.image('python:3')).toBe('reg.corp.test/library/python:3');
  });
});

test.each([
  ['https://huggingface.co', 'https://hub.corp.test/hf'],
  ['https://huggingface.co/Qwen/Qwen3-1.7B', 'https://hub.corp.test/hf/Qwen/Qwen3-1.7B'],
  ['HTTPS://HuggingFace.co:443/Qwen', 'https://hub.corp.test/hf/Qwen'],
  ['https://huggingface.com/Qwen', 'https://huggingface.com/Qwen'],
  ['https://huggingface.co.example/Qwen', 'https://huggingface.co.example/Qwen'],
  ['http://huggingface.co/Qwen', 'http://huggingface.co/Qwen'],
  ['https://files.example/a{version}/b', 'https://files.corp.test/a{version}/b'],
  ['https://files.example/deep/b', 'http://deep.corp.test:8080/x/b'],
  ['https://files.example/deeper/b', 'https://files.corp.test/deeper/b'],
  ['http://minio.minio.svc:9000', 'http://minio.minio.svc:9000'],
  ['https://hub.corp.test/hf/huggingface.co', 'https://hub.corp.test/hf/huggingface.co'],
])('the web address %s becomes %s', (address, expected) => {
  expect(RULES.web(address)).toBe(expected);
  expect(RULES.web(expected)).toBe(expected);
  expect(NO_MIRROR.web(address)).toBe(address);
});

test.each([
  ['https://github.com/org/repo.git', 'https://git.corp.test/gh/org/repo.git'],
  ['git@github.com:org/repo.git', 'git@git.corp.test:gh/org/repo.git'],
  ['ssh://git@github.com/org/repo.git', 'ssh://git@github.com/org/repo.git'],
  ['https://files.example/repo.git', 'https://files.corp.test/repo.git'],
  ['git@git.corp.test:gh/org/repo.git', 'git@git.corp.test:gh/org/repo.git'],
])('the Git address %s becomes %s', (address, expected) => {
  expect(RULES.git(address)).toBe(expected);
  expect(RULES.git(expected)).toBe(expected);
  expect(NO_MIRROR.git(address)).toBe(address);
});

test.each([
  ['https://ghcr.io', 'ggml-org/models', 'https://reg.corp.test', 'ggml/models'],
  ['https://registry-1.docker.io', 'library/model', 'https://reg.corp.test', 'dockerhub/library/model'],
  ['https://registry.ollama.ai', 'library/q', 'https://reg.corp.test', 'all/registry.ollama.ai/library/q'],
  ['https://files.example', 'a/b', 'https://files.corp.test', 'a/b'],
  ['http://registry.tools.svc:5000', 'a/b', 'http://registry.tools.svc:5000', 'a/b'],
])('of the registry %s, %s is at %s as %s', (address, name, mirrored, mirroredName) => {
  expect(RULES.repository(address, name)).toEqual({ address: mirrored, name: mirroredName });
  expect(NO_MIRROR.repository(address, name)).toEqual({ address, name });
});

test.each([
  ['reg.corp.test', true],
  ['deep.corp.test', true],
  ['pypi.corp.test', true],
  ['git.corp.test', true],
  ['corp.test', false],
  ['proxy.partner.example', true],
  ['other.partner.example', false],
  ['eu.trusted.example', true],
  ['trusted.example', false],
  ['minio', true],
  ['minio.minio.svc', true],
  ['minio.minio.svc.cluster.local', true],
  ['minio.minio', false],
  ['svc.example.com', false],
  ['minio.minio.svc.example.com', false],
  ['127.0.0.1', true],
  ['[::1]', true],
  ['169.254.170.23', true],
  ['10.0.0.1', false],
  ['huggingface.co', false],
])('the host %s is covered: %s', (host, expected) => expect(RULES.covers(host)).toBe(expected));

test('the package index is the one that is named, or what stands for the public one', () => {
  expect(RULES.packageIndex).toBe('https://pypi.corp.test/simple');
  const others = { registries: {}, git: {}, allow: [] };
  const byAddress = new MirrorRules({ ...others, addresses: { 'https://pypi.org': 'https://p.corp.test' } });
  expect(byAddress.packageIndex).toBe('https://p.corp.test/simple');
  expect(new MirrorRules({ ...others, addresses: {} }).packageIndex).toBeUndefined();
  expect(NO_MIRROR.packageIndex).toBeUndefined();
});
