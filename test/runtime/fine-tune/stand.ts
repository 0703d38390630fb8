import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import {
  Artifact,
  FineTune,
  FineTunePreset,
  FineTuneProps,
  FineTuneResult,
  ModelSource,
  ModelStore,
} from '../../../src';
import type { KubeObject } from '../../../src/validation/kube-object';
import type { HubFile } from '../../doubles/hub';
import { S3Double } from '../../doubles/s3';
import { JobStand } from '../../support/job-stand';
import { cache, COMMIT, sharedClaim } from '../../support/models';
import { objectsOf, plainChart, podSpec, the } from '../../support/objects';
import { artifactFolder, small, temporaryFolder } from '../artifact/program';
import type { Outcome, Run } from '../artifact/program';

const DOUBLE = path.join(__dirname, 'trainer_double.py');

/** What the base model and the dataset hold; the trainer is in the dataset, where the pod has it. */
const MODEL_FILES = [
  small('config.json', '{"model_type": "qwen3"}'),
  small('model.safetensors', 'weights of the base model'),
  small('tokenizer.json', '{}'),
  small('tokenizer_config.json', '{}'),
];

/** A call of the trainer. */
export interface Call {
  readonly args: string[];
  readonly env: Record<string, string>;
  readonly pid: number;
  /** What was in OUTPUT_DIR. */
  readonly found: string[];
}

/** What goes wrong with the trainer: see trainer_double.py. */
export interface Fault {
  readonly at?: number;
  readonly say?: string;
  readonly exit?: number;
  readonly kill?: boolean;
  readonly wait?: boolean;
  readonly spoil?: 'cut' | 'nothing' | 'empty' | 'other' | 'index' | 'pickle' | 'link';
}

/** The trainer as users declare one that writes checkpoints like transformers' Trainer. */
export const CHECKPOINTING = FineTunePreset.command({
  command: ['python3', '$(DATASET_TRAIN_DIR)/trainer.py'],
  checkpoints: { folders: 'checkpoint-*', lastFile: 'trainer_state.json', args: ['--resume={}'] },
});

/** The Job of a fine-tuning as it is rendered, on this machine: its trainer is a double. */
export class FineTuneStand {
  /** What tells the trainer to go wrong, and what it tells of itself. */
  public readonly control = temporaryFolder();
  public readonly artifact: Artifact;
  public readonly model: Artifact;
  public readonly dataset: Artifact;
  private readonly jobStand: JobStand;
  private readonly job: KubeObject;

  /** @param bucket where the result goes, instead of the claim of the base model */
  public constructor(props: Partial<FineTuneProps> = {}, bucket?: S3Double) {
    const chart = plainChart();
    const store = sharedClaim();
    const credentialsSecret = Secret.fromSecretName(chart, 'writer', 'writer');
    this.model = cache(chart, { store }).artifact;
    const dataset = ModelSource.huggingFace('acme/tickets', { revision: COMMIT, dataset: true });
    this.dataset = cache(chart, { source: dataset, store }, 'tickets').artifact;
    this.artifact = new FineTune(chart, 'support', {
      model: this.model,
      datasets: { train: this.dataset },
      image: 'registry.example.com/trainer:1',
      ...(props.command ? {} : { preset: CHECKPOINTING }),
      result: FineTuneResult.FULL_WEIGHTS,
      cpuOnly: true,
      memory: Size.gibibytes(4),
      ...(bucket
        ? { store: ModelStore.s3({ endpoint: bucket.endpoint, bucket: 'models', credentialsSecret }) }
        : {}),
      ...props,
    }).artifact;
    const objects = objectsOf(chart).filter(
      ({ kind, metadata }) => kind !== 'Job' || metadata.labels?.['app.kubernetes.io/name'] === 'fine-tune',
    );
    this.job = the(objects, 'Job');
    this.jobStand = new JobStand(objects, {
      'writer/AWS_ACCESS_KEY_ID': bucket?.accessKey ?? '',
      'writer/AWS_SECRET_ACCESS_KEY': bucket?.secretKey ?? '',
    });
    this.put(this.model, MODEL_FILES);
    this.put(this.dataset, [
      small('data', 'tickets'),
      { path: 'trainer.py', content: fs.readFileSync(DOUBLE) },
    ]);
  }

  /** Puts an artifact where the pod finds it. */
  public put(artifact: Artifact, files: HubFile[]): void {
    const from = { type: 'hugging-face', repo: artifact.provenance.repository };
    const folder = artifactFolder(files, { key: artifact.key, source: from });
    fs.cpSync(folder, this.folderOf(artifact), { recursive: true, preserveTimestamps: true });
  }

  public folderOf(artifact: Artifact): string {
    const [{ persistentVolumeClaim: claim }] = podSpec(this.job).volumes;
    return path.join(this.jobStand.claim(claim.claimName as string), artifact.path);
  }

  /** The folder of the result. */
  public get output(): string {
    return this.folderOf(this.artifact);
  }

  /** What the trainer fills. */
  public get work(): string {
    return path.join(this.output, '.artifact.parts/work');
  }

  public fault(fault: Fault): void {
    fs.writeFileSync(path.join(this.control, 'faults.json'), JSON.stringify(fault));
  }

  /** The calls of the trainer, in their order. */
  public calls(): Call[] {
    const file = path.join(this.control, 'calls.jsonl');
    if (!fs.existsSync(file)) return [];
    const lines = fs.readFileSync(file, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Call);
  }

  /** One pod: what its last container told. */
  public async run(env: Record<string, string> = {}): Promise<Outcome & { container: string }> {
    const outcomes = await this.jobStand.run({ CONTROL: this.control, ...env });
    const [container, outcome] = Object.entries(outcomes).at(-1)!;
    return { ...outcome, container };
  }

  /** One container, to be meddled with. */
  public begin(container: string, env: Record<string, string> = {}, through: string[] = []): Run {
    return this.jobStand.begin(container, { CONTROL: this.control, ...env }, through);
  }

  /** Whether the trainer waits. */
  public get hasStarted(): boolean {
    return fs.existsSync(path.join(this.control, 'started'));
  }

  /** Lets it go on. */
  public goOn(): void {
    fs.writeFileSync(path.join(this.control, 'go'), '');
  }
}
