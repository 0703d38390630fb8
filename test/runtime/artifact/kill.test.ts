import * as fs from 'node:fs';
import * as path from 'node:path';
import { HubDouble, sha256 } from '../../doubles/hub';
import type { HubFile } from '../../doubles/hub';
import { S3Double } from '../../doubles/s3';
import { bucketArgs, expectObjects, expectTrueObjects, markerIn } from './bucket';
import {
  MIB,
  REPO,
  expectComplete,
  fetchArgs,
  filesOf,
  large,
  markerOf,
  patched,
  sleep,
  small,
  start,
  temporaryFolder,
} from './program';
import type { Outcome } from './program';

/**
 * Whatever instant a run is killed at, and however often: no marker is ever over wrong bytes, the next run goes on,
 * and next to nothing is fetched twice. A failure says by which seed it comes again: KILL_SEED=... npx jest ...
 * `npm run bench` kills three times as often.
 */

const KIB = 1024;
const WORKERS = 3;
const CHUNK = 64 * KIB;
const KILLS = Number(process.env.KILLS ?? 26); // of each layout, in each kind of place

/** Buffers of 64 KiB, read in pieces of 16 KiB, so that small files have many of both. */
const SMALL_BUFFERS = 'import transfer, web; transfer.MIB = 65536; web.SLICE = 16384';

/** Numbers in [0, 1), however few of them, that are spread over it evenly: multiples of the golden ratio. */
function spreadFrom(first: number): () => number {
  let count = 0;
  return () => (first + (count++ * (Math.sqrt(5) - 1)) / 2) % 1;
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  const { imul } = Math;
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a repository has, and what is to be made of it. */
interface Layout {
  readonly files: HubFile[];
  readonly made: HubFile[];
  readonly args: string[];
}

function layout(whole: HubFile[], name: string, parts: HubFile[]): Layout {
  const joined = { path: name, content: Buffer.concat(parts.map((part) => part.content)) };
  return {
    files: [...whole, ...parts],
    made: [...whole, joined],
    args: [`--join=${name}=${parts.map((part) => part.path).join(',')}`],
  };
}

const ofFewLarge = (size: number, first: number, second: number): Layout =>
  layout([large('model.safetensors', size), small('config.json', '{}')], 'joined.bin', [
    large('part-1', first),
    large('part-2', second),
  ]);

const ofManySmall = (): Layout =>
  layout(
    [
      ...Array.from({ length: 30 }, (_, n) => small(`small/${n}.json`, `{"n": ${n}}`)),
      ...Array.from({ length: 20 }, (_, n) => large(`shard-${n}.safetensors`, n * 5 * KIB + n)),
    ],
    'all/joined.bin',
    [large('aa', 70 * KIB), small('ab', 'the end')],
  );

/** Where the artifact goes to: a new place for each cycle from nothing to complete. */
interface Place {
  readonly args: string[];
  readonly env?: Record<string, string>;
  /** Bytes that a next run need not fetch. */
  readonly stored: () => number;
  /** What may have been fetched, at most, and not be stored when the run ends: bytes. */
  readonly inFlight: () => number;
  /** Which part of a run is had before a kill, by a random number: enough to come to an end now and then. */
  readonly had: (random: number) => number;
  readonly checkAfterKill: () => void;
  readonly checkComplete: () => void;
}

function folder(made: HubFile[]): Place {
  const dir = temporaryFolder();
  const contentOf = new Map(made.map((file) => [file.path, file.content]));
  return {
    args: [`--dir=${dir}`],
    stored: () =>
      filesOf(dir).reduce(
        (sum, file) => sum + fs.statSync(path.join(dir, file)).size * Number(isData(file)),
        0,
      ),
    // Each worker has one buffer, whose bytes were not written yet.
    inFlight: () => WORKERS * CHUNK,
    had: early,
    checkAfterKill: () => {
      for (const file of filesOf(dir)) {
        const content = contentOf.get(file);
        if (content) expect(sha256(fs.readFileSync(path.join(dir, file)))).toBe(sha256(content));
        else expect(file).toMatch(/^\.artifact\./);
      }
      const marker = markerOf(dir);
      if (marker) expectTrueMarker(marker.files, made, (file) => fs.existsSync(path.join(dir, file)));
    },
    checkComplete: () => expectComplete(dir, made),
  };
}

/** Most runs go on with what others have stored, and have little left to do. */
const early: Place['had'] = (random) => 0.5 * random ** 2;

/** A file that is begun anew each time is only had by a run that comes far. */
const late: Place['had'] = (random) => random;

const isData = (file: string) => !file.startsWith('.artifact') || file.endsWith('.part');

function bucket(server: S3Double, prefix: string, made: HubFile[], had: Place['had']): Place {
  const has = (file: string) => server.objects.has(`${prefix}/${file}`);
  return {
    args: bucketArgs(server, prefix),
    env: server.environment,
    stored: () => made.reduce((sum, file) => sum + file.content.length * Number(has(file.path)), 0),
    // A file that was begun begins anew: each worker has one in hand, and may have begun another.
    inFlight: () =>
      made
        .filter((file) => !has(file.path))
        .map((file) => file.content.length)
        .sort((a, b) => b - a)
        .slice(0, 2 * WORKERS)
        .reduce((sum, size) => sum + size, 0),
    had,
    checkAfterKill: () => {
      expectTrueObjects(server, prefix, made);
      if (has('.artifact.json')) expectTrueMarker(markerIn(server, prefix).files, made, has);
    },
    checkComplete: () => expectObjects(server, prefix, made),
  };
}

/** The marker lists what was asked for, by its true hashes, and all of it is there. */
function expectTrueMarker(
  listed: { path: string; size: number; sha256: string }[],
  made: HubFile[],
  has: (file: string) => boolean,
): void {
  expect(listed).toHaveLength(made.length);
  for (const { path: file, content } of made) {
    expect(listed).toContainEqual({ path: file, size: content.length, sha256: sha256(content) });
    expect(has(file)).toBe(true);
  }
}

class Hunt {
  /** Steps of a whole run, and milliseconds from its first request to its end. */
  private steps = 0;
  private span = 0;
  public killed = 0;
  private completed = 0;

  constructor(
    private readonly hub: HubDouble,
    private readonly layout: Layout,
    private readonly newPlace: () => Place,
    private readonly patch: string,
    private readonly random: () => number,
    private readonly spread = spreadFrom(random()),
  ) {}

  public async run(kills: number): Promise<void> {
    let place = this.newPlace();
    const first = await this.attempt(place, 'steps', Infinity, 'SIGKILL');
    expect(first.code).toBe(0);
    place.checkComplete();
    this.steps = Number(/steps: (\d+)/.exec(first.log)?.[1]);
    place = this.newPlace();
    // Few kills may all come early: some run has to come to its end between others that do not.
    while (this.killed < kills || this.completed === 0) {
      const before = { stored: place.stored(), sent: this.hub.sent };
      const outcome = await this.killAnywhere(place);
      place.checkAfterKill();
      // What is stored is not fetched again, so the sum is the size of the model and what each kill lost.
      expect(this.hub.sent - before.sent).toBeLessThanOrEqual(
        place.stored() - before.stored + place.inFlight(),
      );
      if (outcome.code === 0) {
        place.checkComplete();
        place = this.newPlace();
        this.completed++;
      } else {
        expect([outcome.signal, outcome.code]).toEqual(
          outcome.signal ? ['SIGKILL', null] : [null, 75], // by SIGTERM
        );
        this.killed++;
      }
    }
    while ((await this.attempt(place, 'steps', Infinity, 'SIGKILL')).code !== 0);
    place.checkComplete();
  }

  /** At any step, or at any time. */
  private killAnywhere(place: Place): Promise<Outcome> {
    const signal = this.random() < 0.75 ? 'SIGKILL' : 'SIGTERM';
    const when = place.had(this.spread());
    return this.random() < 0.7
      ? this.attempt(place, 'steps', 1 + Math.floor(when * this.steps), signal)
      : this.attempt(place, 'time', when * this.span, signal);
  }

  private async attempt(
    place: Place,
    unit: 'steps' | 'time',
    at: number,
    signal: 'SIGKILL' | 'SIGTERM',
  ): Promise<Outcome> {
    const step = unit === 'steps' && at !== Infinity ? at : -1;
    const { wrap, withoutPython } = patched(
      `sys.path.append(${JSON.stringify(__dirname)}); import kill_at; kill_at.arm(${step}, "${signal}"); ${this.patch}`,
    );
    const asked = this.hub.requests.length;
    const { child, ended } = start(
      fetchArgs(this.hub, place.args, ...this.layout.args, `--workers=${WORKERS}`, '--attempts=2'),
      { env: place.env, wrap, withoutPython },
    );
    let running = true;
    void ended.then(() => (running = false));
    while (this.hub.requests.length === asked && running) await sleep(2);
    const began = Date.now();
    if (unit === 'time') {
      await sleep(at);
      child.kill(signal);
    }
    const outcome = await ended;
    if (outcome.code === 0) this.span = Math.max(this.span, Date.now() - began);
    return outcome;
  }
}

describe('a program that is killed at any instant', () => {
  const seed = Number(process.env.KILL_SEED ?? Date.now() % 2 ** 31);
  let s3: S3Double;
  beforeAll(async () => {
    s3 = await S3Double.start('models');
  });
  afterAll(async () => {
    await s3.stop();
  });

  const toFolder = (made: HubFile[]) => () => folder(made);
  let prefixes = 0;
  const toBucket = (had: Place['had']) => (made: HubFile[]) => () => bucket(s3, `m${prefixes++}`, made, had);

  test.each<[string, Layout, (made: HubFile[]) => () => Place, string]>([
    [
      'few large files to a folder',
      ofFewLarge(24 * CHUNK + 99, 5 * CHUNK + 1, 3 * CHUNK - 7),
      toFolder,
      SMALL_BUFFERS,
    ],
    ['many small files to a folder', ofManySmall(), toFolder, SMALL_BUFFERS],
    // S3 takes no smaller parts than of 5 MiB.
    ['few large files to a bucket', ofFewLarge(10.5 * MIB, 3.5 * MIB, 2 * MIB + 1), toBucket(late), 'pass'],
    ['many small files to a bucket', ofManySmall(), toBucket(early), 'pass'],
  ])(
    '%s',
    async (_, what, to, patch) => {
      const hub = await HubDouble.start({ name: REPO, files: what.files });
      const hunt = new Hunt(hub, what, to(what.made), patch, randomOf(seed));
      try {
        await hunt.run(KILLS);
      } catch (cause) {
        throw new Error(`KILL_SEED=${seed}, after ${hunt.killed} kills: ${(cause as Error).message}`, {
          cause,
        });
      } finally {
        await hub.stop();
      }
    },
    300_000,
  );
});
