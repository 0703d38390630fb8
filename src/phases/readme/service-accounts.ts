import type { Entry } from '../../validation/object-set';
import { code, list, table } from './markdown';
import { entryText, type PipelineModel } from './pipeline-model';

interface ServiceAccountUse {
  readonly namespace: string;
  readonly name: string;
  readonly users: Set<Entry>;
}

/**
 * The ServiceAccounts that pods name and pipelines do not bring along: without one, no pod is made at all. They are
 * bound to an identity of a cloud, which lets the pods in there.
 *
 * @internal
 */
export class ServiceAccounts {
  private readonly uses = new Map<string, ServiceAccountUse>();

  public add(pipeline: PipelineModel): void {
    for (const { entry, spec } of pipeline.set.pods) {
      const { serviceAccountName: name } = spec as { serviceAccountName?: string };
      const namespace = entry.namespace || pipeline.namespace;
      if (!name || name === 'default' || pipeline.set.find('ServiceAccount', namespace, name)) continue;
      const id = `${namespace}/${name}`;
      const use = this.uses.get(id) ?? { namespace, name, users: new Set() };
      this.uses.set(id, use);
      use.users.add(entry);
    }
  }

  public get size(): number {
    return this.uses.size;
  }

  public table(): string {
    const rows = [...this.uses]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { namespace, name, users }]) => [
        code(namespace),
        code(name),
        list([...users].map(entryText)),
      ]);
    return table(['namespace', 'ServiceAccount', 'used by'], rows, 'None.');
  }
}
