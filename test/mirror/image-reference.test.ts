import { parseImageReference } from '../../src/mirror/image-reference';

const DIGEST = `@sha256:${'a'.repeat(64)}`;

test.each([
  ['python', 'docker.io', 'library/python', ''],
  ['python:3.13', 'docker.io', 'library/python', ':3.13'],
  [`python${DIGEST}`, 'docker.io', 'library/python', DIGEST],
  ['vllm/vllm-openai:v0.19.0', 'docker.io', 'vllm/vllm-openai', ':v0.19.0'],
  ['docker.io/python:3', 'docker.io', 'library/python', ':3'],
  ['index.docker.io/library/python:3', 'docker.io', 'library/python', ':3'],
  [`ghcr.io/ggml-org/llama.cpp:server-b1${DIGEST}`, 'ghcr.io', 'ggml-org/llama.cpp', `:server-b1${DIGEST}`],
  ['registry.example.com:5000/a/b:1', 'registry.example.com:5000', 'a/b', ':1'],
  ['localhost/a:1', 'localhost', 'a', ':1'],
  ['registry:5000/a', 'registry:5000', 'a', ''],
])('%s is of %s: %s%s', (reference, registry, repository, version) => {
  expect(parseImageReference(reference)).toEqual({ registry, repository, version });
});
