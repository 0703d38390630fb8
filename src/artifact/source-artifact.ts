import type { ModelFacts } from '../engines/model-facts';
import type { ArtifactProps } from './artifact';
import type { SourceSpec } from './sources/source-spec';

/** What a user says of a source's files besides. @internal */
export interface SourceDescription {
  readonly facts?: ModelFacts;
  readonly licence?: string;
}

/** What is known of an artifact by its source, wherever it is kept. @internal */
export function fromSource(
  source: SourceSpec,
  { facts = source.facts, licence }: SourceDescription,
): Omit<ArtifactProps, 'store' | 'namespace' | 'key'> {
  return {
    name: source.name,
    format: source.format,
    provenance: {
      source: source.address,
      repository: source.repository,
      revision: source.revision,
      proof: source.proof,
      licence,
    },
    facts,
    bytes: source.bytes ?? (source.allWeights ? facts?.sourceBytes : undefined),
    modelFile: source.modelFile,
    tokenizerFile: source.tokenizerFile,
    weights: source.weights,
  };
}
