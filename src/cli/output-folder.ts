import * as fs from 'node:fs';
import * as path from 'node:path';
import { PHASES, phaseFolder } from '../phases/phase';
import type { PhaseView, PipelineView } from '../phases/views';
import type { KubeObject } from '../validation/kube-object';
import { ExitError, EXIT, usageError } from './exit-codes';
import { readDocuments } from '../validation/yaml-documents';

/** A folder that a synth has written, read again. @internal */
export interface OutputFolder {
  readonly pipelines: readonly PipelineView[];
  /** The titles of the GitOps tools that it points at the pipelines. */
  readonly gitops: readonly string[];
  /** YAML files beside the pipelines. */
  readonly others: readonly string[];
}

const TOOLS: Record<string, string> = { argocd: 'Argo CD', flux: 'Flux', kubectl: 'kubectl' };

/**
 * Reads the pipelines of an output folder, or of a pipeline's own folder.
 *
 * @param given the folder, as a message names it
 * @throws when it is no folder, holds no pipeline, or holds what is no YAML
 * @internal
 */
export function readOutputFolder(given: string, cwd: string, reading: (name: string) => void): OutputFolder {
  const root = path.resolve(cwd, given);
  if (!fs.statSync(root, { throwIfNoEntry: false })?.isDirectory())
    throw usageError(`${given} is no folder.`);
  const isPipeline = phasesIn(root).length > 0;
  const folders = isPipeline ? [root] : foldersIn(root).map((name) => path.join(root, name));
  const pipelines = folders.flatMap((folder) => {
    reading(path.relative(cwd, folder));
    return pipelineIn(folder, (file) => path.join(given, path.relative(root, file)));
  });
  if (pipelines.length === 0) {
    throw usageError(
      `${given} has no pipelines: folders of a pipeline's name, and in them ${PHASES.map(phaseFolder).join(', ')}. ` +
        "Name the folder that a synth or 'cdk8s-llm render' has written.",
    );
  }
  return {
    pipelines,
    gitops: isPipeline ? [] : foldersIn(path.join(root, 'gitops')).flatMap((name) => TOOLS[name] ?? []),
    others: isPipeline ? [] : yamlIn(root),
  };
}

function pipelineIn(folder: string, nameOf: (file: string) => string): PipelineView[] {
  const phases = phasesIn(folder).flatMap((phase): PhaseView[] => {
    const inner = path.join(folder, phaseFolder(phase));
    const objects = yamlIn(inner).flatMap((file) => objectsOf(path.join(inner, file), nameOf));
    return objects.length > 0 ? [{ phase, folder: phaseFolder(phase), objects }] : [];
  });
  if (phases.length === 0) return [];
  const namespaces = phases.flatMap(({ objects }) =>
    objects.flatMap((object) => object.metadata.namespace ?? []),
  );
  return [{ name: path.basename(folder), namespace: namespaces[0] ?? 'default', phases }];
}

function objectsOf(file: string, nameOf: (file: string) => string): KubeObject[] {
  const { documents, errors } = readDocuments(fs.readFileSync(file, 'utf8'));
  const broken =
    errors.length > 0
      ? `line ${errors[0].position.line}: ${errors[0].message}`
      : documents.some(({ value }) => !isObject(value)) && 'holds what is no Kubernetes object';
  if (broken) {
    throw new ExitError(
      EXIT.FINDINGS,
      `${nameOf(file)}: ${broken}. 'cdk8s-llm check ${nameOf(path.dirname(file))}' tells all.`,
    );
  }
  return documents.map(({ value }) => value as KubeObject);
}

function isObject(value: unknown): boolean {
  const { kind, apiVersion, metadata } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof kind === 'string' && typeof apiVersion === 'string' && typeof metadata === 'object' && !!metadata
  );
}

function phasesIn(folder: string) {
  const names = foldersIn(folder);
  return PHASES.filter((phase) => names.includes(phaseFolder(phase)));
}

function foldersIn(folder: string): string[] {
  return entriesIn(folder, (entry) => entry.isDirectory());
}

function yamlIn(folder: string): string[] {
  return entriesIn(folder, (entry) => entry.isFile() && /\.ya?ml$/.test(entry.name));
}

/** Names in the order in which a synth writes them; none of what is not there. */
function entriesIn(folder: string, isWanted: (entry: fs.Dirent) => boolean): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter(isWanted)
    .map(({ name }) => name)
    .sort();
}
