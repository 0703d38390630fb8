import { CheckedObject, checkObjects, ForeignRules, KubeObject, Violation, whyOf } from '../validation/check';
import { SCHEMAS } from '../migrate/read-resources';
import { schemaProblems } from '../migrate/schema-errors';
import { describeObject } from '../validation/object-set';
import type { Run } from './command';
import { EXIT } from './exit-codes';
import { InputFile, readFiles } from './files';
import { CheckResult, Finding } from './finding';
import { Progress } from './progress';
import { reportJson } from './report-json';
import { reportSarif } from './report-sarif';
import { reportText, summary } from './report-text';
import { hasColour } from './io';
import { kubernetesVersionFrom } from './kubernetes-version';
import { Position, readDocuments, segmentsOf, YamlDocument } from '../validation/yaml-documents';

/** `cdk8s-llm check` @internal */
export const check: Run = async (args, io) => {
  const kubernetesVersion = kubernetesVersionFrom(args);
  const foreignRules = (args.value('foreign-rules') ?? 'all') as ForeignRules;
  const quiet = args.has('quiet');
  const progress = new Progress(io, quiet);
  const files = await readFiles(args.operands, io);
  const result = checkFiles(files, { kubernetesVersion, foreignRules }, progress);
  progress.clear();

  const format = args.value('format') ?? 'text';
  const report = { text: reportText, json: reportJson, sarif: reportSarif }[format] ?? reportText;
  io.stdout.write(report(result, { cwd: io.cwd, hasColour: hasColour(io.stdout, io), files }));
  if (!quiet) io.stderr.write(summary(result));
  return result.findings.length > 0 ? EXIT.FINDINGS : EXIT.OK;
};

interface Options {
  readonly kubernetesVersion: string;
  readonly foreignRules: ForeignRules;
}

/** An object with its document. */
interface Located {
  readonly object: unknown;
  readonly file: string;
  readonly document: YamlDocument;
  /** Where it stands in its document: that of a List has others. */
  readonly path: readonly (string | number)[];
}

function checkFiles(files: readonly InputFile[], options: Options, progress: Progress): CheckResult {
  const findings: Finding[] = [];
  const objects = new Map<string, Located>();
  files.forEach(({ name, text }, index) => {
    progress.report(`Reading ${name}`, index + 1, files.length);
    const { documents, errors } = readDocuments(text);
    for (const { message, position } of errors) findings.push(syntaxFinding(name, message, position, text));
    for (const located of documents.flatMap((document) => objectsOf(document, name))) {
      objects.set(placeOf(located, objects), located);
    }
  });
  progress.report(`Checking ${objects.size} objects`);
  const checked = [...objects].map(([where, { object }]): CheckedObject => {
    return { object: object as KubeObject, where };
  });
  for (const violation of checkObjects(checked, options)) {
    findings.push(findingOf(violation, objects.get(violation.where)!));
  }
  for (const located of objects.values()) findings.push(...resourceFindings(located));
  return {
    // In the order in which a person goes through the files.
    findings: inOrder(findings, files),
    kubernetesVersion: options.kubernetesVersion,
    files: files.length,
    objects: objects.size,
  };
}

/** The objects of a document: those of a List, and none of what only a tool on a desk reads. */
function objectsOf(document: YamlDocument, file: string): Located[] {
  const { kind, apiVersion, items } = (document.value ?? {}) as Record<string, unknown>;
  if (kind === 'List' && Array.isArray(items)) {
    return items.map((object: unknown, index) => ({ object, file, document, path: ['items', index] }));
  }
  if (typeof apiVersion === 'string' && apiVersion.startsWith('kustomize.config.k8s.io/')) return [];
  return [{ object: document.value, file, document, path: [] }];
}

/** `dist/a.yaml:12`, as messages about other objects name this one; each object has its own. */
function placeOf({ file, document, path }: Located, others: ReadonlyMap<string, Located>): string {
  const { line, column } = document.positionOf(path);
  const place = `${file}:${line}`;
  // Elements of a list in one line.
  return others.has(place) ? `${place}:${column}` : place;
}

function findingOf({ rule, object, field, message }: Violation, { file, document, path }: Located): Finding {
  const position = document.positionOf([...path, ...(field === undefined ? [] : segmentsOf(field))]);
  return { rule, file, ...position, object, ...(field ? { field } : {}), message, why: whyOf(rule) };
}

/** What is wrong with a resource of the systems that `render` reads, which would refuse it. */
function resourceFindings({ object, file, document, path }: Located): Finding[] {
  const { apiVersion, kind, metadata } = (object ?? {}) as Partial<KubeObject>;
  const schema = SCHEMAS[`${apiVersion} ${kind}`];
  if (!schema || typeof metadata !== 'object' || metadata === null) return [];
  const name = describeObject(object as KubeObject);
  return schemaProblems(name, schema, object).map(({ field, message }) => ({
    rule: 'resource',
    file,
    ...document.positionOf([...path, ...segmentsOf(field)]),
    object: name,
    field,
    // Without what the sentence begins with, which a finding has by itself.
    message: message.slice(`${name}: '${field}' `.length),
    why: 'No pipeline can be made of it: `cdk8s-llm render` refuses it.',
  }));
}

const TEMPLATE_ADVICE =
  'It looks like a template; render it first, as by `helm template`, and check what comes out.';

function syntaxFinding(file: string, message: string, position: Position, text: string): Finding {
  const isTemplate = text.includes('{{');
  const sentence = message.split('\n')[0].replace(/\.?$/, '.');
  return {
    rule: 'yaml',
    file,
    ...position,
    message: isTemplate ? `${sentence} ${TEMPLATE_ADVICE}` : sentence,
    why: 'What is no YAML is applied by nothing.',
  };
}

function inOrder(findings: readonly Finding[], files: readonly InputFile[]): Finding[] {
  const order = new Map(files.map(({ name }, index) => [name, index]));
  return [...findings].sort(
    (a, b) => order.get(a.file)! - order.get(b.file)! || a.line - b.line || a.column - b.column,
  );
}
