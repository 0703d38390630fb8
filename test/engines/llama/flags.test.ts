import { execFileSync } from 'node:child_process';
import { checkFlags, hasFlag, valueOfFlag } from '../../../src/engines/flag-table';
import { LLAMA_FLAG_TABLE } from '../../../src/engines/llama/flags';
import { compareLlamaVersions } from '../../../src/engines/llama/version';
import { findLlama } from '../../doubles/llama';

const { flags } = LLAMA_FLAG_TABLE;
const problems = (version: string, ...args: string[]) =>
  checkFlags(LLAMA_FLAG_TABLE, version, args).map(({ given, advice }) => `${given}: ${advice}`);

test('every spelling is of one flag', () => {
  const all = Object.entries(flags).flatMap(([flag, { aliases = [] }]) => [flag, ...aliases]);
  expect(all.filter((spelling, index) => all.indexOf(spelling) !== index)).toEqual([]);
  expect(all.length).toBeGreaterThan(400);
});

test('what a flag is replaced by is there when it goes', () => {
  const replaced = Object.values(flags).filter(({ replacedBy }) => replacedBy?.startsWith('-'));
  expect(replaced.length).toBeGreaterThan(2);
  for (const { until, replacedBy } of replaced) {
    expect(hasFlag(LLAMA_FLAG_TABLE, until ?? '', replacedBy ?? '')).toBe(true);
  }
});

test.each([
  ['b6324', ['--flash-attn', '--metrics'], []],
  ['b6325', ['--flash-attn', 'on'], []],
  ['b6325', ['--flash-attn', '--metrics'], ['--flash-attn: Put its value behind it.']],
  ['b8390', ['--draft-max', '16'], []],
  ['b9842', ['--draft-max', '16'], ['--draft-max: Use --spec-draft-n-max.']],
  ['b8390', ['--spec-draft-n-max', '3'], ['--spec-draft-n-max: Pin a newer image, or use --draft.']],
  ['v0.4.1', ['-ngl', 'auto', '-ctk', 'q8_0'], []],
  ['v0.4.1', ['-ctk', 'q3_0'], ['-ctk "q3_0": Correct its value.']],
  ['b7347', ['-ngl', 'auto'], ['-ngl "auto": Correct its value.']],
  ['b10361', ['--no-mmap'], []],
  ['v0.5.0', ['--no-mmap'], ['--no-mmap: Use --load-mode none.']],
  ['b6500', ['--models-dir', '/models'], ['--models-dir: Pin a newer image, or leave it out.']],
  [
    'v0.7.0',
    ['--cache_type_k', 'q8_0', '--alias', '-a'],
    ['--alias: Put its value behind it.', '-a: Put its value behind it.'],
  ],
  ['v0.7.0', ['--lora-scaled', 'a.gguf:0.5'], []],
  ['b6500', ['--lora-scaled', 'a.gguf', '0.5'], []],
  ['v0.7.0', ['--ctx-size=4096'], ["--ctx-size=4096: Write '--ctx-size', '4096'."]],
  ['v0.7.0', ['--contxt-size', '1'], ['--contxt-size: Did you mean --ctx-size?']],
  [
    'v0.7.0',
    ['-hf', 'org/model'],
    ['-hf: Servers fetch nothing: let a ModelCache fetch it, and give its artifact.'],
  ],
  ['v0.7.0', ['--host', '::'], ['--host: The probes and the Service need it as the construct sets it.']],
  ['v0.7.0', ['--api-key', 'secret'], ["--api-key: It would be in the manifest: use the property 'apiKey'."]],
])('%s: %j', (version, args, expected) => expect(problems(version, ...args)).toEqual(expected));

const llama = findLlama();
const known = llama && compareLlamaVersions(llama.version, LLAMA_FLAG_TABLE.newest) === 0;
if (llama && !known)
  console.warn(`the table of llama-server is older than ${llama.version}: its help is not compared`);

(llama && known ? describe : describe.skip)('the help of llama-server', () => {
  /** Each spelling, and what follows it. */
  const help = new Map<string, string>();
  const text = llama
    ? execFileSync(llama.program('llama-server'), ['--help'], { stdio: ['ignore', 'pipe', 'ignore'] })
    : '';
  for (const line of text.toString().split('\n')) {
    if (!/^--?[a-zA-Z]/.test(line)) continue;
    const [, names, rest] = /^((?:--?[\w.-]+,\s+)*--?[\w.-]+)(?: (\S.*?))?(?:\s{2,}.*)?$/.exec(line) ?? [];
    for (const name of names.split(/,\s+/)) help.set(name, (rest ?? '').split(/\s{2,}/)[0]);
  }
  const version = llama?.version ?? '';
  const removed = (spelling: string) =>
    /^--(draft(-max|-n|-min|-n-min)?|spec-ngram-(size-[nm]|min-hits))$/.test(spelling);
  const ours = new Map(
    Object.entries(flags)
      .filter(([flag]) => hasFlag(LLAMA_FLAG_TABLE, version, flag))
      .flatMap(([flag, row]) => [flag, ...(row.aliases ?? [])].map((spelling) => [spelling, row] as const)),
  );

  it('has every flag of the table and no other', () => {
    expect(help.size).toBeGreaterThan(400);
    const there = [...help.keys()].filter((spelling) => !removed(spelling));
    expect([...ours.keys()].sort()).toEqual(there.sort());
  });

  it('says of each whether a value follows', () => {
    const values = (spelling: string) => (help.get(spelling) === '' ? 'none' : 'a value');
    for (const [spelling, row] of ours) {
      const value = valueOfFlag(LLAMA_FLAG_TABLE, version, row) === 'none' ? 'none' : 'a value';
      expect(`${spelling}: ${value}`).toBe(`${spelling}: ${values(spelling)}`);
    }
  });

  it('is of a program that refuses what is in no table', () => {
    const run =
      (...args: string[]) =>
      () =>
        execFileSync(llama?.program('llama-server') ?? '', args, { stdio: 'pipe' });
    expect(run('--contxt-size', '1')).toThrow(/invalid argument: --contxt-size/);
    expect(run('--ctx-size=1')).toThrow(/invalid argument: --ctx-size=1/);
    expect(run('--draft-max', '3')).toThrow(/removed/);
  });
});
