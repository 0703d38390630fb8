import { FloatType } from '../engines/dllama/float-type';
import { ModelFacts } from '../engines/model-facts';
import type { IConstruct } from 'constructs';
import { checkKind } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { Owner } from '../pod/owner';
import { ArtifactFormat } from './format';
import { ModelStore } from './model-store';
import type { SourceImage, SourceProof } from './sources/source-spec';
import type { StoreVolume } from './stores/store-volume';

/** Where an artifact's bytes come from, for the people who answer for them. */
export interface Provenance {
  /** The source's address: `hf://org/name@<commit>`. */
  readonly source: string;

  /** What people call it: `org/name` of a repository. */
  readonly repository: string;

  /** Which state of it: the full commit id, a version, a digest. */
  readonly revision: string;

  /** What the source proves of the bytes. */
  readonly proof: SourceProof;

  /**
   * The licence, as an SPDX identifier or the name that Hugging Face uses.
   *
   * @default - read from the hub at run time and left in the marker alone
   */
  readonly licence?: string;
}

/** @internal */
export interface ArtifactProps {
  readonly store: ModelStore;
  /** The namespace of the Job that makes it. */
  readonly namespace: string;
  /** The first part of its folder's name. */
  readonly name: string;
  readonly key: string;
  /** Its folder, where that is there already. @default - `<name>-<key>` */
  readonly path?: string;
  readonly format: ArtifactFormat;
  readonly provenance: Provenance;
  readonly facts?: ModelFacts;
  readonly bytes?: number;
  readonly modelFile?: string;
  readonly tokenizerFile?: string;
  readonly weights?: FloatType;
  /** The image that holds it, where it is one. */
  readonly image?: SourceImage;
  /** The artifacts that it is made from. @default - none, it is from a source */
  readonly parents?: readonly Artifact[];
}

/**
 * An immutable, verified set of files: what flows between constructs. Made by `ModelCache`,
 * `DllamaConversion` and their kind, never by hand.
 */
export class Artifact {
  /** The store that holds it. */
  public readonly store: ModelStore;

  /** A hash of everything that decides its bytes. */
  public readonly key: string;

  /** Its folder below the root of the store. */
  public readonly path: string;

  /** How its files are to be read. */
  public readonly format: ArtifactFormat;

  /** Where it comes from. */
  public readonly provenance: Provenance;

  /** The model's dimensions, where they are known at synth. */
  public readonly facts?: ModelFacts;

  /** Its size in bytes, where it is known at synth; about, for GGUF files that a `GgufConversion` makes. */
  public readonly bytes?: number;

  /** The file of the weights, for formats that have one. */
  public readonly modelFile?: string;

  /** The file of the tokenizer, for formats that have one. */
  public readonly tokenizerFile?: string;

  /** How distributed-llama's weights are stored, for artifacts of its format. */
  public readonly weights?: FloatType;

  /**
   * The namespace of the Job that makes it.
   *
   * @internal
   */
  public readonly _namespace: string;

  /**
   * The image that holds it, where a kubelet mounts it as it is.
   *
   * @internal
   */
  public readonly _image?: SourceImage;

  /**
   * The folders of the artifacts that it was made from, nearest first: their names end in the keys.
   *
   * @internal
   */
  public readonly _ancestors: readonly string[];

  /** @internal */
  public static _of(props: ArtifactProps): Artifact {
    return new Artifact(props);
  }

  private constructor(props: ArtifactProps) {
    this.store = props.store;
    this._namespace = props.namespace;
    this.key = props.key;
    this.path = props.path ?? `${props.name}-${props.key}`;
    this.format = props.format;
    this.provenance = props.provenance;
    this.facts = props.facts;
    this.bytes = props.bytes;
    this.modelFile = props.modelFile;
    this.tokenizerFile = props.tokenizerFile;
    this.weights = props.weights;
    this._image = props.image;
    this._ancestors = (props.parents ?? []).flatMap(({ path, _ancestors }) => [path, ..._ancestors]);
  }

  /**
   * The volume by which a consumer's pods read it.
   *
   * @throws when it is in a claim of another namespace: the consumer would wait for it for ever
   * @internal
   */
  public _volume(user: Owner): StoreVolume {
    if (this.store._spec.kind === 'claim' && user.namespace !== this._namespace) {
      throw new InputError(user.scope, 'model', `${this.path} in a claim of namespace ${this._namespace}`, {
        allowed: `an artifact in namespace ${user.namespace}, or one in S3`,
        advice:
          'A claim cannot be mounted from another namespace: make the artifact in this one too, or keep it ' +
          'in ModelStore.s3.',
      });
    }
    return this.store._volume(user, this);
  }
}

/** @throws when it is none but, for instance, the construct that makes one. @internal */
export function checkArtifact(
  where: IConstruct | string,
  field: string,
  artifact: Artifact,
  advice = 'Give the .artifact of a ModelCache or DllamaConversion.',
): Artifact {
  const isOne = (given: Artifact) => given.store !== undefined && given.key !== undefined;
  return checkKind(where, field, artifact, isOne, { allowed: 'an artifact', advice });
}

/** What is no model, whatever is to read it. */
const NO_MODEL: Partial<Record<ArtifactFormat, string>> = {
  [ArtifactFormat.DATASET]: 'a dataset',
  [ArtifactFormat.GIT_TREE]: 'the files of a Git repository',
};

/** @throws when it is no artifact, or one that is no model @internal */
export function checkModelArtifact(
  where: IConstruct | string,
  field: string,
  artifact: Artifact,
  advice?: string,
): Artifact {
  const { format } = checkArtifact(where, field, artifact, advice);
  const what = NO_MODEL[format];
  if (what === undefined) return artifact;
  throw new InputError(where, field, what, {
    allowed: 'a model, or an adapter where one is read',
    advice:
      format === ArtifactFormat.DATASET
        ? 'A FineTune takes it as one of its datasets. If it is a model, say the format at its source.'
        : undefined,
  });
}
