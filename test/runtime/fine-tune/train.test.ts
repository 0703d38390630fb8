import * as fs from 'node:fs';
import * as path from 'node:path';
import { FineTunePreset, FineTuneResult } from '../../../src';
import { sha256 } from '../../doubles/hub';
import { S3Double } from '../../doubles/s3';
import { markerIn } from '../artifact/bucket';
import { filesOf, markerOf } from '../artifact/program';
import { FineTuneStand } from './stand';

const RESULT = [
  '.artifact.json',
  'config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
];

/** What the marker says is what is there, and nothing else is. */
function expectWhole(stand: FineTuneStand, files: string[]): void {
  expect(filesOf(stand.output)).toEqual(files);
  const marker = markerOf(stand.output)!;
  expect(marker.files.map((file) => file.path)).toEqual(files.slice(1));
  for (const { path: name, size, sha256: hash } of marker.files) {
    const content = fs.readFileSync(path.join(stand.output, name));
    expect([size, hash]).toEqual([content.length, sha256(content)]);
  }
}

const TORCHTUNE_LIKE = FineTunePreset.command({
  command: ['python3', '$(DATASET_TRAIN_DIR)/trainer.py', '--epochs'],
  checkpoints: { folders: 'epoch_*', args: ['--resume={}'] },
  resultFolder: 'epoch_*',
});

describe('the Job', () => {
  test('trains, verifies and publishes full weights, with the tokenizer that the trainer did not write', async () => {
    const stand = new FineTuneStand({ hyperparameters: { learning_rate: 2e-5, packing: true }, seed: 7 });
    const { code, container, result } = await stand.run();
    expect([code, container]).toEqual([0, 'publish']);
    expectWhole(stand, RESULT);
    expect(result).toMatchObject({ files: 4, key: stand.artifact.key });
    expect(markerOf(stand.output)).toMatchObject({
      format: 1,
      key: stand.artifact.key,
      licence: 'apache-2.0',
      parents: [stand.model.key, stand.dataset.key],
      source: {
        type: 'fine-tune',
        result: 'full-weights',
        trainer: 'command',
        image: 'registry.example.com/trainer:1',
        seed: '7',
        from: { model: { repo: 'Qwen/Qwen3-1.7B' }, train: { repo: 'acme/tickets' } },
      },
    });
    const [{ env, args, found }] = stand.calls();
    expect([args, found]).toEqual([[], []]);
    expect(env).toMatchObject({ HP_LEARNING_RATE: '0.00002', HP_PACKING: 'true', SEED: '7' });
    expect(env).toMatchObject({ HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1', HF_DATASETS_OFFLINE: '1' });
    for (const name of ['HF_HOME', 'TRITON_CACHE_DIR', 'TORCHINDUCTOR_CACHE_DIR', 'XDG_CACHE_HOME']) {
      expect(env[name].startsWith(`${env.HOME}/`)).toBe(true);
    }
    expect(env.HOME.startsWith(stand.output)).toBe(false);
  });

  test('publishes an adapter alone', async () => {
    const stand = new FineTuneStand({
      command: ['python3', '$(DATASET_TRAIN_DIR)/trainer.py', '--adapter'],
      result: FineTuneResult.LORA_ADAPTER,
    });
    expect((await stand.run()).code).toBe(0);
    expectWhole(stand, ['.artifact.json', 'adapter_config.json', 'adapter_model.safetensors']);
  });

  test('publishes the last of the folders that torchtune writes', async () => {
    const stand = new FineTuneStand({ preset: TORCHTUNE_LIKE });
    expect((await stand.run()).code).toBe(0);
    expectWhole(stand, RESULT);
  });

  test('does nothing when the artifact is there, and all when it is damaged', async () => {
    const stand = new FineTuneStand();
    await stand.run();
    const again = await stand.run();
    expect([again.code, again.result]).toEqual([0, expect.objectContaining({ files: 4 })]);
    expect(stand.calls()).toHaveLength(1);
    const weights = fs.readFileSync(path.join(stand.output, 'model.safetensors'));
    fs.truncateSync(path.join(stand.output, 'model.safetensors'), 10);
    expect((await stand.run()).code).toBe(0);
    expect(stand.calls()).toHaveLength(2);
    expectWhole(stand, RESULT);
    expect(fs.readFileSync(path.join(stand.output, 'model.safetensors'))).toEqual(weights);
  });

  test('leaves another artifact alone: 64', async () => {
    const stand = new FineTuneStand();
    await stand.run();
    const file = path.join(stand.output, '.artifact.json');
    const other = fs.readFileSync(file, 'utf8').replace(stand.artifact.key, 'another-key1');
    fs.writeFileSync(file, other);
    const { code, result } = await stand.run();
    expect([code, result.error]).toEqual([64, expect.stringContaining('with key another-key1')]);
    expect(fs.readFileSync(file, 'utf8')).toBe(other);
  });
});

describe('a Job of several nodes', () => {
  const second = { JOB_COMPLETION_INDEX: '1' };

  test('lets the first alone write the note, the lock and the artifact; the others wait for it', async () => {
    const stand = new FineTuneStand({ nodes: 2 });
    const trained = await stand.begin('train', second).ended;
    expect(trained.code).toBe(0);
    expect(fs.readdirSync(path.dirname(stand.work))).toEqual(['work']);
    const waiting = stand.begin('publish', second);
    let log = '';
    waiting.child.stdout!.on('data', (data: Buffer) => (log += data.toString()));
    while (!log.includes('waiting for .artifact.json')) await new Promise((done) => setTimeout(done, 20));
    expect(markerOf(stand.output)).toBeUndefined();
    expect((await stand.run()).container).toBe('publish');
    expect((await waiting.ended).code).toBe(0);
    expectWhole(stand, RESULT);
  });

  test('has the others train again where the first was ended before it had published', async () => {
    const stand = new FineTuneStand({ nodes: 2 });
    stand.fault({ kill: true, at: 3 });
    await stand.begin('train').ended; // while it writes what it has trained, and the others have ended well
    const waiting = stand.begin('publish', second);
    let log = '';
    waiting.child.stdout!.on('data', (data: Buffer) => (log += data.toString()));
    while (!log.includes('waiting for .artifact.json')) await new Promise((done) => setTimeout(done, 20));
    stand.fault({});
    await stand.begin('train').ended;
    const { code, result } = await waiting.ended;
    expect([code, result.error]).toEqual([75, expect.stringContaining('the first node was ended')]);
    expect((await stand.run()).container).toBe('publish');
    expectWhole(stand, RESULT);
  });

  test('tells torchrun who has the store, and waits for pods that are scheduled late', async () => {
    const stand = new FineTuneStand({ nodes: 2 });
    await stand.begin('train').ended;
    await stand.begin('train', { ...second }).ended;
    const [first] = stand.calls();
    expect(first.env.PET_RDZV_CONF).toBe('is_host=true,read_timeout=1800,join_timeout=1800');
    expect(stand.calls()).toHaveLength(1); // the second found what the first had trained
    const other = new FineTuneStand({ nodes: 2 });
    await other.begin('train', second).ended;
    expect(other.calls()[0].env.PET_RDZV_CONF).toMatch(/^is_host=false,/);
  });

  test('lets only nodes meet that go on at the same checkpoint', async () => {
    const preset = FineTunePreset.command({
      command: ['python3', '$(DATASET_TRAIN_DIR)/trainer.py', '--rdzv_id=support'],
      checkpoints: { folders: 'checkpoint-*', lastFile: 'trainer_state.json', args: [] },
    });
    const stand = new FineTuneStand({ nodes: 2, preset });
    stand.fault({ kill: true, at: 3 });
    await stand.begin('train').ended;
    await stand.begin('train').ended;
    expect(stand.calls().map(({ args }) => args)).toEqual([
      ['--rdzv_id=support'],
      ['--rdzv_id=support-checkpoint-2'],
    ]);
  });
});

test('a bucket is filled with the result alone, and what it has is not trained again', async () => {
  const bucket = await S3Double.start('models');
  try {
    const stand = new FineTuneStand({}, bucket);
    const { code, container } = await stand.run();
    expect([code, container]).toEqual([0, 'upload']);
    const names = RESULT.map((file) => `${stand.artifact.path}/${file}`);
    expect([...bucket.objects.keys()].sort()).toEqual(names);
    const { key, files } = markerIn(bucket, stand.artifact.path);
    expect([key, files.map((file) => file.path)]).toEqual([stand.artifact.key, RESULT.slice(1)]);
    bucket.requests.length = 0;
    expect((await stand.run()).code).toBe(0);
    expect(stand.calls()).toHaveLength(1);
    expect(bucket.requests.filter((line) => !line.startsWith('GET'))).toEqual([]);
  } finally {
    await bucket.stop();
  }
});
