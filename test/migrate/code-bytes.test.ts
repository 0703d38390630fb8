import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { PhasedApp } from '../../src';
import { makePlan } from '../../src/migrate/make';
import type { Plan } from '../../src/migrate/plan';
import { printCode } from '../../src/migrate/print-code';
import { planOf } from '../../src/migrate/read-plan';
import { MigrationError } from '../../src/migrate/translation';
import { program, projectWith, typeErrors } from '../support/documents';
import { differences, REPOSITORY, temporaryFolder, tree } from '../support/folders';
import { Seed, seeds } from './seeds';

/** The plan of an example, with all that it asks answered. */
function planned({ name, yaml, answers }: Seed): Plan {
  const files = [{ name: `${name}.yaml`, text: yaml }];
  try {
    return planOf(files);
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    const given = error.questions.map(({ id }) => [id, answers[id.slice(id.lastIndexOf('/') + 1)]]);
    return planOf(files, { answers: Object.fromEntries(given) as Record<string, string> });
  }
}

function synthesized(plan: Plan, outdir: string): Record<string, string> {
  const app = new PhasedApp({ outdir });
  makePlan(app, plan);
  app.synth();
  return tree(outdir);
}

/** Runs all programs in one process, each with a folder of its own. */
const runner = (names: readonly string[]) => `
(async () => {
  for (const name of ${JSON.stringify(names)}) {
    process.env.CDK8S_OUTDIR = 'out/' + name;
    await import('./' + name + '.ts');
  }
})();
`;

test('the code of every example compiles, and gives the bytes that the plan gives', () => {
  const plans = seeds(temporaryFolder()).map((seed) => [seed.name, planned(seed)] as const);
  const names = plans.map(([name]) => name);
  const programs = Object.fromEntries(plans.map(([name, plan]) => [`${name}.ts`, program(printCode(plan))]));
  // Those of the programs alone: those of the library are told by its own compilation.
  const errors = typeErrors(programs).split('\n');
  expect(errors.filter((line) => names.some((name) => line.startsWith(`${name}.ts(`)))).toEqual([]);

  const project = projectWith({ ...programs, 'run.ts': runner(names) });
  const tsx = path.join(REPOSITORY, 'node_modules/.bin/tsx');
  execFileSync(process.execPath, [tsx, 'run.ts'], { cwd: project, stdio: 'pipe' });
  expect(fs.readdirSync(path.join(project, 'out')).sort()).toEqual([...names].sort());
  for (const [name, plan] of plans) {
    const made = synthesized(plan, path.join(project, 'made', name));
    expect(Object.keys(made).length).toBeGreaterThan(1);
    expect([name, differences(tree(path.join(project, 'out', name)), made)]).toEqual([name, []]);
  }
}, 240_000);
