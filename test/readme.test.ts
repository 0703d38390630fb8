import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { examples } from '../main';
import { differences, filesIn, REPOSITORY, temporaryFolder, tree } from './support/folders';

const README = fs.readFileSync(path.join(REPOSITORY, 'README.md'), 'utf8');
const { scripts, engines } = JSON.parse(fs.readFileSync(path.join(REPOSITORY, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
  engines: { node: string };
};

/** The texts of all fenced blocks of a language. */
function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text);
}

/** The program of a block, as one that imports this repository's source. */
function program(block: string): string {
  return block.replace("'cdk8s-llm'", JSON.stringify(path.join(REPOSITORY, 'src')));
}

/** A project in a folder of the test, with what is installed here. */
function projectWith(files: Record<string, string>): string {
  const project = temporaryFolder();
  for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(project, file), text);
  fs.symlinkSync(path.join(REPOSITORY, 'node_modules'), path.join(project, 'node_modules'));
  return project;
}

/** Type errors of programs, or nothing. */
function typeErrors(programs: Record<string, string>): string {
  const compilerOptions = {
    ...{ module: 'node16', moduleResolution: 'node16', target: 'es2022', lib: ['es2023'], types: ['node'] },
    ...{ strict: true, noEmit: true, skipLibCheck: true, esModuleInterop: true },
  };
  const project = projectWith({
    ...programs,
    'tsconfig.json': JSON.stringify({ compilerOptions, files: Object.keys(programs) }),
  });
  try {
    const tsc = path.join(REPOSITORY, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc], { cwd: project, stdio: 'pipe', encoding: 'utf8' });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

const [example, handOver] = blocks('ts');

test('the programs compile', () => {
  const imports = "import { FluxSourceRef, GitOps, PhasedApp } from 'cdk8s-llm';\n";
  expect(
    typeErrors({
      'example.ts': program(example),
      'hand-over.ts': program(`${imports}${handOver}\napp.synth();`),
    }),
  ).toBe('');
}, 120_000);

describe('the example', () => {
  test('writes the files that the page shows', () => {
    const project = projectWith({ 'program.ts': program(example) });
    const outdir = path.join(project, 'dist');
    const tsx = path.join(REPOSITORY, 'node_modules/.bin/tsx');
    const env = { ...process.env, CDK8S_OUTDIR: outdir };
    execFileSync(process.execPath, [tsx, 'program.ts'], { cwd: project, env, stdio: 'pipe' });
    const shown = [...README.matchAll(/^ {4}([\w./-]+\.k8s\.yaml) /gm)].map(
      ([, file]) => `qwen3-1.7b/${file}`,
    );
    expect(shown.length).toBeGreaterThan(0);
    expect(filesIn(outdir)).toEqual(['README.md', ...shown]);
    // As the examples have it, but for the licence, which they name.
    const examplesOutdir = path.join(project, 'examples');
    examples({ outdir: examplesOutdir }).synth();
    const withoutLicence = (folder: string) =>
      Object.fromEntries(
        Object.entries(tree(folder)).map(([file, text]) => [
          file,
          text.replace(/^.*cdk8s-llm\/licence.*\n/gm, ''),
        ]),
      );
    const [ours, theirs] = [examplesOutdir, outdir].map((folder) =>
      withoutLicence(path.join(folder, 'qwen3-1.7b')),
    );
    expect(differences(ours, theirs)).toEqual([]);
  }, 120_000);

  test('says what the objects of each phase are', () => {
    for (const phase of ['download', 'convert', 'serve']) {
      expect(README).toMatch(new RegExp(`\\d0-${phase}/${phase}\\.k8s\\.yaml +\\S`));
    }
  });
});

describe('the commands', () => {
  const commands = README.match(/npm (run [\w:]+|test)/g) ?? [];

  test.each([...new Set(commands)])('%s is one of package.json', (command) => {
    expect(scripts).toHaveProperty([command.replace(/^npm (run )?/, '')]);
  });

  test('are two, after which everything is installed, synthesized and tested', () => {
    const [first] = blocks('sh');
    const lines = first.split('\n').flatMap((line) => line.replace(/ *#.*/, '') || []);
    expect(lines).toEqual(['npm ci && npm run synth', 'npm ci && npm test']);
    expect(scripts.synth).toContain('cdk8s synth');
  });

  test('need the version of Node that package.json asks for', () => {
    expect(README).toContain(`Node ${/[\d.]+/.exec(engines.node)![0].replace(/\.0$/, '')}`);
  });
});

test('every file that it links to is there', () => {
  const links = [...README.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target]) => target);
  expect(links.length).toBeGreaterThan(0);
  expect(links.filter((target) => !fs.existsSync(path.join(REPOSITORY, target)))).toEqual([]);
});

test('the files that it applies by kubectl are in dist/', () => {
  const applied = [...README.matchAll(/(?:kubectl apply -f |^)(dist\/gitops\/[\w./-]+)/gm)].map(
    ([, file]) => file,
  );
  expect(applied).toHaveLength(4);
  for (const file of applied) expect(fs.existsSync(path.join(REPOSITORY, file))).toBe(true);
});
