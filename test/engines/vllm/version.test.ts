import {
  atLeastVersion,
  compareVersions,
  isVersion,
  versionOfImage,
} from '../../../src/engines/vllm/version';

describe('the version of vLLM in an image', () => {
  test.each([
    ['docker.io/vllm/vllm-openai:v0.19.0', '0.19.0'],
    ['vllm/vllm-openai:v0.8.5.post1', '0.8.5.post1'],
    ['vllm/vllm-openai:v0.20.0-cu129', '0.20.0'],
    ['vllm/vllm-openai:v0.26.0-ubuntu2404@sha256:' + 'a'.repeat(64), '0.26.0'],
    ['registry.example.com:5000/vllm/vllm-openai-cpu:v0.19.0-x86_64', '0.19.0'],
    ['rocm/vllm:rocm6.4.1_vllm_0.10.1_20250909', '0.10.1'],
    [
      'vault.habana.ai/gaudi-docker/1.24.1/ubuntu24.04/habanalabs/vllm-0.26.0-ptupstream-2.11.0:1.24.1-14',
      '0.26.0',
    ],
    ['vllm/vllm-openai:v0.20.0rc1', '0.20.0rc1'],
  ])('%s: %s', (image, version) => {
    expect(versionOfImage(image)).toBe(version);
    expect(isVersion(version)).toBe(true);
  });

  test.each([
    'vllm/vllm-openai:nightly-0123abc',
    'vllm/vllm-openai@sha256:' + 'a'.repeat(64),
    'public.ecr.aws/q9t5s3a7/vllm-ci-postmerge-repo:0b1f2c3d',
    'registry.example.com:5000/vllm',
    'example.com/vllm:v1',
  ])('%s does not tell', (image) => {
    expect(versionOfImage(image)).toBeUndefined();
  });
});

describe('versions in order', () => {
  test('of the numbers, not of the letters', () => {
    const versions = ['0.10.0', '0.8.5', '0.9.2', '0.8.5.post1', '0.28.0'];
    expect([...versions].sort(compareVersions)).toEqual([
      '0.8.5',
      '0.8.5.post1',
      '0.9.2',
      '0.10.0',
      '0.28.0',
    ]);
  });

  test('a release candidate counts as its release', () => {
    expect(compareVersions('v0.20.0rc1', '0.20.0')).toBe(0);
    expect(atLeastVersion('0.20.0rc1', '0.20.0')).toBe(true);
    expect(atLeastVersion('0.19.9', '0.20.0')).toBe(false);
  });
});
