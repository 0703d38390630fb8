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

/** What an object that serves an artifact says of where it comes from. */
export function provenanceAnnotations(artifact: Artifact): Record<string, string | undefined> {
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
