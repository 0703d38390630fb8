import { Size } from 'cdk8s';
import { Construct } from 'constructs';
import { Artifact, checkModelArtifact } from '../artifact/artifact';
import { ArtifactFormat } from '../artifact/format';
import { derivedKey } from '../artifact/key';
import { checkStore, ModelStore } from '../artifact/model-store';
import type { MakerOptions } from '../artifact/stores/app-stores';
import { placeOnStores } from '../artifact/stores/placing';
import { FloatType } from '../engines/dllama/float-type';
import { modelFileBytes } from '../engines/dllama/memory';
import { unsupportedByDllama } from '../engines/dllama/support';
import { mirrorOf } from '../mirror/rules';
import { Phase } from '../phases/phase';
import { checkPositiveInteger, checkProps } from '../pod/checks';
import { artifactFolder, python } from '../pod/guard';
import { checkImage, PYTHON_IMAGE } from '../pod/image';
import { InputError } from '../pod/input-error';
import { JobOptions, optionsByName, ResolvedJobOptions, resolveJobOptions } from '../pod/job-options';
import { portOf } from '../pod/network';
import { outsideEnv, outsideMounts } from '../pod/outside';
import { Owner, ownerOf } from '../pod/owner';
import type { ContainerSpec, Placement } from '../pod/pod-spec';
import { programPath } from '../pod/programs';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import { mountArtifacts, MountedArtifacts } from '../serving/mounted-artifacts';
import { conversionName } from './conversion-name';
import {
  CONVERSION_LOGS,
  ConversionOutput,
  outputFolder,
  outputScratch,
  resolveConversionOutput,
} from './conversion-output';
import { conversionMounts, conversionStores, renderConversion } from './conversion-render';
import { ConverterSpec, DllamaConverter } from './dllama-converter';
import { packagePorts, packageServerArgs, PackageSources, resolvePackages } from './python-packages';

/** What a `DllamaConversion` is told. */
export interface DllamaConversionProps extends JobOptions {
  /** The model as it is on Hugging Face: `cache.artifact`. */
  readonly model: Artifact;

  /**
   * How the weights are stored. The type of the buffers between the processes follows from it.
   *
   * @default FloatType.Q40
   */
  readonly weights?: FloatType;

  /**
   * Where the converted files are kept.
   *
   * @default - the store of the model
   */
  readonly store?: ModelStore;

  /**
   * The model's name in the names of the files, and so the id that the endpoint reports.
   *
   * @default - the repository's name in lower case: `qwen3-1.7b`
   */
  readonly name?: string;

  /**
   * The program that converts.
   *
   * @default DllamaConverter.streaming()
   */
  readonly converter?: DllamaConverter;

  /**
   * Threads, which are also the CPUs that the Job asks for.
   *
   * @default 2, or 1 for the upstream converter, which uses one
   */
  readonly threads?: number;

  /**
   * Memory of the Job, request and limit.
   *
   * @default 1 GiB; by formula from the model's facts for the upstream converter
   */
  readonly memory?: Size;

  /**
   * The image: glibc with Python 3.11 to 3.13.
   *
   * @default docker.io/library/python:3.13.7-slim-bookworm, by digest
   */
  readonly image?: string;

  /**
   * Whether the Job installs the Python packages that the converter needs, pinned by hash. Turn it off for
   * an image that has them.
   *
   * @default true
   */
  readonly installPackages?: boolean;

  /**
   * HTTP proxy through which pip fetches the packages, for instance Dragonfly: `http://proxy:4001`.
   *
   * @default - none
   */
  readonly pipProxy?: string;

  /**
   * The package index.
   *
   * @default - the mirror's, or pip's own
   */
  readonly pipIndexUrl?: string;
}

/**
 * A model converted for distributed-llama: a Job that writes one `.m` and one `.t` file, checks their size
 * against the formula and publishes them whole.
 *
 * @example
 *
 * const converted = new DllamaConversion(pipeline.convert, 'q40', { model: weights.artifact });
 */
export class DllamaConversion extends Construct {
  /** The converted files, for `DllamaTopology`. */
  public readonly artifact: Artifact;

  /**
   * @throws when distributed-llama cannot run the model, when the model is converted already, when the memory
   * cannot be computed
   */
  constructor(scope: Construct, id: string, props: DllamaConversionProps) {
    super(scope, id);
    const spec = resolveDllamaConversion(this, props ?? {});
    this.artifact = spec.artifact;
    if (this.artifact.store._makes(spec.owner, this.artifact, agreed(spec))) {
      renderDllamaConversion({ ...spec, ...resolveVolumes(spec) });
    }
  }
}

/** @internal */
interface DllamaConversionSpec {
  readonly owner: Owner;
  readonly model: Artifact;
  readonly artifact: Artifact;
  readonly weights: FloatType;
  readonly name: string;
  readonly converter: ConverterSpec;
  readonly threads: number;
  readonly memory: Size;
  readonly image: string;
  readonly packages?: PackageSources;
  readonly scriptsUrl?: string;
  readonly options: ResolvedJobOptions;
}

/** What the Job reads, where it writes, and where it may run for them. Made only where there is a Job. @internal */
interface ConversionVolumes {
  readonly inputs: MountedArtifacts;
  readonly output: ConversionOutput;
  readonly placement: Placement;
}

const PACKAGES_FOLDER = '/packages';

function resolveDllamaConversion(scope: Construct, props: DllamaConversionProps): DllamaConversionSpec {
  const owner = ownerOf(scope, 'dllama-conversion', Phase.CONVERT, [Phase.CONVERT, Phase.TUNE]);
  const model = checkModelArtifact(scope, 'model', props.model);
  checkProps(scope, props);
  if (model.format !== ArtifactFormat.HUGGING_FACE) {
    throw new InputError(scope, 'model', `an artifact of format '${model.format}'`, {
      allowed: `an artifact of format '${ArtifactFormat.HUGGING_FACE}'`,
      advice:
        model.format === ArtifactFormat.LORA
          ? 'distributed-llama knows no adapters: let the FineTune leave FineTuneResult.FULL_WEIGHTS.'
          : 'A model that is published for distributed-llama goes straight to DllamaTopology.',
    });
  }
  const weights = checkWeights(scope, props.weights ?? FloatType.Q40);
  const reasons = model.facts ? unsupportedByDllama(model.facts, weights) : [];
  if (reasons.length) {
    throw new InputError(scope, 'model', model.provenance.repository, {
      allowed: 'a model that distributed-llama can run',
      advice: reasons.join(' '),
    });
  }
  const name = conversionName(scope, props.name, model);
  const converter = (props.converter ?? DllamaConverter.streaming())._spec;
  const store = checkStore(scope, props.store ?? model.store)._for(scope, {});
  const bytes = model.facts && modelFileBytes(model.facts, weights);
  const artifact = Artifact._of({
    store,
    namespace: owner.namespace,
    name: `${name.toLowerCase()}-${weights}`,
    key: derivedKey(model.key, converter.id, { weights, name }),
    parents: [model],
    format: ArtifactFormat.DLLAMA,
    provenance: model.provenance,
    facts: model.facts,
    bytes,
    modelFile: `dllama_model_${name}_${weights}.m`,
    tokenizerFile: `dllama_tokenizer_${name}.t`,
    weights,
  });
  return {
    owner,
    model,
    artifact,
    weights,
    name,
    converter,
    threads: checkPositiveInteger(scope, 'threads', props.threads ?? converter.threads),
    memory: resolveMemory(scope, props, converter, model, weights),
    image: checkImage(scope, 'image', props.image ?? PYTHON_IMAGE),
    packages: resolvePackages(scope, props, converter.extraIndexUrl),
    scriptsUrl: converter.scriptsUrl && mirrorOf(scope).web(converter.scriptsUrl),
    options: resolveJobOptions(scope, props, { backoffLimit: 5 }),
  };
}

function checkWeights(scope: Construct, weights: string): FloatType {
  const known = Object.values(FloatType).find((type) => (type as string) === weights);
  if (known) return known;
  throw new InputError(scope, 'weights', weights, {
    allowed: Object.values(FloatType).join(', '),
    advice: 'distributed-llama can run no other weights: q40 goes with q80 buffers, f32 with f32.',
  });
}

/** What two conversions that share the Job have to agree on, by the names of the properties that say it. */
function agreed(spec: DllamaConversionSpec): MakerOptions {
  const { converter, threads, memory, image, packages, scriptsUrl, options } = spec;
  return {
    converter: [converter.id, scriptsUrl],
    threads,
    memory: bytesOf(memory),
    image,
    installPackages: packages !== undefined,
    pipProxy: packages?.proxy,
    pipIndexUrl: packages?.indexUrl,
    ...optionsByName(options),
  };
}

function resolveVolumes({ owner, model, artifact, options }: DllamaConversionSpec): ConversionVolumes {
  const inputs = mountArtifacts(owner, [{ role: 'model', artifact: model }]);
  const output = resolveConversionOutput(owner, model, artifact, () => scratchFor(owner, model, artifact));
  const stores = conversionStores(inputs, output);
  return { inputs, output, placement: placeOnStores(owner, 'placement', options.placement, stores) };
}

function scratchFor(owner: Owner, model: Artifact, { bytes }: Artifact): Size {
  if (bytes !== undefined) return mebibytesFor(1.02 * bytes + TOKENIZER_BYTES);
  throw new InputError(owner.scope, 'model', `${model.provenance.repository}, whose facts are not known`, {
    allowed: 'a model with facts, to write the converted files to S3',
    advice: 'They pass through a disk whose size follows from the facts: give ModelCache its facts.',
  });
}

/** No tokenizer of a supported model comes near it. */
const TOKENIZER_BYTES = 64 * 1024 * 1024;

function resolveMemory(
  scope: Construct,
  props: DllamaConversionProps,
  converter: ConverterSpec,
  model: Artifact,
  weights: FloatType,
): Size {
  const needed = converter.memory(model.facts, weights);
  const memory = props.memory ?? needed;
  if (!memory) {
    throw new InputError(scope, 'memory', undefined, {
      allowed: 'an amount, because it grows with the model, whose facts are not known',
      advice: 'Give memory, or give ModelCache the facts of the model (ModelFacts.fromConfigFile).',
    });
  }
  if (needed && bytesOf(memory) < bytesOf(needed)) {
    throw new InputError(scope, 'memory', bytesQuantity(memory), {
      allowed: `${bytesQuantity(needed)} or more for converter ${converter.id}`,
    });
  }
  return memory;
}

function renderDllamaConversion(spec: DllamaConversionSpec & ConversionVolumes): void {
  const { packages, scriptsUrl, converter } = spec;
  renderConversion({
    ...spec,
    programs: converter.programs,
    preparation: packages ? [packagesContainer(spec, packages)] : [],
    convert: convertContainer(spec),
    volumes: packages
      ? [{ name: 'packages', emptyDir: { sizeLimit: bytesQuantity(converter.packagesSize) } }]
      : [],
    ports: [...(packages ? packagePorts(packages) : []), ...(scriptsUrl ? [portOf(scriptsUrl)] : [])],
  });
}

function packagesContainer(spec: DllamaConversionSpec, packages: PackageSources): ContainerSpec {
  const { requirements, packagesSize } = spec.converter;
  return {
    name: 'packages',
    image: spec.image,
    command: ['python3', '-m', 'pip', 'install'],
    args: [
      '--require-hashes',
      '--only-binary=:all:',
      '--no-deps',
      '--no-cache-dir',
      '--no-compile',
      '--disable-pip-version-check',
      `--target=${PACKAGES_FOLDER}`,
      `--requirement=${programPath(requirements)}`,
      ...packageServerArgs(packages),
    ],
    env: [
      { name: 'HOME', value: PACKAGES_FOLDER },
      { name: 'TMPDIR', value: PACKAGES_FOLDER },
      ...outsideEnv(spec.options),
    ],
    mounts: [{ name: 'packages', mountPath: PACKAGES_FOLDER }, ...outsideMounts(spec.options)],
    resources: {
      cpu: '500m',
      cpuLimit: '1',
      memory: Size.mebibytes(256),
      storage: packagesSize,
    },
  };
}

function convertContainer(spec: DllamaConversionSpec & ConversionVolumes): ContainerSpec {
  const { artifact, model, output, converter } = spec;
  return {
    name: 'convert',
    image: spec.image,
    command: python(converter.program),
    args: [
      `--input=${artifactFolder(model)}`,
      `--input-key=${model.key}`,
      `--output=${outputFolder(output, artifact)}`,
      `--key=${artifact.key}`,
      `--weights=${spec.weights}`,
      `--name=${spec.name}`,
      `--threads=${spec.threads}`,
      ...converter.args,
      ...(spec.scriptsUrl ? [`--scripts-url=${spec.scriptsUrl}`] : []),
    ],
    env: [
      ...(spec.packages ? [{ name: 'PYTHONPATH', value: PACKAGES_FOLDER }] : []),
      ...(spec.scriptsUrl ? outsideEnv(spec.options) : []),
    ],
    mounts: [
      ...conversionMounts(spec.inputs, output),
      ...(spec.packages ? [{ name: 'packages', mountPath: PACKAGES_FOLDER, readOnly: true }] : []),
      ...(spec.scriptsUrl ? outsideMounts(spec.options) : []),
    ],
    resources: {
      cpu: String(spec.threads),
      memory: spec.memory,
      storage: mebibytesFor(diskBytes(spec)),
    },
  };
}

/** All emptyDirs of the pod count while the converter runs: past its limit the pod is evicted. */
function diskBytes({ output, packages, converter }: DllamaConversionSpec & ConversionVolumes): number {
  return bytesOf(CONVERSION_LOGS) + (packages ? bytesOf(converter.packagesSize) : 0) + outputScratch(output);
}
