import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Duration, Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  Artifact,
  DllamaConverter,
  DllamaConversion,
  ModelEviction,
  ModelSource,
  ModelStore,
} from '../../src';
import { GgufConversion } from '../../src/constructs/gguf-conversion';
import type { GgufConversionProps } from '../../src/constructs/gguf-conversion-props';
import { GgufType } from '../../src/engines/llama/gguf-type';
import { REPOSITORY, temporaryFolder } from '../support/folders';
import { containers, podSpec, Untyped } from '../support/objects';
import { cache, claim, COMMIT, s3, sharedClaim, source, topology } from '../support/models';
import { PIPELINES, synthesize } from '../support/pipelines';
import { SOURCES } from '../support/sources';

/**
 * What the constructs write into `command` and `args` is what the programs read: every command line of every kind of
 * pipeline is given to the program's own parser.
 */

const RUNTIME = path.join(REPOSITORY, 'src/runtime');
const PROGRAMS = '/opt/cdk8s-llm/';

const ALL: typeof PIPELINES = [
  ...PIPELINES,
  [
    'every option',
    (p) => {
      const tokenSecret = Secret.fromSecretName(p, 'token', 'token');
      const model = cache(p.download, {
        source: ModelSource.huggingFace('a/b', {
          revision: COMMIT,
          include: ['*.json', '*.safetensors'],
          exclude: ['original/'],
          join: { whole: ['aa', 'ab'] },
          endpoint: 'http://hub.internal:8080',
          tokenSecret,
        }),
      }).artifact;
      const converter = DllamaConverter.upstream({ version: 'v0.16.4' });
      const converted = new DllamaConversion(p.convert, 'q40', {
        model,
        converter,
        memory: Size.gibibytes(9),
      });
      topology(p.serve, {
        model: converted.artifact,
        rootMemory: Size.gibibytes(4),
        workerMemory: Size.gibibytes(2),
        port: 80,
        drainTimeout: Duration.seconds(30),
        front: { queueLength: 1, maxBody: Size.mebibytes(1), stallTimeout: Duration.hours(1) },
      });
    },
  ],
];

/** Conversions to GGUF: quantized or not, split, by an importance matrix, of an adapter. */
const GGUF: typeof PIPELINES = (
  [
    ['quantized', () => ({})],
    ['as it is', () => ({ weights: GgufType.BF16 })],
    [
      'with all that it can be told',
      (model) => ({
        weights: GgufType.IQ2_M,
        intermediate: GgufType.F32,
        importanceMatrix: { model, file: 'data/imatrix.gguf' },
        maxFileSize: Size.gibibytes(4),
        threads: 7,
      }),
    ],
    ['an adapter', (model) => ({ adapterOf: model })],
  ] as [string, (other: Artifact) => Partial<GgufConversionProps>][]
).map(([name, props]) => [
  `GGUF, ${name}`,
  (p) => {
    const store = sharedClaim();
    const model = cache(p.download, { store }).artifact;
    const other = cache(p.download, { store, source: source('a/other', COMMIT) }, 'other').artifact;
    new GgufConversion(p.convert, 'gguf', { model, ...props(other) });
  },
]);

/** Every source, into a claim and into a bucket; and what removes artifacts from both. */
const CACHES: typeof PIPELINES = [
  ...SOURCES.flatMap(([name, source]): typeof PIPELINES => [
    [`${name} into a claim`, (p) => void cache(p.download, { source: source(p), store: claim() })],
    [
      `${name} into a bucket`,
      (p) => {
        const scratch = name === 'an image' ? Size.gibibytes(4) : undefined;
        cache(p.download, { source: source(p), store: s3(p), scratch });
      },
    ],
  ]),
  [
    'a bucket that is named in the host',
    (p) => {
      const store = s3(p, { endpoint: 'https://s3.example.com', pathStyle: false });
      cache(p.download, { store });
      new ModelEviction(p.download, 'bucket', { store, artifacts: ['0123456789ab'] });
    },
  ],
  ...[true, false].map((dryRun): (typeof PIPELINES)[number] => [
    `eviction, ${dryRun ? 'to be told' : 'to be done'}`,
    (p) => {
      const artifacts = ['0123456789ab', 'org--model-6b58a2fb0a35'];
      new ModelEviction(p.download, 'claim', { store: ModelStore.existingClaim('c'), artifacts, dryRun });
      new ModelEviction(p.download, 'bucket', { store: s3(p), artifacts, dryRun });
    },
  ]),
];

interface Line {
  readonly name: string;
  readonly program: string;
  readonly args: string[];
  /** What is mounted beside the program. */
  readonly files: Record<string, string>;
}

/** The command lines of all containers whose program is one of ours. */
const LINES = [...ALL, ...GGUF, ...CACHES].flatMap(([pipeline, add]) => {
  const objects = synthesize(add);
  return objects
    .filter(({ kind }) => ['Job', 'Deployment', 'StatefulSet'].includes(kind))
    .flatMap((workload) =>
      containers(workload).flatMap((container: Untyped): Line[] => {
        const commands = [
          [...container.command, ...(container.args ?? [])],
          ...[container.startupProbe, container.readinessProbe, container.livenessProbe].flatMap((probe) =>
            probe?.exec ? [probe.exec.command] : [],
          ),
        ];
        return commands.flatMap((command: string[], index) => {
          const at = command.findIndex((word) => word.startsWith(PROGRAMS));
          if (at < 0) return [];
          return {
            name: `${pipeline}: ${container.name}${index ? ` (probe ${index})` : ''}`,
            program: command[at].slice(PROGRAMS.length),
            args: command.slice(at + 1),
            files: programsOf(workload, objects),
          };
        });
      }),
    );
});

/** What the ConfigMap holds that the pods of a workload mount as their programs. */
function programsOf(workload: Untyped, objects: Untyped[]): Record<string, string> {
  const volume = podSpec(workload).volumes.find(({ name }: Untyped) => name === 'programs');
  return objects.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === volume.configMap.name,
  )!.data;
}

/** The program in a folder that holds what its pod has, as the kubelet mounts it: by links. */
function mounted({ program, files }: Line): string {
  const folder = temporaryFolder();
  fs.mkdirSync(path.join(folder, '..2025_01_01'));
  fs.symlinkSync('..2025_01_01', path.join(folder, '..data'));
  for (const [name, text] of Object.entries(files)) {
    fs.writeFileSync(path.join(folder, '..data', name), text);
    fs.symlinkSync(path.join('..data', name), path.join(folder, name));
  }
  return path.join(folder, program);
}

/** The lines of a program, by name: one of each kind, for a kind is what a parser tells apart. */
function linesOf(program: string): [string, Line][] {
  const kinds = new Map<string, [string, Line]>();
  for (const line of LINES.filter((each) => each.program === program)) {
    const kind = line.args.map((arg) => arg.replace(/^(--[\w-]+)=.*/, '$1').replace(/\d+/g, '0')).join(' ');
    if (!kinds.has(kind)) kinds.set(kind, [line.name, line]);
  }
  return [...kinds.values()];
}

/**
 * What is to be said of all lines of a program, and of one with an argument more, which it must not know: read by one
 * Python, for most of the time of a program that only reads its command line is Python's start.
 *
 * @param how what read_each.py does with them
 * @param spoilt the arguments, and one that is not known
 */
function readsEach(
  program: string,
  how: 'parsed' | 'opened',
  spoilt = (args: string[]) => [...args, '--not-known=1'],
): void {
  const named = linesOf(program);
  const lines = named.map(([, line]) => line);
  let readings: { status: number; output: string }[] = [];
  beforeAll(() => {
    const given = [...lines, { ...lines[0], args: spoilt(lines[0].args) }];
    const list = JSON.stringify(given.map((line) => ({ program: mounted(line), args: line.args })));
    readings = JSON.parse(python(list, path.join(__dirname, 'read_each.py'), how)) as typeof readings;
  });

  test.each(named.map(([name], index) => [name, index] as const))('%s', (_, index) => {
    expect(readings[index]).toEqual({ status: 0, output: '' });
  });

  test('no command line that it does not know', () => {
    expect(readings[lines.length].status).not.toBe(0);
    expect(readings[lines.length].output).toContain('--not-known=1');
  });
}

/** What Python prints, given this. */
function python(input: string, ...args: string[]): string {
  const secrets = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].flatMap((name) => [name, `SOURCE_${name}`]);
  const env = { ...process.env, ...Object.fromEntries(secrets.map((name) => [name, 'any'])) };
  return execFileSync('python3', args, { input, env, encoding: 'utf8' });
}

test('there are command lines of every program', () => {
  expect([...new Set(LINES.map(({ program }) => program))].sort()).toEqual([
    'adopt.py',
    'custom.sh',
    'dllama.sh',
    'dllama_convert.py',
    'dllama_front.py',
    'dllama_upstream.py',
    'evict.py',
    'fetch.py',
    'gguf_convert.py',
    'guard.py',
    'put.py',
    'stored.py',
    'tune.py',
    'tuned.py',
  ]);
});

describe.each([
  'dllama_convert.py',
  'dllama_upstream.py',
  'dllama_front.py',
  'gguf_convert.py',
  'guard.py',
  'adopt.py',
  'evict.py',
  'tuned.py',
])('%s reads', (program) => readsEach(program, 'parsed'));

// Behind `--` all is the trainer's.
describe('tune.py reads', () => readsEach('tune.py', 'parsed', (args) => ['--not-known=1', ...args]));

describe.each(['fetch.py', 'put.py', 'stored.py'])('%s reads', (program) => readsEach(program, 'opened'));

describe('custom.sh reads', () => {
  test.each(linesOf('custom.sh'))('%s', (_, line) => {
    const model = temporaryFolder();
    const command = line.args.slice(0, line.args.indexOf('--') + 1);
    const args = command.map((arg) => arg.replace(/^--dir=.*/, `--dir=${model}`));
    const env = { PATH: process.env.PATH, MODEL_DIR: model, MODEL_KEY: '0123456789ab' };
    const { status } = spawnSync('sh', [mounted(line), ...args, 'true'], { env });
    expect(status).toBe(0);
  });
});

describe('dllama.sh reads', () => {
  const USAGE = 64;
  const NO_SUCH_PROGRAM = 127;
  const run = (args: string[]) =>
    spawnSync('sh', [path.join(RUNTIME, 'dllama.sh'), ...args], {
      env: {
        ...process.env,
        DLLAMA_PROC_NET_TCP: '/dev/null',
        DLLAMA_LOOK_SECONDS: '0.1',
        STATE_DIR: temporaryFolder(),
      },
    }).status;

  test.each(linesOf('dllama.sh'))('%s', (_, { args }) => {
    const [action] = args;
    if (['worker', 'root'].includes(action)) {
      expect(args.length).toBeGreaterThan(2);
      expect(run([action, '/no/such/program'])).toBe(NO_SUCH_PROGRAM);
    } else {
      expect([0, 1]).toContain(run(args));
    }
  });

  test('no command line that it does not know', () => {
    expect(run(['worker-alive'])).toBe(USAGE);
    expect(run(['root-ready'])).toBe(USAGE);
  });
});

test("the converter's name in the key of an artifact is the one that it writes into the marker", () => {
  const text = fs.readFileSync(path.join(RUNTIME, 'dllama_convert.py'), 'utf8');
  expect(text).toContain(`CONVERTER = '${DllamaConverter.streaming()._spec.id}'`);
});

test('the versions of the upstream converter are those whose checksums its program knows', () => {
  const script = `import sys; sys.path.insert(0, ${JSON.stringify(RUNTIME)}); import dllama_upstream; print(*dllama_upstream.SCRIPTS)`;
  const versions = python('', '-c', script).trim().split(' ');
  expect(versions.length).toBeGreaterThan(0);
  for (const version of versions)
    expect(DllamaConverter.upstream({ version })._spec.id).toBe(`upstream/${version}`);
  expect(() => DllamaConverter.upstream({ version: 'none' })).toThrow(`allowed: ${versions.join(', ')}.`);
});
