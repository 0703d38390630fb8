import { Size } from 'cdk8s';
import { FloatType } from '../engines/dllama/float-type';
import { ModelFacts } from '../engines/model-facts';
import { checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { mebibytesFor } from '../pod/quantity';

const MIB = 1024 * 1024;

/** What a converter is to the Job that runs it. @internal */
export interface ConverterSpec {
  /** Part of the artifact's key: another converter or version may write other bytes. */
  readonly id: string;
  /** The program that the Job runs. */
  readonly program: string;
  /** The files that its Job mounts. */
  readonly programs: readonly string[];
  /** The pinned Python packages that it needs. */
  readonly requirements: string;
  /** Space that the installed packages take. */
  readonly packagesSize: Size;
  /** Further arguments. */
  readonly args: readonly string[];
  /** The index of those packages that the usual one has not. */
  readonly extraIndexUrl?: string;
  /** The folder of scripts that it downloads; `{version}` stands for the tag. A mirror may take its place. */
  readonly scriptsUrl?: string;
  /** Memory by the model's facts, or undefined where it cannot be computed without them. */
  readonly memory: (facts: ModelFacts | undefined, weights: FloatType) => Size | undefined;
  /** Threads that it can use. */
  readonly threads: number;
}

/** The tags whose scripts' checksums dllama_upstream.py holds. */
const UPSTREAM_VERSIONS = ['v0.16.2', 'v0.16.3', 'v0.16.4'];

/** Where its repository is readable file by file. */
const UPSTREAM_SCRIPTS = 'https://raw.githubusercontent.com/b4rtaz/distributed-llama/{version}/converter';

/** Where PyTorch without CUDA is. */
const PYTORCH_INDEX = 'https://download.pytorch.org/whl/cpu';

/** The converter of distributed-llama's own repository. */
export interface UpstreamConverterProps {
  /**
   * The tag of distributed-llama. Its scripts are fetched by this tag and checked by their sha256.
   *
   * @default v0.16.2
   */
  readonly version?: string;

  /**
   * The folder of the scripts on a mirror, by https on port 443; `{version}` stands for the tag. Their checksums
   * are the same.
   *
   * @default - distributed-llama's repository on GitHub
   */
  readonly scriptsUrl?: string;
}

/** The least for the program that runs the scripts, torch and a tokenizer, however small the model. */
const UPSTREAM_LEAST_MEMORY = 1024 * MIB;

/** Bytes for each value of the largest matrix, as measured: to quantize it the scripts hold it several times over. */
const UPSTREAM_BYTES_PER_VALUE = { [FloatType.Q40]: 24.9, [FloatType.F32]: 0 };

/** The process and its largest matrix, and a fifth more. */
function upstreamMemory(facts: ModelFacts, weights: FloatType): Size {
  const largestMatrix = Math.max(facts.vocabSize, facts.hiddenDim) * facts.dim;
  return mebibytesFor(
    Math.max(UPSTREAM_LEAST_MEMORY, 1.2 * (145 * MIB + UPSTREAM_BYTES_PER_VALUE[weights] * largestMatrix)),
  );
}

/** Which program turns Hugging Face files into distributed-llama's `.m` and `.t`. */
export class DllamaConverter {
  /**
   * Ours: numpy alone, tensor by tensor, under 1 GiB whatever the model; byte for byte what upstream v0.16.2
   * writes, and it refuses what upstream would spoil in silence.
   */
  public static streaming(): DllamaConverter {
    return new DllamaConverter({
      id: 'cdk8s-llm-dllama/1',
      program: 'dllama_convert.py',
      programs: ['dllama_convert.py', 'requirements-numpy.txt'],
      requirements: 'requirements-numpy.txt',
      packagesSize: Size.mebibytes(256),
      args: [],
      memory: () => Size.gibibytes(1),
      threads: 2,
    });
  }

  /**
   * Upstream's own scripts with torch and transformers: slower, and the memory grows with the model's
   * largest matrix.
   *
   * @throws when the version is none whose checksums are known, or the mirror's address is not https
   */
  public static upstream(props: UpstreamConverterProps = {}): DllamaConverter {
    checkProps('DllamaConverter.upstream', props);
    const version = props.version ?? 'v0.16.2';
    if (!UPSTREAM_VERSIONS.includes(version)) {
      throw new InputError('DllamaConverter.upstream', 'version', version, {
        allowed: UPSTREAM_VERSIONS.join(', '),
        advice: 'The scripts of other versions have no checksum here.',
      });
    }
    const { scriptsUrl } = props;
    if (scriptsUrl !== undefined && !/^https:\/\/[^\s/@:]+(\/[^\s@]*)?$/.test(scriptsUrl)) {
      throw new InputError(
        'DllamaConverter.upstream',
        'scriptsUrl',
        String(scriptsUrl).includes('@') ? 'an address with credentials' : scriptsUrl,
        { allowed: "'https://host[/path]' without port or credentials" },
      );
    }
    return new DllamaConverter({
      id: `upstream/${version}`,
      program: 'dllama_upstream.py',
      programs: ['dllama_upstream.py', 'requirements-upstream.txt'],
      requirements: 'requirements-upstream.txt',
      // 0.9 GiB installed and 0.3 GiB of wheels on the way.
      packagesSize: Size.mebibytes(2048),
      extraIndexUrl: PYTORCH_INDEX,
      args: [`--version=${version}`],
      scriptsUrl: scriptsUrl ?? UPSTREAM_SCRIPTS,
      memory: (facts, weights) => facts && upstreamMemory(facts, weights),
      threads: 1,
    });
  }

  private constructor(
    /** @internal */
    public readonly _spec: ConverterSpec,
  ) {}
}
