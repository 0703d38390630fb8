import { Accelerator } from '../../../src/pod/accelerator/accelerator';
import { AcceleratorProfiles } from '../../../src/pod/accelerator/accelerator-profiles';

const profiles = new AcceleratorProfiles({
  l4: Accelerator.nvidia({ product: 'NVIDIA-L4' }),
  'h100-pair': Accelerator.nvidia({ product: 'NVIDIA-H100-80GB-HBM3', count: 2 }),
});

test.each<[string, number | undefined, number]>([
  ['l4', undefined, 1],
  ['l4', 4, 4],
  ['l4:8', undefined, 8],
  ['h100-pair:4', undefined, 8],
])('%s times %s has %d devices', (name, times, count) => {
  expect(profiles.use(name, times).count).toBe(count);
});

test('the names are told', () => {
  expect(profiles.names).toEqual(['l4', 'h100-pair']);
});

test.each<[string, number | undefined, RegExp]>([
  ['l40', undefined, /'profile' is 'l40'; allowed: 'l4', 'h100-pair'/],
  ['l4:x', undefined, /'profile' is 'l4:x'; allowed: 'l4', or 'l4:' and a number/],
  ['l4:0', undefined, /'profile' is 'l4:0'/],
  ['l4:2:3', undefined, /'profile' is 'l4:2:3'/],
  ['l4:2', 2, /which is then said once/],
  ['constructor', undefined, /'profile' is 'constructor'/],
])('refuses %s times %s', (name, times, message) => {
  expect(() => profiles.use(name, times)).toThrow(message);
});

test('refuses what is no accelerator, and what names none', () => {
  expect(() => new AcceleratorProfiles({ l4: {} as never })).toThrow(/'l4' is 'an object of class Object'/);
  expect(() => profiles.use(4 as never)).toThrow(/'profile' is 4; allowed: 'l4'/);
});

test('refuses a name that could not be told from a number', () => {
  expect(() => new AcceleratorProfiles({ 'a:2': Accelerator.gaudi() })).toThrow(/a name without ':'/);
});
