import { checkObjects, formatViolations } from '../../src/validation/check';
import { checked, goodObjects } from './good-objects';

test.each(['1.29', '1.30', '1.31', '1.32', '1.33', '1.34', '1.35', '1.36'])(
  'good objects are good for Kubernetes %s',
  (kubernetesVersion) => {
    expect(formatViolations(checkObjects(checked(goodObjects()), { kubernetesVersion }))).toBe('');
  },
);
