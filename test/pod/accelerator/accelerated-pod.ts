import { ApiObject, App, Chart } from 'cdk8s';
import { Phase } from '../../../src/phases/phase';
import type { Accelerator } from '../../../src/pod/accelerator/accelerator';
import { AcceleratorOnPod, acceleratorOnPod } from '../../../src/pod/accelerator/on-pod';
import { ANNOTATION } from '../../../src/pod/metadata';
import { Owner, ownerOf } from '../../../src/pod/owner';
import { checkObjects } from '../../../src/validation/check';
import type { KubeObject } from '../../../src/validation/kube-object';
import { objectsOf } from '../../support/objects';

/** The construct that asks for devices. */
export function serverOf(kubernetesVersion = '1.34'): Owner {
  const app = new App();
  app.node.setContext('cdk8s-llm/kubernetesVersion', kubernetesVersion);
  return ownerOf(new Chart(app, 'chat', { namespace: 'llm' }), 'server', Phase.SERVE, [Phase.SERVE]);
}

export function onPod(accelerator: Accelerator, kubernetesVersion?: string): AcceleratorOnPod {
  return acceleratorOnPod(serverOf(kubernetesVersion), accelerator._spec);
}

/** A pod with the devices, and the objects that it names. */
export function objectsWith(accelerator: Accelerator, kubernetesVersion?: string): KubeObject[] {
  const owner = serverOf(kubernetesVersion);
  const devices = acceleratorOnPod(owner, accelerator._spec);
  const { limits, containerClaims, podClaims } = devices;
  new ApiObject(owner.scope, 'Pod', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'chat',
      namespace: 'llm',
      annotations: devices.skipChecks.length
        ? { [ANNOTATION.skipChecks]: devices.skipChecks.join('\n') }
        : {},
    },
    spec: {
      ...(podClaims.length ? { resourceClaims: podClaims } : {}),
      ...(devices.nodeAffinity ? { affinity: { nodeAffinity: devices.nodeAffinity } } : {}),
      ...(devices.runtimeClassName ? { runtimeClassName: devices.runtimeClassName } : {}),
      securityContext: { supplementalGroups: devices.supplementalGroups },
      nodeSelector: devices.nodeSelector,
      tolerations: devices.tolerations,
      containers: [
        {
          name: 'engine',
          image: 'docker.io/example/engine:1.0',
          resources: {
            limits,
            requests: limits,
            ...(containerClaims.length ? { claims: containerClaims } : {}),
          },
        },
      ],
    },
  });
  devices.objects();
  return objectsOf(owner.scope as Chart);
}

/** Of the rules that know devices; the pod above is bare otherwise. */
const RULES = [
  'schema',
  'served-api',
  'device-claims',
  'claim-template-name',
  'prune-last',
  'standard-labels',
  'sync-wave',
  'valid-name',
  'valid-labels',
  'requests-within-limits',
];

export function violationsOf(objects: readonly KubeObject[], kubernetesVersion = '1.34'): string[] {
  const checked = objects.map((object) => ({ object, where: object.kind }));
  return checkObjects(checked, { kubernetesVersion })
    .filter(({ rule }) => RULES.includes(rule))
    .map(({ rule, where, field, message }) => `${rule}: ${where} ${field} ${message}`);
}
