import type { Construct } from 'constructs';
import type { Artifact } from '../artifact/artifact';
import type { LlamaOptions } from '../engines/llama/command';
import { cpuServerBytes, gpuServerBytes, llamaMemory, LlamaMemory } from '../engines/llama/memory';
import type { ModelFacts } from '../engines/model-facts';
import { checkSize } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import type { EngineSpec } from '../serving/engine-spec';
import type { LlamaFile, LlamaServerProps } from './llama-server-props';

/**
 * Of all files that are loaded; undefined where the size of one is not known. Files whose size is not said count as
 * their artifacts, each of them once.
 *
 * @internal
 */
export function resolveWeightBytes(scope: Construct, props: LlamaServerProps): number | undefined {
  let sum = 0;
  const whole = new Set<Artifact>();
  for (const [field, file] of loadedFiles(props)) {
    if (file.fileSize === undefined) whole.add(file.model ?? props.model);
    else sum += bytesOf(checkSize(scope, field, file.fileSize));
  }
  return [...whole].reduce(
    (total, { bytes }) => (total === undefined || bytes === undefined ? undefined : total + bytes),
    sum as number | undefined,
  );
}

/** All files that are loaded, by the properties that say their sizes. */
function loadedFiles({ model, fileSize, adapters = [], projector, draft }: LlamaServerProps) {
  const files: [string, LlamaFile | undefined][] = [
    ['fileSize', { model, fileSize }],
    ...adapters.map((adapter, index): [string, LlamaFile] => [`adapters[${index}].fileSize`, adapter]),
    ['projector.fileSize', projector],
    ['draft.fileSize', draft],
  ];
  return files.filter((entry): entry is [string, LlamaFile] => entry[1] !== undefined);
}

function adviceOnMemory(props: LlamaServerProps, factsAreKnown: boolean): string {
  if (!factsAreKnown) {
    return (
      'Give memory, or fileSize and, to ModelCache, the facts of the model and of the draft ' +
      "(KnownModels.facts('Qwen/Qwen3-8B'), ModelFacts.fromConfigFile('config.json'))."
    );
  }
  const unknown = loadedFiles(props)
    .filter(([, file]) => file.fileSize === undefined && (file.model ?? props.model).bytes === undefined)
    .map(([field]) => field);
  return `Give memory, or the sizes of the files that are not known: ${unknown.join(', ')}.`;
}

/**
 * The memory of the container.
 *
 * @throws when the devices cannot hold the model
 * @internal
 */
export function resolveMemory(
  scope: Construct,
  props: LlamaServerProps,
  options: LlamaOptions,
  weightBytes: number | undefined,
): Pick<EngineSpec['resources'], 'memory' | 'leastMemory' | 'memoryAdvice'> {
  const promptCache = options.promptCacheMib * 1024 ** 2;
  const { facts } = props.model;
  // The draft has a cache of its own, as long as that of the model.
  const draftFacts = props.draft?.model?.facts;
  const known = facts !== undefined && (props.draft === undefined || draftFacts !== undefined);
  if (props.router) {
    return {
      memoryAdvice: 'What models a router loads is not known here: give what maxModels of the largest take.',
    };
  }
  const onDevices = options.gpuLayers === 'all';
  if (!known || weightBytes === undefined) {
    return onDevices
      ? { memory: mebibytesFor(gpuServerBytes(promptCache)) }
      : { memoryAdvice: adviceOnMemory(props, known) };
  }
  const load = (of: ModelFacts, bytes: number) =>
    llamaMemory({
      facts: of,
      weightBytes: bytes,
      contextTokens: options.contextTokens,
      parallel: options.parallel,
      ubatchSize: options.ubatchSize,
      cacheTypeK: options.cacheTypeK,
      cacheTypeV: options.cacheTypeV,
      flashAttention: options.flashAttention !== 'off',
    });
  const memory = together([load(facts, weightBytes), ...(draftFacts ? [load(draftFacts, 0)] : [])]);
  if (onDevices) {
    checkDeviceMemory(scope, props, memory);
    return { memory: mebibytesFor(gpuServerBytes(promptCache)) };
  }
  return {
    memory: mebibytesFor(cpuServerBytes(memory, promptCache)),
    leastMemory: { size: mebibytesFor(memory.kvCache + memory.compute), reason: explain(memory) },
  };
}

function together(parts: LlamaMemory[]): LlamaMemory {
  const sum = (term: keyof LlamaMemory) => parts.reduce((total, part) => total + part[term], 0);
  return { weights: sum('weights'), kvCache: sum('kvCache'), compute: sum('compute'), total: sum('total') };
}

function checkDeviceMemory(scope: Construct, { accelerator }: LlamaServerProps, memory: LlamaMemory): void {
  const { memoryBytes, count } = accelerator!._spec;
  if (memoryBytes === undefined || count === undefined || memory.total <= memoryBytes * count) return;
  throw new InputError(scope, 'accelerator', `${count} x ${bytesQuantity(mebibytesFor(memoryBytes))}`, {
    allowed: `devices with ${bytesQuantity(mebibytesFor(memory.total))} or more together`,
    advice: `${explain(memory)} Give less contextSize, parallel or gpuLayers, a smaller cacheTypeK and cacheTypeV, or more devices.`,
  });
}

function explain({ weights, kvCache, compute }: LlamaMemory): string {
  const mib = (bytes: number) => bytesQuantity(mebibytesFor(bytes));
  return `Weights take ${mib(weights)}, the key-value cache ${mib(kvCache)}, buffers ${mib(compute)}.`;
}
