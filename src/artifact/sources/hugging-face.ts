import type { ISecret, SecretValue } from 'cdk8s-plus-28';
import { PublishedDllamaModel } from '../../engines/dllama/published-models';
import { knownFacts } from '../../engines/known-models';
import { checkAddress, checkFlag } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { ArtifactFormat } from '../format';
import { checkPatterns } from './patterns';
import { SourceProof, SourceSpec } from './source-spec';
import { resolveToken } from './token';

/** The public hub. @internal */
export const HUGGING_FACE = 'https://huggingface.co';

/** How to read a Hugging Face repository, besides its name. */
export interface HuggingFaceSourceOptions {
  /**
   * The files to take, as glob patterns (`*.safetensors`); a pattern that ends in `/` takes a whole folder.
   *
   * @default - all files
   */
  readonly include?: string[];

  /**
   * The files to leave out, as glob patterns. Wins over `include`.
   *
   * @default - none
   */
  readonly exclude?: string[];

  /**
   * The Secret that holds an access token under the key `token`, for private and gated repositories.
   *
   * @default - `token`
   */
  readonly tokenSecret?: ISecret;

  /**
   * The access token, where its Secret has it under another key: `{ secret, key: 'HF_TOKEN' }`. Not with
   * `tokenSecret`.
   *
   * @default - `tokenSecret`, or no token
   */
  readonly token?: SecretValue;

  /**
   * The hub, or a mirror of it.
   *
   * @default https://huggingface.co
   */
  readonly endpoint?: string;

  /**
   * Files that the repository holds in parts, by the name of the whole: the parts are joined in the given
   * order into one file of that name while they are fetched.
   *
   * @default - no file is joined
   */
  readonly join?: { [whole: string]: string[] };

  /**
   * How the files are to be read.
   *
   * @default - GGUF where the patterns of `include` name `.gguf` files alone, distributed-llama's for the
   * repositories that `PublishedDllamaModel` lists, `DATASET` for a dataset, otherwise that of Hugging Face
   */
  readonly format?: ArtifactFormat;

  /**
   * The file that holds the weights, for formats of one file: its path in the repository.
   *
   * @default - the one file that `include` names, where it is a `.gguf` file
   */
  readonly modelFile?: string;
}

/** A Hugging Face repository at a commit. */
export interface HuggingFaceSourceProps extends HuggingFaceSourceOptions {
  /**
   * The full commit id, 40 hexadecimal digits. A branch or a tag moves, so it is refused; the error shows
   * the command that resolves it.
   */
  readonly revision: string;

  /**
   * Whether the repository is a dataset.
   *
   * @default false - a model
   */
  readonly dataset?: boolean;
}

/** @internal */
export function huggingFaceSource(repo: string, given: HuggingFaceSourceProps): SourceSpec {
  const where = 'ModelSource.huggingFace';
  const props = given ?? {};
  const dataset = checkFlag(where, 'dataset', props.dataset) ?? false;
  const token = resolveToken(where, props);
  if (!/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(repo)) {
    throw new InputError(where, 'repo', repo, {
      allowed: "'organization/name', as in the repository's web address",
    });
  }
  const endpoint = checkAddress(where, 'endpoint', props.endpoint ?? HUGGING_FACE, {
    path: true,
    advice: 'A token is given by tokenSecret.',
  }).replace(/\/+$/, '');
  // The hub and the marker write it in lower case.
  const revision = typeof props.revision === 'string' ? props.revision.toLowerCase() : '';
  if (!/^[0-9a-f]{40}$/.test(revision)) {
    throw new InputError(where, 'revision', props.revision || undefined, {
      allowed:
        'a full commit id (40 hexadecimal digits), because a branch or tag can move under a running model',
      advice: howToResolve(endpoint, dataset, repo, props.revision || 'main'),
    });
  }
  checkPatterns(where, props);
  for (const [whole, parts] of Object.entries(props.join ?? {})) {
    const paths: unknown[] = [whole, ...(Array.isArray(parts) ? parts : [])];
    const odd = paths.find((path) => !isRepositoryPath(path));
    if (odd !== undefined || paths.length === 1) {
      throw new InputError(where, `join.${whole}`, odd ?? parts, {
        allowed: 'a list of paths of files of the repository',
      });
    }
  }
  const published = dataset ? undefined : PublishedDllamaModel.ofRepository(repo);
  const include = props.include ?? (published ? [...published.parts, published.tokenizerFile] : []);
  const exclude = props.exclude ?? [];
  const join =
    props.join ?? (published && published.parts.length > 1 ? { [published.modelFile]: published.parts } : {});
  return {
    kind: 'huggingface',
    name: (dataset ? `datasets--${repo}` : repo).toLowerCase().replace('/', '--'),
    // A mirror gives the same bytes, which the commit and the checksums prove.
    identity: {
      type: 'huggingface',
      ...(dataset ? { repoType: 'dataset' } : {}),
      repo,
      revision,
      include: [...include].sort(),
      exclude: [...exclude].sort(),
      join,
    },
    address: `hf://${dataset ? 'datasets/' : ''}${repo}@${revision}`,
    repository: repo,
    revision,
    proof: SourceProof.CONTENT,
    format: props.format ?? formatOf(include, published, dataset),
    facts: published?.facts ?? (dataset ? undefined : knownFacts(repo)),
    bytes: published?.modelBytes,
    allWeights: !published && !dataset && takesWeights(include, exclude),
    modelFile: props.modelFile ?? published?.modelFile ?? onlyGguf(include),
    tokenizerFile: published?.tokenizerFile,
    weights: published?.weights,
    fetch: {
      by: 'program',
      args: [
        `--repo=${repo}`,
        ...(dataset ? ['--repo-type=dataset'] : []),
        `--revision=${revision}`,
        ...include.map((pattern) => `--include=${pattern}`),
        ...exclude.map((pattern) => `--exclude=${pattern}`),
        ...Object.entries(join).map(([whole, parts]) => `--join=${whole}=${parts.join(',')}`),
      ],
      endpoints: [{ flag: '--endpoint', url: endpoint }],
      secrets: token ? [{ env: 'HF_TOKEN', ...token, purpose: `access token for ${endpoint}/${repo}` }] : [],
      needsFolder: false,
    },
  };
}

function isRepositoryPath(path: unknown): boolean {
  return typeof path === 'string' && /^[\w.-]+(\/[\w.-]+)*$/.test(path) && !path.split('/').includes('..');
}

function formatOf(
  include: string[],
  published: PublishedDllamaModel | undefined,
  dataset: boolean,
): ArtifactFormat {
  if (published) return ArtifactFormat.DLLAMA;
  const ggufAlone = include.length > 0 && include.every((pattern) => pattern.endsWith('.gguf'));
  if (ggufAlone) return ArtifactFormat.GGUF;
  return dataset ? ArtifactFormat.DATASET : ArtifactFormat.HUGGING_FACE;
}

/** The file of weights, where one alone is asked for by its name. */
function onlyGguf(include: string[]): string | undefined {
  const [name] = include;
  return include.length === 1 && /^[^*?[\]]+\.gguf$/.test(name) ? name : undefined;
}

/** Whether all weights are among the files, as far as the patterns tell: the size known is that of all. */
function takesWeights(include: string[], exclude: string[]): boolean {
  const names = (pattern: string) => pattern.includes('safetensors');
  return (
    (include.length === 0 || include.some((pattern) => pattern === '*' || names(pattern))) &&
    !exclude.some(names)
  );
}

/** Whether a ref is a commit id, whole or shortened, and neither a branch nor a tag. @internal */
export function isCommitId(ref: string): boolean {
  return /^[0-9a-f]{7,40}$/i.test(ref);
}

/** By git where it knows the name; it finds no shortened commit id, which the hub does. */
function howToResolve(endpoint: string, dataset: boolean, repo: string, ref: string): string {
  return isCommitId(ref)
    ? `Take the "sha" of what this prints: curl -s ${endpoint}/api/${dataset ? 'datasets' : 'models'}/${repo}/revision/${ref}`
    : `Resolve it with: git ls-remote ${endpoint}/${dataset ? 'datasets/' : ''}${repo} ${ref}`;
}

/** An address of a Hugging Face repository, taken apart. @internal */
export interface HuggingFaceAddress {
  readonly repo: string;
  readonly revision?: string;
  readonly endpoint?: string;
  readonly dataset?: boolean;
}

/** Forges whose addresses look like those of a hub or a mirror of it. */
const NOT_HUBS = /^https?:\/\/(www\.)?(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)$/i;

/**
 * `hf://[datasets/]org/name[@<commit>]`, or a repository's web address; nothing where it is neither.
 *
 * @internal
 */
export function parseHuggingFaceAddress(address: string): HuggingFaceAddress | undefined {
  const hf = /^hf:\/\/(datasets\/)?([^@\s/]+\/[^@\s/]+?)(?:@([^@\s]+))?$/.exec(address);
  if (hf) return { repo: hf[2], revision: hf[3], ...(hf[1] ? { dataset: true } : {}) };
  const web =
    /^(https?:\/\/[^/\s]+)\/(datasets\/)?([^/\s]+\/[^/\s?#]+?)(?:\/(?:tree|commit)\/([^/\s?#]+))?\/?$/.exec(
      address,
    );
  if (!web || NOT_HUBS.test(web[1])) return undefined;
  return { repo: web[3], revision: web[4], endpoint: web[1], ...(web[2] ? { dataset: true } : {}) };
}
