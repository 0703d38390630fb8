import { ApiObject } from 'cdk8s';
import { shortHash } from '../pod/content-hash';
import type { ServerTarget } from './server-target';

/** What runs pods of a server. */
const WORKLOADS = ['Deployment', 'StatefulSet', 'LeaderWorkerSet'];

/**
 * What changes whenever a server's pods do, and otherwise not: a hash of its workloads as they are written, without the
 * number of copies.
 *
 * @internal
 */
export function revisionOf({ owner }: ServerTarget): string {
  const workloads = owner.scope.node
    .findAll()
    .filter((each): each is ApiObject => ApiObject.isApiObject(each) && WORKLOADS.includes(each.kind))
    .map((workload) => workload.toJson() as { kind: string; metadata: { name: string }; spec: object });
  return shortHash(
    workloads.map(({ kind, metadata, spec }) => ({
      kind,
      name: metadata.name,
      spec: { ...spec, replicas: undefined },
    })),
  );
}
