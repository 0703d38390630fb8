import { ApiObject, App, Chart, IResolver, JsonPatch, Lazy, Size } from 'cdk8s';
import { IntOrString, KubeService, Quantity } from 'cdk8s-plus-28/lib/imports/k8s';
import { Construct } from 'constructs';
import { manifestOf } from '../../../src/phases/synth/manifest';
import { stringifyDocuments } from '../../../src/phases/synth/yaml-writer';
import { Random } from './random';

type Props = { [key: string]: unknown };

function apiObject(props: Props = {}, app = new App()): ApiObject {
  const chart = new Chart(app, 'chart', { namespace: 'llm', labels: { team: 'ml' } });
  return new ApiObject(chart, 'object', { apiVersion: 'v1', kind: 'Thing', ...props });
}

/** Equal in value, in `undefined` members, and in the order of keys. */
function expectAsCdk8s(object: ApiObject): void {
  const manifest: unknown = manifestOf(object);
  expect(manifest).toStrictEqual(object.toJson());
  expect(JSON.stringify(manifest)).toBe(JSON.stringify(object.toJson()));
}

/** Runs `manifestOf` and tells whether it left the object to cdk8s. */
function isLeftToCdk8s(object: ApiObject): boolean {
  const toJson = jest.spyOn(ApiObject.prototype, 'toJson');
  manifestOf(object);
  const left = toJson.mock.calls.length > 0;
  toJson.mockRestore();
  return left;
}

describe('in one pass', () => {
  test.each<[string, Props]>([
    ['apiVersion, kind and metadata first, then sorted', { z: 1, spec: { b: 1, a: 2 }, data: {}, a: [] }],
    [
      'null and undefined members are dropped',
      { spec: { a: null, b: undefined, c: { d: null }, e: false, f: 0, g: '' } },
    ],
    ['null and undefined items stay', { spec: [null, undefined, 1, { a: null }] }],
    ['empty maps and lists stay in the body', { spec: { a: {}, b: [], c: { d: [] } } }],
    ['and are dropped in the metadata', { metadata: { annotations: {}, managedFields: [], x: { y: {} } } }],
    [
      'metadata',
      {
        metadata: {
          name: 'n',
          namespace: 'other',
          labels: { b: '1', a: '2' },
          annotations: { z: 'z' },
          finalizers: ['f'],
          ownerReferences: [{ apiVersion: 'v1', kind: 'K', name: 'o', uid: 'u' }],
          generateName: 'g',
          extra: null,
        },
      },
    ],
    ['keys that are integers', { data: { 10: 'a', 9: 'b', a: 'c' }, 1: 'x' }],
    ['a map that looks like a typed value', { spec: { value: 1, size: { value: 'x' } } }],
  ])('%s', (_name, props) => {
    const object = apiObject(props);
    expectAsCdk8s(object);
    expect(isLeftToCdk8s(object)).toBe(false);
  });

  test('what was added to the metadata later', () => {
    const object = apiObject();
    object.metadata.addLabel('late', 'yes');
    object.metadata.addAnnotation('late', 'yes');
    object.metadata.addFinalizers('late');
    object.metadata.addOwnerReference({ apiVersion: 'v1', kind: 'K', name: 'o', uid: 'u' });
    object.metadata.add('late', { b: [], a: 1 });
    object.metadata.add('name', 'is not replaced');
    expectAsCdk8s(object);
    expect(isLeftToCdk8s(object)).toBe(false);
  });

  test('3000 random objects, or the error that cdk8s gives for them', () => {
    const random = new Random(4);
    let errors = 0;
    for (let round = 0; round < 3000; round++) {
      const shared = random.map();
      const object = apiObject({
        ...random.map(),
        kind: 'Thing',
        metadata: { ...random.map(), name: 'name', labels: shared, annotations: random.map() },
        spec: { ...random.map(), shared, again: [shared] },
      });
      const expected = outcome(() => object.toJson());
      const actual = outcome(() => manifestOf(object));
      if (expected.startsWith('Failed')) errors++;
      // `expect` is slow, and called for what differs alone.
      if (actual !== expected) expect(actual).toBe(expected);
    }
    expect(errors).toBeLessThan(1000);
  });

  test('parts that are shared between objects are copied, so that YAML needs no anchors', () => {
    const shared = { a: [1] };
    expect(stringifyDocuments([manifestOf(apiObject({ spec: { one: shared, two: shared } }))])).not.toContain(
      '&',
    );
  });
});

describe('left to cdk8s', () => {
  class Answer {
    public resolve(): number {
      return 42;
    }
  }
  class Shouting extends ApiObject {
    public override toJson(): unknown {
      return { ...(super.toJson() as object), kind: 'THING' };
    }
  }

  test.each<[string, () => ApiObject]>([
    ['a lazy value', () => apiObject({ spec: { a: Lazy.any({ produce: () => [1, { b: null }] }) } })],
    ['a lazy label', () => apiObject({ metadata: { labels: { a: Lazy.any({ produce: () => 'x' }) } } })],
    ['a token', () => apiObject({ spec: { a: [new Answer()] } })],
    ['a function named resolve', () => apiObject({ spec: { a: { resolve: () => 'x' } } })],
    [
      'typed values',
      () => apiObject({ spec: { a: Quantity.fromString('1Gi'), b: IntOrString.fromNumber(1) } }),
    ],
    [
      'a patch',
      () => {
        const object = apiObject({ spec: { a: 1 } });
        object.addJsonPatch(JsonPatch.add('/spec/b', 2), JsonPatch.remove('/metadata/labels'));
        return object;
      },
    ],
    [
      'a resolver of the app',
      () =>
        apiObject(
          { spec: { a: 'x' } },
          new App({
            resolvers: [
              {
                resolve: (context) => {
                  if (context.value === 'x') context.replaceValue('y');
                },
              },
            ],
          }),
        ),
    ],
    ['a resolver that was added to the app', () => withResolvers((resolvers) => resolvers.push(shout))],
    [
      'a resolver that was replaced in the app',
      () => withResolvers((resolvers) => resolvers.splice(0, 1, shout)),
    ],
    [
      'a subclass with a toJson of its own',
      () => {
        const chart = new Chart(new App(), 'chart');
        return new Shouting(chart, 'object', { apiVersion: 'v1', kind: 'Thing' });
      },
    ],
    [
      'a generated class of cdk8s-plus',
      () => {
        const chart = new Chart(new App(), 'chart');
        return new KubeService(chart, 'service', {
          spec: { ports: [{ port: 1, targetPort: IntOrString.fromString('http') }] },
        });
      },
    ],
  ])('%s', (_name, make) => {
    expectAsCdk8s(make());
    expect(isLeftToCdk8s(make())).toBe(true);
  });

  test('an object whose keys shall not be sorted', () => {
    process.env.CDK8S_DISABLE_SORT = '1';
    try {
      expectAsCdk8s(apiObject({ spec: { b: 1, a: 2 } }));
      expect(Object.keys((manifestOf(apiObject({ spec: { b: 1, a: 2 } })) as { spec: object }).spec)).toEqual(
        ['b', 'a'],
      );
    } finally {
      delete process.env.CDK8S_DISABLE_SORT;
    }
  });

  test.each<[string, unknown]>([
    ['an instance', Size.gibibytes(1)],
    ['a construct', new Construct(new App(), 'construct')],
    ['an object without prototype', Object.create(null)],
    ['a key named constructor', { constructor: 'x' }],
  ])('%s is refused as cdk8s refuses it, with the path', (_name, value) => {
    const object = apiObject({ spec: { value } });
    expect(() => manifestOf(object)).toThrow("Failed serializing construct at path 'chart/object'");
    expect(outcome(() => manifestOf(object))).toBe(outcome(() => object.toJson()));
  });
});

const shout: IResolver = {
  resolve: (context) => {
    if (context.value === 'x') context.replaceValue('X');
  },
};

function withResolvers(change: (resolvers: IResolver[]) => void): ApiObject {
  const app = new App();
  change(app.resolvers);
  return apiObject({ spec: { a: 'x' } }, app);
}

/** The JSON, which tells the order of keys, or the message of the error. */
function outcome(action: () => unknown): string {
  try {
    return JSON.stringify(action());
  } catch (error) {
    return (error as Error).message;
  }
}
