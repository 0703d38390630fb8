import * as fs from 'node:fs';
import * as path from 'node:path';
import { RegistryDouble } from '../../doubles/registry';
import { MIB, markerOf, removeTemporaryFolders, run, temporaryFolder } from '../artifact/program';
import { tar } from './archives';
import type { Entry } from './archives';
import { TYPE, file, pushArtifact, pushImage } from './oci-images';
import { pullArgs } from './registry-stand';

describe('an evil image or artifact', () => {
  let registry: RegistryDouble;
  let dir: string;

  beforeEach(async () => {
    registry = await RegistryDouble.start();
    dir = temporaryFolder();
  });
  afterEach(() => registry.stop());
  afterAll(removeTemporaryFolders);

  const pull = (digest: string, ...more: string[]) =>
    pullArgs('oci', registry, { digest }, ['--dir', dir], ...more);

  const evil: [string, Entry[], string][] = [
    ['a name out of the folder', [file('m/../../evil')], 'unsafe path'],
    ['a name out of the image', [file('../evil')], 'unsafe path'],
    [
      'a link out of the image',
      [{ name: 'm/a', target: '../../etc/passwd', type: TYPE.symbolicLink }],
      'out of the archive',
    ],
    [
      'a link out of the folder that is taken',
      [file('etc/passwd'), { name: 'm/a', target: '/etc/passwd', type: TYPE.symbolicLink }],
      'the link /m/a of the image leads to /etc/passwd, which is not below /m: take a folder that holds both (path)',
    ],
    [
      'a hard link out of the folder that is taken',
      [file('etc/passwd'), { name: 'm/a', target: 'etc/passwd', type: TYPE.hardLink }],
      "is another name of 'etc/passwd', which is not below /m: take a folder that holds both (path)",
    ],
    [
      'a link to a folder',
      [file('m/a/b'), { name: 'm/c', target: 'a', type: TYPE.symbolicLink }],
      'the link /m/c of the image leads to /m/a, which is a folder; an artifact holds files alone',
    ],
    [
      'a link to nothing',
      [file('m/x'), { name: 'm/c', target: 'a', type: TYPE.symbolicLink }],
      'which is not in the image',
    ],
    [
      'links in a circle',
      [
        file('m/x'),
        { name: 'm/a', target: 'b', type: TYPE.symbolicLink },
        { name: 'm/b', target: 'a', type: TYPE.symbolicLink },
      ],
      'leads to',
    ],
    [
      'a file through a link',
      [{ name: 'm/a', target: '/etc', type: TYPE.symbolicLink }, file('m/a/passwd')],
      'is both a file and a folder',
    ],
    ['a device', [file('m/x'), { name: 'm/null', type: TYPE.device }], 'is a character device'],
    ['a pipe', [{ name: 'm/pipe', type: TYPE.pipe }], 'is a pipe'],
    ['our marker', [file('m/.artifact.json', '{}')], 'is reserved for the marker'],
    ['our staging folder', [file('m/.artifact.parts/x', '{}')], 'reserved for the marker'],
    ['two files of one name', [file('m/x', '1'), file('m/x', '2')], "there are two files 'm/x'"],
    ['names that differ in case alone', [file('m/x', '1'), file('m/X', '2')], 'where the case of letters'],
    ['a removal of what is above', [file('m/.wh...', '')], 'unsafe path'],
  ];
  test.each(evil)('%s is refused, and nothing comes of it', async (_, entries, message) => {
    const outside = path.join(dir, '../evil');
    const { digest } = pushImage(registry, [entries]);
    const outcome = await run(pull(digest, message === 'unsafe path' ? '--path=/' : '--path=/m'));
    expect(outcome.result).toMatchObject({ code: 64, error: expect.stringContaining(message) as string });
    expect(fs.existsSync(outside)).toBe(false);
    expect(fs.readdirSync(dir).filter((name) => !name.startsWith('.artifact.parts'))).toEqual([]);
  });

  test('names of a lower layer that differ in case from those of a higher one', async () => {
    const { digest } = pushImage(registry, [[file('m/x', '1')], [file('m/X', '2')]]);
    expect((await run(pull(digest, '--path=/m'))).result.error).toContain('where the case of letters');
  });

  test('a file of a higher layer through a link of a lower one', async () => {
    const { digest } = pushImage(registry, [
      [{ name: 'm/a', target: '/etc', type: TYPE.symbolicLink }],
      [file('m/a/passwd', 'evil')],
    ]);
    const outcome = await run(pull(digest, '--path=/m'));
    expect(outcome.result).toMatchObject({
      code: 64,
      error: expect.stringContaining("below 'm/a', which is a link") as string,
    });
  });

  test('a layer that expands without measure', async () => {
    const { digest } = pushImage(registry, [[file('m/zeros', Buffer.alloc(20 * MIB))]]);
    const outcome = await run(pull(digest, `--max-unpacked-bytes=${10 * MIB}`));
    expect(outcome.result).toMatchObject({
      code: 64,
      error: expect.stringContaining('unpacks to more than 10.0 MiB') as string,
    });
  });

  const gguf = 'application/vnd.docker.ai.gguf.v3';

  test.each<[string, Parameters<typeof pushArtifact>[1], string]>([
    [
      'a name out of the folder',
      [[gguf, Buffer.from('1'), { 'org.cncf.model.filepath': '../evil' }]],
      "unsafe path: '../evil'",
    ],
    ['an absolute name', [[gguf, Buffer.from('1'), { 'org.cncf.model.filepath': '/evil' }]], 'unsafe path'],
    [
      'no name and no kind that we know',
      [['application/octet-stream', Buffer.from('1')]],
      "layer 1 is of type 'application/octet-stream', has no name",
    ],
    [
      'a file and an archive of one name',
      [
        [gguf, Buffer.from('1'), { 'org.cncf.model.filepath': 'a' }],
        ['application/vnd.cncf.model.doc.v1.tar', tar([file('a', '2')])],
      ],
      "there are two files 'a'",
    ],
    [
      'two files of one name',
      [
        [gguf, Buffer.from('1'), { 'org.cncf.model.filepath': 'a' }],
        [gguf, Buffer.from('2'), { 'org.cncf.model.filepath': 'a' }],
      ],
      'two files of one name',
    ],
  ])('an artifact with %s is refused', async (_, layers, message) => {
    const { digest } = pushArtifact(registry, layers);
    const outcome = await run(pull(digest));
    expect(outcome.result).toMatchObject({ code: 64, error: expect.stringContaining(message) as string });
    expect(markerOf(dir)).toBeUndefined();
  });
});
