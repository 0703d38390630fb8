import { compareLlamaVersions, isLlamaVersion, llamaVersionOf } from '../../../src/engines/llama/version';

test.each([
  ['ghcr.io/ggml-org/llama.cpp:server-b6500', 'b6500'],
  ['ghcr.io/ggml-org/llama.cpp:server-cuda13-b6500', 'b6500'],
  [`ghcr.io/ggml-org/llama.cpp:server-v0.4.1@sha256:${'a'.repeat(64)}`, 'v0.4.1'],
  ['registry.example.com:5000/llama:b6500', 'b6500'],
  ['ghcr.io/ggml-org/llama.cpp:server-cuda', undefined],
  ['ghcr.io/ggml-org/llama.cpp:server--b1-e09a800', undefined],
  ['registry.example.com:5000/llama', undefined],
  [`ghcr.io/ggml-org/llama.cpp@sha256:${'b'.repeat(64)}`, undefined],
])('the version of %s is %s', (image, version) => expect(llamaVersionOf(image)).toBe(version));

test('builds and releases stand in one row', () => {
  const row = [
    'b5415',
    'b10361',
    'v0.1.0',
    'v0.2.9',
    'b10621',
    'v0.3.1',
    'b10622',
    'b10964',
    'v0.4.2',
    'b11146',
    'b11429',
    'v0.7.0',
    'v0.7.1',
    'v1.0.0',
    'b11700',
  ];
  expect([...row].reverse().sort(compareLlamaVersions)).toEqual(row);
  expect(compareLlamaVersions('v0.4.1', 'b10964')).toBe(0);
});

test.each(['b0', 'b', '6500', 'v0.4', 'B6500', 'v0.4.1-rc1', 'server-b6500'])('%s is no version', (text) =>
  expect(isLlamaVersion(text)).toBe(false),
);
