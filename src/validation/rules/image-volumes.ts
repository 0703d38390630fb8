import { IMAGE_VOLUMES_RULE } from '../../artifact/stores/store-volume';
import { hasImageVolumes } from '../../pod/kubernetes-version';
import { podField } from '../object-set';
import type { Rule } from '../rule';

const imageVolumes: Rule = {
  id: IMAGE_VOLUMES_RULE,
  of: 17,
  why: 'An API server whose feature gate ImageVolume is off drops the image, and refuses a volume that is nothing.',
  pod: (pod, report, set) => {
    if (hasImageVolumes(`1.${set.minor}`)) return;
    pod.spec.volumes?.forEach((volume, index) => {
      if (!('image' in volume)) return;
      report(
        pod.entry,
        podField(pod, `volumes[${index}].image`),
        `is off by default before Kubernetes 1.35; the target is 1.${set.minor}. Raise kubernetesVersion`,
      );
    });
  },
};

export const IMAGE_VOLUME_RULES: readonly Rule[] = [imageVolumes];
