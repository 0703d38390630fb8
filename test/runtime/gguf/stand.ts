import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Artifact } from '../../../src';
import { GgufConversion } from '../../../src/constructs/gguf-conversion';
import type { GgufConversionProps } from '../../../src/constructs/gguf-conversion-props';
import type { KubeObject } from '../../../src/validation/kube-object';
import { JobStand } from '../../support/job-stand';
import { cache, QWEN, sharedClaim, source, UNKNOWN } from '../../support/models';
import { container, objectsOf, plainChart, podSpec, the } from '../../support/objects';
import { artifactFolder, small, start, temporaryFolder } from '../artifact/program';
import type { Outcome, Run, RunOptions } from '../artifact/program';
import type { HubFile } from '../../doubles/hub';

const DOUBLE = path.join(__dirname, 'tool_double.py');

export const CONVERTER = 'convert_hf_to_gguf.py';
export const ADAPTER_CONVERTER = 'convert_lora_to_gguf.py';
export const QUANTIZER = 'llama-quantize';
export const SPLITTER = 'llama-gguf-split';

/** What a Hugging Face repository has, for tools that only look whether it is there. */
export const MODEL_FILES = [
  small('config.json', '{"architectures": ["LlamaForCausalLM"]}'),
  small('model.safetensors', 'weights'),
];

/** A call of a tool. */
export interface Call {
  readonly name: string;
  readonly args: string[];
  readonly cwd: string;
  readonly pid: number;
  readonly env: Record<string, string>;
}

/** What goes wrong with a tool: see tool_double.py. */
export interface Fault {
  readonly say?: string[];
  readonly exit?: number;
  readonly signal?: string;
  readonly spoil?: 'short' | 'long' | 'magic' | 'type' | 'empty' | 'nothing';
  readonly wait?: boolean;
}

/** The Job of a conversion as it is rendered, on this machine: its image is a folder of doubles of llama.cpp's tools. */
export class GgufStand {
  public readonly tools = temporaryFolder();
  public readonly artifact: Artifact;
  public readonly model: Artifact;
  public readonly other: Artifact;
  private readonly objects: KubeObject[];
  private readonly jobStand: JobStand;

  public constructor(
    /** What the conversion is told; `other` is an artifact beside the model. */
    props: (other: Artifact) => Partial<GgufConversionProps> = () => ({}),
    files: HubFile[] = MODEL_FILES,
  ) {
    for (const name of [CONVERTER, ADAPTER_CONVERTER, QUANTIZER, SPLITTER]) {
      fs.copyFileSync(DOUBLE, path.join(this.tools, name));
      fs.chmodSync(path.join(this.tools, name), 0o755);
    }
    const chart = plainChart();
    const store = sharedClaim();
    this.model = cache(chart, { source: source(QWEN), store }).artifact;
    this.other = cache(chart, { source: source(UNKNOWN), store }, 'other').artifact;
    this.artifact = new GgufConversion(chart, 'gguf', { model: this.model, ...props(this.other) }).artifact;
    const rendered = JSON.stringify(objectsOf(chart)).replaceAll('--tools=/app', `--tools=${this.tools}`);
    this.objects = (JSON.parse(rendered) as KubeObject[]).filter(
      ({ kind, metadata }) =>
        kind !== 'Job' || metadata.labels?.['app.kubernetes.io/name'] === 'gguf-conversion',
    );
    this.jobStand = new JobStand(this.objects);
    this.put(this.model, files);
  }

  /** Puts an artifact where the pod finds it. */
  public put(artifact: Artifact, files: HubFile[]): void {
    const folder = artifactFolder(files, { key: artifact.key, source: { type: 'hugging-face' } });
    fs.cpSync(folder, this.folderOf(artifact), { recursive: true, preserveTimestamps: true });
  }

  public folderOf(artifact: Artifact): string {
    return path.join(this.claim, artifact.path);
  }

  /** The folder of what is converted. */
  public get output(): string {
    return this.folderOf(this.artifact);
  }

  public faults(faults: Record<string, Fault>): void {
    fs.writeFileSync(path.join(this.tools, 'faults.json'), JSON.stringify(faults));
  }

  /** The tools that were called, in their order. */
  public calls(): Call[] {
    const file = path.join(this.tools, 'calls.jsonl');
    if (!fs.existsSync(file)) return [];
    const lines = fs.readFileSync(file, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Call);
  }

  /** One pod. */
  public async run(): Promise<Outcome> {
    const outcomes = await this.jobStand.run();
    expect(outcomes['await-model'].code).toBe(0);
    return outcomes.convert;
  }

  /** The converter's container alone, to be meddled with. `more` are arguments that it has besides. */
  public start(options: RunOptions = {}, ...more: string[]): Run {
    const { args } = container(this.job, 'convert') as { args: string[] };
    const here = args.map((arg) => arg.replace(/=\/models(?=\/)/, `=${this.claim}`));
    return start(['gguf_convert.py', ...here, ...more], options);
  }

  private get job(): KubeObject {
    return the(this.objects, 'Job');
  }

  private get claim(): string {
    const [{ persistentVolumeClaim: claim }] = podSpec(this.job).volumes;
    return this.jobStand.claim(claim.claimName as string);
  }
}
