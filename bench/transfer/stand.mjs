// Servers, a place to work, and moves of files between them that are measured and then verified.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { contentOf, fileSets, hashed, MIB } from './files.mjs';
import { startServer } from './servers.mjs';
import { environment, findTools } from './tools.mjs';

const MEASURE = fileURLToPath(new URL('../measure.py', import.meta.url));
/** On a disk; ignored by git. */
const DISK = fileURLToPath(new URL('../.work/transfer', import.meta.url));
const MOVED = 'to/';
const FAR_LONGER = 4;

/** What is the same for all stands: the folder to work in, the tools, the sets of files. */
export class Bench {
  sets = {};

  constructor({ quick }) {
    this.quick = quick;
    this.work = fs.mkdtempSync(join(fastFolder(quick ? 256 * MIB : 3072 * MIB), 'bench-transfer-'));
    this.tools = findTools(this.work);
    this.named = fileSets({ quick });
  }

  /** Some sets by name, with their hashes. */
  some(names) {
    for (const name of names) this.sets[name] ??= hashed(this.named[name]);
    return Object.fromEntries(names.map((name) => [name, this.sets[name]]));
  }

  /** A key and a certificate that is its own authority; undefined where openssl is missing. */
  certificate() {
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(this.work, name));
    const extensions = [
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
      'keyUsage=critical,digitalSignature,keyCertSign',
    ];
    const arguments_ = [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=bench', ...extensions.flatMap((extension) => ['-addext', extension])],
      ...['-keyout', key, '-out', cert],
    ];
    try {
      execFileSync('openssl', arguments_, { stdio: 'ignore' });
    } catch {
      return undefined;
    }
    return { path: cert, key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
  }

  close() {
    fs.rmSync(this.work, { recursive: true, force: true });
    fs.rmSync(DISK, { recursive: true, force: true });
  }
}

/** In memory where there is room, so that the disk does not set the pace. */
function fastFolder(needed) {
  try {
    const { bavail, bsize } = fs.statfsSync('/dev/shm');
    if (bavail * bsize >= needed) return '/dev/shm';
  } catch {
    // no such place here
  }
  return os.tmpdir();
}

/** A Hub and an S3 server that serve some sets. */
export class Stand {
  static async open(bench, names, { tls, pace } = {}) {
    const sets = bench.some(names);
    const sources = Object.fromEntries(
      Object.entries(sets).flatMap(([name, files]) => [
        ...files.map((file) => [`from/${name}/${file.path}`, file]),
        [`from/${name}/SHA256SUMS`, { text: sums(files) }],
      ]),
    );
    const secure = tls && { key: tls.key, cert: tls.cert };
    const hub = await startServer('hub', { sets, tls: secure, pace });
    const s3 = await startServer('s3', { sources, tls: secure });
    return new Stand(bench, sets, hub, s3, environment(bench.work, hub.endpoint, tls?.path));
  }

  constructor(bench, sets, hub, s3, env) {
    Object.assign(this, { bench, sets, hub, s3, env });
  }

  close() {
    this.hub.stop();
    this.s3.stop();
  }

  /**
   * Moves a set by a tool and verifies what came of it.
   *
   * @param move - `{set, from: 'hub' | 's3', to: 'folder' | 'disk' | 's3', again, memoryMib}`; `again` is a move to
   * where the same was moved before
   * @returns {{seconds, cpu, peak, anonymous, limit, servers, hub, s3}} of all its commands together; the servers' CPU
   * seconds, and what they saw
   */
  async move(tool, move) {
    if (!move.again) await this.clean();
    await Promise.all([this.hub.seen(), this.s3.seen()]);
    const files = this.sets[move.set];
    const folder = move.to === 'disk' ? DISK : join(this.bench.work, 'to');
    const commands = tool.commands({
      ...{ hub: this.hub.endpoint, s3: this.s3.endpoint, set: move.set, files, sums: sha256(sums(files)) },
      ...(move.to === 's3' ? { prefix: MOVED } : { folder }),
      ...(move.from === 's3' ? { source: `from/${move.set}/` } : {}),
    });
    const took = commands.map((command) => this.measure(command, move.memoryMib));
    const seen = { hub: await this.hub.seen(), s3: await this.s3.seen() };
    if (move.to === 's3') await this.verifyBucket(files, tool);
    else verifyFolder(files, folder, tool);
    const all = (name, join) => took.map((one) => one[name]).reduce((a, b) => join(a, b));
    const sum = (a, b) => a + b;
    return {
      ...{ seconds: all('seconds', sum), cpu: all('cpu', sum) },
      ...{ peak: all('peak', Math.max), anonymous: all('anonymous', Math.max), limit: took[0].limit },
      ...{ ...seen, servers: seen.hub.cpu + seen.s3.cpu },
    };
  }

  /**
   * Moves a set by each of some tools in turn, `runs` times; but once only by who takes far longer than the first.
   *
   * @returns {Map} by tool, the median of each figure, or `{failed}` with what it said
   */
  async compare(tools, move, runs) {
    const found = new Map(tools.map((tool) => [tool, []]));
    const failures = new Map();
    for (let run = 0; run < runs; run++) {
      const far = FAR_LONGER * (found.get(tools[0])[0]?.seconds ?? Infinity);
      const goOn = (tool) => !failures.has(tool) && !(found.get(tool)[0]?.seconds > far);
      for (const tool of tools.filter(goOn)) {
        await this.move(tool, move).then(
          (result) => found.get(tool).push(result),
          ({ message }) => failures.set(tool, { failed: message }),
        );
      }
    }
    await this.clean();
    return new Map(tools.map((tool) => [tool, failures.get(tool) ?? medians(found.get(tool))]));
  }

  async clean() {
    for (const folder of [join(this.bench.work, 'to'), join(this.bench.work, 'staged'), DISK]) {
      fs.rmSync(folder, { recursive: true, force: true });
    }
    fs.mkdirSync(DISK, { recursive: true });
    await this.s3.remove(MOVED);
  }

  measure(command, memoryMib) {
    const limit = memoryMib ? [`--memory-mib=${memoryMib}`] : [];
    const child = spawnSync(this.bench.tools.python, [MEASURE, ...limit, ...command], {
      env: this.env,
      encoding: 'utf8',
    });
    if (child.status !== 0) {
      const text = fs.existsSync(this.env.TERMINATION_LOG)
        ? fs.readFileSync(this.env.TERMINATION_LOG, 'utf8')
        : '';
      throw new Error(`${command.join(' ').slice(0, 300)}\n${text}\n${child.stderr.slice(-3000)}`);
    }
    return JSON.parse(child.stdout);
  }

  async verifyBucket(files, tool) {
    const { objects, open } = await this.s3.held(MOVED);
    for (const file of files) {
      const parts = objects[MOVED + file.path] ?? [];
      let at = 0;
      const right = parts.every(({ size, sum }) => {
        const found = digestOf(Object.keys(sum)[0], contentOf(file, at, at + size));
        at += size;
        return found === Object.values(sum)[0];
      });
      if (!parts.length || !right || at !== file.size)
        throw new Error(`${tool.name}: ${file.path} is wrong in S3`);
    }
    if (open) throw new Error(`${tool.name}: ${open} uploads were left open`);
  }
}

function digestOf(algorithm, slices) {
  if (algorithm === 'crc32') {
    let sum = 0;
    for (const slice of slices) sum = crc32(slice, sum);
    return sum;
  }
  const hash = createHash(algorithm);
  for (const slice of slices) hash.update(slice);
  return hash.digest('base64');
}

function verifyFolder(files, folder, tool) {
  const buffer = Buffer.alloc(4 * MIB);
  for (const file of files) {
    const hash = createHash('sha256');
    const descriptor = fs.openSync(join(folder, file.path));
    for (let count; (count = fs.readSync(descriptor, buffer)) > 0;) hash.update(buffer.subarray(0, count));
    fs.closeSync(descriptor);
    if (hash.digest('hex') !== file.sha256) throw new Error(`${tool.name}: ${file.path} is wrong`);
  }
}

function medians(results) {
  const of = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const figures = ['seconds', 'cpu', 'peak', 'anonymous', 'servers'].map((name) => [
    name,
    of(results.map((one) => one[name])),
  ]);
  return { ...results[0], ...Object.fromEntries(figures) };
}

/** As sha256sum writes it. */
function sums(files) {
  return files.map(({ sha256, path }) => `${sha256}  ${path}\n`).join('');
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}
