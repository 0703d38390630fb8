import { Construct } from 'constructs';
import { InputError, withoutCredentials } from '../../src/pod/input-error';
import { plainChart } from '../support/objects';

const details = { allowed: 'a thing', advice: 'Give one.' };

test('an error names the construct, the field, what was given, what is allowed and what to do', () => {
  const construct = new Construct(plainChart(), 'weights');
  const error = new InputError(construct, 'size', 3, details);
  expect(error.message).toBe("models/weights: 'size' is 3; allowed: a thing. Give one.");
  expect(error.name).toBe('InputError');
  expect(error).toBeInstanceOf(Error);
});

test.each<[unknown, string]>([
  [undefined, 'nothing'],
  ['', "''"],
  ['text', "'text'"],
  [{ a: 1 }, '{"a":1}'],
  [[], '[]'],
  [null, 'null'],
])('what was given is written as in a program: %j', (given, written) => {
  expect(new InputError('Here', 'field', given, { allowed: 'x' }).message).toBe(
    `Here: 'field' is ${written}; allowed: x.`,
  );
});

test.each([
  ['https://me:geheim@host/a', 'https://***@host/a'],
  ['https://token@host', 'https://***@host'],
  ['https://host/a@b', 'https://host/a@b'],
  ['host', 'host'],
])('credentials in an address are not repeated: %s', (address, written) => {
  expect(withoutCredentials(address)).toBe(written);
});
