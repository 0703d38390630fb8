import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { Artifact, checkArtifact, checkModelArtifact } from '../artifact/artifact';
import { ArtifactFormat } from '../artifact/format';
import { derivedKey } from '../artifact/key';
import { checkStore, ModelStore } from '../artifact/model-store';
import { placeOnStores } from '../artifact/stores/placing';
import {
  conversionBytes,
  ggufBytes,
  GgufType,
  isConverted,
  needsImportanceMatrix,
} from '../engines/llama/gguf-type';
import { LLAMA_FULL_IMAGE } from '../engines/llama/images';
import { compareLlamaVersions, llamaVersionOf } from '../engines/llama/version';
import { Phase } from '../phases/phase';
import { checkOptions, checkPositiveInteger, checkProps, checkSize } from '../pod/checks';
import { checkImage } from '../pod/image';
import { InputError } from '../pod/input-error';
import { ResolvedJobOptions, resolveJobOptions } from '../pod/job-options';
import { Owner, ownerOf } from '../pod/owner';
import type { Placement } from '../pod/pod-spec';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import { ArtifactRole, mountArtifacts, MountedArtifacts } from '../serving/mounted-artifacts';
import { conversionName } from './conversion-name';
import { ConversionOutput, resolveConversionOutput } from './conversion-output';
import { conversionStores } from './conversion-render';
import type { GgufConversionProps, ImportanceMatrix } from './gguf-conversion-props';
import { resolveLlamaVersion } from './llama-version';

const MIB = 1024 ** 2;

/** In which llama-gguf-split counts. */
const MEGABYTE = 1000 ** 2;

/** What is quantized may have been converted to these; of less it would be quantized twice. */
const INTERMEDIATES = [GgufType.AUTO, GgufType.F32, GgufType.F16, GgufType.BF16];

/** Not AUTO, at which convert_lora_to_gguf.py fails (v0.5.0: LoraTorchTensor has no attribute 'dim'). */
const ADAPTER_TYPES = [GgufType.F32, GgufType.F16, GgufType.BF16, GgufType.Q8_0];

/** For torch and what it needs, however small the model. */
const LEAST_MEMORY = 1024 * MIB;

/** Adapters are small. */
const ADAPTER_MEMORY = Size.gibibytes(2);

/** Up to here llama.cpp's full images are Ubuntu 22.04, whose Python is 3.10 (.devops/cpu.Dockerfile). */
const OLD_PYTHON = 'b8390';

/** What a conversion is, with every default applied. @internal */
export interface GgufConversionSpec {
  readonly owner: Owner;
  readonly model: Artifact;
  readonly adapterOf?: Artifact;
  readonly importanceMatrix?: ImportanceMatrix;
  readonly artifact: Artifact;
  readonly weights: GgufType;
  /** What is quantized; undefined where nothing is. */
  readonly intermediate?: GgufType;
  /** Megabytes of a part; undefined for one file. */
  readonly maxFileMegabytes?: number;
  readonly name: string;
  /** Of the file, without `.gguf`. */
  readonly fileName: string;
  readonly version: string;
  readonly threads: number;
  readonly memory: Size;
  readonly image: string;
  /** On the disk besides the result while it is made, in bytes; 0 where that is not known. */
  readonly passing: number;
  /** What the user says of the disk on the way to a bucket. */
  readonly scratch?: Size;
  readonly options: ResolvedJobOptions;
}

/** What the Job reads, where it writes, and where it may run for them. Made only where there is a Job. @internal */
export interface GgufVolumes {
  readonly inputs: MountedArtifacts;
  readonly output: ConversionOutput;
  readonly placement: Placement;
}

/** @internal */
export function resolveGgufConversion(scope: Construct, props: GgufConversionProps): GgufConversionSpec {
  const owner = ownerOf(scope, 'gguf-conversion', Phase.CONVERT, [Phase.CONVERT, Phase.TUNE]);
  const model = checkModel(scope, props.model, props.adapterOf !== undefined);
  checkProps(scope, props);
  const adapterOf =
    props.adapterOf === undefined ? undefined : checkHuggingFace(scope, 'adapterOf', props.adapterOf);
  const weights = resolveWeights(scope, props);
  const intermediate = resolveIntermediate(scope, props, weights);
  const importanceMatrix = resolveMatrix(scope, props, weights);
  const maxFileMegabytes = resolveMaxFileSize(scope, props.maxFileSize);
  const name = conversionName(scope, props.name, model);
  const fileName = weights === GgufType.AUTO ? name : `${name}-${weights}`;
  const { image, version } = resolveImage(scope, props);
  const store = checkStore(scope, props.store ?? model.store)._for(scope, {});
  const facts = adapterOf ? undefined : model.facts;
  const bytes = facts && ggufBytes(facts, weights);
  const passing = facts
    ? Math.max(
        intermediate ? ggufBytes(facts, intermediate) : 0,
        maxFileMegabytes ? ggufBytes(facts, weights) : 0,
      )
    : 0;
  const artifact = Artifact._of({
    store,
    namespace: owner.namespace,
    name: fileName.toLowerCase(),
    key: derivedKey(model.key, `llama.cpp/${version}`, {
      weights,
      name,
      ...(intermediate ? { intermediate } : {}),
      ...(importanceMatrix ? { matrix: `${importanceMatrix.model.key}/${importanceMatrix.file}` } : {}),
      ...(adapterOf ? { adapterOf: adapterOf.key } : {}),
      ...(maxFileMegabytes ? { maxFileMegabytes: String(maxFileMegabytes) } : {}),
    }),
    parents: [
      model,
      ...(adapterOf ? [adapterOf] : []),
      ...(importanceMatrix ? [importanceMatrix.model] : []),
    ],
    format: ArtifactFormat.GGUF,
    provenance: model.provenance,
    facts,
    bytes,
    // Into how many parts is known when they are there.
    modelFile: maxFileMegabytes ? `${fileName}-00001-of-*.gguf` : `${fileName}.gguf`,
  });
  return {
    owner,
    model,
    adapterOf,
    importanceMatrix,
    artifact,
    weights,
    intermediate,
    maxFileMegabytes,
    name,
    fileName,
    version,
    threads: checkPositiveInteger(scope, 'threads', props.threads ?? (intermediate ? 4 : 2)),
    memory: resolveMemory(scope, props, model, adapterOf !== undefined),
    image,
    passing,
    scratch: resolveScratch(scope, props.scratch, store),
    options: resolveJobOptions(scope, props, { backoffLimit: 5 }),
  };
}

/** An adapter is told by its format where a FineTune made it, and by `adapterOf` alone where it was fetched. */
function checkModel(scope: Construct, given: Artifact, isAdapter: boolean): Artifact {
  if (checkModelArtifact(scope, 'model', given).format !== ArtifactFormat.LORA)
    return checkHuggingFace(scope, 'model', given);
  if (isAdapter) return given;
  throw new InputError(scope, 'adapterOf', undefined, {
    allowed: 'the model that the adapter was trained on',
    advice: 'Give the artifact that the FineTune had as its model.',
  });
}

function checkHuggingFace(scope: Construct, field: 'model' | 'adapterOf', given: Artifact): Artifact {
  const artifact = checkModelArtifact(scope, field, given);
  if (artifact.format === ArtifactFormat.HUGGING_FACE) return artifact;
  throw new InputError(scope, field, `an artifact of format '${artifact.format}'`, {
    allowed: `an artifact of format '${ArtifactFormat.HUGGING_FACE}'`,
    advice: 'A model that is published as GGUF goes straight to LlamaServer.',
  });
}

function resolveWeights(scope: Construct, { weights, adapterOf }: GgufConversionProps): GgufType {
  const type = checkType(scope, 'weights', weights ?? (adapterOf ? GgufType.F16 : GgufType.Q4_K_M));
  if (adapterOf && !ADAPTER_TYPES.includes(type)) {
    throw new InputError(scope, 'weights', type, {
      allowed: ADAPTER_TYPES.join(', '),
      advice: 'Adapters are small: llama.cpp does not quantize them further.',
    });
  }
  return type;
}

function checkType(scope: Construct, field: string, given: string): GgufType {
  const known = Object.values(GgufType).find((type) => (type as string) === given);
  if (known) return known;
  throw new InputError(scope, field, given, { allowed: Object.values(GgufType).join(', ') });
}

function resolveIntermediate(
  scope: Construct,
  { intermediate }: GgufConversionProps,
  weights: GgufType,
): GgufType | undefined {
  if (isConverted(weights)) {
    if (intermediate === undefined) return undefined;
    throw new InputError(scope, 'intermediate', intermediate, {
      allowed: `nothing, as the converter writes ${weights} by itself`,
    });
  }
  const type = intermediate ?? GgufType.AUTO;
  if (!INTERMEDIATES.includes(type)) {
    throw new InputError(scope, 'intermediate', type, { allowed: INTERMEDIATES.join(', ') });
  }
  return type;
}

const MATRIX: Record<keyof ImportanceMatrix, true> = { model: true, file: true };

function resolveMatrix(
  scope: Construct,
  { importanceMatrix: given }: GgufConversionProps,
  weights: GgufType,
): ImportanceMatrix | undefined {
  if (given === undefined) {
    if (!needsImportanceMatrix(weights)) return undefined;
    throw new InputError(scope, 'weights', weights, {
      allowed: 'a type that needs no importance matrix, or one with importanceMatrix',
      advice: 'Without it llama-quantize would not write it: what is left of the model would be garbage.',
    });
  }
  checkOptions(scope, 'importanceMatrix', given, MATRIX);
  if (isConverted(weights)) {
    throw new InputError(scope, 'importanceMatrix', given.file, {
      allowed: `nothing, as ${weights} is not quantized by it`,
    });
  }
  if (typeof given.file !== 'string' || !/^(?!\.)[\w.-]+(\/(?!\.)[\w.-]+)*$/.test(given.file)) {
    throw new InputError(scope, 'importanceMatrix.file', given.file, {
      allowed: "a path in the artifact, such as 'imatrix.gguf'",
    });
  }
  return { model: checkArtifact(scope, 'importanceMatrix.model', given.model), file: given.file };
}

function resolveMaxFileSize(scope: Construct, size: Size | undefined): number | undefined {
  if (size === undefined) return undefined;
  checkSize(scope, 'maxFileSize', size);
  const megabytes = Math.floor(bytesOf(size) / MEGABYTE);
  if (megabytes >= 1) return megabytes;
  throw new InputError(scope, 'maxFileSize', bytesQuantity(size), { allowed: '1 megabyte or more' });
}

function resolveImage(scope: Construct, props: GgufConversionProps): { image: string; version: string } {
  const given = props.image ?? LLAMA_FULL_IMAGE;
  const image = checkImage(scope, 'image', given);
  const tagged = llamaVersionOf(given);
  const version = resolveLlamaVersion(scope, {
    image: given,
    given: props.version,
    reason: "it is part of the artifact's key",
  });
  const tag = /\/llama\.cpp:([^@]*)/.exec(given)?.[1];
  if (tag !== undefined && !/^full(-|$)/.test(tag)) {
    throw new InputError(scope, 'image', given, {
      allowed: `one of llama.cpp's full images, such as ${LLAMA_FULL_IMAGE}`,
      advice: 'Only they have the converter, Python and its packages.',
    });
  }
  if (tag !== undefined && tagged !== undefined && compareLlamaVersions(tagged, OLD_PYTHON) <= 0) {
    throw new InputError(scope, 'image', given, {
      allowed: `an image newer than ${OLD_PYTHON}`,
      advice: 'The older ones have Python 3.10, and the program that runs the converter needs 3.11.',
    });
  }
  return { image, version };
}

function resolveMemory(
  scope: Construct,
  { memory }: GgufConversionProps,
  model: Artifact,
  adapter: boolean,
): Size {
  if (memory !== undefined) checkSize(scope, 'memory', memory);
  if (adapter) return memory ?? ADAPTER_MEMORY;
  const needed = model.facts && conversionBytes(model.facts);
  if (memory === undefined) {
    if (needed !== undefined) return mebibytesFor(Math.max(LEAST_MEMORY, 1.2 * needed));
    throw new InputError(scope, 'memory', undefined, {
      allowed: 'an amount, because it grows with the model, whose facts are not known',
      advice: 'Give memory, or give ModelCache the facts of the model (ModelFacts.fromConfigFile).',
    });
  }
  if (needed !== undefined && bytesOf(memory) < needed) {
    throw new InputError(scope, 'memory', bytesQuantity(memory), {
      allowed: `${bytesQuantity(mebibytesFor(needed))} or more: the converter computes the largest tensor at once`,
    });
  }
  return memory;
}

function resolveScratch(scope: Construct, scratch: Size | undefined, store: ModelStore): Size | undefined {
  if (scratch === undefined) return undefined;
  checkSize(scope, 'scratch', scratch);
  if (store._spec.kind === 's3') return scratch;
  throw new InputError(scope, 'scratch', bytesQuantity(scratch), {
    allowed: 'nothing, as the files are written into the store itself',
  });
}

/** @internal */
export function resolveGgufVolumes(spec: GgufConversionSpec): GgufVolumes {
  const { owner, model, adapterOf, importanceMatrix, artifact, options } = spec;
  const roles: ArtifactRole[] = [
    { role: 'model', artifact: model },
    ...(adapterOf ? [{ role: 'base model', artifact: adapterOf }] : []),
    ...(importanceMatrix ? [{ role: 'importance matrix', artifact: importanceMatrix.model }] : []),
  ];
  const inputs = mountArtifacts(owner, roles);
  const output = resolveConversionOutput(owner, model, artifact, () => scratchFor(spec));
  const stores = conversionStores(inputs, output);
  return { inputs, output, placement: placeOnStores(owner, 'placement', options.placement, stores) };
}

/** What is on the disk of a pod that fills a bucket, and what the sizes may be wrong by. */
function scratchFor({ owner, scratch, artifact: { bytes }, passing, model }: GgufConversionSpec): Size {
  if (scratch) return scratch;
  if (bytes !== undefined) return mebibytesFor(1.06 * (bytes + passing) + 256 * MIB);
  throw new InputError(owner.scope, 'scratch', undefined, {
    allowed: `an amount, because the size of ${model.provenance.repository} is not known`,
    advice:
      'The files pass through a disk of the pod into the bucket: give scratch, or give ModelCache the facts.',
  });
}
