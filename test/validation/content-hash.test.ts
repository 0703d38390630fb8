import { createHash } from 'node:crypto';
import { canonicalJson, contentHash, jobHash, shortHash } from '../../src/pod/content-hash';

test('equal values give equal text, whatever the order of their keys', () => {
  const text = '{"a":[1,{"x":null,"y":"\\n\\"é"}],"b":{"c":true},"é/k":1.5}';
  expect(canonicalJson({ b: { c: true }, a: [1, { y: '\n"é', x: null }], 'é/k': 1.5 })).toBe(text);
  expect(canonicalJson(JSON.parse(text))).toBe(text);
});

test('what JSON leaves out is left out, and what it writes as null is null', () => {
  expect(canonicalJson({ a: undefined, b: [undefined, NaN] })).toBe('{"b":[null,null]}');
  expect([canonicalJson([]), canonicalJson({}), canonicalJson(null), canonicalJson('')]).toEqual([
    '[]',
    '{}',
    'null',
    '""',
  ]);
});

test('a short hash is the beginning of the SHA-256', () => {
  const whole = createHash('sha256').update('{"a":1}').digest('hex');
  expect(shortHash({ a: 1 })).toBe(whole.slice(0, 8));
  expect(shortHash({ a: 1 }, 12)).toBe(whole.slice(0, 12));
});

test("a Job's hash follows its immutable fields and its attempt, and nothing else", () => {
  const spec = {
    template: { spec: { containers: [{ name: 'a' }] } },
    backoffLimit: 3,
    completionMode: 'NonIndexed',
  };
  const hash = jobHash(spec, 1);
  const mutable = {
    parallelism: 2,
    suspend: true,
    activeDeadlineSeconds: 60,
    backoffLimit: 9,
    ttlSecondsAfterFinished: 1,
    podReplacementPolicy: 'Failed',
    maxFailedIndexes: 1,
  };
  expect(jobHash({ ...spec, ...mutable }, 1)).toBe(hash);
  const immutable = {
    template: {},
    selector: {},
    manualSelector: true,
    completions: 2,
    completionMode: 'Indexed',
    podFailurePolicy: {},
    backoffLimitPerIndex: 1,
    managedBy: 'x/y',
    successPolicy: {},
  };
  for (const [field, value] of Object.entries(immutable))
    expect(jobHash({ ...spec, [field]: value }, 1)).not.toBe(hash);
  expect(jobHash(spec, 2)).not.toBe(hash);
});

test("content's hash follows names and texts, in any order", () => {
  expect(contentHash({ a: '1', b: '2' })).toBe(contentHash({ b: '2', a: '1' }));
  expect(contentHash({ a: '1', b: '2' })).not.toBe(contentHash({ a: '2', b: '1' }));
});
