import * as fs from 'node:fs';
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import { sha256 } from '../../doubles/hub';
import { MotoServer } from '../../doubles/moto';
import { S3Double } from '../../doubles/s3';
import type { S3Fault, S3Object } from '../../doubles/s3';
import {
  MIB,
  expectComplete,
  filesOf,
  large,
  markerOf,
  removeTemporaryFolders,
  run,
  small,
  temporaryFolder,
} from '../artifact/program';
import {
  PREFIX,
  base64,
  compositeSha256,
  fetchFrom,
  filePins,
  markerText,
  put,
  putManifest,
  sourceArgs,
  sourceEnvironment,
} from './s3';

const MODEL = large('model.safetensors', 5 * MIB + 4321);
const ODD = small("nested/a b+c=ä&d?e#f%20'(g);~.json", '{"odd": true}');
const FILES = [MODEL, small('config.json', '{"a": 1}'.repeat(300)), ODD, small('empty', '')];
const TOTAL = FILES.reduce((sum, file) => sum + file.content.length, 0);

let s3: S3Double;
beforeEach(async () => {
  s3 = await S3Double.start('models');
  put(s3, FILES);
});
afterEach(() => s3.stop());
afterAll(() => removeTemporaryFolders());

/** Whether a request asked for the body of an object. */
const isRead = (line: string) => /^GET \/models\/./.test(line);

describe('a folder of a bucket that is pinned', () => {
  test('by the marker of an artifact of ours, whose licence and origin come along', async () => {
    put(s3, [small('of-nobody', 'not listed')]);
    const outcome = await fetchFrom(s3, putManifest(s3, '.artifact.json', markerText(FILES)));
    expect(outcome.log).not.toContain('FAILED');
    expect(outcome.result).toMatchObject({ files: FILES.length, bytes: TOTAL, fetched: TOTAL });
    expectComplete(outcome.dir, FILES);
    expect(markerOf(outcome.dir)).toMatchObject({
      licence: 'apache-2.0',
      source: {
        type: 's3',
        bucket: 'models',
        prefix: 'org/model/',
        pinned: true,
        artifact: { key: 'abcdef012345', source: { type: 'huggingface', repo: 'org/model' } },
      },
    });
    s3.requests.length = 0;
    const again = await fetchFrom(
      s3,
      ['--manifest=.artifact.json', `--manifest-sha256=${'0'.repeat(64)}`],
      outcome,
    );
    expect(again.result).toMatchObject({ files: FILES.length, fetched: 0 });
    expect(s3.requests).toEqual([]);
  });

  test.each<[string, string, (path: string, sum: string) => string]>([
    ['sha256sum', 'SHA256SUMS', (name, sum) => `${sum}  ${name}`],
    [
      'sha256sum --binary in the folder itself',
      'SHA256SUMS',
      (name, sum) => `${sum.toUpperCase()} *./${name}`,
    ],
    ['sha256sum --tag', 'sums.txt', (name, sum) => `SHA256 (${name}) = ${sum}`],
    ['sha256sum * > SHA256SUMS, run twice,', 'SHA256SUMS', (name, sum) => `${sum}  ${name}`],
  ])('by a list as %s writes it', async (how, name, line) => {
    const lines = FILES.map((file) => line(file.path, sha256(file.content)));
    // The shell has emptied the list before it is hashed.
    if (how.includes('twice')) lines.unshift(line(name, sha256(Buffer.alloc(0))));
    const text = `# the model\n\n${lines.join('\n')}\n`;
    const outcome = await fetchFrom(s3, putManifest(s3, name, text));
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, [...FILES, small(name, text)]);
  });

  test('by a list that lies in a folder below', async () => {
    const inside = [small('v1/config.json', '{}'), small('v1/deep/b.json', '[]')];
    put(s3, inside);
    const text = inside.map((file) => `${sha256(file.content)}  ${file.path.slice(3)}\n`).join('');
    const outcome = await fetchFrom(s3, putManifest(s3, 'v1/SHA256SUMS', text));
    expectComplete(outcome.dir, [...inside, small('v1/SHA256SUMS', text)]);
  });

  test('by the hash of each file, in the argument list', async () => {
    const outcome = await fetchFrom(s3, filePins(FILES.slice(0, 3)));
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES.slice(0, 3));
  });

  test('by versions, of which a later one is not taken', async () => {
    s3.keepsVersions = true;
    const pins = put(s3, FILES).map(({ versionId }, index) => `--version=${versionId}:${FILES[index].path}`);
    put(s3, [{ ...MODEL, content: Buffer.alloc(MODEL.content.length, 'later') }]);
    s3.objects.delete(`${PREFIX}/config.json`);
    const outcome = await fetchFrom(s3, pins);
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
    const versions = (markerOf(outcome.dir) as unknown as { source: { versions: Record<string, string> } })
      .source.versions;
    expect(Object.keys(versions).sort()).toEqual(FILES.map((file) => file.path).sort());
  });

  test('by a manifest, of which patterns take a part', async () => {
    const pins = putManifest(s3, '.artifact.json', markerText(FILES));
    const outcome = await fetchFrom(s3, [...pins, '--include=*.json', '--exclude=nested/']);
    expectComplete(outcome.dir, [FILES[1]]);
  });
});

describe('a folder of many files that are pinned', () => {
  const many = Array.from({ length: 150 }, (_, index) =>
    small(`d${index % 7}/${index} +.json`, `{"i": ${index}}`),
  );
  let pins: string[];
  beforeEach(() => {
    put(s3, many);
    pins = putManifest(s3, '.artifact.json', markerText(many));
    s3.pageSize = 60;
  });
  const heads = () => s3.requests.filter((line) => line.startsWith('HEAD') && line.includes('/d'));

  test('is listed, and not asked for file by file', async () => {
    const outcome = await fetchFrom(s3, pins);
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, many);
    expect(heads()).toEqual([]);
    expect(s3.requests.filter((line) => line.includes('list-type'))).toHaveLength(3);
  });

  test('is asked for file by file where it may not be listed', async () => {
    s3.faults.push({ match: /list-type/, status: 403, code: 'AccessDenied', times: 100 });
    const outcome = await fetchFrom(s3, pins);
    expect(outcome.log).toContain('asking for each file by itself');
    expectComplete(outcome.dir, many);
    expect(heads()).toHaveLength(many.length);
  });

  test('lacks one: 66, with its name', async () => {
    s3.objects.delete(`${PREFIX}/${many[99].path}`);
    const outcome = await fetchFrom(s3, pins);
    expect(outcome.code).toBe(66);
    expect(outcome.result.error).toContain(`s3://models/${PREFIX}/${many[99].path}: HTTP 404 NoSuchKey`);
    expect(heads()).toHaveLength(1);
  });

  test('has one in an archive: 77', async () => {
    put(s3, [many[99]], { archived: true });
    const outcome = await fetchFrom(s3, pins);
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toContain(`${many[99].path} is archived`);
  });

  test('has one of another size: 65', async () => {
    put(s3, [{ ...many[99], content: Buffer.from('{"another": true}') }]);
    const outcome = await fetchFrom(s3, pins);
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toContain(
      `${many[99].path} has 17 bytes instead of 9: it was changed after its marker was written`,
    );
  });
});

describe('a folder of a bucket that is asked for as it is', () => {
  test('is listed in pages; folder objects and a marker are left where they are', async () => {
    s3.pageSize = 2;
    s3.keepsVersions = true;
    const [{ versionId }] = put(s3, [FILES[1]]);
    s3.put(`${PREFIX}/`, Buffer.alloc(0));
    s3.put(`${PREFIX}/nested/`, Buffer.alloc(0));
    s3.put(`${PREFIX}/.artifact.json`, Buffer.from(markerText([])));
    s3.put(`${PREFIX}-other/config.json`, Buffer.from('of another folder'));
    const outcome = await fetchFrom(s3, ['--unpinned']);
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
    expect(markerOf(outcome.dir)).toMatchObject({
      source: { pinned: false, versions: { 'config.json': versionId } },
    });
  });

  test('may be a whole bucket', async () => {
    const outcome = await fetchFrom(s3, ['--unpinned', '--source-prefix=', '--include=*.json']);
    expectComplete(
      outcome.dir,
      [FILES[1], ODD].map((file) => ({ ...file, path: `${PREFIX}/${file.path}` })),
    );
  });
});

describe('bytes of which only the server tells a checksum', () => {
  const body = MODEL.content;
  const partSize = 2 * MIB;
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(body));
  const kinds: [string, Partial<S3Object>][] = [
    ['a sha256', { etag: '"x"', checksums: { 'x-amz-checksum-sha256': base64('sha256', body) } }],
    ['a sha1', { etag: '"x"', checksums: { 'x-amz-checksum-sha1': base64('sha1', body) } }],
    ['a CRC32', { etag: '"x"', checksums: { 'x-amz-checksum-crc32': crc.toString('base64') } }],
    [
      'the sha256 of its parts',
      { etag: '"x-3"', partSize, checksums: { 'x-amz-checksum-sha256': compositeSha256(body, partSize) } },
    ],
    [
      'a CRC32 of the whole that was uploaded in parts',
      {
        etag: '"x-3"',
        checksums: { 'x-amz-checksum-crc32': crc.toString('base64'), 'x-amz-checksum-type': 'FULL_OBJECT' },
      },
    ],
    ['an ETag that is an MD5', {}],
    [
      'an ETag that is an MD5, beside a checksum that nobody can compute here',
      { checksums: { 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=', 'x-amz-checksum-type': 'FULL_OBJECT' } },
    ],
  ];

  test.each(kinds)('are checked by %s, and fetched once more', async (_, more) => {
    put(s3, [MODEL], more);
    s3.faults.push({ match: /GET .*model\.safetensors/, flip: 1000, after: 2 });
    const outcome = await fetchFrom(s3, ['--unpinned', '--include=model*']);
    expect(outcome.log).toMatch(/the checksum does not match; reading it again/);
    expectComplete(outcome.dir, [MODEL]);
  });

  test.each(kinds)('are refused by %s when they are wrong twice: 65', async (_, more) => {
    put(s3, [MODEL], more);
    s3.faults.push({ match: /GET .*model\.safetensors/, flip: 1000, times: 100 });
    const outcome = await fetchFrom(s3, ['--unpinned', '--include=model*']);
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toMatch(/model\.safetensors: the checksum is wrong twice; expected \w+/);
    expect(markerOf(outcome.dir)).toBeUndefined();
  });

  test.each<[string, Partial<S3Object>]>([
    ['an ETag that is no MD5', { etag: '"0123456789abcdef0123456789abcdef-3"' }],
    [
      'an ETag after encryption',
      { headers: { 'x-amz-server-side-encryption': 'aws:kms' }, etag: `"${'0'.repeat(32)}"` },
    ],
    [
      'a checksum of parts of unknown size',
      { etag: '"x-3"', checksums: { 'x-amz-checksum-sha256': compositeSha256(body, partSize) } },
    ],
    [
      'a checksum of which the server does not say what it is of',
      { etag: '"x-3"', partSize, checksums: { 'x-amz-checksum-sha256': base64('sha256', Buffer.from('?')) } },
    ],
  ])('are not measured by %s; that is told', async (_, more) => {
    put(s3, [MODEL], more);
    const outcome = await fetchFrom(s3, ['--unpinned', '--include=model*']);
    expect(outcome.log).toMatch(
      /nothing but the size by which these could be checked on their way: model\.safetensors/,
    );
    expectComplete(outcome.dir, [MODEL]);
  });
});

describe('a bucket or a network that fails', () => {
  const cured: [string, S3Fault[]][] = [
    ['a connection that is cut', [{ match: /GET .*model\.s/, cutAfter: 700_001, times: 3 }]],
    ['a connection that is reset', [{ match: /GET .*model\.s/, resetAfter: 300_001, times: 3 }]],
    ['a connection that is reset before any answer', [{ match: /HEAD/, reset: true, times: 2 }]],
    ['a stall', [{ match: /GET .*model\.s/, stallAfter: 300_000, times: 2 }]],
    [
      '503 SlowDown with Retry-After',
      [{ match: /GET .*model\.s/, status: 503, code: 'SlowDown', headers: { 'Retry-After': '1' }, times: 2 }],
    ],
    ['400 RequestTimeout', [{ match: /GET .*model\.s/, status: 400, code: 'RequestTimeout' }]],
    ['500 on the manifest', [{ match: /GET .*artifact/, status: 500, code: 'InternalError', times: 2 }]],
    ['503 on a HEAD', [{ match: /HEAD/, status: 503, times: 2 }]],
    ['a HEAD that is refused once', [{ match: /HEAD/, status: 400 }]],
    ['a flipped byte in a file', [{ match: /GET .*model\.s/, flip: 99, after: 1 }]],
    ['a flipped byte in the manifest', [{ match: /GET .*artifact/, flip: 99 }]],
    ['a cut in the manifest', [{ match: /GET .*artifact/, cutAfter: 99 }]],
  ];
  test.each(cured)('%s: complete and verified in one run', async (_, faults) => {
    const pins = putManifest(s3, '.artifact.json', markerText(FILES));
    s3.faults.push(...faults.map((fault) => ({ ...fault })));
    const outcome = await fetchFrom(s3, [...pins, '--stall-seconds=2']);
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
    expect(s3.faults.map(({ times }) => times)).toEqual(faults.map(() => 0));
  });

  const final: [string, S3Fault, number, RegExp][] = [
    ['no such key', { match: /GET .*model\.s/, status: 404, code: 'NoSuchKey' }, 66, /NoSuchKey/],
    [
      'no right to read',
      { match: /GET .*model\.s/, status: 403, code: 'AccessDenied' },
      77,
      /GET s3:\/\/models\/org\/model\/model\.safetensors: HTTP 403 AccessDenied .*check what the keys in SOURCE_AWS_ACCESS_KEY_ID and SOURCE_AWS_SECRET_ACCESS_KEY may do with this bucket/,
    ],
    [
      'a KMS key that is disabled',
      { match: /GET .*model\.s/, status: 400, code: 'KMS.DisabledException' },
      77,
      /KMS\.DisabledException/,
    ],
    [
      'a clock that is wrong',
      { match: /GET .*model\.s/, status: 403, code: 'RequestTimeTooSkewed' },
      77,
      /the clock of this node is wrong: it says \d+ \w+ \d+ [\d:]+ GMT, the server /,
    ],
    [
      'a session that has expired, of keys in a Secret',
      { match: /GET .*model\.s/, status: 400, code: 'ExpiredToken' },
      77,
      /ExpiredToken .*are no longer valid: put new ones into the Secret/,
    ],
    [
      'a bucket in another region',
      {
        match: /GET .*model\.s/,
        status: 301,
        code: 'PermanentRedirect',
        headers: { 'x-amz-bucket-region': 'eu-west-1' },
      },
      64,
      /PermanentRedirect .*the bucket is in region eu-west-1: set that, with an endpoint of that region/,
    ],
    [
      'an object that only the answer to GET tells is archived',
      { match: /GET .*model\.s/, status: 403, code: 'InvalidObjectState' },
      77,
      /s3:\/\/models\/org\/model\/model\.safetensors is archived .*aws s3api restore-object --bucket models --key 'org\/model\/model\.safetensors'/,
    ],
    [
      'a server that stays overloaded',
      { match: /GET .*model\.s/, status: 503, code: 'SlowDown' },
      75,
      /503 SlowDown .*tried 2 times/,
    ],
    ['a server that never answers', { match: /GET .*model\.s/, hang: true }, 75, /no byte for 1 s/],
    [
      'an answer that S3 does not give',
      { match: /GET .*model\.s/, status: 418, code: 'Teapot' },
      64,
      /HTTP 418 Teapot/,
    ],
  ];
  test.each(final)('%s: the right code, and nothing that looks complete', async (_, fault, code, message) => {
    s3.faults.push({ times: 100, ...fault });
    const outcome = await fetchFrom(s3, [...filePins(FILES), '--attempts=2', '--stall-seconds=1']);
    expect(outcome.result.error).toMatch(message);
    expect(outcome.code).toBe(code);
    expect(outcome.result.retryable).toBe(code === 75);
    expect(markerOf(outcome.dir)).toBeUndefined();
  });

  test('the same is told where already the first question, a HEAD, is refused without a word', async () => {
    s3.faults.push({ match: /./, status: 403, code: 'AccessDenied', times: 100 });
    const outcome = await fetchFrom(s3, filePins(FILES));
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(
      /GET s3:\/\/models\/org\/model\/.*: HTTP 403 AccessDenied \(fault\)/,
    );
    expect(filesOf(outcome.dir).filter((file) => !file.startsWith('.artifact.parts'))).toEqual([]);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['a wrong secret', { SOURCE_AWS_SECRET_ACCESS_KEY: 'wrong' }, /SignatureDoesNotMatch/],
    [
      'a wrong key',
      { SOURCE_AWS_ACCESS_KEY_ID: 'wrong' },
      /InvalidAccessKeyId .*they are not those that http:\/\/127\.0\.0\.1:\d+ knows/,
    ],
    [
      'no key',
      { SOURCE_AWS_ACCESS_KEY_ID: '' },
      /SOURCE_AWS_SECRET_ACCESS_KEY is set and SOURCE_AWS_ACCESS_KEY_ID is not/,
    ],
  ])('%s: 77', async (_, env, message) => {
    const outcome = await fetchFrom(s3, filePins(FILES), { env: { ...sourceEnvironment(s3), ...env } });
    expect(outcome.result.error).toMatch(message);
    expect(outcome.code).toBe(77);
    expect(outcome.log).not.toContain(s3.secretKey);
  });

  test('the keys of the store are not tried for the source: 77', async () => {
    const outcome = await fetchFrom(s3, filePins(FILES), { env: s3.environment });
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(
      /no credentials: SOURCE_AWS_ACCESS_KEY_ID and SOURCE_AWS_SECRET_ACCESS_KEY are not set/,
    );
  });

  test.each<[string, string[], number, RegExp]>([
    [
      'a bucket that is missing',
      ['--unpinned', '--source-bucket=absent'],
      66,
      /s3:\/\/absent\/.*NoSuchBucket .*the server asked is http:/,
    ],
    [
      'a folder that is empty',
      ['--unpinned', '--source-prefix=org/modell'],
      66,
      /s3:\/\/models\/org\/modell\/: no objects below that prefix/,
    ],
    [
      'a file that is missing',
      [`--file=${'0'.repeat(64)}:absent.bin`],
      66,
      /s3:\/\/models\/org\/model\/absent\.bin: HTTP 404 NoSuchKey/,
    ],
    [
      'a manifest that is missing',
      ['--manifest=SUMS', `--manifest-sha256=${'0'.repeat(64)}`],
      66,
      /org\/model\/SUMS: HTTP 404/,
    ],
    [
      'a manifest that is another',
      ['--manifest=config.json', `--manifest-sha256=${'0'.repeat(64)}`],
      65,
      /has the sha256 [0-9a-f]{64}, and 0{64} is pinned/,
    ],
    [
      'a manifest that is none',
      ['--manifest=config.json', `--manifest-sha256=${sha256(FILES[1].content)}`],
      64,
      /config\.json, line 1: not "SHA256 {2}PATH"/,
    ],
    [
      'patterns that match nothing',
      ['--unpinned', '--include=*.gguf'],
      66,
      /no file matches include=\['\*\.gguf'\].*there are: .*config\.json/,
    ],
    ['a version of a bucket that keeps none', ['--version=v1:config.json'], 66, /NoSuchVersion/],
    [
      'a region that is wrong',
      ['--unpinned', '--source-region=eu-west-1'],
      64,
      /AuthorizationHeaderMalformed .*the bucket is in region us-east-1: set that/,
    ],
    ['a hash that is none', ['--file=abc:config.json'], 64, /--file.*abc.*sha256/],
    ['a pin without a path', ['--version=v1'], 64, /'v1' is not PIN:PATH/],
    ['two pins of one file', ['--version=a:x', '--version=b:x'], 64, /two pins of one path/],
    ['no pin', [], 64, /give one of .*given: none/],
    ['two pins', ['--unpinned', '--version=v1:x'], 64, /given: version, unpinned/],
  ])('%s', async (_, pins, code, message) => {
    const outcome = await fetchFrom(s3, pins);
    expect(outcome.result.error).toMatch(message);
    expect(outcome.code).toBe(code);
    expect(s3.requests.filter((line) => isRead(line) && /model\.safetensors/.test(line))).toEqual([]);
  });

  test('a manifest that is some other JSON: 64', async () => {
    const outcome = await fetchFrom(s3, putManifest(s3, 'index.json', '{"files": ["config.json"]}'));
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(/index\.json is neither a marker nor a list of checksums/);
  });

  test('a server that answers with another version, or with none: 64', async () => {
    s3.versions.set(`${PREFIX}/config.json?v1`, s3.objects.get(`${PREFIX}/config.json`) as S3Object);
    const outcome = await fetchFrom(s3, ['--version=v1:config.json']);
    expect(outcome.code).toBe(64);
    expect(outcome.result.error).toMatch(
      /version v1 is pinned, and the server answers with none; does the bucket keep versions/,
    );
  });

  test('a server that answers a listing with a page for people: 64', async () => {
    s3.faults.push({ match: /list-type/, status: 200, code: 'x' });
    const page = await fetchFrom(s3, ['--unpinned']);
    expect(page.code).toBe(66); // an XML answer without objects
    const web = await run(
      sourceArgs(
        { endpoint: await htmlServer(), bucket: 'models' },
        '--unpinned',
        `--dir=${temporaryFolder()}`,
      ),
      { env: sourceEnvironment(s3) },
    );
    expect(web.code).toBe(64);
    expect(web.result.error).toMatch(
      /answers a listing of .* with something that is not XML; is that an S3 server/,
    );
  });

  test.each(['../escape', 'a//b', 'a\\b', 'a/./b'])(
    'an object whose name %j is no path in a folder: 64, until it is left out',
    async (name) => {
      s3.put(`${PREFIX}/${name}`, Buffer.from('x'));
      const outcome = await fetchFrom(s3, ['--unpinned']);
      expect(outcome.code).toBe(64);
      expect(outcome.result.error).toMatch(/unsafe path: /);
      expect(s3.requests.filter(isRead)).toEqual([]);
      const others = await fetchFrom(s3, ['--unpinned', `--exclude=${name}`]);
      expectComplete(others.dir, FILES);
    },
  );

  test('an archived object is told before any byte is read: 77', async () => {
    put(s3, [MODEL], { archived: true });
    const outcome = await fetchFrom(s3, filePins(FILES));
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(/is archived .*restore-object .*--restore-request Days=7/);
    expect(s3.requests.filter(isRead)).toEqual([]);
  });

  test('and one that was brought back is read', async () => {
    put(s3, [MODEL], {
      headers: {
        'x-amz-storage-class': 'GLACIER',
        'x-amz-restore': 'ongoing-request="false", expiry-date="x"',
      },
    });
    expectComplete((await fetchFrom(s3, filePins(FILES))).dir, FILES);
  });

  test.each<[string, string[]]>([
    ['as it is', ['--unpinned']],
    ['pinned by hash', filePins(FILES)],
  ])('an object that is overwritten while it is read, %s: 65', async (_, pins) => {
    const act = () => void put(s3, [{ ...MODEL, content: Buffer.alloc(MODEL.content.length, 'new') }]);
    s3.faults.push({ match: /GET .*model\.safetensors/, after: 2, act });
    const outcome = await fetchFrom(s3, pins);
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toMatch(
      /model\.safetensors: HTTP 412 .*the object has changed since it was listed/,
    );
    expect(markerOf(outcome.dir)).toBeUndefined();
  });

  test('also by a server that knows no If-Match: 65', async () => {
    s3.faults.push({
      match: /GET .*model\.safetensors/,
      after: 2,
      act: () => {
        const content = Buffer.alloc(MODEL.content.length, 'new');
        put(s3, [{ ...MODEL, content }], {
          headers: { ETag: '"another"' },
          etag: s3.objects.get(`${PREFIX}/${MODEL.path}`)?.etag,
        });
      },
    });
    const outcome = await fetchFrom(s3, ['--unpinned']);
    expect(outcome.code).toBe(65);
    expect(outcome.result.error).toMatch(
      /has changed while it was read: its ETag was ".*", and is "another"/,
    );
  });

  test('what was noted of the encoding of an object is not taken for that of the answer', async () => {
    put(s3, [MODEL], { headers: { 'Content-Encoding': 'aws-chunked' } });
    expectComplete((await fetchFrom(s3, filePins(FILES))).dir, FILES);
  });
});

/** A web server that is no S3; ends with the test. */
async function htmlServer(): Promise<string> {
  const { createServer } = await import('node:http');
  const server = createServer((_, response) => response.end('<!DOCTYPE html><p>Welcome<br>'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  server.unref();
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

describe('a bucket that is opened in another way', () => {
  test('without a signature, where it is public', async () => {
    s3.isPublic = true;
    const outcome = await fetchFrom(s3, ['--unpinned', '--anonymous'], { env: {} });
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
  });

  test('without a signature, where it is not: 77', async () => {
    const outcome = await fetchFrom(s3, ['--unpinned', '--anonymous'], { env: {} });
    expect(outcome.code).toBe(77);
    expect(outcome.result.error).toMatch(/AccessDenied .*check what nobody \(anonymous: true\) may do/);
  });

  test('by whoever pays', async () => {
    s3.requesterPays = true;
    expect((await fetchFrom(s3, ['--unpinned'])).code).toBe(77);
    expectComplete((await fetchFrom(s3, ['--unpinned', '--requester-pays'])).dir, FILES);
  });

  test('with the bucket in the name of the host', async () => {
    const outcome = await fetchFrom(
      s3,
      ['--unpinned', '--source-endpoint=http://s3.test:9000', '--source-addressing=host'],
      { env: { ...sourceEnvironment(s3), http_proxy: s3.endpoint } },
    );
    expect(outcome.log).not.toContain('FAILED');
    expectComplete(outcome.dir, FILES);
  });
});

test('a run that is killed continues where it was, and other bytes are not added to it', async () => {
  const dir = temporaryFolder();
  s3.faults.push({ match: /GET .*model\.safetensors/, after: 3, hang: true, times: 100 });
  const pins = ['--unpinned', '--workers=1', '--stall-seconds=1', '--attempts=1'];
  expect((await fetchFrom(s3, pins, { dir })).code).toBe(75);
  s3.faults.length = 0;
  const rest = await fetchFrom(s3, pins, { dir });
  expect(rest.code).toBe(0);
  expect(rest.result.fetched).toBeLessThanOrEqual(TOTAL - 3 * MIB);
  expectComplete(dir, FILES);
});

describe('moto', () => {
  let moto: MotoServer | undefined;
  beforeAll(async () => {
    moto = await MotoServer.start('models');
  });
  afterAll(() => moto?.stop());

  test('is read as our own double is, by hashes and as it is, and by version', async () => {
    if (!moto) {
      return; // MotoServer has said so
    }
    await moto.keepVersions();
    const versions: Record<string, string> = {};
    for (const file of FILES) {
      versions[file.path] = await moto.put(`${PREFIX}/${file.path}`, file.content);
    }
    await moto.put(`${PREFIX}/folder/`, Buffer.alloc(0));
    const pinned = FILES.map((file) => `--version=${versions[file.path]}:${file.path}`);
    for (const pins of [filePins(FILES), ['--unpinned'], pinned]) {
      const dir = temporaryFolder();
      const outcome = await run(sourceArgs(moto, ...pins, `--dir=${dir}`), { env: sourceEnvironment(moto) });
      expect(outcome.log).not.toContain('FAILED');
      expectComplete(dir, FILES);
      expect(fs.existsSync(path.join(dir, 'folder'))).toBe(false);
    }
    const gone = await run(
      sourceArgs(moto, '--unpinned', '--source-prefix=absent', `--dir=${temporaryFolder()}`),
      { env: sourceEnvironment(moto) },
    );
    expect(gone.code).toBe(66);
  });
});
