import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { temporaryFolder } from '../support/folders';

/**
 * Finds Prometheus' own tool for rules. It is no part of this project; Debian's package `prometheus` has it.
 *
 * Without it a warning is printed and undefined returned; with CDK8S_LLM_REQUIRE_PEERS=1 it is an error.
 */
export function findPromtool(): Promtool | undefined {
  const named = process.env.CDK8S_LLM_PEER_PROMTOOL;
  for (const candidate of [...(named ? [named] : []), 'promtool']) {
    try {
      execFileSync(candidate, ['--version'], { stdio: 'ignore' });
      return new Promtool(candidate);
    } catch {
      // Not there.
    }
  }
  const message =
    'there is no promtool here, so no alert was tried with it; install the package prometheus, or set ' +
    'CDK8S_LLM_PEER_PROMTOOL to the program';
  if (process.env.CDK8S_LLM_REQUIRE_PEERS === '1') throw new Error(message);
  console.warn(message);
  return undefined;
}

/** A series by its name with labels, and its values, a minute apart, as promtool writes them: `0+10x60`. */
export type Series = Record<string, string>;

export class Promtool {
  public constructor(private readonly program: string) {}

  /** What it says of groups of rules: their expressions, their templates. Throws when it refuses them. */
  public check(groups: unknown[]): string {
    return this.run(['check', 'rules', this.rules(groups)]);
  }

  /** Throws when other alerts than these fire after so many minutes. */
  public expectFiring(groups: unknown[], series: Series, minutes: number, alerts: readonly string[]): void {
    const rules = this.rules(groups);
    const test = {
      rule_files: [rules],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          promql_expr_test: [
            {
              expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
              eval_time: `${minutes}m`,
              exp_samples: alerts.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
            },
          ],
        },
      ],
    };
    const file = path.join(path.dirname(rules), 'test.json');
    fs.writeFileSync(file, JSON.stringify(test));
    this.run(['test', 'rules', file]);
  }

  private rules(groups: unknown[]): string {
    const file = path.join(temporaryFolder(), 'rules.json');
    fs.writeFileSync(file, JSON.stringify({ groups }));
    return file;
  }

  private run(args: string[]): string {
    try {
      return execFileSync(this.program, args, { stdio: 'pipe' }).toString();
    } catch (error) {
      const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
      throw new Error(`promtool ${args.join(' ')}:\n${stdout.toString()}${stderr.toString()}`, {
        cause: error,
      });
    }
  }
}
