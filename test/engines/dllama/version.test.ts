import { checkImageVersion, versionOfImage } from '../../../src/engines/dllama/version';

test.each([
  ['registry.example.com/dllama:v0.16.4', [0, 16, 4]],
  ['registry.example.com:5000/team/dllama:0.17.0', [0, 17, 0]],
  ['dllama:v0.16.4-avx2', [0, 16, 4]],
  ['dllama:cpu-v0.16.4', [0, 16, 4]],
  [`dllama:v0.16.4@sha256:${'a'.repeat(64)}`, [0, 16, 4]],
  [`dllama@sha256:${'a'.repeat(64)}`, undefined],
  ['dllama:stable', undefined],
  ['dllama:20260118', undefined],
  ['registry.example.com:5000/dllama', undefined],
])('the tag of %s tells %j', (image, version) => {
  expect(versionOfImage(image)).toEqual(version);
});

test.each(['dllama:v0.16.4', 'dllama:v0.16.5', 'dllama:v0.17.0', 'dllama:v1.0.0', 'dllama:stable'])(
  '%s is accepted',
  (image) => {
    expect(checkImageVersion(image)).toBeUndefined();
  },
);

test.each(['dllama:v0.16.3', 'dllama:0.16.2', 'dllama:v0.9.9'])('%s is refused', (image) => {
  expect(checkImageVersion(image)).toContain(`image '${image}' is distributed-llama v`);
  expect(checkImageVersion(image)).toContain('it must be v0.16.4 or newer');
});
