import { Yaml } from 'cdk8s';
import { stringifyDocuments } from '../../../src/phases/synth/yaml-writer';
import { parseYaml } from './parse-yaml';
import { Random } from './random';

describe('the same bytes as Yaml.stringify of cdk8s', () => {
  test.each([
    ['no document', []],
    ['undefined', [undefined]],
    ['scalars', ['text', 'a\nb\n', '--- x\ny', 1, -0, NaN, true, null]],
    ['empty collections', [{}, [], { a: {}, b: [], c: [{}, [], null] }]],
    ['undefined members', [{ a: undefined, b: [undefined, 1] }]],
    ['a sparse list', [{ a: new Array(3) }]],
    ['lists in lists', [[[1, [2, [{ a: [[]] }]]]]]],
    ['numbers', [{ n: [0, -0, 1.5, 1e21, -1e-7, NaN, Infinity, -Infinity] }]],
    ['a shared map', [sharing({ a: 1 })]],
    ['a shared empty list', [sharing([])]],
    ['a circle', [circle()]],
    ['a date', [{ at: new Date(0) }]],
    ['a map, a set and bytes', [{ map: new Map([['a', 1]]), set: new Set([1]), bytes: Buffer.from('abc') }]],
    ['a bigint', [{ big: 12345678901234567890n }]],
    ['an object with toJSON', [{ size: { toJSON: () => '1Gi' }, other: { toJSON: () => ({ a: 1 }) } }]],
    [
      'an instance of a class',
      [
        {
          thing: new (class Thing {
            public a = 1;
          })(),
        },
      ],
    ],
    ['an object without prototype', [{ bare: Object.assign(Object.create(null), { a: 1 }) }]],
    ['a boxed string', [{ boxed: Object('text') as unknown }]],
    ['a long key', [{ ['k'.repeat(1024)]: { ['k'.repeat(1025)]: [1] } }]],
    ['keys like document markers', [{ '---': 1, '--- a': { '---': 1, '...': 2 }, '...': [{ '---': 3 }] }]],
    ['__proto__ as a key', [JSON.parse('{"__proto__": {"a": 1}, "b": {"__proto__": "c"}}')]],
    ['a script at several depths', [{ a: script(), b: { c: script(), d: [script(), { e: script() }] } }]],
  ])('%s', (_name, objects: unknown[]) => {
    expect(stringifyDocuments(objects)).toBe(Yaml.stringify(...objects));
  });

  test('8000 random documents', () => {
    const random = new Random(1);
    for (let round = 0; round < 8000; round++) {
      const object = random.map();
      const text = stringifyDocuments([object]);
      // `expect` is slow, and called for what differs alone.
      if (text !== Yaml.stringify(object)) expect(text).toBe(Yaml.stringify(object));
    }
  });

  test('10000 random strings as value and as key', () => {
    const random = new Random(2);
    for (let round = 0; round < 10000; round++) {
      const string = random.string();
      const object = { [string]: string, list: [string, { [string]: string }] };
      const text = stringifyDocuments([object]);
      if (text !== Yaml.stringify(object)) expect(text).toBe(Yaml.stringify(object));
    }
  });

  test('whatever cannot be written is refused as cdk8s refuses it', () => {
    const object = { a: { b: () => 1 } };
    expect(() => Yaml.stringify(object)).toThrow('Tag not resolved for Function value');
    expect(() => stringifyDocuments([object])).toThrow('Tag not resolved for Function value');
  });
});

test('1000 random documents are parsed back to what they were', () => {
  const random = new Random(3);
  const objects = Array.from({ length: 1000 }, (_, i) => ({ i, random: random.map() })).filter(
    isRepresentable,
  );
  expect(objects.length).toBeGreaterThan(500);
  // By way of JSON, which has no -0.
  expect(JSON.stringify(parseYaml(stringifyDocuments(objects)))).toEqual(JSON.stringify(objects));
});

test('a long string in many documents is rendered once', () => {
  const render = jest.spyOn(Yaml, 'stringify');
  const text = `${script()}# only here\n`;
  stringifyDocuments(
    Array.from({ length: 1000 }, (_, i) => ({ kind: 'ConfigMap', n: i, data: { 'run.sh': text } })),
  );
  const renderings = render.mock.calls.filter((documents) =>
    JSON.stringify(documents).includes('# only here'),
  );
  render.mockRestore();
  expect(renderings).toHaveLength(1);
});

function sharing(part: object): unknown {
  return { first: part, second: { third: part } };
}

function circle(): unknown {
  const object: Record<string, unknown> = { name: 'circle' };
  object.self = object;
  return object;
}

function script(): string {
  return `#!/bin/sh\nset -eu\n\n${'echo "a line of some length" # and a comment\n'.repeat(1000)}\texit 0\n`;
}

/**
 * YAML 1.1 reads a key `<<` as a merge, no YAML has half a surrogate pair, and the writer of cdk8s loses lines
 * that hold nothing but spaces at the edge of some strings.
 */
function isRepresentable(object: object): boolean {
  const json = JSON.stringify(object);
  return !json.includes('"<<":') && !json.includes('\\ud') && !/("|\\n)( |\\t)+(\\n|")/.test(json);
}
