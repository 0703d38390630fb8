import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { sha256 } from '../../doubles/hub';
import { WebDouble } from '../../doubles/web';
import {
  MIB,
  PYTHON,
  bytes,
  filesOf,
  markerOf,
  removeTemporaryFolders,
  run,
  temporaryFolder,
} from '../artifact/program';
import { pax, tar, zip } from './archives';
import type { Entry, ZipEntry } from './archives';
import { webArgs } from './web-stand';

const WEIGHTS = bytes(MIB + 77);
const CONFIG = Buffer.from('{"a": 1}');

const file = (name: string, content: Buffer = CONFIG): Entry => ({ name, content });

const link = (target: string, name = 'a/link'): Entry => ({ name, type: '2', target });
/** [what is wrong with a tar, what it is made of besides a good file, what is told] */
const evil: [string, Entry[], string][] = [
  ['a path out of the folder', [file('../evil')], "unsafe path: '../evil'"],
  ['a path that leaves the folder later', [file('a/../../evil')], 'unsafe path'],
  ['an absolute path', [file('/etc/evil')], "unsafe path: '/etc/evil'"],
  ['an absolute path in a pax header', [pax({ path: '/etc/evil' }), file('good')], 'unsafe path'],
  ['a folder out of the folder', [{ name: '../evil/', type: '5' }], 'unsafe path'],
  ['an empty name', [file('a//b')], 'unsafe path'],
  ['a backslash', [file('..\\evil')], 'unsafe path'],
  ['a control character', [file('a\x1b[2Jb')], 'control characters'],
  ['a name that is too long', [pax({ path: 'a'.repeat(300) }), file('x')], 'the name is too long'],
  ['a path that is too long', [pax({ path: 'a/'.repeat(600) + 'b' }), file('x')], 'the name is too long'],
  ['the name of the marker', [file('.artifact.json')], 'reserved'],
  ['the name of the marker in capitals', [file('./.Artifact.JSON')], 'reserved'],
  ['our own folder', [file('.artifact.parts/download/archive')], 'reserved'],
  ['a character device', [{ name: 'null', type: '3' }], 'is a character device'],
  ['a block device', [{ name: 'disk', type: '4' }], 'is a block device'],
  ['a pipe', [{ name: 'pipe', type: '6' }], 'is a pipe'],
  ['a type that nobody knows', [{ ...file('label'), type: 'V' }], "of type 'V'"],
  ['a sparse file', [{ name: 'sparse', type: 'S' }], 'a sparse file'],
  [
    'a sparse file in a pax header',
    [pax({ 'GNU.sparse.map': '0,1', 'GNU.sparse.size': '9' }), file('x')],
    'sparse',
  ],
  ['a link to an absolute path', [link('/etc/passwd')], 'out of the archive'],
  ['a link out of the folder', [link('../../evil')], 'out of the archive'],
  ['a link to nothing', [link('nothing')], 'which is no file that was taken'],
  ['a link to a folder', [{ name: 'b/', type: '5' }, file('b/c'), link('../b')], 'which is no file'],
  ['links in a circle', [link('other'), link('link', 'a/other')], 'which is no file'],
  ['a file through a link', [link('.', 'a'), file('a/evil')], 'both a file and a folder'],
  ['a hard link out of the folder', [{ name: 'a', type: '1', target: '/etc/passwd' }], 'unsafe path'],
  ['a hard link to nothing', [{ name: 'a', type: '1', target: 'b' }], 'which is no file'],
  ['one name twice', [file('a'), file('./a', WEIGHTS)], "two files 'a'"],
  ['names that differ in case', [file('Model.bin'), file('model.bin')], 'where the case of letters'],
  ['folders that differ in case', [file('A/b'), file('a/c')], 'where the case of letters'],
  [
    'names that differ in how an accent is written',
    [file('\u00e9'), file('e\u0301')],
    'where the case of letters',
  ],
  ['a file where a folder is', [file('a/b'), file('a')], 'both a file and a folder'],
  ['a size below zero', [pax({ size: '-512' }), file('x')], 'cannot be unpacked'],
  ['a size that no disk has', [{ ...file('x'), size: 0o77777777777 }], 'unpacks to more than'],
  ['a name as large as the memory', [{ name: 'x', type: 'L', size: 0o40000000000 }], 'cannot be unpacked'],
  [
    'thousands of headers in each other',
    Array.from({ length: 3000 }, () => pax({ a: 'b' })),
    'cannot be unpacked',
  ],
  [
    'a name of megabytes',
    [{ name: 'x', type: 'L', content: Buffer.alloc(5 * MIB, 'a') }, file('a')],
    'a header of',
  ],
  [
    'megabytes of headers for all members',
    [1, 2, 3].flatMap((i) => [{ ...pax({ [`a${i}`]: 'b'.repeat(2 * MIB) }), type: 'g' }, file(`${i}`)]),
    'headers for all members of more than 4.0 MiB',
  ],
  ['nothing', [], 'nothing of the archive is left'],
];

const whole = tar([file('a'), file('weights.bin', WEIGHTS), file('b')]);
const spoilt = Buffer.from(whole);
spoilt.fill(0xaa, 1024, 1536); // the header of the second file
/** [what is wrong, the format that was asked for, the archive, what is told] */
const broken: [string, string, Buffer, string][] = [
  ['a tar that is cut in a file', 'tar', whole.subarray(0, 100_000), 'cannot be unpacked'],
  ['a tar with a header that is none', 'tar', spoilt, 'after its end there is more'],
  [
    'a tar with something after its end',
    'tar',
    Buffer.concat([whole, Buffer.from('more')]),
    'after its end there is more',
  ],
  ['a gzip that is cut', 'tar.gz', gzipSync(whole).subarray(0, -5), 'it ends in the middle'],
  [
    'a gzip with something after its end',
    'tar.gz',
    Buffer.concat([gzipSync(whole), Buffer.from('more')]),
    'cannot be unpacked',
  ],
  ['a tar in the place of a gzip', 'tar.gz', whole, 'cannot be unpacked as tar.gz'],
  ['a gzip in the place of a tar', 'tar', gzipSync(whole), 'cannot be unpacked as tar,'],
  ['a gzip in the place of bzip2', 'tar.bz2', gzipSync(whole), 'cannot be unpacked as tar.bz2'],
  ['a gzip in the place of xz', 'tar.xz', gzipSync(whole), 'cannot be unpacked as tar.xz'],
  ['a gzip in the place of zip', 'zip', gzipSync(whole), 'cannot be unpacked as zip'],
  ['nothing in the place of a tar', 'tar', Buffer.alloc(0), 'cannot be unpacked as tar'],
];

const zipLink = (target: string): ZipEntry => ({
  name: 'a/link',
  content: Buffer.from(target),
  mode: 0o120777,
});
/** [what is wrong with a zip, what it is made of besides a good file, what is told] */
const zips: [string, ZipEntry[], string][] = [
  ['a path out of the folder', [file('../evil')], 'unsafe path'],
  ['an absolute path', [file('/evil')], 'unsafe path'],
  ['a name with a zero', [file('model.bin\0.txt')], 'unsafe path'],
  ['a link out of the folder', [zipLink('../../evil')], 'out of the archive'],
  ['a link of megabytes', [zipLink('a/'.repeat(5000))], 'is a link of 4097 characters'],
  ['a device', [{ ...file('null'), mode: 0o020666 }], 'a device, pipe or socket'],
  ['a password', [{ ...file('a'), encrypted: true }], 'is encrypted'],
  ['a compression that nobody knows', [{ ...file('a'), compression: 99 }], 'cannot unpack'],
  ['another name in the file than in the list', [{ ...file('a'), localName: 'b' }], 'cannot be unpacked'],
  ['one name twice', [file('a'), file('a')], "two files 'a'"],
  [
    'more than it says',
    [{ ...file('a', WEIGHTS), size: 10, compression: 8, compressed: deflateRawSync(WEIGHTS) }],
    'cannot be unpacked',
  ],
  ['less than it says', [{ ...file('a'), size: 1000 }], 'cannot be unpacked'],
  [
    'a wrong checksum',
    [{ ...file('a'), compression: 8, compressed: deflateRawSync(WEIGHTS) }],
    'cannot be unpacked',
  ],
];

const zeros = Buffer.alloc(64 * MIB);
const few = ['--max-unpacked-bytes=1048576'];
/** [what it is made of, its format, the archive, the bounds, what is told] */
const bombs: [string, string, Buffer, string[], string][] = [
  ['one large file', 'tar.gz', gzipSync(tar([file('zeros', zeros)])), few, "met at 'zeros'"],
  [
    'many files',
    'tar.gz',
    gzipSync(tar(Array.from({ length: 40 }, (_, i) => file(`${i}`, zeros.subarray(0, 30_000))))),
    few,
    'unpacks to more than 1.0 MiB',
  ],
  [
    'zeros after the end',
    'tar.gz',
    gzipSync(Buffer.concat([tar([file('a')]), zeros])),
    [...few, '--max-unpacked-files=10'],
    'unpacks to more than',
  ],
  [
    'a zip',
    'zip',
    zip([
      {
        name: 'zeros',
        content: zeros.subarray(0, 2 * MIB),
        compression: 8,
        compressed: deflateRawSync(zeros.subarray(0, 2 * MIB)),
      },
    ]),
    few,
    "met at 'zeros'",
  ],
  [
    'a size that ten times the archive and 1 GiB cannot explain',
    'tar.gz',
    gzipSync(tar([{ ...file('zeros'), size: 2 ** 31 }])),
    [],
    'unpacks to more than 1.00 GiB',
  ],
  [
    'names',
    'tar',
    tar(Array.from({ length: 12 }, (_, i) => file(`${i}`))),
    ['--max-unpacked-files=10'],
    'more than 10 files and folders',
  ],
  [
    'links',
    'tar',
    tar([
      file('a', WEIGHTS),
      ...Array.from({ length: 9 }, (_, i) => ({ name: `l${i}`, type: '2', target: 'a' })),
    ]),
    ['--max-unpacked-bytes=5000000'],
    "unpacks to more than 4.8 MiB (met at 'l",
  ],
];

/** [its title, the format that is asked for, the archive, more options, what is told] */
const refused: [string, string, Buffer, string[], string][] = [
  ...evil.map(([title, entries, told]): (typeof refused)[number] => {
    const whole = gzipSync(tar(entries.length > 0 ? [file('first.json'), ...entries] : []));
    return [`a tar with ${title}`, 'tar.gz', whole, [], told];
  }),
  ...broken.map(([title, format, archive, told]): (typeof refused)[number] => [
    title,
    format,
    archive,
    [],
    told,
  ]),
  ...zips.map(([title, entries, told]): (typeof refused)[number] => {
    return [`a zip with ${title}`, 'zip', zip([file('first.json'), ...entries]), [], told];
  }),
  ...bombs.map(([title, ...more]): (typeof refused)[number] => [`a bomb of ${title}`, ...more]),
];

describe('an archive that is evil or broken is refused, and leaves nothing behind', () => {
  const outcomes = new Map<string, { code: number; error: string; folder: string }>();
  beforeAll(() => {
    const tries = refused.map(([title, format, archive, more]) => {
      const folder = temporaryFolder();
      const name = path.join(temporaryFolder(), 'archive');
      fs.writeFileSync(name, archive);
      return { title, folder, archive: name, options: [`--unpack=${format}`, ...more] };
    });
    const driver = [path.join(__dirname, 'unpack_each.py'), path.join(__dirname, '../../../src/runtime')];
    const output = execFileSync(PYTHON, driver, { input: JSON.stringify(tries) });
    const results = JSON.parse(output.toString()) as { code: number; error: string }[];
    tries.forEach(({ title, folder }, index) => outcomes.set(title, { ...results[index], folder }));
  });
  afterAll(removeTemporaryFolders);

  test.each(refused)('%s', (title, _format, _archive, _more, told) => {
    const outcome = outcomes.get(title);
    expect(outcome?.error).toContain(told);
    expect(outcome?.code).toBe(64);
    expect(filesOf(String(outcome?.folder))).toEqual(['.artifact.parts/lock']);
  });

  test('a bomb is refused by the program within 64 MiB, and the archive left to the next run', async () => {
    const dir = temporaryFolder();
    const name = { name: 'x', type: 'L', content: Buffer.alloc(40 * MIB, 'a') };
    const bomb = gzipSync(tar([name, file('a')]));
    const web = await WebDouble.start({ '/bomb': { content: bomb } });
    const args = webArgs('archive', web.url('/bomb'), sha256(bomb), dir, '--unpack=tar.gz', '--workers=1');
    const outcome = await run(args, { wrap: ['prlimit', `--data=${64 * MIB}`] });
    await web.stop();
    expect(outcome.result.error).toContain('a header of');
    expect(outcome.code).toBe(64);
    expect(markerOf(dir)).toBeUndefined();
    expect(fs.readdirSync(dir)).toEqual(['.artifact.parts']);
    expect(fs.readdirSync(path.join(dir, '.artifact.parts')).sort()).toEqual(['download', 'lock']);
  });
});
