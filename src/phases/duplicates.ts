import type { KubeObject } from '../validation/kube-object';
import type { SynthesizedChart } from './synth/collect';

/** cdk8s writes a namespace into these too, where the API server ignores it. */
const CLUSTER_SCOPED = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'DeviceClass',
  'IngressClass',
  'Namespace',
  'PersistentVolume',
  'PriorityClass',
  'RuntimeClass',
  'StorageClass',
]);

/**
 * Objects that would be one object in a cluster: an error for each, which names the paths of both
 * constructs. Nothing in cdk8s notices them, and in a cluster the last one applied wins.
 */
export function findDuplicates(charts: SynthesizedChart[]): string[] {
  const paths = new Map<string, string>();
  const errors: string[] = [];
  for (const { objects } of charts) {
    for (const { apiObject, manifest } of objects) {
      const { apiVersion, kind, metadata } = manifest as KubeObject;
      const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
      const namespace = CLUSTER_SCOPED.has(kind) ? '' : (metadata.namespace ?? '');
      const identity = [group, kind, namespace, metadata.name].join('\0');
      const other = paths.get(identity);
      if (other === undefined) {
        paths.set(identity, apiObject.node.path);
        continue;
      }
      errors.push(
        `${apiObject.node.path}: ${kind} '${metadata.name}'${namespace ? ` of namespace '${namespace}'` : ''} ` +
          `is also made by ${other}; rename one of the two constructs, or give one of the objects another name.`,
      );
    }
  }
  return errors;
}
