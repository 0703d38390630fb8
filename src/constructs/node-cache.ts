import { Construct } from 'constructs';
import type { Artifact } from '../artifact/artifact';
import { InputError } from '../pod/input-error';
import type { Placement } from '../pod/pod-spec';
import type { NodeCacheImage, NodeCacheRepository } from './node-cache-item';
import type { NodeCacheProps } from './node-cache-props';
import { renderNodeCache } from './node-cache-render';
import { NodeCacheSpec, resolveNodeCache } from './node-cache-spec';

/**
 * Images, Git repositories and models kept on the disks of nodes, so that what starts there need not wait for them: a
 * DaemonSet, whose pod on a node is ready once all is there. It needs neither the socket of a container runtime nor any
 * privilege, so containerd and CRI-O do alike; but for repositories and models it mounts one folder of the node, which
 * departs from Pod Security: the namespace must allow `hostPath`, and the synthesized README lists it.
 *
 * Models and repositories are verified byte for byte when they come, and not read again. What cannot be brought (no
 * access, no room) is told in the log, in the metrics and by the pod that is not ready; the other items are brought all
 * the same, and it is tried again later. A change of an item replaces the pods, and only that item is brought. What is
 * taken out of the list stays on the disks until `evict` names it.
 *
 * In a pipeline's `download` phase, the phases behind it wait until all nodes have everything; in its `serve` phase,
 * each server starts as soon as its own node has what it waits for.
 *
 * @example
 *
 * const cache = new NodeCache(pipeline.serve, 'gpu-nodes', {
 *   placement: { nodeSelector: { 'nvidia.com/gpu.present': 'true' } },
 *   path: '/var/lib/models',
 *   size: Size.gibibytes(500),
 *   models: [{ name: 'opt', source: ModelSource.parse('hf://facebook/opt-125m@27dcfa74d334bc871f3234de431e71c6eeba5dd6') }],
 * });
 * new VllmServer(pipeline.serve, 'chat', { model: cache.artifact('opt'), accelerator });
 */
export class NodeCache extends Construct {
  /** The nodes that keep it all. */
  public readonly placement: Placement;

  private readonly spec: NodeCacheSpec;

  /**
   * @throws when there is nothing to keep, when an image, commit or source is not pinned, when two items have one name,
   * when models or repositories have no folder or do not fit into its size, when a source cannot be read from all nodes
   */
  constructor(scope: Construct, id: string, props: NodeCacheProps) {
    super(scope, id);
    this.spec = resolveNodeCache(this, props ?? {});
    this.placement = this.spec.placement;
    renderNodeCache(this.spec);
  }

  /**
   * A model that is kept, for servers and whatever else takes a model: they run on the same nodes, wait for its marker
   * there, and read it only.
   *
   * @throws when no model has the name
   */
  public artifact(name: string): Artifact {
    const models = this.spec.kept.filter(({ kind }) => kind === 'model');
    return this.find('models', models, name).artifact;
  }

  /**
   * A Git repository that is kept.
   *
   * @throws when no repository has the name
   */
  public repository(name: string): NodeCacheRepository {
    return this.find('repositories', this.spec.repositories, name);
  }

  /**
   * An image that is kept.
   *
   * @throws when no image has the name
   */
  public image(name: string): NodeCacheImage {
    return this.find('images', this.spec.images, name);
  }

  private find<T extends { readonly name: string }>(field: string, items: readonly T[], name: string): T {
    const found = items.find((item) => item.name === name);
    if (found) return found;
    throw new InputError(this, field, name, {
      allowed: items.length
        ? `the name of one: ${items.map((item) => item.name).join(', ')}`
        : 'nothing, as there are none',
    });
  }
}
