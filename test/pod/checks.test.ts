import { Size } from 'cdk8s';
import {
  checkAddress,
  checkFlag,
  checkList,
  checkNamed,
  checkOptions,
  checkPort,
  checkProps,
  checkSize,
} from '../../src/pod/checks';

test.each([1, 80, 65535])('%d is a port', (port) => expect(checkPort('it', 'port', port)).toBe(port));

test.each([0, 65536, -1, 80.5, NaN, '80' as never])('%p is no port', (port) => {
  expect(() => checkPort('it', 'port', port)).toThrow("it: 'port' is ");
});

test.each([true, false, undefined])('%p is a switch', (value) => {
  expect(checkFlag('it', 'on', value)).toBe(value);
});

test.each(['false', 'true', '', 0, 1, null])('%j is no switch', (value) => {
  expect(() => checkFlag('it', 'on', value as never)).toThrow("it: 'on' is");
});

test('a size is above nothing', () => {
  const size = Size.mebibytes(1);
  expect(checkSize('it', 'size', size)).toBe(size);
  expect(() => checkSize('it', 'size', Size.mebibytes(0))).toThrow(
    "it: 'size' is '0Ki'; allowed: a size above",
  );
});

test.each([20, '20Gi', {}, null])('%j is no size', (value) => {
  expect(() => checkSize('it', 'size', value as never)).toThrow('A Size is made by cdk8s');
});

describe('an address', () => {
  test.each(['https://example.com', 'http://proxy:3128/', 'http://[::1]:80'])('%s is one', (address) => {
    expect(checkAddress('it', 'proxy', address)).toBe(address);
  });

  test.each([
    'proxy:3128',
    'ftp://example.com',
    'https://',
    'https://a b',
    'https://a/path',
    'https://a:99999',
    '',
  ])('%j is none of a server', (address) => {
    expect(() => checkAddress('it', 'proxy', address)).toThrow(
      `it: 'proxy' is '${address}'; allowed: 'http(s)://host[:port]' without credentials.`,
    );
  });

  test('may have a path where one is asked for, and advice', () => {
    const rules = { path: true, advice: 'Name the index.' };
    expect(checkAddress('it', 'index', 'https://pypi.example.com/simple', rules)).toMatch(/simple$/);
    expect(() => checkAddress('it', 'index', 'pypi', rules)).toThrow(
      "'http(s)://host[:port][/path]' without credentials. Name the index.",
    );
  });

  test.each([
    ['https://user:geheim@example.com', 'https://***@example.com'],
    ['https://example.com/v1?sig=geheim', 'https://example.com/v1?***'],
  ])('is not repeated with its credentials: %s', (address, shown) => {
    for (const path of [true, false]) {
      const refused = () => checkAddress('it', 'proxy', address, { path });
      expect(refused).toThrow(`'proxy' is '${shown}'`);
      expect(refused).not.toThrow('geheim');
    }
  });

  test('is told by its kind where it is no text', () => {
    expect(() => checkAddress('it', 'proxy', { host: 'a' } as never)).toThrow(
      "is 'an object of class Object'",
    );
  });
});

describe('properties', () => {
  const made = Object.assign(Size.gibibytes(1), { unit: null });
  test.each([
    {},
    { a: undefined, b: [1, 'x', undefined], c: { d: false, e: '' } },
    { made },
    Object.assign(Object.create(null), { a: 1 }),
  ])('%p are some', (props) => expect(() => checkProps('it', props)).not.toThrow());

  test.each<[object, string]>([
    [{ apiKey: null }, 'apiKey'],
    [
      new (class Props {
        apiKey = null;
      })(),
      'apiKey',
    ],
    [{ env: { A: 'a', B: null } }, 'env.B'],
    [{ placement: { nodeSelector: { 'a/b': null } } }, 'placement.nodeSelector["a/b"]'],
    [{ adapters: [{ name: 'a' }, null] }, 'adapters[1]'],
    [{ adapters: [{ name: null }] }, 'adapters[0].name'],
  ])('%j have a null', (props, field) => {
    expect(() => checkProps('it', props)).toThrow(
      `it: '${field}' is null; allowed: a value. Leave it out to have the default.`,
    );
  });

  test.each([null, 'x', 1, []])('%p are none', (props) => {
    expect(() => checkProps('it', props as never)).toThrow("it: 'props' is ");
  });
});

test('a list is a list, and none is an empty one', () => {
  expect(checkList('it', 'words', ['a'])).toEqual(['a']);
  expect(checkList('it', 'words', undefined)).toEqual([]);
  for (const given of ['geheim', {}, null, 5])
    expect(() => checkList('it', 'words', given as never)).toThrow(
      /^it: 'words' is (?!.*geheim).*; allowed: a list\.$/,
    );
});

test('names and values are an object, and none is an empty one', () => {
  expect(checkNamed('it', 'env', { A: 'a' })).toEqual({ A: 'a' });
  expect(checkNamed('it', 'env', undefined)).toEqual({});
  for (const given of ['A=geheim', ['A'], null, 5, Size.gibibytes(1)])
    expect(() => checkNamed('it', 'env', given as never)).toThrow(
      /^it: 'env' is (?!.*geheim).*; allowed: an object: \{ name: value \}\.$/,
    );
});

test('options are those that are known', () => {
  const known = { prompt: true, model: true } as const;
  const options: { prompt?: string; model?: string } = { prompt: 'a' };
  expect(checkOptions('it', 'smokeTest', options, known as never)).toBe(options);
  expect(() => checkOptions('it', 'smokeTest', { promt: 'a' }, known as never)).toThrow(
    "it: 'name in smokeTest' is 'promt'; allowed: prompt, model.",
  );
  for (const given of [true, 'x', [], null])
    expect(() => checkOptions('it', 'smokeTest', given as never, known as never)).toThrow(
      'allowed: an object of prompt, model.',
    );
});
