import { Size } from 'cdk8s';
import { checkAddress, checkFlag, checkPort, checkSize } from '../../src/pod/checks';

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
