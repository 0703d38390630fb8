import { crc32 } from './crc32';

/** What a tar or zip is made of, as it is written: nothing is checked, so that it can be evil. */
export interface Entry {
  readonly name: string;
  readonly content?: Buffer;
  /** The type in a tar's header. @default '0', a file */
  readonly type?: string;
  /** Where a link leads. */
  readonly target?: string;
  /** @default 0o644 */
  readonly mode?: number;
  /** The size that the header tells. @default that of the content */
  readonly size?: number;
}

const BLOCK = 512;

/** A tar in the form of POSIX; its end is two blocks of zeros, unless it is to be left open. */
export function tar(entries: Entry[], open = false): Buffer {
  const blocks = entries.flatMap((entry) => [header(entry), padded(entry.content ?? Buffer.alloc(0))]);
  return Buffer.concat([...blocks, Buffer.alloc(open ? 0 : 2 * BLOCK)]);
}

/** The records of a pax header before a member: `{ path: '...' }`. */
export function pax(records: { [keyword: string]: string }): Entry {
  const lines = Object.entries(records).map(([keyword, value]) => {
    const rest = ` ${keyword}=${value}\n`;
    let length = Buffer.byteLength(rest) + 1;
    while (`${length}${rest}`.length !== length && Buffer.byteLength(`${length}${rest}`) !== length) length++;
    return `${length}${rest}`;
  });
  return { name: 'pax', type: 'x', content: Buffer.from(lines.join('')) };
}

function header(entry: Entry): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`;
  block.write(entry.name, 0, 100);
  block.write(octal(entry.mode ?? 0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(entry.size ?? entry.content?.length ?? 0, 12), 124);
  block.write(octal(0, 12), 136);
  block.write('        ', 148);
  block.write(entry.type ?? '0', 156);
  block.write(entry.target ?? '', 157, 100);
  block.write('ustar\0' + '00', 257);
  block.write(
    octal(
      block.reduce((sum, byte) => sum + byte, 0),
      7,
    ) + ' ',
    148,
  );
  return block;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

/** What a zip's entry may say besides. */
export interface ZipEntry extends Entry {
  /** The name in the file itself, where the list of contents has another. */
  readonly localName?: string;
  /** Whether it says that it is encrypted. */
  readonly encrypted?: boolean;
  /** The number of the compression. @default 0, none */
  readonly compression?: number;
  /** The compressed content, where it is compressed. */
  readonly compressed?: Buffer;
}

/** A zip as Info-ZIP on Unix writes it. */
export function zip(entries: ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const list: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const content = entry.content ?? Buffer.alloc(0);
    const data = entry.compressed ?? content;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // the version that it takes
    common.writeUInt16LE((entry.encrypted ? 1 : 0) | 0x800, 2); // names are UTF-8
    common.writeUInt16LE(entry.compression ?? 0, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(entry.size ?? content.length, 18);
    const own = (name: string) => {
      const bytes = Buffer.from(name);
      const fields = Buffer.from(common);
      fields.writeUInt16LE(bytes.length, 22);
      return { bytes, fields };
    };
    const local = own(entry.localName ?? entry.name);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), local.fields, local.bytes, data]);
    const central = own(entry.name);
    const more = Buffer.alloc(14);
    more.writeUInt32LE((((entry.mode ?? 0o100644) << 16) >>> 0) >>> 0, 6);
    more.writeUInt32LE(offset, 10);
    list.push(
      Buffer.concat([
        Buffer.from('PK\x01\x02'),
        Buffer.from([20, 3]), // made on Unix
        central.fields,
        more,
        central.bytes,
      ]),
    );
    files.push(file);
    offset += file.length;
  }
  const contents = Buffer.concat(list);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(contents.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, contents, Buffer.from('PK\x05\x06'), end]);
}
