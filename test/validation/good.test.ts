import { KUBERNETES_VERSIONS } from '../../src/pod/kubernetes-version';
import { checkObjects, formatViolations } from '../../src/validation/check';
import { checked, goodObjects, goodObjectsOf128 } from './good-objects';

test.each(KUBERNETES_VERSIONS)('good objects are good for Kubernetes %s', (kubernetesVersion) => {
  const good = kubernetesVersion === '1.28' ? goodObjectsOf128() : goodObjects();
  expect(formatViolations(checkObjects(checked(good), { kubernetesVersion }))).toBe('');
});
