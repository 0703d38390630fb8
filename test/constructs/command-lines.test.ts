import { spawnSync } from 'node:child_process';
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

/** Runs the program until its command line is read, and no further. */
const PARSE = `
import argparse, os, runpy, sys
parse = argparse.ArgumentParser.parse_args
def stop(*args, **kwargs):
    parse(*args, **kwargs)
    os._exit(0)
argparse.ArgumentParser.parse_args = stop
program = sys.argv[1]
sys.path.insert(0, os.path.dirname(program))
sys.argv = sys.argv[1:]
runpy.run_path(program, run_name='__main__')
`;

/** Reads the command line with all checks, and opens the place that it names: all that is imported on demand is there. */
const OPEN = `
import importlib, os, sys
program = sys.argv[1]
sys.path.insert(0, os.path.dirname(program))
options = importlib.import_module(os.path.basename(program)[:-3]).parse(sys.argv[2:])
import place
place.work(options, str)
`;

function python(script: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync('python3', ['-B', '-c', script, ...args], {
    encoding: 'utf8',
    env: {
      ...process.env,
      ...Object.fromEntries(
        ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].flatMap((name) => [
          [name, 'any'],
          [`SOURCE_${name}`, 'any'],
        ]),
      ),
    },
  });
  return { status, output: stdout + stderr };
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
])('%s reads', (program) => {
  test.each(linesOf(program))('%s', (_, line) => {
    expect(python(PARSE, mounted(line), ...line.args)).toEqual({ status: 0, output: '' });
  });

  test('no command line that it does not know', () => {
    const [[, line]] = linesOf(program);
    expect(python(PARSE, mounted(line), ...line.args, '--not-known=1').status).not.toBe(0);
  });
});

describe('tune.py reads', () => {
  test.each(linesOf('tune.py'))('%s', (_, line) => {
    expect(python(PARSE, mounted(line), ...line.args)).toEqual({ status: 0, output: '' });
  });

  test('no command line that it does not know', () => {
    // Behind `--` all is the trainer's.
    const [[, line]] = linesOf('tune.py');
    expect(python(PARSE, mounted(line), '--not-known=1', ...line.args).status).not.toBe(0);
  });
});

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

describe.each(['fetch.py', 'put.py', 'stored.py'])('%s reads', (program) => {
  test.each(linesOf(program))('%s', (_, line) => {
    expect(python(OPEN, mounted(line), ...line.args)).toEqual({ status: 0, output: '' });
  });

  test('no command line that it does not know', () => {
    const [[, line]] = linesOf(program);
    expect(python(OPEN, mounted(line), ...line.args, '--not-known=1').status).not.toBe(0);
  });
});

describe('dllama.sh reads', () => {
  const USAGE = 64;
  const NO_SUCH_PROGRAM = 127;
  const run = (args: string[]) =>
    spawnSync('sh', [path.join(RUNTIME, 'dllama.sh'), ...args], {
      env: { ...process.env, DLLAMA_PROC_NET_TCP: '/dev/null', STATE_DIR: temporaryFolder() },
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
  const versions = python(script).output.trim().split(' ');
  expect(versions.length).toBeGreaterThan(0);
  for (const version of versions)
    expect(DllamaConverter.upstream({ version })._spec.id).toBe(`upstream/${version}`);
  expect(() => DllamaConverter.upstream({ version: 'none' })).toThrow(`allowed: ${versions.join(', ')}.`);
});
