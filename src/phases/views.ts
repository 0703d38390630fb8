import { ANNOTATION, LABEL } from '../pod/metadata';
import type { KubeObject } from '../validation/kube-object';
import type { Phase } from './phase';

/** A phase with its objects as they are written. @internal */
export interface PhaseView {
  readonly phase: Phase;
  /** Its folder in the pipeline's: `10-download`. */
  readonly folder: string;
  readonly objects: readonly KubeObject[];
}

/**
 * A pipeline as it is written: what the GitOps files and the README are made from, and all they know.
 *
 * @internal
 */
export interface PipelineView {
  /** Also the name of its folder in the output. */
  readonly name: string;
  readonly namespace: string;
  /** The phases that have objects, in the order in which they are applied. */
  readonly phases: readonly PhaseView[];
}

/** A file to write. @internal */
export interface OutputFile {
  /** Path from the output folder, with `/`. */
  readonly path: string;
  readonly content: string;
  /** @default false */
  readonly executable?: boolean;
}

/** A Job that Kueue suspends until it is admitted. @internal */
export interface QueuedJob {
  readonly name: string;
  readonly queue: string;
  /** Whether a later phase of the pipeline waits for what it makes. */
  readonly gates: boolean;
}

/** @internal */
export function queuedJobs({ phases }: PipelineView): QueuedJob[] {
  return phases.flatMap(({ objects }, index) =>
    objects.flatMap(({ kind, metadata: { name, labels, annotations } }) => {
      const queue = labels?.[LABEL.queue];
      if (kind !== 'Job' || queue === undefined) return [];
      const makes = annotations?.[ANNOTATION.artifactKey] !== undefined;
      return [{ name: String(name), queue, gates: makes && index < phases.length - 1 }];
    }),
  );
}

/** The objects of all phases of a pipeline, in order. @internal */
export function objectsOf(pipeline: PipelineView): KubeObject[] {
  return pipeline.phases.flatMap((phase) => phase.objects);
}
