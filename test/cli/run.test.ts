import { COMMANDS } from '../../src/cli/commands';
import { EXIT_CODES } from '../../src/cli/exit-codes';
import { packageVersion } from '../../src/cli/version';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { REPOSITORY } from '../support/folders';
import { run } from '../../src/cli/run';
import { runCli } from './run-cli';

const page = fs.readFileSync(path.join(REPOSITORY, 'docs/cli.md'), 'utf8');
const names = COMMANDS.map(({ name }) => name);

test('without a command it tells the commands, as an error', async () => {
  const { code, stdout, stderr } = await runCli([]);
  expect([code, stdout]).toEqual([2, '']);
  names.forEach((name) => expect(stderr).toContain(`\n  ${name} `));
});

test.each([[['--help']], [['-h']], [['help']]])('%s lists the commands and the exit codes', async (args) => {
  const { code, stdout, stderr } = await runCli(args);
  expect([code, stderr]).toEqual([0, '']);
  COMMANDS.forEach(({ summary }) => expect(stdout).toContain(summary));
  EXIT_CODES.forEach(([exit]) => expect(stdout).toMatch(new RegExp(`\n  ${exit} +\\w`)));
});

test.each([['--version'], ['-V']])('%s is the version of the package', async (flag) => {
  const { version } = JSON.parse(fs.readFileSync(path.join(REPOSITORY, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(await runCli([flag])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  expect(packageVersion()).toBe(version);
});

describe.each(COMMANDS)('$name', ({ name, options, examples }) => {
  test('explains itself, whatever else is on the line', async () => {
    const { code, stdout } = await runCli([name, '--help']);
    expect(code).toBe(0);
    options.forEach((option) => expect(stdout).toContain(`--${option.name}`));
    examples.forEach(([, line]) => expect(stdout).toContain(`\n  ${line}\n`));
    for (const same of [
      ['help', name],
      [name, '-h'],
      [name, '--no-such', '--help'],
    ]) {
      expect((await runCli(same)).stdout).toBe(stdout);
    }
  });

  test('has lines that a terminal of 120 columns shows', async () => {
    const { stdout } = await runCli([name, '--help']);
    expect(stdout.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  test('names the option that was probably meant', async () => {
    const { code, stderr } = await runCli([name, '--hlep']);
    expect(code).toBe(2);
    expect(stderr).toBe(
      `cdk8s-llm ${name}: unknown option --hlep. Did you mean --help? 'cdk8s-llm ${name} --help' lists all.\n`,
    );
  });

  test('is told in docs/cli.md, with its options', () => {
    expect(page).toContain(`## ${name}\n`);
    options
      .filter((option) => option.name !== 'help')
      .forEach((option) => expect(page).toContain(`\`--${option.name}`));
  });
});

test.each([
  [['chek', 'dist'], "the command is 'chek'; allowed: ", ' Did you mean check?'],
  [['-v'], 'unknown option -v. ', "'cdk8s-llm --help' lists the commands."],
  [['--verson'], 'unknown option --verson. ', 'Did you mean --version?'],
  [['check'], 'check: DIR is missing', "'cdk8s-llm check --help' has examples."],
  [['check', 'dist', '--format', 'sarf'], "--format is 'sarf'; allowed: text, json, sarif.", 'mean sarif?'],
  [['check', 'dist', '--format'], '--format needs a value: ', '--format FORMAT.'],
  [['check', 'dist', '--format', '--quiet'], '--format needs a value: ', '--format FORMAT.'],
  [['check', 'dist', '--format=json', '--format=text'], '--format is given twice', 'give it once.'],
  [['check', 'dist', '--quiet=yes'], '--quiet takes no value', "leave out '=yes'."],
  [['check', 'dist', '--kubernetes-version', '1.3'], "is '1.3'", "'1.28' to '1.36'"],
  [['check', 'dist', '-x'], 'unknown option -x.', "'cdk8s-llm check --help' lists all."],
  [['completion', 'bas'], "SHELL is 'bas'; allowed: bash, zsh, fish.", 'Did you mean bash?'],
  [['completion', 'bash', 'zsh'], 'zsh is not expected here', '--help'],
])('%s is refused', async (args, what, advice) => {
  const { code, stdout, stderr } = await runCli(args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(what);
  expect(stderr).toContain(advice);
  expect(stderr.split('\n')).toHaveLength(2);
});

test('docs/cli.md tells every exit code as --help does', () => {
  for (const [code, meaning] of EXIT_CODES) {
    const row = page.split('\n').find((line) => line.startsWith(`| ${code} `));
    expect(row).toContain(meaning);
  }
});

test('a defect is told as one, with all that a report needs', async () => {
  const texts: string[] = [];
  const code = await run(['--version'], {
    stdin: () => Promise.resolve(''),
    stdout: {
      write: () => {
        throw new TypeError('x is not a function');
      },
    },
    stderr: { write: (text) => texts.push(text) },
    env: {},
    cwd: '.',
  });
  expect(code).toBe(70);
  expect(texts.join('')).toMatch(
    /^cdk8s-llm: a defect of this program\. Please report it .*\nTypeError: x is not.*\n {4}at /s,
  );
});
