import type { IConstruct } from 'constructs';
import { checkKind } from '../pod/checks';
import { InputError, withoutCredentials } from '../pod/input-error';
import {
  HuggingFaceSourceOptions,
  HuggingFaceSourceProps,
  huggingFaceSource,
  isCommitId,
  parseHuggingFaceAddress,
} from './sources/hugging-face';
import { SourceProof, SourceSpec } from './sources/source-spec';

/** An address' revision where the address itself has none. */
export interface ParsedSourceOptions extends HuggingFaceSourceOptions {
  /**
   * The full commit id, for an address that holds none, or a branch or tag in its place.
   *
   * @default - the one in the address
   */
  readonly revision?: string;
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
    return new ModelSource(huggingFaceSource(repo, props));
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
    const found = parseHuggingFaceAddress(address);
    if (!found) {
      throw new InputError('ModelSource.parse', 'address', withoutCredentials(address), {
        allowed: "'hf://org/name@<commit>' or 'https://huggingface.co/org/name[/tree/<commit>]'",
        advice: 'Other schemes are not known.',
      });
    }
    const { repo, revision, endpoint, dataset } = found;
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
    return ModelSource.huggingFace(repo, {
      ...others,
      dataset,
      endpoint: others.endpoint ?? endpoint,
      revision: given ?? revision ?? '',
    });
  }

  /** What people call it: `org/name`. */
  public readonly repository: string;

  /** Which state of it: the full commit id, a version, a digest. */
  public readonly revision: string;

  /** The source as one address, for people: `hf://org/name@<commit>`. */
  public readonly address: string;

  /** What it proves of its bytes. */
  public readonly proof: SourceProof;

  private constructor(
    /** @internal */
    public readonly _spec: SourceSpec,
  ) {
    this.repository = _spec.repository;
    this.revision = _spec.revision;
    this.address = _spec.address;
    this.proof = _spec.proof;
  }
}

/** @throws when it is none. @internal */
export function checkSource(scope: IConstruct, source: ModelSource): ModelSource {
  return checkKind(scope, 'source', source, (given) => given._spec?.fetch !== undefined, {
    allowed: 'a ModelSource',
    advice: "Make one: ModelSource.parse('hf://org/name@<commit>').",
  });
}
