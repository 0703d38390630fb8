import {
  Accelerator,
  AxolotlProps,
  FineTunePreset,
  FineTuneProps,
  FineTuneResult,
  TorchtuneProps,
  TrlMethod,
  TrlProps,
} from '../../src';
import { dataset, fineTune } from '../support/fine-tunes';
import { downloaded, sharedClaim } from '../support/models';
import {
  argument,
  container,
  objectsOf,
  ofKind,
  plainChart,
  podSpec,
  the,
  Untyped,
  violationsOf,
} from '../support/objects';

function made(preset: FineTunePreset, props: Partial<FineTuneProps> = {}, sets: string[] = ['train']) {
  const chart = plainChart();
  const store = sharedClaim();
  const model = downloaded(chart, { store });
  const datasets = Object.fromEntries(sets.map((name) => [name, dataset(chart, store, `set-${name}`)]));
  const { artifact } = fineTune(chart, { model, datasets, preset, ...props });
  const objects = objectsOf(chart);
  const job = the(objects, 'Job', /-support-/);
  const train = container(job, 'train');
  const { args } = train as { args: string[] };
  return {
    artifact,
    objects,
    job,
    train,
    own: args.slice(0, args.indexOf('--')),
    words: args.slice(args.indexOf('--') + 1),
  };
}

const GPUS = { accelerator: Accelerator.nvidia({ count: 4 }) };
const ADAPTER = { result: FineTuneResult.LORA_ADAPTER };

describe('torchtune', () => {
  const preset = (props: Partial<TorchtuneProps> = {}) =>
    FineTunePreset.torchtune({
      recipe: 'lora_finetune_single_device',
      config: 'qwen2_5/0.5B_lora_single_device',
      ...props,
    });

  test('finds model, tokenizer and dataset where they are, and writes where it is to', () => {
    const { words, own, objects } = made(preset(), {
      ...ADAPTER,
      hyperparameters: { epochs: 2, compile: true },
    });
    expect(words).toEqual([
      'tune',
      'run',
      'lora_finetune_single_device',
      '--config',
      'qwen2_5/0.5B_lora_single_device',
      'output_dir=$(OUTPUT_DIR)',
      'checkpointer.checkpoint_dir=$(MODEL_DIR)',
      'checkpointer.output_dir=$(OUTPUT_DIR)',
      'tokenizer.path=$(MODEL_DIR)/vocab.json',
      'tokenizer.merges_file=$(MODEL_DIR)/merges.txt',
      'dataset.source=$(DATASET_TRAIN_DIR)',
      'save_adapter_weights_only=True',
      'seed=42',
      'epochs=2',
      'compile=True',
    ]);
    expect(own.slice(2)).toEqual([
      '--checkpoints=epoch_*',
      '--state=recipe_state/recipe_state.pt',
      '--resume=resume_from_checkpoint=True',
    ]);
    expect(violationsOf(objects)).toBe('');
  });

  test('leaves the last epoch as result', () => {
    const { job } = made(preset(), ADAPTER);
    expect(argument(container(job, 'publish'), 'folders')).toEqual(['epoch_*']);
  });

  test('goes on with the weights of the last epoch where all of them are trained', () => {
    const { own } = made(preset({ recipe: 'full_finetune_single_device' }));
    expect(own.slice(-2)).toEqual([
      '--resume=resume_from_checkpoint=True',
      '--resume=checkpointer.checkpoint_files=[{files}]',
    ]);
  });

  test.each([
    ['llama3_1/8B_lora_single_device', ['tokenizer.path=$(MODEL_DIR)/original/tokenizer.model']],
    ['gemma2/9B_lora_single_device', ['tokenizer.path=$(MODEL_DIR)/tokenizer.model']],
    [
      'phi4/14B_lora_single_device',
      ['tokenizer.vocab_path=$(MODEL_DIR)/vocab.json', 'tokenizer.merges_path=$(MODEL_DIR)/merges.txt'],
    ],
  ])('knows where %s has its tokenizer', (config, expected) => {
    const { words } = made(preset({ config }), ADAPTER);
    expect(words.filter((word) => word.startsWith('tokenizer.'))).toEqual(expected);
  });

  test('is told where any other config has it', () => {
    expect(() => preset({ config: '/app/mine.yaml' })).toThrow("'tokenizer' is nothing");
    const { words } = made(
      preset({ config: '/app/mine.yaml', tokenizer: { path: 'spiece.model' } }),
      ADAPTER,
    );
    expect(words).toContain('tokenizer.path=$(MODEL_DIR)/spiece.model');
  });

  test('takes overrides and the names of weight files', () => {
    const { words } = made(
      preset({ overrides: { 'model.lora_rank': 16 }, checkpointFiles: ['a.safetensors', 'b.safetensors'] }),
      { ...ADAPTER, hyperparameters: { 'optimizer.lr': 3e-4 } },
    );
    expect(words).toEqual(
      expect.arrayContaining([
        'checkpointer.checkpoint_files=[a.safetensors,b.safetensors]',
        'model.lora_rank=16',
        'optimizer.lr=0.0003',
      ]),
    );
  });

  test.each<[string, () => unknown, string]>([
    ['a path of ours', () => preset({ overrides: { output_dir: '/x' } }), 'It follows from store.'],
    ['the seed', () => made(preset(), { ...ADAPTER, hyperparameters: { seed: 1 } }), 'It follows from seed.'],
    [
      'the source of the dataset',
      () => made(preset(), { ...ADAPTER, hyperparameters: { 'dataset.source': 'x' } }),
      'It follows from datasets.',
    ],
    [
      'several devices for a recipe of one',
      () => made(preset(), { ...ADAPTER, ...GPUS }),
      'Take lora_finetune_distributed',
    ],
    [
      'one device for a recipe of several',
      () => made(preset({ recipe: 'lora_finetune_distributed' }), ADAPTER),
      'Take lora_finetune_single_device',
    ],
    [
      'an adapter of a full recipe',
      () => made(preset({ recipe: 'full_finetune_single_device' }), ADAPTER),
      'a recipe of LoRA',
    ],
    ['a recipe that is none', () => preset({ recipe: 'lora; rm -rf /' }), 'a name that `tune ls` prints'],
    [
      'a file outside of the model',
      () => preset({ tokenizer: { path: '../x' } }),
      'the path of a file in the model',
    ],
    ['no properties', () => FineTunePreset.torchtune(undefined as never), "'props' is nothing"],
  ])('refuses %s', (_, make, message) => expect(make).toThrow(message));
});

describe('TRL', () => {
  const preset = (props: Partial<TrlProps> = {}) => FineTunePreset.trl({ method: TrlMethod.SFT, ...props });

  test('runs the script of its command line, with our program around it', () => {
    const { words, own, objects, train } = made(preset(), {
      ...ADAPTER,
      hyperparameters: { learning_rate: 2e-5, lora_r: 32 },
    });
    expect(words).toEqual([
      'python3',
      '/opt/cdk8s-llm/trl_train.py',
      'sft',
      '--model_name_or_path=$(MODEL_DIR)',
      '--dataset_name=$(DATASET_TRAIN_DIR)',
      '--output_dir=$(OUTPUT_DIR)',
      '--use_peft=True',
      '--seed=42',
      '--save_total_limit=1',
      '--report_to=none',
      '--learning_rate=0.00002',
      '--lora_r=32',
    ]);
    expect(own.slice(2)).toEqual([
      '--checkpoints=checkpoint-*',
      '--whole=trainer_state.json',
      '--resume=--resume_from_checkpoint={}',
    ]);
    const programs = ofKind(objects, 'ConfigMap').find(({ metadata }) =>
      /support-programs/.test(metadata.name!),
    );
    expect(Object.keys((programs as Untyped).data as object)).toContain('trl_train.py');
    expect(train.volumeMounts).toContainEqual({
      name: 'programs',
      mountPath: '/opt/cdk8s-llm',
      readOnly: true,
    });
    expect(violationsOf(objects)).toBe('');
  });

  test('is started by torchrun on several devices', () => {
    const { words } = made(preset({ method: TrlMethod.DPO }), GPUS);
    expect(words.slice(0, 6)).toEqual([
      'torchrun',
      '--nnodes=1',
      '--nproc_per_node=4',
      '--standalone',
      '/opt/cdk8s-llm/trl_train.py',
      'dpo',
    ]);
    expect(words).not.toContain('--use_peft=True');
  });

  test('takes arguments that are lists, and keeps and reports what it is told to', () => {
    const { words } = made(preset({ args: ['--lora_target_modules', 'q_proj', 'v_proj'] }), {
      ...ADAPTER,
      hyperparameters: { save_total_limit: 3, report_to: 'wandb' },
    });
    expect(words.slice(-5)).toEqual([
      '--save_total_limit=3',
      '--report_to=wandb',
      '--lora_target_modules',
      'q_proj',
      'v_proj',
    ]);
  });

  test.each<[string, () => unknown, string]>([
    ['an unknown method', () => preset({ method: 'ppo' as TrlMethod }), 'sft, dpo, kto, reward, grpo, rloo'],
    [
      'LoRA where the whole model is to be left',
      () => made(preset(), { hyperparameters: { use_peft: true } }),
      'It follows from result.',
    ],
    ['an argument of ours', () => preset({ args: ['--output-dir=/x'] }), 'It follows from store.'],
    [
      'to push',
      () => made(preset(), { hyperparameters: { push_to_hub: true } }),
      'nothing is pushed to the hub',
    ],
    ['no dataset', () => made(preset(), {}, []), "'datasets' is nothing"],
    [
      'several datasets of which none is for training',
      () => made(preset(), {}, ['a', 'b']),
      "one is called 'train'",
    ],
  ])('refuses %s', (_, make, message) => expect(make).toThrow(message));

  test('fetches its own dataset where it may ask the hub', () => {
    const args = ['--dataset_name=trl-lib/Capybara'];
    expect(() => preset({ args })).toThrow('It follows from datasets.');
    const { words } = made(preset(), { hubAccess: true }, []);
    expect(words.some((word) => word.startsWith('--dataset_name'))).toBe(false);
  });
});

describe('Axolotl', () => {
  const CONFIG = {
    datasets: [{ path: 'train', type: 'alpaca' }],
    adapter: 'lora',
    lora_r: 32,
    micro_batch_size: 2,
  };
  const preset = (config: AxolotlProps['config'] = CONFIG) => FineTunePreset.axolotl({ config });
  const FULL = { datasets: CONFIG.datasets };

  test('has its config in a ConfigMap that is named after its content, with our paths in it', () => {
    const { words, own, objects, job, artifact, train } = made(preset(), {
      ...ADAPTER,
      hyperparameters: { learning_rate: 2e-4 },
    });
    expect(words).toEqual(['axolotl', 'train', '/etc/fine-tune/config.yaml', '--launcher=python']);
    expect(own.slice(2)).toEqual(['--checkpoints=checkpoint-*', '--whole=trainer_state.json']);
    const config = the(objects, 'ConfigMap', /-support-config-[0-9a-f]{8}$/) as Untyped;
    expect(config.immutable).toBe(true);
    expect((config.data['config.yaml'] as string).trim().split('\n')).toEqual([
      'save_total_limit: 1',
      'datasets:',
      '  - path: /datasets/train',
      '    type: alpaca',
      'adapter: lora',
      'lora_r: 32',
      'micro_batch_size: 2',
      'learning_rate: 0.0002',
      'base_model: /model',
      'dataset_prepared_path: /tmp/prepared',
      'auto_resume_from_checkpoints: true',
      'seed: 42',
      `output_dir: /output/${artifact.path}/.artifact.parts/work`,
    ]);
    expect(train.volumeMounts).toContainEqual({
      name: 'config',
      mountPath: '/etc/fine-tune',
      readOnly: true,
    });
    expect(podSpec(job).volumes).toContainEqual({
      name: 'config',
      configMap: { name: config.metadata.name as string },
    });
    expect(violationsOf(objects)).toBe('');
  });

  test('is started by torchrun on several devices', () => {
    const { words } = made(preset(FULL), GPUS);
    expect(words.slice(3)).toEqual([
      '--launcher=torchrun',
      '--',
      '--nnodes=1',
      '--nproc_per_node=4',
      '--standalone',
    ]);
  });

  test('another config is another artifact, another order of its keys is not', () => {
    const keyOf = (config: AxolotlProps['config']) => made(preset(config)).artifact.key;
    expect(keyOf({ ...FULL, num_epochs: 2 })).not.toBe(keyOf({ ...FULL, num_epochs: 3 }));
    expect(keyOf({ ...FULL, num_epochs: 2 })).toBe(keyOf({ num_epochs: 2, ...FULL }));
  });

  test.each<[string, () => unknown, string]>([
    ['a key of ours', () => preset({ ...FULL, base_model: 'x' }), 'It follows from model.'],
    ['no config', () => FineTunePreset.axolotl({ config: {} }), "'config' is"],
    ['a config without datasets', () => made(preset({ micro_batch_size: 1 })), 'what is trained with'],
    [
      'a dataset of the hub',
      () => made(preset({ datasets: [{ path: 'tatsu-lab/alpaca' }] })),
      'hubAccess: true allows that',
    ],
    ['an adapter for a whole model', () => made(preset()), 'FineTuneResult.LORA_ADAPTER'],
    ['a whole model for an adapter', () => made(preset(FULL), ADAPTER), "'lora' or 'qlora'"],
  ])('refuses %s', (_, make, message) => expect(make).toThrow(message));

  test('takes a dataset of the hub where it may ask it', () => {
    const { objects } = made(preset({ datasets: [{ path: 'tatsu-lab/alpaca' }] }), { hubAccess: true }, []);
    const config = the(objects, 'ConfigMap', /-config-/) as Untyped;
    expect(config.data['config.yaml']).toContain('path: tatsu-lab/alpaca');
  });
});

describe('a command of one’s own', () => {
  test('goes on at checkpoints as it says', () => {
    const { own, job } = made(
      FineTunePreset.command({
        command: ['/app/train'],
        checkpoints: { folders: 'step-*', lastFile: 'DONE', args: ['--from={}'] },
        resultFolder: 'final',
      }),
    );
    expect(own.slice(2)).toEqual(['--checkpoints=step-*', '--whole=DONE', '--resume=--from={}']);
    expect(argument(container(job, 'publish'), 'folders')).toEqual(['final']);
  });

  test.each<[string, () => unknown, string]>([
    [
      'a path as folder of checkpoints',
      () => FineTunePreset.command({ command: ['x'], checkpoints: { folders: 'a/b' } }),
      "'checkpoints.folders'",
    ],
    [
      'a path as folder of the result',
      () => FineTunePreset.torchrun({ script: 'x.py', resultFolder: '../x' }),
      "'resultFolder'",
    ],
    ['no script', () => FineTunePreset.torchrun({ script: '' }), "'script'"],
    ['no command', () => FineTunePreset.command({ command: [] }), "'command'"],
  ])('refuses %s', (_, make, message) => expect(make).toThrow(message));
});

test.each<[string, () => unknown, string]>([
  ['a method', () => FineTunePreset.trl({ method: null as never }), "'method' is null"],
  [
    'checkpoints',
    () => FineTunePreset.command({ command: ['x'], checkpoints: null as never }),
    "'checkpoints' is null",
  ],
  ['a config', () => FineTunePreset.axolotl({ config: null as never }), "'config' is null"],
  ['a script', () => FineTunePreset.torchrun(null as never), "'props' is null"],
])('refuses null as %s, and says where', (_, make, message) => expect(make).toThrow(message));

test('refuses an option of checkpoints that there is not', () => {
  const checkpoints = { folders: 'step-*', last: 'DONE' } as never;
  expect(() => FineTunePreset.command({ command: ['x'], checkpoints })).toThrow(
    "'name in checkpoints' is 'last'",
  );
});
