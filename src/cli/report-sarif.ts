import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CheckResult, Finding, sentenceOf } from './finding';
import type { ReportContext } from './report';
import { packageVersion } from './version';

/**
 * The findings as SARIF 2.1.0, which GitHub, GitLab and Azure DevOps show beside the code:
 * https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and
 * https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support
 *
 * @internal
 */
export function reportSarif({ findings }: CheckResult, { cwd }: ReportContext): string {
  const rules = new Map(findings.map(({ rule, why }) => [rule, why]));
  const ids = [...rules.keys()].sort();
  const log = {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'cdk8s-llm',
            semanticVersion: packageVersion(),
            informationUri: 'https://github.com/cdk8s-llm/cdk8s-llm',
            rules: ids.map((id) => ruleOf(id, rules.get(id)!)),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map((finding) => resultOf(finding, ids.indexOf(finding.rule), cwd)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function ruleOf(id: string, why: string) {
  return {
    id,
    shortDescription: { text: why },
    fullDescription: { text: why },
    help: { text: why },
    defaultConfiguration: { level: 'error' },
  };
}

function resultOf(finding: Finding, ruleIndex: number, cwd: string) {
  const { rule, file, line, column, endColumn, object, field } = finding;
  const text = object === undefined ? sentenceOf(finding) : `${object}: ${sentenceOf(finding)}`;
  const name = [object, field].filter((part) => part !== undefined).join(': ');
  return {
    ruleId: rule,
    ruleIndex,
    level: 'error',
    message: { text },
    locations: [
      {
        physicalLocation: {
          artifactLocation: artifactLocation(file, cwd),
          region: {
            startLine: line,
            startColumn: column,
            endLine: line,
            endColumn: Math.max(endColumn, column),
          },
        },
        ...(name === '' ? {} : { logicalLocations: [{ fullyQualifiedName: name, kind: 'resource' }] }),
      },
    ],
    partialFingerprints: { 'cdk8sLlm/v1': fingerprint(finding) },
  };
}

/** Relative to where the command runs: in CI, the root of the checkout. */
function artifactLocation(file: string, cwd: string) {
  if (file === '<stdin>') return { uri: 'stdin' };
  const relative = path.relative(cwd, path.resolve(cwd, file));
  if (relative.startsWith('..') || path.isAbsolute(relative)) {
    return { uri: pathToFileURL(path.resolve(cwd, file)).href };
  }
  const uri = relative.split(path.sep).map(encodeURIComponent).join('/');
  return { uri, uriBaseId: '%SRCROOT%' };
}

/** The same when lines are put in above, or the hash in a name changes: it is the same finding then. */
function fingerprint({ rule, file, object, field, message }: Finding): string {
  const name = object?.replace(/-[0-9a-f]{8}$/, '');
  return createHash('sha256')
    .update([rule, file, name, field, message].join('\n'))
    .digest('hex')
    .slice(0, 32);
}
