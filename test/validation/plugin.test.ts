import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { transformFileSync } from '@swc/core';
import { Yaml } from 'cdk8s';
import type { Validation } from 'cdk8s-cli/plugins';
import { LlmValidation } from '../../src/validation/plugin';
import { Good, goodObjects } from './good-objects';

const ROOT = path.join(__dirname, '../..');

let project: string;

/** A project whose app writes the files of `manifests/`, whoever made them. */
beforeAll(() => {
  project = fs.mkdtempSync(path.join(os.tmpdir(), 'plugin-'));
  compileInto(path.join(project, 'plugin'));
  const app = "require('fs').cpSync('manifests', process.env.CDK8S_OUTDIR, { recursive: true });\n";
  fs.writeFileSync(path.join(project, 'app.js'), app);
});

afterAll(() => fs.rmSync(project, { recursive: true }));

/** Compiles the library's sources to CommonJS, as the package has them. */
function compileInto(folder: string): void {
  const sources = path.join(ROOT, 'src');
  for (const name of fs.readdirSync(sources, { recursive: true, encoding: 'utf8' })) {
    const to = path.join(folder, name);
    if (name.endsWith('.ts')) {
      const { code } = transformFileSync(path.join(sources, name), {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
      });
      fs.mkdirSync(path.dirname(to), { recursive: true });
      fs.writeFileSync(to.replace(/ts$/, 'js'), code);
    } else if (name.endsWith('.js')) {
      fs.mkdirSync(path.dirname(to), { recursive: true });
      fs.copyFileSync(path.join(sources, name), to);
    }
  }
}

function synth(good: Partial<Good>, properties: object) {
  const manifests = path.join(project, 'manifests');
  fs.rmSync(manifests, { recursive: true, force: true });
  fs.mkdirSync(path.join(manifests, 'nested'), { recursive: true });
  Yaml.save(path.join(manifests, 'nested/all.yaml'), Object.values(good));
  Yaml.save(path.join(project, 'cdk8s.yaml'), [
    {
      language: 'typescript',
      app: `${process.execPath} app.js`,
      validations: [
        { package: './plugin/validation/plugin.js', version: '0.1.0', class: 'LlmValidation', properties },
      ],
    },
  ]);
  const cli = path.join(ROOT, 'node_modules/cdk8s-cli/bin/cdk8s');
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'synth'], {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, CDK8S_CHECK_UPGRADE: 'false' },
  });
  return { status, output: stdout + stderr };
}

test('cdk8s synth succeeds on good YAML', () => {
  const { status, output } = synth(goodObjects(), { kubernetesVersion: '1.31' });
  expect(output).toContain('Validations finished');
  expect(status).toBe(0);
});

test('cdk8s synth fails on YAML that breaks rules, and says what to do', () => {
  const good = goodObjects();
  good.foreign.spec.template.spec.containers[0].image = 'proxy:latest';
  good.download.spec.managedBy = 'example.com/queue';
  const { status, output } = synth(good, {});
  expect(status).toBe(2);
  expect(output).toContain('pinned-image');
  expect(output).toContain('Deployment web/proxy');
  expect(output).toContain('makes two pods of one file different programs');
  expect(output).toContain('needs Kubernetes 1.32; the target is 1.31');
  expect(output).toContain(path.join('nested', 'all.yaml'));
});

test('cdk8s synth asks the house style of others, unless it is told otherwise', () => {
  const good = goodObjects();
  delete good.foreign.spec.template.spec.containers[0].startupProbe;
  const strict = synth(good, { foreignRules: 'all' });
  expect(strict.status).toBe(2);
  expect(strict.output).toContain('server-probes');
  expect(synth(good, {}).status).toBe(2);
  expect(synth(good, { foreignRules: 'essential' }).status).toBe(0);
});

test('it is what cdk8s-cli calls a validation', async () => {
  const plugin: Validation = new LlmValidation({ kubernetesVersion: '1.34' });
  const submitted: unknown[] = [];
  const context = {
    manifests: ['a.yaml'],
    parseManifest: () => [null, { apiVersion: 'v1', kind: 'List', items: [goodObjects().secret] }],
    report: {
      addViolation: (violation: unknown) => submitted.push(violation),
      submit: (...args: unknown[]) => submitted.push(args),
    },
  };
  await plugin.validate(context as unknown as Parameters<Validation['validate']>[0]);
  expect(submitted).toEqual([['success', { kubernetesVersion: '1.34', objects: '1' }]]);
});

test.each<[object, RegExp]>([
  [
    { kubernetesversion: '1.31' },
    /'properties' is \["kubernetesversion"\]; allowed: kubernetesVersion, foreignRules/,
  ],
  [{ kubernetesVersion: 1.3 }, /LlmValidation: 'kubernetesVersion' is 1\.3; allowed: '1\.28' to '1\.36'/],
  [{ kubernetesVersion: '1.27' }, /'kubernetesVersion' is '1\.27'/],
  [{ foreignRules: 'none' }, /LlmValidation: 'foreignRules' is 'none'; allowed: all, essential/],
])('properties %j are refused', (properties, message) => {
  expect(() => new LlmValidation(properties)).toThrow(message);
});
