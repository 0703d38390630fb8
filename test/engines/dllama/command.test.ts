import { FloatType } from '../../../src/engines/dllama/float-type';
import {
  rootCommand,
  RootCommandOptions,
  workerCommand,
  WorkerCommandOptions,
} from '../../../src/engines/dllama/command';

const ROOT: RootCommandOptions = {
  program: 'dllama-api',
  model: '/models/m.m',
  tokenizer: '/models/t.t',
  weights: FloatType.Q40,
  maxSeqLen: 4096,
  threads: 4,
  host: '127.0.0.1',
  port: 9990,
  workers: ['w-0.w.llm.svc.cluster.local:9999', 'w-1.w.llm.svc.cluster.local:9999'],
};
const WORKER: WorkerCommandOptions = { program: 'dllama', threads: 2, host: '0.0.0.0', port: 9999 };

describe("the root's command", () => {
  test('is one item an argument, with another flag after the workers', () => {
    expect(rootCommand(ROOT).join('\n')).toBe(
      `dllama-api
--model
/models/m.m
--tokenizer
/models/t.t
--buffer-float-type
q80
--max-seq-len
4096
--workers
w-0.w.llm.svc.cluster.local:9999
w-1.w.llm.svc.cluster.local:9999
--nthreads
4
--host
127.0.0.1
--port
9990`,
    );
  });

  test('names no workers when it is alone', () => {
    expect(rootCommand({ ...ROOT, workers: [] })).not.toContain('--workers');
  });

  test('pairs f32 weights with f32 buffers', () => {
    const command = rootCommand({ ...ROOT, weights: FloatType.F32 });
    expect(command[command.indexOf('--buffer-float-type') + 1]).toBe('f32');
  });

  test('adds what is asked for', () => {
    const command = rootCommand({
      ...ROOT,
      netTurbo: false,
      chatTemplate: 'llama3',
      extraArgs: ['--temperature', '0.6', '--seed', '7'],
    });
    expect(command.slice(-8)).toEqual([
      '--net-turbo',
      '0',
      '--chat-template',
      'llama3',
      '--temperature',
      '0.6',
      '--seed',
      '7',
    ]);
    expect(rootCommand({ ...ROOT, netTurbo: true }).slice(-2)).toEqual(['--net-turbo', '1']);
  });

  test.each([
    [{ workers: ['a:9999 b:9999'] }, "workers[0] is 'a:9999 b:9999'; it must be one host:port"],
    [{ workers: ['a:9999,b:9999'] }, 'it must be one host:port'],
    [{ workers: ['a'] }, "workers[0] is 'a'"],
    [{ workers: ['[::1]:9999'] }, 'it must be one host:port'],
    [{ workers: ['-a:9999'] }, 'it must be one host:port'],
    [{ workers: ['a:0'] }, 'the port of workers[0] is 0; it must be a whole number from 1 to 65535'],
    [{ workers: ['a:9999', 'b:9999', 'a:9999'] }, "workers has 'a:9999' twice; each must be another pod"],
    [{ maxSeqLen: 0 }, 'maxSeqLen is 0; it must be a whole number of at least 1'],
    [{ threads: 1.5 }, 'threads is 1.5'],
    [{ port: 65536 }, 'port is 65536'],
    [{ host: 'localhost' }, "host is 'localhost'; it must be an IPv4 address"],
    [{ host: '::' }, "host is '::'; it must be an IPv4 address"],
    [{ model: '' }, "model is ''; it must be the path of a file"],
    [{ tokenizer: '--model' }, "tokenizer is '--model'"],
  ])('refuses %j', (change, message) => {
    expect(() => rootCommand({ ...ROOT, ...change })).toThrow(message);
  });
});

describe("a worker's command", () => {
  test('begins with its mode and holds nothing of the model', () => {
    expect(workerCommand(WORKER)).toEqual([
      'dllama',
      'worker',
      '--nthreads',
      '2',
      '--host',
      '0.0.0.0',
      '--port',
      '9999',
    ]);
  });

  test('takes the flags that a worker reads', () => {
    const command = workerCommand({
      ...WORKER,
      threads: 1,
      extraArgs: ['--gpu-index', '0', '--gpu-segments', '0:4'],
    });
    expect(command.slice(-4)).toEqual(['--gpu-index', '0', '--gpu-segments', '0:4']);
  });
});

describe('extra arguments', () => {
  test.each([
    [['--port=9991'], "extraArgs has '--port=9991'; give name and value as two items: '--port', '9991'"],
    [
      ['--verbose', '1'],
      "extraArgs has '--verbose', which distributed-llama does not know; allowed are --temperature,",
    ],
    [['--help', '1'], 'does not know'],
    [['--weights-float-type', 'q40'], 'does not know'],
    [['0.5'], "extraArgs has '0.5', which distributed-llama does not know"],
    [['--temperature'], 'extraArgs has --temperature with no value; its value is a number from 0'],
    [['--temperature', '0.5', '--seed'], 'extraArgs has --seed with no value'],
    [['--temperature', '--seed', '1'], "extraArgs has --temperature with '--seed'"],
    [['--seed', '1', '--seed', '2'], 'extraArgs has --seed twice; give it once'],
    [['--port', '9991'], "extraArgs has --port, which is set by 'port'; set that"],
    [['--workers', 'a:9999'], "extraArgs has --workers, which is set by 'workers'"],
    [['--steps', '64'], 'extraArgs has --steps, which serves nothing here: requests bring max_tokens'],
    [['--gpu-index', '0'], 'extraArgs has --gpu-index, which needs threads 1; threads is 4'],
    [['--gpu-segments', '4'], 'its value is from:to'],
  ])('the root refuses %j', (extraArgs, message) => {
    expect(() => rootCommand({ ...ROOT, extraArgs })).toThrow(message);
  });

  test("a worker refuses the root's", () => {
    expect(() => workerCommand({ ...WORKER, extraArgs: ['--temperature', '0.5'] })).toThrow(
      'extraArgs has --temperature, which a worker does not read; allowed are --gpu-index, --gpu-segments',
    );
  });
});

test('a flag that the release does not have is refused', () => {
  expect(() => workerCommand({ ...WORKER, version: [0, 16, 3] })).toThrow(
    '--host needs distributed-llama v0.16.4 or newer; the image is v0.16.3',
  );
  expect(workerCommand({ ...WORKER, version: [0, 16, 4] })).toContain('--host');
});
