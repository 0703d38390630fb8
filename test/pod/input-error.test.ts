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
  [NaN, 'NaN'],
  [10n, '10'],
  [() => 'geheim', 'a function'],
  [{ a: 10n }, 'an object of class Object'],
  ['https://me:geheim@host/a', "'https://***@host/a'"],
  [{ url: 'https://host/a?sig=geheim' }, '{"url":"https://host/a?sig=***"}'],
  [['https://geheim@host', ['s3://b?token=geheim']], '["https://***@host",["s3://b?token=***"]]'],
])('what was given is written as in a program: %p', (given, written) => {
  expect(new InputError('Here', 'field', given, { allowed: 'x' }).message).toBe(
    `Here: 'field' is ${written}; allowed: x.`,
  );
});

test('a construct has no JSON, and is named by its class', () => {
  const construct = new Construct(plainChart(), 'weights');
  expect(new InputError('Here', 'field', construct, details).message).toContain(
    'is an object of class Construct;',
  );
});

test.each([
  ['https://me:geheim@host/a', 'https://***@host/a'],
  ['https://token@host', 'https://***@host'],
  ['https://host/a@b', 'https://host/a@b'],
  ['https://host/a?X-Amz-Signature=geheim&b=c', 'https://host/a?X-Amz-Signature=***&b=***'],
  ['https://me:ge heim@host?geheim', 'https://***@host?***'],
  ['https://host/a?token=ge\nhe im', 'https://host/a?token=***'],
  ['https://host/a?', 'https://host/a?'],
  ['model-?.gguf', 'model-?.gguf'],
  ['host', 'host'],
])('credentials in an address are not repeated: %s', (address, written) => {
  expect(withoutCredentials(address)).toBe(written);
});
