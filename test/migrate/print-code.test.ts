import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import {
  call,
  Expression,
  list,
  literal,
  member,
  object,
  PipelinePlan,
  Plan,
  ref,
  Statement,
  Warning,
} from '../../src/migrate/plan';
import { printCode } from '../../src/migrate/print-code';

const pipeline = (statements: Statement[], more: Partial<PipelinePlan> = {}): PipelinePlan => ({
  ...{ variable: 'qwen', name: 'qwen', namespace: 'llm' },
  ...{ origins: ['Model llm/qwen (models.yaml, document 1)'], statements },
  ...more,
});
const planWith = (statements: Statement[], warnings: Warning[] = []): Plan => ({
  pipelines: [pipeline(statements)],
  warnings,
});
const constant = (variable: string, value: Expression, comments: string[] = []): Statement => ({
  kind: 'constant',
  ...{ variable, value, comments },
});
const cacheWith = (props: Record<string, Expression>, comments: string[] = []): Statement => ({
  ...{ kind: 'construct', class: 'ModelCache', phase: 'download', id: 'weights', variable: 'weights' },
  ...{ props: object(props), comments },
});

/** What prettier makes of programs, all in one process. */
function prettier(programs: string[]): string[] {
  const script = path.join(__dirname, 'prettier-check.mjs');
  const output = execFileSync(process.execPath, [script], {
    input: JSON.stringify(programs),
    encoding: 'utf8',
  });
  return JSON.parse(output) as string[];
}

const MODEL: Plan = planWith(
  [
    constant('hfSecret', call('Secret.fromSecretName', ref('qwen'), literal('hf'), literal('hf'))),
    cacheWith(
      {
        source: call(
          'ModelSource.huggingFace',
          literal('Qwen/Qwen3-1.7B'),
          object({
            revision: literal('70d244cc86ccca08cf5af4e1e306ecf908b1ad5e'),
            tokenSecret: ref('hfSecret'),
          }),
        ),
        store: call('ModelStore.claim', object({ size: call('Size.gibibytes', literal(20)) })),
      },
      [
        'spec.download.concurrency: Koldun passes it to nothing, as far as its program goes. Files are fetched four at a time.',
      ],
    ),
    {
      ...{ kind: 'construct', class: 'DllamaConversion', phase: 'convert', id: 'q40', variable: 'converted' },
      ...{
        props: object({ model: ref('weights', 'artifact'), weights: member('FloatType', 'Q40') }),
        comments: [],
      },
    },
  ],
  [
    {
      ...{ file: 'models.yaml', document: 2, kind: 'Service', namespace: 'llm', name: 'web' },
      ...{ field: 'kind', message: 'It is no resource of the five systems, and left as it is.' },
    },
  ],
);

test('a program reads as a person would have written it', () => {
  expect(printCode(MODEL))
    .toBe(`// models.yaml, document 2: Service llm/web, kind: It is no resource of the five
// systems, and left as it is.

import { Size } from 'cdk8s';
import {
  DllamaConversion,
  FloatType,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
} from 'cdk8s-llm';
import { Secret } from 'cdk8s-plus-28';

const app = new PhasedApp();

// Model llm/qwen (models.yaml, document 1)
const qwen = app.pipeline('qwen', { namespace: 'llm' });

const hfSecret = Secret.fromSecretName(qwen, 'hf', 'hf');

// spec.download.concurrency: Koldun passes it to nothing, as far as its program
// goes. Files are fetched four at a time.
const weights = new ModelCache(qwen.download, 'weights', {
  source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
    revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
    tokenSecret: hfSecret,
  }),
  store: ModelStore.claim({ size: Size.gibibytes(20) }),
});

new DllamaConversion(qwen.convert, 'q40', {
  model: weights.artifact,
  weights: FloatType.Q40,
});

app.synth();
`);
});

test('the app has the properties that it is given', () => {
  expect(printCode(planWith([]), { app: object({ kubernetesVersion: literal('1.34') }) })).toContain(
    "const app = new PhasedApp({ kubernetesVersion: '1.34' });\n",
  );
});

test('nothing is declared that nothing uses', () => {
  const unused = planWith([
    constant('size', literal(1), ['about the size']),
    constant('hf', call('Secret.fromSecretName', ref('qwen'), literal('hf'), literal('hf'))),
  ]);
  const text = printCode(unused);
  expect(text).not.toMatch(/const (size|hf) /);
  expect(text).toContain("\nSecret.fromSecretName(qwen, 'hf', 'hf');\n");
  expect(text).toContain('// about the size\n');
  expect(printCode({ pipelines: [pipeline([])], warnings: [] })).toContain(
    "\napp.pipeline('qwen', { namespace: 'llm' });\n",
  );
});

test('a comment cannot end in code', () => {
  const said = 'one\ntwo\u2028three\r\nfour */ five';
  const text = printCode(planWith([cacheWith({}, [said])]));
  expect(text).toContain('// one\n// two\n// three\n// four */ five\nnew ModelCache(');
});

test.each([
  ["it's", `"it's"`],
  [`"it's"`, `'"it\\'s"'`],
  ['a\\b', `'a\\\\b'`],
  ['a\n', `'a\\n'`],
  ['#!/bin/sh\necho "${HOME}" `id` \\\n', '`#!/bin/sh\necho "\\${HOME}" \\`id\\` \\\\\n`'],
  ['a\tb\nc', `'a\\tb\\nc'`],
  ['\u2028', `'\\u2028'`],
])('%j is written as %s', (value, text) => {
  const printed = printCode(planWith([cacheWith({ name: literal(value) })]));
  expect(printed).toContain(`name: ${text}`);
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- what it evaluates is written here
  expect(new Function(`return ${text}`)()).toBe(value);
});

/** Numbers from 0 up to 1, the same in each run. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
}

test('it is laid out as by prettier, whatever is in it', () => {
  const next = random(20261121);
  const below = (most: number) => Math.floor(next() * most);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)];
  const WORDS = ['a', 'revision', "it's", 'Qwen/Qwen3-1.7B', 'echo 1\necho 2\n', 'x'.repeat(70), 'two words'];
  const NAMES = ['a', 'source', 'resources', 'nvidia.com/gpu', 'aRatherLongNameOfAProperty', 'HF_TOKEN'];
  const value = (depth: number): Expression => {
    switch (below(depth > 3 ? 4 : 8)) {
      case 0:
        return literal(pick(WORDS));
      case 1:
        return literal(pick([1, 20, 0.5, true, false, 1234567]));
      case 2:
        return member('FloatType', 'Q40');
      case 3:
        return ref('qwen', pick(['download', undefined, 'serve']));
      case 4:
        return list(Array.from({ length: below(5) }, () => value(depth + 1)));
      case 5:
        return list(Array.from({ length: below(40) }, () => literal(below(100000))));
      case 6:
        return call(
          pick(['ModelSource.huggingFace', 'Size.gibibytes', 'ModelStore.existingClaim'] as const),
          ...Array.from({ length: below(4) }, () => value(depth + 1)),
        );
      default:
        return object(
          Object.fromEntries(NAMES.filter(() => below(3) === 0).map((name) => [name, value(depth + 1)])),
        );
    }
  };
  const programs = Array.from({ length: 100 }, () =>
    printCode(
      planWith([
        constant('some', value(0)),
        cacheWith({ [pick(NAMES)]: value(0), some: ref('some'), other: value(0) }),
      ]),
    ),
  );
  const formatted = prettier(programs);
  expect(formatted).toHaveLength(programs.length);
  const wrong = programs.findIndex((text, index) => text !== formatted[index]);
  expect(programs[wrong]).toBe(formatted[wrong]);
}, 120_000);
