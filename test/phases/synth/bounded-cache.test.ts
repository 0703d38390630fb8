import { BoundedCache } from '../../../src/phases/synth/bounded-cache';

/** Renders a value as itself, and counts. */
function counting(limit: number): { cache: BoundedCache; rendered: string[] } {
  const rendered: string[] = [];
  const cache = new BoundedCache(limit, (value, variant) => {
    rendered.push(value);
    return `${value}${variant}`;
  });
  return { cache, rendered };
}

test('renders a value once per variant', () => {
  const { cache, rendered } = counting(1000);
  expect([cache.get('a'), cache.get('a'), cache.get('a', '-b'), cache.get('a', '-b')]).toEqual([
    'a',
    'a',
    'a-b',
    'a-b',
  ]);
  expect(rendered).toEqual(['a', 'a']);
});

test('forgets all when values and renderings exceed the limit', () => {
  const { cache, rendered } = counting(12);
  for (const value of ['aaa', 'bbb', 'aaa', 'bbb']) cache.get(value);
  expect(rendered).toEqual(['aaa', 'bbb']);
  for (const value of ['ccc', 'ccc', 'aaa', 'bbb']) cache.get(value);
  expect(rendered).toEqual(['aaa', 'bbb', 'ccc', 'aaa', 'bbb']);
});

test('renders what is larger than the limit', () => {
  const { cache } = counting(1);
  expect(cache.get('large')).toBe('large');
});
