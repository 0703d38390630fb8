import {
  hasImageVolumes,
  hasNativeSidecars,
  hasPodReplacementPolicy,
  hasSleepAction,
  KUBERNETES_VERSIONS,
} from '../../src/pod/kubernetes-version';

test.each([
  ['image volumes', hasImageVolumes, '1.35'],
  ['native sidecars', hasNativeSidecars, '1.29'],
  ['a podReplacementPolicy', hasPodReplacementPolicy, '1.29'],
  ['hooks that sleep', hasSleepAction, '1.30'],
])('%s are there in each version since the first that has them', (_, has, first) => {
  const those = KUBERNETES_VERSIONS.slice(KUBERNETES_VERSIONS.indexOf(first));
  expect(KUBERNETES_VERSIONS.filter(has)).toEqual(those);
});
