import { Size } from 'cdk8s';
import { bytesOf, bytesQuantity, mebibytesFor } from '../../src/pod/quantity';

test.each<[Size, string]>([
  [Size.kibibytes(1), '1Ki'],
  [Size.kibibytes(1024), '1Mi'],
  [Size.mebibytes(1536), '1536Mi'],
  [Size.gibibytes(20), '20Gi'],
  [Size.gibibytes(2048), '2Ti'],
  [Size.tebibytes(3), '3Ti'],
  [Size.gibibytes(1.5), '1536Mi'],
  [Size.kibibytes(0), '0Ki'],
])('%p is written as %s, in the largest unit that divides it', (size, expected) => {
  expect(bytesQuantity(size)).toBe(expected);
});

test('a size that no unit divides is rounded up, for it is what has to fit', () => {
  expect(bytesQuantity(Size.kibibytes(1.5))).toBe('2Ki');
});

test('a size has bytes', () => expect(bytesOf(Size.mebibytes(3))).toBe(3 * 1024 * 1024));

test.each([
  [1, '1Mi'],
  [1024 * 1024, '1Mi'],
  [1024 * 1024 + 1, '2Mi'],
])('%d bytes fit in %s', (bytes, expected) => {
  expect(bytesQuantity(mebibytesFor(bytes))).toBe(expected);
});
