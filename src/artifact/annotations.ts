import { ANNOTATION } from '../pod/metadata';
import { Artifact } from './artifact';

/** What an object that makes or holds an artifact says of it. */
export function artifactAnnotations(artifact: Artifact): Record<string, string | undefined> {
  return {
    ...provenanceAnnotations(artifact),
    [ANNOTATION.artifactKey]: artifact.key,
    [ANNOTATION.artifactPath]: artifact.path,
    [ANNOTATION.artifactBytes]: artifact.bytes === undefined ? undefined : String(artifact.bytes),
  };
}

/** What an object that reads an artifact says of it. */
export function consumerAnnotations(artifact: Artifact): Record<string, string | undefined> {
  return { ...provenanceAnnotations(artifact), [ANNOTATION.needsArtifact]: artifact.key };
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
