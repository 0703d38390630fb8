import { ANNOTATION } from '../pod/metadata';
import { Artifact } from './artifact';

/** What an object that makes or holds an artifact says of it. */
export function artifactAnnotations(artifact: Artifact): Record<string, string | undefined> {
  return {
    ...provenanceAnnotations(artifact),
    ...parentAnnotations([artifact]),
    [ANNOTATION.artifactKey]: artifact.key,
    [ANNOTATION.artifactPath]: artifact.path,
    [ANNOTATION.artifactBytes]: artifact.bytes === undefined ? undefined : String(artifact.bytes),
  };
}

/** What an object that reads an artifact says of it. */
export function consumerAnnotations(artifact: Artifact): Record<string, string | undefined> {
  return {
    ...provenanceAnnotations(artifact),
    ...parentAnnotations([artifact]),
    [ANNOTATION.needsArtifact]: artifact.key,
  };
}

/** What artifacts were made from. */
export function parentAnnotations(artifacts: readonly Artifact[]): Record<string, string | undefined> {
  const ancestors = [...new Set(artifacts.flatMap(({ _ancestors }) => _ancestors))];
  return { [ANNOTATION.parents]: ancestors.length ? ancestors.join(' ') : undefined };
}

/**
 * What an object says that leads to what serves artifacts, and does not wait for them itself.
 *
 * @param artifacts the first is the model, if there is one
 */
export function servedAnnotations(artifacts: readonly Artifact[]): Record<string, string | undefined> {
  const [model] = artifacts;
  if (!model) return {};
  return {
    ...provenanceAnnotations(model),
    ...parentAnnotations(artifacts),
    [ANNOTATION.servesArtifact]: [...new Set(artifacts.map(({ key }) => key))].join(' '),
  };
}

/** What an object says of where an artifact comes from. */
function provenanceAnnotations(artifact: Artifact): Record<string, string | undefined> {
  const { source, repository, revision, licence, proof } = artifact.provenance;
  return {
    [ANNOTATION.source]: source,
    [ANNOTATION.repository]: repository,
    [ANNOTATION.revision]: revision,
    [ANNOTATION.proof]: proof,
    [ANNOTATION.licence]: licence,
  };
}

/** What an object says in one line of an artifact that is one of several. */
export function artifactLine(role: string, { key, provenance }: Artifact): string {
  const licence = provenance.licence === undefined ? '' : `, licence ${provenance.licence}`;
  return `${role}: ${provenance.source}, key ${key}${licence}`;
}
