import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { gzip } from '../../src/checkout/deflate';
import { bytes } from '../runtime/artifact/program';
import { REPOSITORY } from '../support/folders';

const text = fs.readFileSync(path.join(REPOSITORY, 'package-lock.json'));

test.each<[string, Buffer]>([
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from([255])],
  ['two bytes', Buffer.from('ab')],
  ['zeros, as many as one match takes', Buffer.alloc(259)],
  ['zeros, many', Buffer.alloc(100_000)],
  ['bytes that do not repeat', bytes(200_000)],
  [
    'what repeats after a whole window',
    Buffer.concat([bytes(32 * 1024), bytes(32 * 1024), bytes(32 * 1024)]),
  ],
  ['what repeats after more than a window', Buffer.concat([bytes(32 * 1024 + 1), bytes(32 * 1024 + 1)])],
  [
    'every length and distance of small repetitions',
    Buffer.from(Array.from({ length: 60_000 }, (_, i) => (i * i) % 7)),
  ],
  ['text', text],
])('%s is as it was when it is unpacked', (_, content) => {
  expect(gunzipSync(gzip(content)).equals(content)).toBe(true);
});

test('a few thousand random contents', () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const noise = bytes(seed % 97, seed).map((byte) => byte % (1 + (seed % 5)));
    const content = Buffer.concat([noise, noise.subarray(seed % 13), noise]);
    expect(gunzipSync(gzip(content)).equals(content)).toBe(true);
  }
});

test('the bytes never change: names of ConfigMaps are hashes of them', () => {
  const content = Buffer.from('from vllm import LLM\n'.repeat(50) + 'llm = LLM("model")\n');
  const hash = createHash('sha256').update(gzip(content)).digest('hex');
  expect(hash).toBe('a2fdd46a13704a9ba5db114e7f454a350b4d173de3947f1bd724a9247292f6db');
});

test('no time and no system is told', () => {
  expect([...gzip(text).subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
});

test('text takes at most a third more than the best that zlib does', () => {
  expect(gzip(text).length).toBeLessThan(1.33 * gzipSync(text, { level: 9 }).length);
});
