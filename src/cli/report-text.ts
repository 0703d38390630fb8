import { SCHEMA, WAIVER_ADVICE } from '../validation/waivers';
import { CheckResult, Finding, sentenceOf } from './finding';
import type { ReportContext } from './report';

/**
 * The findings as a compiler tells errors: the place, which editors and CI make a link of, what is wrong, and the line
 * itself.
 *
 *     dist/chat.yaml:7:3: error: Deployment llm/chat: spec.replicas is "2"; it must be a whole number [schema]
 *         7 |   replicas: "2"
 *           |   ^^^^^^^^
 *       why: The API server refuses the object, or drops the field without a word.
 *
 * @internal
 */
export function reportText({ findings }: CheckResult, { files, hasColour }: ReportContext): string {
  const lines = new Map<string, readonly string[]>();
  const linesOf = (file: string) => {
    const known = lines.get(file) ?? files.find(({ name }) => name === file)!.text.split(/\r?\n/);
    lines.set(file, known);
    return known;
  };
  const blocks = findings.map((finding) => block(finding, linesOf(finding.file), hasColour));
  // What no annotation excuses needs no advice how to excuse it.
  if (findings.some(({ rule }) => !NOT_EXCUSED.includes(rule))) blocks.push(`${WAIVER_ADVICE}\n`);
  return blocks.join('\n');
}

const NOT_EXCUSED = [SCHEMA, 'yaml', 'resource'];

function block(finding: Finding, lines: readonly string[], hasColour: boolean): string {
  const { file, line, column, endColumn, object, rule, why } = finding;
  const error = hasColour ? '\x1b[1;31merror:\x1b[0m' : 'error:';
  const subject = object === undefined ? '' : `${object}: `;
  const shown = lines[line - 1] ?? '';
  const gutter = String(line).padStart(5);
  // Tabs, so that the mark stands below what it marks.
  const indent = shown.slice(0, column - 1).replace(/[^\t]/g, ' ');
  const mark = '^'.repeat(Math.max(1, endColumn - column));
  return `${file}:${line}:${column}: ${error} ${subject}${sentenceOf(finding)} [${rule}]
${gutter} | ${shown}
      | ${indent}${mark}
  why: ${why}
`;
}

/** `2 findings in 1 of 14 files; 53 objects, Kubernetes 1.31.` @internal */
export function summary({ findings, files, objects, kubernetesVersion }: CheckResult): string {
  const broken = new Set(findings.map(({ file }) => file)).size;
  const found =
    findings.length === 0
      ? `Nothing found in ${count(files, 'file')}`
      : `${count(findings.length, 'finding')} in ${broken} of ${count(files, 'file')}`;
  return `${found}; ${count(objects, 'object')}, Kubernetes ${kubernetesVersion}.\n`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
