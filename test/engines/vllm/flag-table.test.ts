import { checkFlags, hasFlag } from '../../../src/engines/flag-table';
import { VLLM_FLAGS } from '../../../src/engines/vllm/flag-table';
import { compareVersions, isVersion } from '../../../src/engines/vllm/version';

const problems = (version: string, ...args: string[]) => checkFlags(VLLM_FLAGS, version, args);

describe('flags by version', () => {
  test.each([
    ['--speculative-model', '0.8.2', '0.8.3', '--speculative-config'],
    ['--enable-reasoning', '0.9.2', '0.10.0', '--reasoning-parser'],
    ['--guided-decoding-backend', '0.11.2', '0.12.0', '--structured-outputs-config'],
    ['--disable-log-requests', '0.16.0', '0.17.0', '--enable-log-requests'],
    ['--swap-space', '0.17.1', '0.18.0', 'Leave it out'],
    ['--task', '0.12.0', '0.13.0', '--runner'],
    ['--max-seq-len-to-capture', '0.10.2', '0.11.0', '--max-cudagraph-capture-size'],
    ['--cuda-graph-sizes', '0.12.0', '0.13.0', '--cudagraph-capture-sizes'],
  ])('%s is known to %s, and to %s no more', (flag, last, first, instead) => {
    expect(hasFlag(VLLM_FLAGS, last, flag)).toBe(true);
    expect(hasFlag(VLLM_FLAGS, first, flag)).toBe(false);
    const [problem] = problems(first, flag, '1');
    expect(problem.allowed).toContain(`since ${first}`);
    expect(problem.advice).toContain(instead);
  });

  test.each([
    ['--disable-access-log-for-endpoints', '0.15.1', '0.16.0'],
    ['--shutdown-timeout', '0.17.1', '0.18.0'],
    ['--nnodes', '0.11.2', '0.12.0'],
    ['--api-server-count', '0.9.0', '0.9.1'],
    ['--headless', '0.8.5', '0.9.0'],
    ['--data-parallel-size', '0.8.2', '0.8.3'],
    ['--enable-expert-parallel', '0.7.3', '0.8.0'],
    ['--kv-transfer-config', '0.6.4', '0.6.5'],
    ['--runner', '0.10.0', '0.10.1'],
    ['--enable-log-requests', '0.10.0', '0.10.1'],
    ['--compilation-config', '0.6.4', '0.6.5'],
  ])('%s is not known to %s, but to %s', (flag, before, since) => {
    expect(hasFlag(VLLM_FLAGS, before, flag)).toBe(false);
    expect(hasFlag(VLLM_FLAGS, since, flag)).toBe(true);
    const [problem] = problems(before, flag, '1');
    expect(problem.allowed).toContain(since);
    expect(problem.advice).toContain('Pin a newer image');
  });

  test('all versions and replacements of the table are such', () => {
    for (const [name, { since, until, replacedBy }] of Object.entries(VLLM_FLAGS.flags)) {
      expect(name).toMatch(/^--[a-z0-9-]+$/);
      for (const version of [since, until]) if (version) expect(isVersion(version)).toBe(true);
      if (since && until) expect(compareVersions(since, until)).toBeLessThan(0);
      if (replacedBy?.startsWith('-')) expect(VLLM_FLAGS.flags).toHaveProperty([replacedBy]);
      else if (replacedBy) expect(replacedBy).toMatch(/^(Use|Leave) .*\.$/);
    }
  });
});

describe('arguments', () => {
  test('are taken as vLLM takes them', () => {
    expect(
      problems(
        '0.19.0',
        ...['--max-model-len', '32k', '--no-enable-prefix-caching', '-tp', '2', '--tool_call_parser=hermes'],
        ...[
          '--compilation-config.cudagraph_mode',
          'NONE',
          '--override-generation-config',
          '{"temperature": 0.2}',
        ],
      ),
    ).toEqual([]);
  });

  test.each([
    [['--max-num-seq', '4'], 'Did you mean --max-num-seqs?'],
    [['--dtype', 'fp16'], 'Correct its value.'],
    [['--max-num-seqs', 'many'], 'Correct its value.'],
    [['--compilation-config', '{'], 'Correct its value.'],
    [['--api-key', 'secret'], "use the property 'apiKey'"],
    [['--hf-token', 'hf_1'], 'ask no hub'],
    [['--trust-remote-code'], "use the property 'trustRemoteCode'"],
    [['--nnodes', '2'], "Use the property 'nodes'"],
  ])('%j: %s', (args, advice) => {
    const found = problems('0.19.0', ...args);
    expect(found).toHaveLength(1);
    expect(found[0].advice).toContain(advice);
  });

  test('of a version that is newer than the table are taken, if they resemble none of it', () => {
    expect(problems('0.40.0', '--something-entirely-new', '1')).toEqual([]);
    expect(problems('0.28.0', '--something-entirely-new', '1')).toHaveLength(1);
  });
});
