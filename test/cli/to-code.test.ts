import * as fs from 'node:fs';
import * as path from 'node:path';
import { answering, koldun } from './koldun';
import { folderWith, runCli } from './run-cli';

const resources = () => folderWith({ 'models.yaml': koldun('qwen', { weights: 'q80' }) });
const toCode = (cwd: string, ...args: string[]) =>
  runCli(['to-code', '-f', 'models.yaml', ...answering('qwen'), ...args], { cwd });

test('the program goes to standard output, what has to be known besides to standard error', async () => {
  const { code, stdout, stderr } = await toCode(resources());
  expect(code).toBe(0);
  expect(stdout).toMatch(/^import \{.*\napp\.synth\(\);\n$/s);
  expect(stdout).toContain("const qwen = app.pipeline('qwen', { namespace: 'llm' });\n");
  expect(stdout).toContain('// spec.conversion.weightsFloatType: ');
  expect(stderr).toMatch(/^warning: .*weightsFloatType/);
});

test('it has the Kubernetes version that is named', async () => {
  const { stdout } = await toCode(resources(), '--kubernetes-version', '1.33');
  expect(stdout).toContain("const app = new PhasedApp({ kubernetesVersion: '1.33' });\n");
});

test('a file is written, but none that a person may have changed', async () => {
  const cwd = resources();
  const { stderr } = await toCode(cwd, '-o', 'src/main.ts');
  expect(stderr).toMatch(/\nsrc\/main\.ts is written; 'npx tsx src\/main\.ts' writes the YAML to dist\.\n$/);
  const file = path.join(cwd, 'src/main.ts');
  const written = fs.readFileSync(file, 'utf8');
  expect(written).toBe((await toCode(cwd)).stdout);
  expect((await toCode(cwd, '-o', 'src/main.ts')).code).toBe(0);
  fs.appendFileSync(file, '// mine\n');
  const again = await toCode(cwd, '-o', 'src/main.ts');
  expect([again.code, fs.readFileSync(file, 'utf8')]).toEqual([2, `${written}// mine\n`]);
  expect(again.stderr).toContain('src/main.ts is there already');
});

test('a folder is no file to write to', async () => {
  const { code, stderr } = await toCode(
    folderWith({ 'models.yaml': koldun('qwen'), 'src/a.ts': '' }),
    '-o',
    'src',
  );
  expect(code).toBe(2);
  expect(stderr).toMatch(/src is a folder; name a file to write by '-o FILE'\.\n$/);
});

test('resources that make no YAML make no program', async () => {
  const cwd = folderWith({ 'models.yaml': koldun('qwen', { replicaPower: 5 }) });
  const { code, stdout, stderr } = await toCode(cwd);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain("'replicaPower' is 5");
});
