import type { Construct } from 'constructs';
import {
  ALWAYS_SET,
  argumentsByProperty,
  propertiesOfFlags,
  vllmArguments,
  VllmCommand,
} from '../engines/vllm/command';
import { VLLM_FLAGS } from '../engines/vllm/flag-table';
import { kvTransferConfig, kvTransferSince } from '../engines/vllm/kv-transfer';
import { speculationProblem } from '../engines/vllm/speculation';
import { atLeastVersion } from '../engines/vllm/version';
import { checkFlag, checkPositiveInteger } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { checkSeconds } from '../serving/checks';
import { checkExtraArgs, checkPropertyArgs } from '../serving/extra-args';
import type { MountedArtifacts } from '../serving/mounted-artifacts';
import { DRAIN_TIMEOUT } from '../serving/server-spec';
import type { VllmLayout } from './vllm-server-layout';
import { modelPath } from './vllm-server-model';
import { LoraAdapterProps, VllmDtype, VllmServerProps } from './vllm-server-props';

/** Where the API listens, as vLLM's own default has it. @internal */
export const PORT = 8000;

/** Where the container has the chat template. @internal */
export const TEMPLATE = { name: 'chat-template', folder: '/etc/vllm/chat-template', file: 'template.jinja' };

/** What the arguments are made of, besides the properties. @internal */
export interface Resolved {
  readonly version: string;
  readonly layout: VllmLayout;
  readonly artifacts: MountedArtifacts;
  readonly servedModelNames: string[];
  readonly adapters: LoraAdapterProps[];
}

/**
 * @throws when a property is none, or none that the version has
 * @internal
 */
export function commandOf(scope: Construct, props: VllmServerProps, resolved: Resolved): VllmCommand {
  const { version, layout, artifacts } = resolved;
  checkVersionGates(scope, props, version);
  const count = (field: 'maxModelLen' | 'maxNumSeqs' | 'maxNumBatchedTokens' | 'maxLoras') =>
    props[field] === undefined ? undefined : checkPositiveInteger(scope, field, props[field]);
  const flag = (
    field:
      | 'expertParallel'
      | 'prefixCaching'
      | 'chunkedPrefill'
      | 'enforceEager'
      | 'trustRemoteCode'
      | 'logRequests',
  ) => checkFlag(scope, field, props[field]);
  const word = (field: 'quantization' | 'kvCacheDtype' | 'toolCallParser' | 'reasoningParser') =>
    checkWord(scope, field, props[field]);
  if (resolved.adapters.length === 0) {
    for (const field of ['maxLoras', 'maxLoraRank'] as const) {
      if (props[field] !== undefined) {
        throw new InputError(scope, field, props[field], { allowed: 'nothing, as there are no adapters' });
      }
    }
  }
  const draft = props.speculative?._model;
  return {
    version,
    model: modelPath(scope, props, version, artifacts),
    servedModelNames: resolved.servedModelNames,
    port: PORT,
    tensorParallel: layout.tensorParallel,
    pipelineParallel: layout.pipelineParallel,
    dataParallel: layout.dataParallel,
    expertParallel: flag('expertParallel'),
    maxModelLen: count('maxModelLen'),
    dtype: checkDtype(scope, props.dtype),
    quantization: word('quantization'),
    kvCacheDtype: word('kvCacheDtype'),
    gpuMemoryUtilization: checkShare(scope, props),
    prefixCaching: flag('prefixCaching'),
    chunkedPrefill: flag('chunkedPrefill'),
    maxNumSeqs: count('maxNumSeqs'),
    maxNumBatchedTokens: count('maxNumBatchedTokens'),
    enforceEager: flag('enforceEager'),
    adapters: resolved.adapters.map(({ name, adapter }) => ({ name, path: artifacts.folderOf(adapter) })),
    maxLoraRank: checkLoraRank(scope, props.maxLoraRank),
    maxLoras: count('maxLoras') ?? (resolved.adapters.length || undefined),
    speculation: props.speculative?._speculation,
    draft: draft && artifacts.folderOf(draft),
    toolCallParser: word('toolCallParser'),
    reasoningParser: word('reasoningParser'),
    chatTemplate: props.chatTemplate && `${TEMPLATE.folder}/${TEMPLATE.file}`,
    kvTransfer: props.kvTransfer && kvTransferConfig(version, props.kvTransfer._spec),
    trustRemoteCode: flag('trustRemoteCode'),
    logRequests: flag('logRequests'),
    shutdownSeconds: checkSeconds(scope, 'drainTimeout', props.drainTimeout ?? DRAIN_TIMEOUT),
  };
}

/** What the version cannot do, where it is no flag that it lacks. */
function checkVersionGates(scope: Construct, props: VllmServerProps, version: string): void {
  const problem = props.speculative && speculationProblem(version, props.speculative._speculation);
  if (problem) throw new InputError(scope, 'speculative', props.speculative._speculation.method, problem);
  const transfer = props.kvTransfer?._spec;
  if (transfer && !atLeastVersion(version, kvTransferSince(transfer))) {
    throw new InputError(scope, 'kvTransfer', transfer.connector, {
      allowed: `vLLM ${kvTransferSince(transfer)} or newer`,
      advice: `Pin an image of ${kvTransferSince(transfer)} or newer; this is ${version}.`,
    });
  }
  // A switch that could not be turned off by its name.
  const negations = { prefixCaching: '0.6.5', chunkedPrefill: '0.8.5' } as const;
  for (const [field, since] of Object.entries(negations) as [keyof typeof negations, string][]) {
    if (props[field] === false && !atLeastVersion(version, since)) {
      throw new InputError(scope, field, false, {
        allowed: `true, or vLLM ${since} or newer`,
        advice: `Leave it out, or pin an image of ${since} or newer; this is ${version}.`,
      });
    }
  }
}

function checkDtype(scope: Construct, dtype: VllmDtype | undefined): string | undefined {
  if (dtype === undefined || Object.values(VllmDtype).includes(dtype)) return dtype;
  throw new InputError(scope, 'dtype', dtype, { allowed: Object.values(VllmDtype).join(', ') });
}

function checkShare(scope: Construct, props: VllmServerProps): number | undefined {
  const { gpuMemoryUtilization: share } = props;
  if (share === undefined) return undefined;
  if (props.accelerator === undefined) {
    throw new InputError(scope, 'gpuMemoryUtilization', share, {
      allowed: 'nothing, as there is no accelerator',
      advice: "Use the property 'cpuKvCache'.",
    });
  }
  if (typeof share === 'number' && share > 0 && share <= 1) return share;
  throw new InputError(scope, 'gpuMemoryUtilization', share, { allowed: 'a number above 0 and up to 1' });
}

/** As vllm/config/lora.py lists them (MaxLoRARanks). */
const LORA_RANKS = [8, 16, 32, 64, 128, 256, 320, 512];

function checkLoraRank(scope: Construct, rank: number | undefined): number | undefined {
  if (rank === undefined || LORA_RANKS.includes(rank)) return rank;
  const next = LORA_RANKS.find((each) => each > rank);
  throw new InputError(scope, 'maxLoraRank', rank, {
    allowed: LORA_RANKS.join(', '),
    advice: next === undefined ? undefined : `Adapters of rank ${rank} fit ${next}.`,
  });
}

/** One word, which an argument can be: no flag, and no text that only a shell would split. */
function checkWord(scope: Construct, field: string, word: string | undefined): string | undefined {
  if (word === undefined || (typeof word === 'string' && /^[A-Za-z0-9][\w.+-]*$/.test(word))) return word;
  throw new InputError(scope, field, word, { allowed: "a word of letters, digits, '_', '-', '.' and '+'" });
}

/**
 * The arguments of the container.
 *
 * @throws when the version does not know one of them, or the user gives one that the construct sets
 * @internal
 */
export function checkedArguments(scope: Construct, props: VllmServerProps, command: VllmCommand): string[] {
  const { version } = command;
  const [model, ...own] = vllmArguments(command);
  for (const [property, args] of argumentsByProperty(own)) {
    checkPropertyArgs(scope, VLLM_FLAGS, version, property, args.join(' '), args);
  }
  const set = { ...propertiesOfFlags(own), ...ALWAYS_SET };
  return [model, ...own, ...checkExtraArgs(scope, VLLM_FLAGS, version, props, set)];
}
