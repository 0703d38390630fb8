import { checkFlags, FlagTable, hasFlag, WHOLE_NUMBER } from '../../src/engines/flag-table';

/** A table of an engine that nobody has, whose versions are whole numbers. */
const TABLE: FlagTable = {
  engine: 'engine',
  oldest: '100',
  newest: '300',
  syntax: { equals: true, dotted: true, dashedValues: false },
  compare: (one, other) => Number(one) - Number(other),
  flags: {
    '--context': { value: 'integer', aliases: ['-c'] },
    '--layers': { value: ['auto', 'all', WHOLE_NUMBER] },
    '--temperature': { value: 'number' },
    '--name': { value: 'text' },
    '--fast': { value: 'none', negatable: true },
    '--attention': { value: ['on', 'off'], formerly: { until: '200', value: 'none' } },
    '--config': { value: 'json' },
    '--files': { value: 'list' },
    '--range': { value: 'pair' },
    '--old': { value: 'integer', until: '200', replacedBy: '--new' },
    '--new': { value: 'integer', since: '200' },
    '--gone': { value: 'none', until: '200', replacedBy: 'It is always on.' },
    '--traces': { value: 'text', asks: true },
    '--ask': { value: 'none', negatable: true, asks: true },
    '--events': { value: 'json', asks: (value, key) => key === 'to' || value.includes('"to"') },
    '--host': { value: 'text', refused: 'Probes need it to listen at every address.' },
  },
};
const LLAMA = { ...TABLE, syntax: { equals: false, dotted: false, dashedValues: true } };

function problems(args: string[], version = '200', table = TABLE): string[] {
  return checkFlags(table, version, args).map(
    ({ given, allowed, advice }) => `${given}: ${allowed}. ${advice}`,
  );
}

describe('arguments that are right', () => {
  it.each([
    [['--context', '4096']],
    [['--context=4096']],
    [['-c', '4096']],
    [['--context', '-1']],
    [['--layers', 'all', '--layers', '12']],
    [['--temperature', '-.5e3']],
    [['--fast', '--no-fast']],
    [['--config', '{"a": 1}', '--config.b.c', 'text', '--config.b=2']],
    [['--files', 'a', 'b', 'c', '--fast']],
    [['--range', '1', '2', '--fast']],
    [['--name', 'a=b']],
    [['--new', '1', '--attention', 'on']],
  ])('takes %j', (args) => expect(problems(args)).toEqual([]));

  it('takes underscores for dashes in long names, as engines do', () => {
    const table = { ...TABLE, flags: { '--two-words': { value: 'integer' as const } } };
    expect(problems(['--two_words', '1'], '200', table)).toEqual([]);
  });

  it('takes what followed a flag in an older version', () => {
    expect(problems(['--attention', '--fast'], '199')).toEqual([]);
    expect(problems(['--attention', '--fast'], '200')).toHaveLength(1);
  });

  it('takes values with a dash where the engine does', () => {
    expect(problems(['--name', '-x'], '200', LLAMA)).toEqual([]);
    expect(problems(['--name', '-x'])).toHaveLength(2);
  });

  it('knows nothing of the flags of a version that is newer than the table', () => {
    expect(problems(['--invented', '1', '--context', '2'], '301')).toEqual([]);
  });
});

describe('arguments that are wrong', () => {
  it('tells of an unknown flag which one was meant', () => {
    expect(problems(['--contxt', '4096'])).toEqual([
      '--contxt: the flags of engine 200. Did you mean --context?',
    ]);
    expect(problems(['--contxt', '4096'], '301')).toHaveLength(1);
  });

  it('tells of one that is like none to see the help', () => {
    expect(problems(['--zzzzzz'])).toEqual([
      '--zzzzzz: the flags of engine 200. It has none of this name: see its --help.',
    ]);
  });

  it('does not take for meant what the version does not have', () => {
    expect(problems(['--nw', '1'], '199')[0]).not.toContain('--new');
  });

  it('tells since when there is a flag, and what was there before', () => {
    expect(problems(['--new', '1'], '199')).toEqual([
      '--new: the flags of engine 199, which has none of this name before 200. Pin a newer image, or use --old.',
    ]);
  });

  it('tells what took the place of a flag', () => {
    expect(problems(['--old', '1'])).toEqual([
      '--old: the flags of engine 200, which has none of this name since 200. Use --new.',
    ]);
    expect(problems(['--gone'])[0]).toMatch(/It is always on\.$/);
  });

  it.each([
    [['--context', 'much'], `--context "much": --context and a whole number`],
    [['--context', '1.5'], `--context "1.5": --context and a whole number`],
    [['--context'], '--context: --context and a whole number'],
    [['--context', '--fast'], '--context: --context and a whole number'],
    [['--temperature', 'hot'], '--temperature "hot": --temperature and a number'],
    [['--layers', 'some'], '--layers "some": --layers and one of auto, all, <whole number>'],
    [['--config', '{a}'], '--config "{a}": --config and a text of JSON'],
    [['--files', '--fast'], '--files: --files and one or more values'],
    [['--range', '1', '--fast'], '--range: --range and two values'],
    [['--fast=true'], '--fast=true: --fast alone'],
    [['--name', ''], '--name "": --name and a text'],
  ])('tells what follows a flag: %j', (args, message) => {
    expect(problems(args)).toHaveLength(1);
    expect(problems(args)[0]).toContain(message);
  });

  it('does not take a switch for one with a value', () => {
    expect(problems(['--fast', 'true'])).toEqual([
      "true: flags and their values. No flag of engine 200 takes this word: give each argument by itself, '--flag', 'value'.",
    ]);
  });

  it('refuses two arguments in one', () => {
    expect(problems(['--context 4096'])).toHaveLength(1);
  });

  it('refuses = and dots where the engine does not read them', () => {
    expect(problems(['--context=1'], '200', LLAMA)).toEqual([
      "--context=1: a flag and its value as two arguments; engine does not read '='. Write '--context', '1'.",
    ]);
    expect(problems(['--config.a', '1'], '200', LLAMA)).toHaveLength(1);
  });

  it.each([
    [['--traces', 'http://x'], ['--traces']],
    [['--ask', '--no-ask'], ['--ask']],
    [['--events', '{"to": "x"}', '--events', '{}'], ['--events']],
    [['--events.to', 'x', '--events.at', 'x'], ['--events.to']],
  ])('refuses to ask where nobody can be reached: %j', (args, given) => {
    expect(checkFlags(TABLE, '200', args, { reaches: false }).map((problem) => problem.given)).toEqual(given);
    expect(checkFlags(TABLE, '200', args, { reaches: true })).toEqual([]);
    expect(problems(args)).toEqual([]);
  });

  it('names the property of a flag that the construct sets, by whichever spelling', () => {
    for (const spelling of ['--context', '-c']) {
      expect(checkFlags(TABLE, '200', [spelling, '1'], { set: { '--context': 'contextSize' } })).toEqual([
        {
          given: spelling,
          allowed: 'flags that the construct does not set itself',
          advice: "Use the property 'contextSize'.",
        },
      ]);
    }
  });

  it('gives the reason of a flag that is refused, unless the library itself sets it', () => {
    expect(problems(['--host', '::'])[0]).toContain('Probes need it');
    expect(checkFlags(TABLE, '200', ['--host', '::'], { own: true })).toEqual([]);
  });

  it('tells all that is wrong', () => expect(problems(['--a', '--fast=1', '--gone', 'x'])).toHaveLength(4));
});

it('tells whether a version has a flag', () => {
  expect(['--old', '--new', '--none'].map((flag) => hasFlag(TABLE, '199', flag))).toEqual([
    true,
    false,
    false,
  ]);
  expect(['--old', '--new', '--none'].map((flag) => hasFlag(TABLE, '200', flag))).toEqual([
    false,
    true,
    false,
  ]);
});
