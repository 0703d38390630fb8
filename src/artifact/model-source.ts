import type { ISecret } from 'cdk8s-plus-28';
import { PublishedDllamaModel } from '../engines/dllama/published-models';
import type { IConstruct } from 'constructs';
import { checkKind } from '../pod/checks';
import { InputError, withoutCredentials } from '../pod/input-error';
import { checkSecret } from '../pod/secret-env';

/** The public hub. */
export const HUGGING_FACE = 'https://huggingface.co';

/** The key of a token Secret. */
export const TOKEN_KEY = 'token';

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
   * @default - no token
   */
  readonly tokenSecret?: ISecret;

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
}

/** A Hugging Face repository at a commit. */
export interface HuggingFaceSourceProps extends HuggingFaceSourceOptions {
  /**
   * The full commit id, 40 hexadecimal digits. A branch or a tag moves, so it is refused; the error shows
   * the command that resolves it.
   */
  readonly revision: string;
}

/** An address' revision where the address itself has none. */
export interface ParsedSourceOptions extends HuggingFaceSourceOptions {
  /**
   * The full commit id, for an address that holds none, or a branch or tag in its place.
   *
   * @default - the one in the address
   */
  readonly revision?: string;
}

/** A source as plain data. @internal */
export interface HuggingFaceSpec {
  readonly endpoint: string;
  readonly repo: string;
  readonly revision: string;
  readonly include: string[];
  readonly exclude: string[];
  readonly join: { [whole: string]: string[] };
}

/** Where a model's bytes come from. */
export class ModelSource {
  /**
   * A repository on Hugging Face, at a commit.
   *
   * Of a repository that `PublishedDllamaModel` lists, the model and its tokenizer are taken, joined where
   * they are published in parts.
   *
   * @param repo `organization/name`
   * @throws when the name is not one, when the revision is not a full commit id, when a pattern is empty
   */
  public static huggingFace(repo: string, props: HuggingFaceSourceProps): ModelSource {
    return new ModelSource(repo, props);
  }

  /**
   * Reads an address: `hf://org/name@<commit>`, or a repository's web address
   * (`https://huggingface.co/org/name`, with or without `/tree/<commit>`).
   *
   * @throws when the scheme is unknown, when neither the address nor the options hold a full commit id, or when
   * they hold different ones
   */
  public static parse(address: string, options: ParsedSourceOptions = {}): ModelSource {
    const { revision: given, ...others } = options;
    const { repo, revision, endpoint } = readAddress(address);
    if (
      given &&
      revision &&
      isCommitId(revision) &&
      !given.toLowerCase().startsWith(revision.toLowerCase())
    ) {
      throw new InputError('ModelSource.parse', 'revision', given, {
        allowed: `the '${revision}' that is in the address`,
        advice: 'Give the revision in one place.',
      });
    }
    return new ModelSource(repo, {
      ...others,
      endpoint: others.endpoint ?? endpoint,
      revision: given ?? revision ?? '',
    });
  }

  /** `org/name` */
  public readonly repository: string;

  /** The full commit id. */
  public readonly revision: string;

  /** The source as one address, for people: `hf://org/name@<commit>`. */
  public readonly address: string;

  /** The token's Secret. */
  public readonly tokenSecret?: ISecret;

  /** @internal */
  public readonly _spec: HuggingFaceSpec;

  /**
   * What is published in the repository, where it is one whose files distributed-llama can read as they are.
   *
   * @internal
   */
  public readonly _published?: PublishedDllamaModel;

  private constructor(repo: string, given: HuggingFaceSourceProps) {
    const where = 'ModelSource';
    const props = given ?? {};
    if (props.tokenSecret !== undefined) checkSecret(where, 'tokenSecret', props.tokenSecret);
    if (!/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(repo)) {
      throw new InputError(where, 'repo', repo, {
        allowed: "'organization/name', as in the repository's web address",
      });
    }
    const endpoint = (props.endpoint ?? HUGGING_FACE).replace(/\/+$/, '');
    if (!isWebAddress(endpoint)) {
      throw new InputError(where, 'endpoint', withoutCredentials(endpoint), {
        allowed: "an 'https://' or 'http://' address without credentials",
        advice: 'A token is given by tokenSecret.',
      });
    }
    // The hub and the marker write it in lower case.
    const revision = typeof props.revision === 'string' ? props.revision.toLowerCase() : '';
    if (!/^[0-9a-f]{40}$/.test(revision)) {
      throw new InputError(where, 'revision', props.revision || undefined, {
        allowed:
          'a full commit id (40 hexadecimal digits), because a branch or tag can move under a running model',
        advice: howToResolve(endpoint, repo, props.revision || 'main'),
      });
    }
    for (const field of ['include', 'exclude'] as const) {
      const empty = props[field]?.find((pattern) => pattern.trim() === '');
      if (empty !== undefined)
        throw new InputError(where, field, empty, { allowed: "glob patterns such as '*.json'" });
    }
    for (const [whole, parts] of Object.entries(props.join ?? {})) {
      const odd = [whole, ...parts].find(
        (p) => !/^[\w.-]+(\/[\w.-]+)*$/.test(p) || p.split('/').includes('..'),
      );
      if (odd !== undefined || parts.length === 0) {
        throw new InputError(where, `join.${whole}`, odd ?? [], {
          allowed: 'paths of files of the repository',
        });
      }
    }
    this.repository = repo;
    this.revision = revision;
    this.tokenSecret = props.tokenSecret;
    this.address = `hf://${repo}@${revision}`;
    const published = PublishedDllamaModel.ofRepository(repo);
    this._published = published;
    this._spec = {
      endpoint,
      repo,
      revision,
      include: props.include ?? (published ? [...published.parts, published.tokenizerFile] : []),
      exclude: props.exclude ?? [],
      join:
        props.join ??
        (published && published.parts.length > 1 ? { [published.modelFile]: published.parts } : {}),
    };
  }
}

/** Whether a ref is a commit id, whole or shortened, and neither a branch nor a tag. */
function isCommitId(ref: string): boolean {
  return /^[0-9a-f]{7,40}$/i.test(ref);
}

/** By git where it knows the name; it finds no shortened commit id, which the hub does. */
function howToResolve(endpoint: string, repo: string, ref: string): string {
  return isCommitId(ref)
    ? `Take the "sha" of what this prints: curl -s ${endpoint}/api/models/${repo}/revision/${ref}`
    : `Resolve it with: git ls-remote ${endpoint}/${repo} ${ref}`;
}

/** @throws when it is none. @internal */
export function checkSource(scope: IConstruct, source: ModelSource): ModelSource {
  return checkKind(scope, 'source', source, (given) => typeof given._spec?.repo === 'string', {
    allowed: 'a ModelSource',
    advice: "Make one: ModelSource.parse('hf://org/name@<commit>').",
  });
}

function readAddress(address: string): { repo: string; revision?: string; endpoint?: string } {
  const hf = /^hf:\/\/([^@\s]+?)(?:@([^@\s]+))?$/.exec(address);
  if (hf) return { repo: hf[1], revision: hf[2] };
  const web = /^(https?:\/\/[^/\s]+)\/([^/\s]+\/[^/\s?#]+)(?:\/(?:tree|commit)\/([^/\s?#]+))?\/?$/.exec(
    address,
  );
  if (web) return { repo: web[2], revision: web[3], endpoint: web[1] };
  throw new InputError('ModelSource.parse', 'address', withoutCredentials(address), {
    allowed: "'hf://org/name@<commit>' or 'https://huggingface.co/org/name[/tree/<commit>]'",
    advice: 'Other schemes are not known.',
  });
}

function isWebAddress(text: string): boolean {
  try {
    return ['https:', 'http:'].includes(new URL(text).protocol) && !text.includes('@');
  } catch {
    return false;
  }
}
