import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { PhasedApp, PhasedAppProps } from '../../src';
import { cpuVllmWithTwoAdapters } from './cpu-vllm-with-two-adapters/case';
import { deepSeekR1OnEightMi300x } from './deepseek-r1-on-8-mi300x/case';
import { draWithIds } from './dra-with-ids/case';
import { fineTuneOnTwoNodes } from './fine-tune-on-two-nodes/case';
import { ggufConversion } from './gguf-conversion/case';
import { ggufMainAndDraft } from './gguf-main-and-draft/case';
import { imageVolume } from './image-volume/case';
import { llama405bOnTwoNodes } from './llama-405b-on-two-nodes/case';
import { llama70bOnEightL4 } from './llama-70b-fp8-on-8-l4/case';
import { llama8bOnTpu } from './llama-8b-on-tpu/case';
import { nodeCacheForAFleet } from './node-cache-for-a-fleet/case';
import { prefillAndDecode } from './prefill-and-decode/case';
import { sglangWatched } from './sglang-watched/case';
import { twoGgufsOneGateway } from './two-ggufs-one-gateway/case';
import { vllmFromACheckout } from './vllm-from-a-checkout/case';

/** What a user would write, in a folder of its own beside the YAML that comes of it. */
export interface Case {
  readonly folder: string;
  readonly build: (props?: PhasedAppProps) => PhasedApp;
  /** The oldest minor version of Kubernetes that has what it needs. */
  readonly since: number;
}

/** The oldest and the newest minor version that there are schemas for. */
export const OLDEST = 28;
export const NEWEST = 36;

export const CASES: readonly Case[] = [
  { folder: 'llama-70b-fp8-on-8-l4', build: llama70bOnEightL4, since: OLDEST },
  { folder: 'deepseek-r1-on-8-mi300x', build: deepSeekR1OnEightMi300x, since: OLDEST },
  { folder: 'llama-8b-on-tpu', build: llama8bOnTpu, since: OLDEST },
  { folder: 'cpu-vllm-with-two-adapters', build: cpuVllmWithTwoAdapters, since: OLDEST },
  { folder: 'gguf-main-and-draft', build: ggufMainAndDraft, since: OLDEST },
  { folder: 'llama-405b-on-two-nodes', build: llama405bOnTwoNodes, since: OLDEST },
  { folder: 'image-volume', build: imageVolume, since: 35 },
  { folder: 'prefill-and-decode', build: prefillAndDecode, since: OLDEST },
  { folder: 'two-ggufs-one-gateway', build: twoGgufsOneGateway, since: OLDEST },
  { folder: 'gguf-conversion', build: ggufConversion, since: OLDEST },
  { folder: 'dra-with-ids', build: draWithIds, since: 34 },
  { folder: 'sglang-watched', build: sglangWatched, since: OLDEST },
  { folder: 'fine-tune-on-two-nodes', build: fineTuneOnTwoNodes, since: OLDEST },
  { folder: 'node-cache-for-a-fleet', build: nodeCacheForAFleet, since: OLDEST },
  { folder: 'vllm-from-a-checkout', build: vllmFromACheckout, since: OLDEST },
];

/** Where the committed YAML of a case is. */
export function folderOf({ folder }: Case): string {
  return path.join(__dirname, folder, 'dist');
}

/**
 * The YAML of a case, by path. Left out are the README and the download phase, whose like is in dist/ of the
 * repository: they would be nine tenths of it, and the same in each.
 */
export function yamlOf({ build }: Case): Record<string, string> {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'cdk8s-llm-case-'));
  try {
    build({ outdir }).synth();
    const files = fs.readdirSync(outdir, { recursive: true, encoding: 'utf8' });
    return Object.fromEntries(
      files
        .filter((file) => file.endsWith('.k8s.yaml') && !file.includes('10-download'))
        .sort()
        .map((file) => [file.split(path.sep).join('/'), fs.readFileSync(path.join(outdir, file), 'utf8')]),
    );
  } finally {
    fs.rmSync(outdir, { recursive: true, force: true });
  }
}
