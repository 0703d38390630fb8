import { hasImageVolumes } from '../../src/pod/kubernetes-version';

test.each([
  ['1.29', false],
  ['1.34', false],
  ['1.35', true],
  ['1.36', true],
])('Kubernetes %s has image volumes: %s', (version, expected) => {
  expect(hasImageVolumes(version)).toBe(expected);
});
