import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  isPattern,
  llamaCommand,
  LlamaFileArgument,
  LLAMA_SCRIPTS_FOLDER,
} from '../../../src/engines/llama/launcher';
import { temporaryFolder } from '../artifact/program';

const RUNTIME = path.join(__dirname, '../../../src/runtime');

function folderWith(...files: string[]): string {
  const folder = temporaryFolder();
  for (const file of files) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), '');
  }
  return folder;
}

/** Runs what the container would run, with a program that tells its arguments in place of the server. */
function launched(files: LlamaFileArgument[], extra: string[] = ['--port', '8080']) {
  const { command, args } = llamaCommand('/bin/echo', files, extra);
  const here = command.map((word) => word.replace(LLAMA_SCRIPTS_FOLDER, RUNTIME));
  const log = path.join(temporaryFolder(), 'termination-log');
  const { status, stdout } = spawnSync(here[0], [...here.slice(1), ...args], {
    env: { ...process.env, TERMINATION_LOG: log },
  });
  const lines = stdout.toString().trim().split('\n');
  return {
    status,
    told: lines.at(-1) ?? '',
    lines,
    left: fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trim() : '',
  };
}

const model = (folder: string, file: string, flag = '--model', suffix = '') => ({
  flag,
  folder,
  file,
  suffix,
});

test.each(['a.gguf', 'Q4/a-00001-of-00002.gguf'])('%s is no pattern, and needs no launcher', (file) => {
  expect(isPattern(file)).toBe(false);
  expect(llamaCommand('/app/llama-server', [model('/models/x', file)], ['--metrics'])).toEqual({
    command: ['/app/llama-server'],
    args: ['--model', `/models/x/${file}`, '--metrics'],
  });
});

test('several files of one flag are one argument', () => {
  const adapters = [
    model('/a', 'one.gguf', '--lora-scaled', ':1'),
    model('/b', 'two.gguf', '--lora-scaled', ':0.5'),
  ];
  expect(llamaCommand('s', adapters, []).args).toEqual(['--lora-scaled', '/a/one.gguf:1,/b/two.gguf:0.5']);
  const one = folderWith('one.gguf');
  const two = folderWith('two.gguf');
  const found = launched(
    [model(one, 'one*', '--lora-scaled', ':1'), model(two, '*', '--lora-scaled', ':0.5')],
    ['-x'],
  );
  expect(found.told).toBe(`-x --lora-scaled ${one}/one.gguf:1,${two}/two.gguf:0.5`);
});

test.each([
  ['*Q4_K_M*.gguf', 'model-Q4_K_M.gguf'],
  ['*.gguf', 'deep/er/only.gguf'],
  ['deep/*.gguf', 'deep/er/only.gguf'],
  ['model-[Qq]4.gguf', 'model-q4.gguf'],
  ['model-?4.gguf', 'model-Q4.gguf'],
  ['it\'s $(touch no) `a` "b" *.gguf', 'it\'s $(touch no) `a` "b" c.gguf'],
])('%s is %s', (pattern, file) => {
  const folder = folderWith(file, 'README.md', '.artifact.json');
  const { status, told } = launched([model(folder, pattern)]);
  expect(told).toBe(`--port 8080 --model ${folder}/${file}`);
  expect(status).toBe(0);
});

test('a model that is split is its first part', () => {
  const parts = [1, 2, 3].map((part) => `Q8/m-0000${part}-of-00003.gguf`);
  const folder = folderWith(...parts);
  expect(launched([model(folder, '*.gguf')]).told).toMatch(/\/Q8\/m-00001-of-00003\.gguf$/);
});

test('a part that is missing is told before the server reads gigabytes', () => {
  const folder = folderWith('m-00001-of-00010.gguf', 'm-00002-of-00010.gguf');
  const { status, left } = launched([model(folder, '*.gguf')]);
  expect(status).toBe(66);
  expect(left).toBe(
    `${folder}/m-00003-of-00010.gguf is missing, a part of the model; does the artifact leave it out?`,
  );
});

test('a projector beside the model is not taken for it, unless it is what is asked for', () => {
  const folder = folderWith('gemma-Q4.gguf', 'mmproj-gemma-F16.gguf');
  const files = [model(folder, '*.gguf'), model(folder, 'mmproj*', '--mmproj')];
  expect(launched(files).told).toBe(
    `--port 8080 --model ${folder}/gemma-Q4.gguf --mmproj ${folder}/mmproj-gemma-F16.gguf`,
  );
});

test('no file is told with what there is', () => {
  const folder = folderWith('a-Q8_0.gguf', 'b/c.gguf');
  const { status, left } = launched([model(folder, '*Q4*')]);
  expect(status).toBe(66);
  expect(left).toBe(`no file of ${folder} matches '*Q4*' for --model; there are: a-Q8_0.gguf b/c.gguf`);
});

test('several files are told by their names', () => {
  const folder = folderWith('a-Q4_K_M.gguf', 'a-Q4_K_S.gguf');
  const { status, left } = launched([model(folder, '*Q4*')]);
  expect(status).toBe(64);
  expect(left).toContain(
    `several files of ${folder} match '*Q4*' for --model, name one: a-Q4_K_M.gguf a-Q4_K_S.gguf`,
  );
});

test.each([
  ['q.gguf', 'q*'],
  ['*.gguf', '*'],
])('a model is no draft for itself: %s and %s', (file, draft) => {
  const folder = folderWith('q.gguf');
  const { status, left } = launched([model(folder, file), model(folder, draft, '--model-draft')]);
  expect(status).toBe(64);
  expect(left).toBe(
    `${folder}/q.gguf matches '${draft}' for --model-draft, and is taken already: name another file`,
  );
});

test('a file of one name may be in another folder', () => {
  const [one, other] = [folderWith('q.gguf'), folderWith('q.gguf')];
  const { told } = launched([model(one, 'q*'), model(other, 'q*', '--model-draft')]);
  expect(told).toBe(`--port 8080 --model ${one}/q.gguf --model-draft ${other}/q.gguf`);
});

test('a folder that is not there is told', () => {
  const { status, left } = launched([model('/nowhere', '*')]);
  expect(status).toBe(66);
  expect(left).toContain('/nowhere is not there');
});

test('a comma in a name would be two names', () => {
  const folder = folderWith('a,b.gguf', 'c.gguf');
  const { status, left } = launched([model(folder, 'c*', '--lora'), model(folder, 'a*', '--lora')]);
  expect(status).toBe(64);
  expect(left).toContain('comma');
});

test.each([[[]], [['--']], [['--model', '/x', '--', 'echo']], [['--model', '/x', '*', '']]])(
  'usage: %j',
  (args: string[]) => {
    const { status, stdout } = spawnSync('/bin/sh', [path.join(RUNTIME, 'llama.sh'), ...args]);
    expect(status).toBe(64);
    expect(stdout.toString()).toContain('usage: llama.sh');
  },
);
