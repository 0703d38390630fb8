import * as fs from 'node:fs';
import * as path from 'node:path';
import { FineTunePreset, FineTuneResult } from '../../../src';
import { filesOf, markerOf, sleep, temporaryFolder } from '../artifact/program';
import { Fault, FineTuneStand } from './stand';

/** Nothing that a consumer could take for the artifact. */
function expectNothing(stand: FineTuneStand): void {
  expect(filesOf(stand.output).filter((file) => !file.startsWith('.artifact.parts/'))).toEqual([]);
}

async function until(there: () => boolean): Promise<void> {
  while (!there()) await sleep(20);
}

/** The weights that a run leaves which nothing befalls. */
let undisturbed: Buffer;

beforeAll(async () => {
  const stand = new FineTuneStand();
  expect((await stand.run()).code).toBe(0);
  undisturbed = weightsOf(stand);
});

function weightsOf(stand: FineTuneStand): Buffer {
  return fs.readFileSync(path.join(stand.output, 'model.safetensors'));
}

/** The next run makes it good, and the result is that of a run that nothing befell. */
async function expectRepaired(stand: FineTuneStand): Promise<void> {
  stand.fault({});
  expect((await stand.run()).code).toBe(0);
  expect(markerOf(stand.output)?.files).toHaveLength(4);
  expect(weightsOf(stand)).toEqual(undisturbed);
}

const patch = (code: string) => [
  '-c',
  `import os, runpy, sys\nsys.argv = sys.argv[1:]\nsys.path.insert(0, os.path.dirname(sys.argv[0]))\n${code}\n` +
    'runpy.run_path(sys.argv[0], run_name="__main__")',
];

describe('a trainer', () => {
  test.each<[string, Fault, number, string]>([
    ['that fails is tried again: 75', { exit: 1, say: 'ValueError' }, 75, 'ended with 1; its own lines'],
    ['that does not take its arguments is not: 64', { exit: 2 }, 64, 'does not take its arguments (exit 2)'],
    [
      'whose device is full is not: 73',
      { exit: 1, say: 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB' },
      73,
      'make the batch smaller',
    ],
    [
      'whose disk is full is not: 73',
      { exit: 1, say: 'OSError: [Errno 28] No space left on device' },
      73,
      'keep fewer checkpoints',
    ],
    ['that is killed is tried again: 75', { kill: true }, 75, 'was ended by SIGKILL'],
  ])('%s', async (_, fault, code, said) => {
    const stand = new FineTuneStand();
    stand.fault({ at: 1, ...fault });
    const outcome = await stand.run();
    expect([outcome.container, outcome.code, outcome.result.error]).toEqual([
      'train',
      code,
      expect.stringContaining(said),
    ]);
    expectNothing(stand);
  });

  test('keeps its words out of the termination message: it may repeat a Secret there', async () => {
    const stand = new FineTuneStand();
    stand.fault({ at: 1, exit: 1, say: 'wandb: api key hunter2 refused' });
    const { result, log } = await stand.run();
    expect(log).toContain('hunter2');
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  test('that is not in the image: 64', async () => {
    const stand = new FineTuneStand({ command: ['no-such-trainer'] });
    const { code, result } = await stand.run();
    expect([code, result.error]).toEqual([
      64,
      expect.stringContaining('no-such-trainer is not in the image'),
    ]);
  });

  test('that fills the disk without a word: 73', async () => {
    const stand = new FineTuneStand();
    stand.fault({ at: 1, exit: 1, say: 'iostream error' });
    const full = 'class Full:\n  f_blocks, f_bavail = 1000, 0\nos.statvfs = lambda path: Full';
    expect(await stand.begin('train', {}, patch(full)).ended).toMatchObject({ code: 73 });
  });
});

describe('a run that is ended', () => {
  test('goes on at the last whole checkpoint, and drops the half of one', async () => {
    const stand = new FineTuneStand();
    stand.fault({ kill: true, at: 3 });
    expect((await stand.run()).code).toBe(75);
    expect(fs.readdirSync(stand.work).sort()).toEqual(['checkpoint-1', 'checkpoint-2', 'checkpoint-3']);
    await expectRepaired(stand);
    const [first, second] = stand.calls();
    expect(first.args).toEqual([]);
    expect(second.args).toEqual([`--resume=${path.join(stand.work, 'checkpoint-2')}`]);
    expect(second.found).toEqual(['checkpoint-1', 'checkpoint-2']);
  });

  test('begins anew where there is no whole checkpoint', async () => {
    const stand = new FineTuneStand();
    stand.fault({ kill: true, at: 1 });
    await stand.run();
    await expectRepaired(stand);
    expect(stand.calls().map(({ args, found }) => [args, found])).toEqual([
      [[], []],
      [[], []],
    ]);
  });

  test('by kill -9 of our own program is made good too', async () => {
    const stand = new FineTuneStand();
    stand.fault({ wait: true, at: 2 });
    const { child, ended } = stand.begin('train');
    await until(() => stand.hasStarted);
    child.kill('SIGKILL');
    const [{ pid }] = stand.calls();
    process.kill(pid, 'SIGKILL'); // in a pod it is killed with it
    await ended;
    expectNothing(stand);
    await expectRepaired(stand);
    expect(stand.calls()[1].args).toEqual([`--resume=${path.join(stand.work, 'checkpoint-1')}`]);
  });

  test('by SIGTERM lets the trainer end, and goes on where it was', async () => {
    const stand = new FineTuneStand();
    stand.fault({ wait: true, at: 2 });
    const { child, ended } = stand.begin('train');
    await until(() => stand.hasStarted);
    child.kill('SIGTERM');
    const { code, result } = await ended;
    expect([code, result.error]).toEqual([75, expect.stringContaining('stopped by SIGTERM')]);
    const [{ pid }] = stand.calls();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expectRepaired(stand);
  });

  test('after the training does not train again', async () => {
    const stand = new FineTuneStand();
    expect((await stand.begin('train').ended).code).toBe(0);
    const { code, log } = await stand.begin('train').ended;
    expect([code, log]).toEqual([0, expect.stringContaining('was trained by a former run')]);
    await expectRepaired(stand);
    expect(stand.calls()).toHaveLength(1);
  });

  test('while it is published loses no file, whichever step it was at', async () => {
    const killAt = (at: number) =>
      patch(
        `sys.path.insert(0, ${JSON.stringify(path.join(__dirname, '../artifact'))}); ` +
          `import kill_at; kill_at.arm(${at}, 'SIGKILL')`,
      );
    const stand = new FineTuneStand();
    await stand.begin('train').ended;
    const trained = temporaryFolder();
    fs.cpSync(stand.output, trained, { recursive: true, preserveTimestamps: true });
    const { log } = await stand.begin('publish', {}, killAt(0)).ended;
    const steps = Number(/steps: (\d+)/.exec(log)?.[1]);
    expect(steps).toBeGreaterThan(30);
    for (let at = 1; at <= steps; at += 9) {
      fs.rmSync(stand.output, { recursive: true });
      fs.cpSync(trained, stand.output, { recursive: true, preserveTimestamps: true });
      expect((await stand.begin('publish', {}, killAt(at)).ended).signal).toBe('SIGKILL');
      if (markerOf(stand.output)) expect(weightsOf(stand)).toEqual(undisturbed);
      expect((await stand.begin('publish').ended).code).toBe(0);
      expect([filesOf(stand.output).length, weightsOf(stand)]).toEqual([5, undisturbed]);
    }
  }, 120_000);

  test('and lost what it had verified goes on at the last checkpoint', async () => {
    const stand = new FineTuneStand();
    await stand.begin('train').ended;
    const torn = patch(
      'os.rename_ = os.rename\ndef rename(a, b):\n  os.rename_(a, b)\n  if b.endswith("result.json"): os._exit(9)\nos.rename = rename',
    );
    expect((await stand.begin('publish', {}, torn).ended).code).toBe(9);
    fs.writeFileSync(path.join(stand.work, 'model.safetensors'), 'torn by a power cut');
    const { code, result } = await stand.begin('publish').ended;
    expect([code, result.error]).toEqual([
      75,
      expect.stringContaining('is not what a former run has verified'),
    ]);
    await expectRepaired(stand);
    expect(stand.calls()[1].args).toEqual([`--resume=${path.join(stand.work, 'checkpoint-3')}`]);
  });
});

describe('with the checkpoints of torchtune', () => {
  const preset = FineTunePreset.torchtune({
    recipe: 'full_finetune_single_device',
    config: 'qwen2_5/0.5B_full',
  });
  const stand = () => new FineTuneStand({ preset });

  /** torchtune is not here: the double takes the place of its command. */
  const asTune = (at: FineTuneStand) => {
    const bin = path.join(at.control, 'tune');
    const trainer = path.join(at.folderOf(at.dataset), 'trainer.py');
    const words = '"--resume=$(ls -d "$OUTPUT_DIR"/epoch_* | tail -n 1)"';
    fs.writeFileSync(
      bin,
      `#!/bin/sh\nfor word; do echo "$word" >>"$CONTROL/words"; done\n` +
        `case "$*" in *resume_from_checkpoint=True*) exec python3 ${trainer} --epochs ${words};; esac\n` +
        `exec python3 ${trainer} --epochs\n`,
      { mode: 0o755 },
    );
    return { PATH: `${at.control}:${process.env.PATH}` };
  };
  const words = (at: FineTuneStand) => fs.readFileSync(path.join(at.control, 'words'), 'utf8').split('\n');

  test('an epoch is whole once the state behind it is written', async () => {
    const at = stand();
    at.fault({ kill: true, at: 3 });
    expect((await at.run(asTune(at))).code).toBe(75);
    expect(words(at)).not.toContain('resume_from_checkpoint=True');
    at.fault({});
    expect((await at.run(asTune(at))).code).toBe(0);
    expect(words(at)).toContain('resume_from_checkpoint=True');
    expect(words(at)).toContain('checkpointer.checkpoint_files=[epoch_2/model.safetensors]');
    expect(at.calls()[1].found).toEqual(['epoch_1', 'epoch_2', 'recipe_state']);
    expect(weightsOf(at)).toEqual(undisturbed);
  });

  test('a state that was torn is not believed', async () => {
    const at = stand();
    at.fault({ kill: true, at: 3 });
    await at.run(asTune(at));
    fs.truncateSync(path.join(at.work, 'recipe_state/recipe_state.pt'), 40);
    at.fault({});
    expect((await at.run(asTune(at))).code).toBe(0);
    expect(words(at)).not.toContain('resume_from_checkpoint=True');
    expect(weightsOf(at)).toEqual(undisturbed);
  });
});

describe('a result', () => {
  test.each<[string, Fault['spoil'], RegExp]>([
    ['that is cut off', 'cut', /model\.safetensors is cut off or too long/],
    ['without tensors', 'empty', /the weights have no tensors/],
    ['that is not there', 'nothing', /left no config\.json in .*; there are: checkpoint-1/],
    ['of another architecture', 'other', /a model of the type gpt2, and the base model is of qwen3/],
    [
      'with shards missing',
      'index',
      /1 tensors that model\.safetensors\.index\.json lists are in no file: .*head/,
    ],
    ['in pickles', 'pickle', /left no \*\.safetensors/],
  ])('%s is not published: 65', async (_, spoil, said) => {
    const stand = new FineTuneStand();
    stand.fault({ spoil });
    const { code, container, result } = await stand.run();
    expect([container, code, result.error]).toEqual(['publish', 65, expect.stringMatching(said)]);
    expectNothing(stand);
  });

  test('that was not published can be made good: the trainer goes on at its last checkpoint', async () => {
    const stand = new FineTuneStand();
    stand.fault({ spoil: 'cut' });
    expect((await stand.run()).code).toBe(65);
    await expectRepaired(stand); // as by a person who raises `attempt` when the cause is gone
    expect(stand.calls()[1].args).toEqual([`--resume=${path.join(stand.work, 'checkpoint-3')}`]);
  });

  test.each<[Fault['spoil'], RegExp]>([
    ['cut', /adapter_model\.safetensors is cut off/],
    ['other', /of the type IA3, and was to be LORA/],
    ['nothing', /left no adapter_config\.json/],
  ])('that is to be an adapter (%s) is verified too: 65', async (spoil, said) => {
    const stand = new FineTuneStand({
      command: ['python3', '$(DATASET_TRAIN_DIR)/trainer.py', '--adapter'],
      result: FineTuneResult.LORA_ADAPTER,
    });
    stand.fault({ spoil });
    const { code, result } = await stand.run();
    expect([code, result.error]).toEqual([65, expect.stringMatching(said)]);
    expectNothing(stand);
  });

  test('that is a link leads nowhere: 64', async () => {
    const stand = new FineTuneStand();
    stand.fault({ spoil: 'link' });
    const { code, container, result } = await stand.run();
    expect([container, code, result.error]).toEqual([
      'publish',
      64,
      expect.stringContaining('is a symbolic link'),
    ]);
    expectNothing(stand);
  });
});

describe('a disk that is full while it is published', () => {
  test('ends the Job: 73', async () => {
    const stand = new FineTuneStand();
    await stand.begin('train').ended;
    const full = patch(
      'import errno\ndef fsync(fd): raise OSError(errno.ENOSPC, "No space left on device")\nos.fsync = fsync',
    );
    expect(await stand.begin('publish', {}, full).ended).toMatchObject({ code: 73 });
    expectNothing(stand);
    await expectRepaired(stand);
    expect(stand.calls()).toHaveLength(1);
  });
});

describe('two copies at once', () => {
  test('one waits for the other, and trains nothing', async () => {
    const stand = new FineTuneStand();
    stand.fault({ wait: true, at: 2 });
    const first = stand.begin('train');
    await until(() => stand.hasStarted);
    const second = stand.begin('train');
    let said = '';
    second.child.stdout!.on('data', (data: Buffer) => (said += data.toString()));
    await until(() => said.includes('another copy is at work'));
    stand.goOn();
    const codes = await Promise.all([first.ended, second.ended]);
    expect(codes.map(({ code }) => code)).toEqual([0, 0]);
    expect(stand.calls()).toHaveLength(1);
    const published = await Promise.all([stand.begin('publish').ended, stand.begin('publish').ended]);
    expect(published.map(({ code }) => code)).toEqual([0, 0]);
    expect(filesOf(stand.output)).toHaveLength(5);
  });
});
