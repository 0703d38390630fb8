import { execFileSync } from 'node:child_process';
import { COMMANDS } from '../../src/cli/commands';
import { folderWith, runCli } from './run-cli';

const script = async (shell: string) => (await runCli(['completion', shell])).stdout;

/** What bash offers for a command line, whose last word is being written. */
async function offered(...words: string[]): Promise<string[]> {
  const program = `
set -u
${await script('bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_cdk8s_llm
printf '%s\\n' "\${COMPREPLY[@]:-}"`;
  const cwd = folderWith({ 'my file.yaml': '', 'models/a.yaml': '' });
  const output = execFileSync('bash', ['--norc', '-c', program, 'bash', ...words], { cwd, encoding: 'utf8' });
  return output
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

const names = COMMANDS.map(({ name }) => name);

test.each([
  [['cdk8s-llm', ''], [...names, '--help', '--version'].sort()],
  [['cdk8s-llm', 'ch'], ['check']],
  [['cdk8s-llm', 'help', 'pl'], ['plan']],
  [
    ['cdk8s-llm', 'check', 'm'],
    ['models', 'my file.yaml'],
  ],
  [
    ['cdk8s-llm', 'check', '--fo'],
    ['--foreign-rules', '--format'],
  ],
  [
    ['cdk8s-llm', 'check', '--format', ''],
    ['json', 'sarif', 'text'],
  ],
  [['cdk8s-llm', 'plan', ''], ['models']],
  [['cdk8s-llm', 'plan', '-f', 'my'], ['my file.yaml']],
  [['cdk8s-llm', 'render', '-o', 'm'], ['models']],
  [['cdk8s-llm', 'check', 'my'], ['my file.yaml']],
  [['cdk8s-llm', 'completion', 'z'], ['zsh']],
  [['cdk8s-llm', 'check', '--kubernetes-version', ''], []],
])('bash completes %j', async (words, expected) => expect(await offered(...words)).toEqual(expected));

test.each(['bash', 'zsh', 'fish'])('%s knows every command and option', async (shell) => {
  const text = await script(shell);
  for (const { name, options } of COMMANDS) {
    expect(text).toContain(name);
    options.forEach((option) =>
      expect(text).toContain(shell === 'fish' ? `-l ${option.name}` : `--${option.name}`),
    );
  }
});
