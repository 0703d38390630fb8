import { crc32 } from 'node:zlib';

/**
 * A gzip writer whose bytes follow from its input alone. That of Node.js is as good as the zlib in it, which finds other
 * matches from version to version and from one kind of CPU to another: the names of ConfigMaps are hashes of these
 * bytes, and two people who synthesize one checkout must get the same.
 *
 * RFC 1951, one block with the fixed Huffman codes; RFC 1952, without name and time.
 */

/** How far back a match may be, and how long. */
const WINDOW = 32 * 1024;
const LEAST_MATCH = 3;
const MOST_MATCH = 258;

/** How many earlier places with the same hash are tried: what takes longer finds little more. */
const MOST_TRIES = 64;

const HASH_BITS = 15;

/** @internal */
export function gzip(content: Buffer): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length % 2 ** 32, 4);
  // No flags, no time, and made by an operating system that is not told.
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  return Buffer.concat([header, deflate(content), trailer]);
}

function deflate(content: Buffer): Buffer {
  const bits = new BitWriter(content.length);
  const matches = new Matches(content);
  bits.write(0b011, 3); // the last block, with fixed codes
  let at = 0;
  while (at < content.length) {
    const { length, distance } = matches.longestAt(at);
    if (length < LEAST_MATCH) {
      writeLiteral(bits, content[at]);
      matches.passed(at++);
      continue;
    }
    writeMatch(bits, length, distance);
    for (const end = at + length; at < end; at++) matches.passed(at);
  }
  writeLiteral(bits, END_OF_BLOCK);
  return bits.end();
}

/** Where the same three bytes were before: places with one hash are chained, the nearest first. */
class Matches {
  private readonly last = new Int32Array(1 << HASH_BITS).fill(-1);
  private readonly before = new Int32Array(WINDOW);

  constructor(private readonly content: Buffer) {}

  public passed(at: number): void {
    if (at + LEAST_MATCH > this.content.length) return;
    const hash = this.hash(at);
    this.before[at % WINDOW] = this.last[hash];
    this.last[hash] = at;
  }

  public longestAt(at: number): { length: number; distance: number } {
    const { content, before } = this;
    const most = Math.min(MOST_MATCH, content.length - at);
    let best = { length: 0, distance: 0 };
    if (most < LEAST_MATCH) return best;
    let other = this.last[this.hash(at)];
    for (let tries = 0; tries < MOST_TRIES && other >= 0 && at - other <= WINDOW; tries++) {
      let length = 0;
      while (length < most && content[other + length] === content[at + length]) length++;
      if (length > best.length) best = { length, distance: at - other };
      if (length === most) break;
      const next = before[other % WINDOW];
      // What is further back than the window was overwritten by what is nearer.
      if (next >= other) break;
      other = next;
    }
    return best;
  }

  private hash(at: number): number {
    const { content } = this;
    const three = content[at] | (content[at + 1] << 8) | (content[at + 2] << 16);
    return Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS);
  }
}

const END_OF_BLOCK = 256;

/** The codes of literals and lengths, RFC 1951 section 3.2.6. */
function writeLiteral(bits: BitWriter, symbol: number): void {
  if (symbol < 144) bits.writeCode(0b00110000 + symbol, 8);
  else if (symbol < 256) bits.writeCode(0b110010000 + symbol - 144, 9);
  else if (symbol < 280) bits.writeCode(symbol - 256, 7);
  else bits.writeCode(0b11000000 + symbol - 280, 8);
}

/** The first value of each code, RFC 1951 section 3.2.5; how many extra bits tell the others follows from the next. */
const LENGTHS = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258,
];
const DISTANCES = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
  6145, 8193, 12289, 16385, 24577,
];

function writeMatch(bits: BitWriter, length: number, distance: number): void {
  const lengthCode = codeOf(LENGTHS, length);
  writeLiteral(bits, 257 + lengthCode);
  // The codes 8 to 27 stand for 2, 4, 8, 16 or 32 lengths each.
  const lengthBits = lengthCode < 8 || length === MOST_MATCH ? 0 : (lengthCode >> 2) - 1;
  bits.write(length - LENGTHS[lengthCode], lengthBits);
  const distanceCode = codeOf(DISTANCES, distance);
  bits.writeCode(distanceCode, 5);
  bits.write(distance - DISTANCES[distanceCode], distanceCode < 4 ? 0 : (distanceCode >> 1) - 1);
}

function codeOf(firsts: readonly number[], value: number): number {
  let code = firsts.length - 1;
  while (firsts[code] > value) code--;
  return code;
}

class BitWriter {
  private readonly bytes: Buffer;
  private length = 0;
  private pending = 0;
  private count = 0;

  /** @param most bytes to come: none takes more than 9 bits, and the block 10 */
  constructor(most: number) {
    this.bytes = Buffer.alloc(Math.ceil((most * 9) / 8) + 8);
  }

  /** The lowest bit first, as all but codes are written. */
  public write(value: number, bits: number): void {
    this.pending |= value << this.count;
    this.count += bits;
    for (; this.count >= 8; this.count -= 8, this.pending >>>= 8)
      this.bytes[this.length++] = this.pending & 0xff;
  }

  /** The highest bit first. */
  public writeCode(code: number, bits: number): void {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit++) reversed |= ((code >> bit) & 1) << (bits - 1 - bit);
    this.write(reversed, bits);
  }

  public end(): Buffer {
    if (this.count > 0) this.bytes[this.length++] = this.pending & 0xff;
    return this.bytes.subarray(0, this.length);
  }
}
