import type { Entry } from '../../validation/object-set';
import { code, list, table } from './markdown';
import { entryText, type PipelineModel } from './pipeline-model';

interface ConfigMapUse {
  readonly namespace: string;
  readonly name: string;
  readonly keys: Set<string>;
  readonly users: Set<Entry>;
}

interface ConfigMapVolume {
  readonly configMap?: { name?: string; optional?: boolean; items?: { key: string }[] };
}

/** The ConfigMaps that pods mount and pipelines do not bring along: certificate authorities. @internal */
export class ConfigMaps {
  private readonly uses = new Map<string, ConfigMapUse>();

  public add(pipeline: PipelineModel): void {
    for (const { entry, spec } of pipeline.set.pods) {
      const namespace = entry.namespace || pipeline.namespace;
      for (const { configMap } of (spec.volumes ?? []) as ConfigMapVolume[]) {
        if (!configMap?.name || configMap.optional) continue;
        if (pipeline.set.find('ConfigMap', namespace, configMap.name)) continue;
        const use = this.use(namespace, configMap.name);
        use.users.add(entry);
        for (const { key } of configMap.items ?? []) use.keys.add(key);
      }
    }
  }

  public get size(): number {
    return this.uses.size;
  }

  public table(): string {
    const rows = [...this.uses]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { namespace, name, keys, users }]) => [
        code(namespace),
        code(name),
        [...keys].sort().map(code).join(', ') || 'not said',
        list([...users].map(entryText)),
      ]);
    return table(['namespace', 'ConfigMap', 'keys', 'used by'], rows, 'None.');
  }

  private use(namespace: string, name: string): ConfigMapUse {
    const id = `${namespace}/${name}`;
    const use = this.uses.get(id) ?? { namespace, name, keys: new Set(), users: new Set() };
    this.uses.set(id, use);
    return use;
  }
}
