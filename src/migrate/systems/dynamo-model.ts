/** DynamoModel: a model in a claim, at a version. */
import { object } from '../plan';
import type { PipelineBuilder, PlanBuilder } from '../plan-builder';
import type { Resource } from '../resource';
import type { Notes } from '../translation';
import type { DynamoClaims } from './dynamo-claims';
import { sourceOf } from './dynamo-source';

/** @internal */
export interface DynamoModelSpec {
  readonly name: string;
  readonly version?: string;
  readonly sourceURL: string;
  readonly secretRef?: string;
  readonly downloaderRef?: string;
  readonly pvc: {
    readonly create?: boolean;
    readonly name?: string;
    readonly storageClass?: string;
    readonly size?: string;
    readonly volumeAccessMode?: string;
  };
}

/** What servers take of a model. @internal */
export interface TranslatedModel {
  readonly resource: Resource<DynamoModelSpec>;
  readonly pipeline: PipelineBuilder;
  /** The variable of its ModelCache. */
  readonly cache: string;
}

/** @internal */
export function translateModel(
  resource: Resource<DynamoModelSpec>,
  notes: Notes,
  plan: PlanBuilder,
  claims: DynamoClaims,
): TranslatedModel {
  const pipeline = plan.pipeline(resource);
  const { source, facts } = sourceOf(resource, notes, pipeline);
  const store = claims.storeOf(resource, notes, pipeline);
  const cache = pipeline.construct(
    { class: 'ModelCache', phase: 'download', id: 'weights' },
    object({ source, store, facts }),
    notes.taken(),
  );
  return { resource, pipeline, cache };
}
