import { CheckResult, sentenceOf } from './finding';

/** The findings for scripts. Members are added to it, never taken away, while `version` is the same. @internal */
export function reportJson({ findings, files, objects, kubernetesVersion }: CheckResult): string {
  const report = {
    version: 1,
    kubernetesVersion,
    files,
    objects,
    findings: findings.map((finding) => ({
      rule: finding.rule,
      severity: 'error',
      file: finding.file,
      line: finding.line,
      column: finding.column,
      object: finding.object ?? null,
      field: finding.field ?? null,
      message: sentenceOf(finding),
      why: finding.why,
    })),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
