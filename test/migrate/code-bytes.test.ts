import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { PhasedApp } from '../../src';
import { makePlan } from '../../src/migrate/make';
import type { Plan } from '../../src/migrate/plan';
import { printCode } from '../../src/migrate/print-code';
import type { InputText } from '../../src/migrate/read-resources';
import { program, projectWith, typeErrors } from '../support/documents';
import { differences, REPOSITORY, tree } from '../support/folders';
import { answered, asFile, documents, fixture, merged } from '../support/migrations';
import { SAMPLES } from './samples';

/** An example with each fragment of the same document over its first resource. */
const completed = (file: string, fragments: string) => {
  const [first, ...others] = documents(`seeds/${file}`);
  return documents(`seeds/${fragments}`).map((fragment) => asFile(merged(first, fragment), ...others));
};

/** Every example of the five systems' documents, and resources with all fields that there are. */
const EXAMPLES: InputText[] = [
  ...['koldun', 'ai-operator', 'dynamo', 'dynamo-existing', 'model-serve', 'k8shazgpu'].map((name) =>
    fixture(`seeds/${name}.yaml`),
  ),
  ...completed('koldun.yaml', 'koldun-pv.fragment.yaml'),
  ...completed('dynamo.yaml', 'dynamo.fragments.yaml'),
  ...completed('model-serve.yaml', 'model-serve.fragments.yaml'),
  ...Object.values(SAMPLES).flatMap((samples) => samples.map((sample) => asFile(...sample.documents))),
];

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
  const plans = EXAMPLES.map((file, i) => [`example-${i + 1}`, answered([file]).plan] as const);
  const names = plans.map(([name]) => name);
  const programs = Object.fromEntries(plans.map(([name, plan]) => [`${name}.ts`, program(printCode(plan))]));
  // Those of the programs alone: those of the library are told by its own compilation.
  const errors = typeErrors(programs).split('\n');
  expect(errors.filter((line) => line.startsWith('example-'))).toEqual([]);

  const project = projectWith({ ...programs, 'run.ts': runner(names) });
  const tsx = path.join(REPOSITORY, 'node_modules/.bin/tsx');
  execFileSync(process.execPath, [tsx, 'run.ts'], { cwd: project, stdio: 'pipe' });
  expect(fs.readdirSync(path.join(project, 'out')).sort()).toEqual([...names].sort());
  for (const [name, plan] of plans) {
    const made = synthesized(plan, path.join(project, 'made', name));
    expect(Object.keys(made).length).toBeGreaterThan(1);
    expect([name, differences(tree(path.join(project, 'out', name)), made)]).toEqual([name, []]);
  }
}, 300_000);
