import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { gzip } from '../../src/checkout/gzip';
import { bytes } from '../runtime/artifact/program';
import { REPOSITORY } from '../support/folders';

const text = fs.readFileSync(path.join(REPOSITORY, 'package-lock.json'));

test.each<[string, Buffer]>([
  ['nothing', Buffer.alloc(0)],
  ['bytes that do not repeat', bytes(200_000)],
  ['text', text],
])('%s is as it was when it is unpacked', (_, content) => {
  expect(gunzipSync(gzip(content)).equals(content)).toBe(true);
});

test('the bytes never change: names of ConfigMaps are hashes of them', () => {
  const content = Buffer.from('from vllm import LLM\n'.repeat(50) + 'llm = LLM("model")\n');
  const hash = createHash('sha256').update(gzip(content)).digest('hex');
  expect(hash).toBe('ca7834ea81ef159df5c66bb5c60e3973da8ec53c2a225e9f7a7d352acd7934e1');
});

test('no time is told', () => {
  expect([...gzip(text).subarray(4, 8)]).toEqual([0, 0, 0, 0]);
});

test('text takes at most a tenth more than the best that zlib does', () => {
  expect(gzip(text).length).toBeLessThan(1.1 * gzipSync(text, { level: 9 }).length);
});
