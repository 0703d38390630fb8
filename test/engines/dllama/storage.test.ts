import { FloatType } from '../../../src/engines/dllama/float-type';
import { bufferFloatType, bytesOf } from '../../../src/engines/dllama/storage';

test('weights pair with the one type of buffers that runs with them', () => {
  expect(Object.values(FloatType).map((weights) => [weights, bufferFloatType(weights)])).toEqual([
    ['q40', 'q80'],
    ['f32', 'f32'],
  ]);
});

test.each([
  ['f32', 256],
  ['q40', 36],
  ['q80', 68],
] as const)('64 values in %s are %i bytes', (type, bytes) => {
  expect(bytesOf(type, 64)).toBe(bytes);
});
