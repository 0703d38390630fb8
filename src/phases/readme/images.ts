import type { Entry } from '../../validation/object-set';
import { code, list, table } from './markdown';
import { entryText, type PipelineModel } from './pipeline-model';

/** The images of all pipelines, with what runs them. @internal */
export class Images {
  private readonly users = new Map<string, Set<Entry>>();

  public add(pipeline: PipelineModel): void {
    for (const pod of pipeline.set.pods) {
      for (const { container } of pod.containers) {
        if (container.image !== undefined) this.use(container.image, pod.entry);
      }
      for (const volume of pod.spec.volumes ?? []) {
        if (volume.image?.reference !== undefined) this.use(volume.image.reference, pod.entry);
      }
    }
  }

  public table(): string {
    const rows = [...this.users]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([image, users]) => [code(image), list([...users].map(entryText)), pinned(image)]);
    return table(['image', 'used by', 'pinned by'], rows, 'None.');
  }

  private use(image: string, entry: Entry): void {
    const users = this.users.get(image);
    if (users) users.add(entry);
    else this.users.set(image, new Set([entry]));
  }
}

function pinned(image: string): string {
  if (/@sha256:[0-9a-f]{64}$/.test(image)) return 'digest';
  // A colon before the last slash is of the registry's port.
  return /:[^/]+$/.test(image) ? 'tag' : '**nothing**';
}
