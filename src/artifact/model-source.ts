import type { IConstruct } from 'constructs';
import { checkKind } from '../pod/checks';
import { ClaimSourceProps, claimSource } from './sources/claim';
import { CustomSourceProps, customSource } from './sources/custom';
import { HttpsFilesProps, httpsFilesSource, HttpsSourceProps, httpsSource } from './sources/https';
import { HuggingFaceSourceProps, huggingFaceSource } from './sources/hugging-face';
import { NgcSourceProps, ngcSource } from './sources/ngc';
import { NodeFolderSourceProps, nodeFolderSource } from './sources/node-folder';
import { OciSourceProps, ociSource } from './sources/oci';
import { OllamaSourceProps, ollamaSource } from './sources/ollama';
import { ParsedSourceOptions, parseSource } from './sources/parse';
import { AzureBlobSourceProps, azureBlobSource, GcsSourceProps, gcsSource } from './sources/rclone';
import { S3SourceProps, s3Source } from './sources/s3';
import { SourceProof, SourceSpec } from './sources/source-spec';

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
   * A folder of an S3 bucket, on AWS or any compatible server. An artifact that this library put into a bucket is
   * such a folder too, pinned by its marker.
   *
   * @throws when the server, the bucket or the prefix cannot be ones, when not exactly one pin is given
   */
  public static s3(props: S3SourceProps): ModelSource {
    return new ModelSource(s3Source(props));
  }

  /**
   * A folder of a bucket in Google Cloud Storage, copied by rclone.
   *
   * @throws when the bucket or the prefix cannot be ones, when not exactly one pin is given
   */
  public static gcs(props: GcsSourceProps): ModelSource {
    return new ModelSource(gcsSource(props));
  }

  /**
   * A folder of a container in Azure Blob Storage, copied by rclone.
   *
   * @throws when the account, the container or the prefix cannot be ones, when not exactly one pin is given
   */
  public static azureBlob(props: AzureBlobSourceProps): ModelSource {
    return new ModelSource(azureBlobSource(props));
  }

  /**
   * A file of a web server, or an archive, whose content is the artifact.
   *
   * @throws when the address cannot be one or holds credentials, when the checksum is none
   */
  public static https(url: string, props: HttpsSourceProps): ModelSource {
    return new ModelSource(httpsSource(url, props));
  }

  /**
   * Several files of web servers.
   *
   * @throws when there is no file, when two have one path
   */
  public static httpsFiles(props: HttpsFilesProps): ModelSource {
    return new ModelSource(httpsFilesSource(props));
  }

  /**
   * A version of a model in NVIDIA's NGC catalog.
   *
   * @param model `org/model` or `org/team/model`
   * @throws when the name is none, when there is no version
   */
  public static ngc(model: string, props: NgcSourceProps): ModelSource {
    return new ModelSource(ngcSource(model, props));
  }

  /**
   * A model in Ollama's registry, or in another one in the same form, read by the registry's protocol: no server runs
   * in the Job.
   *
   * @param name `[host/][namespace/]name[:tag][@sha256:...]`
   * @throws when the name is not one, when it is pinned by neither a digest nor `unpinned: true`
   */
  public static ollama(name: string, props: OllamaSourceProps = {}): ModelSource {
    return new ModelSource(ollamaSource(name, props));
  }

  /**
   * A container image or an OCI artifact: mounted as it is by `ModelStore.imageVolume`, copied by a Job into any
   * other store.
   *
   * @param reference `registry/repository[:tag]@sha256:...`
   * @throws when the reference is not one, when it is pinned by neither a digest nor `unpinned: true`
   */
  public static oci(reference: string, props: OciSourceProps = {}): ModelSource {
    return new ModelSource(ociSource(reference, props));
  }

  /**
   * A folder of a claim that exists in the namespace. Into another store it is copied; where the store is that same
   * claim, it is verified where it is.
   *
   * @throws when the name or the path cannot be one, when not exactly one pin is given
   */
  public static claim(name: string, props: ClaimSourceProps): ModelSource {
    return new ModelSource(claimSource(name, props));
  }

  /**
   * A folder on the disk of a node: a departure from Pod Security, which the synthesized README lists.
   *
   * @throws when the path is none, when not exactly one pin and one way to find the node is given
   */
  public static nodeFolder(path: string, props: NodeFolderSourceProps): ModelSource {
    return new ModelSource(nodeFolderSource(path, props));
  }

  /**
   * A downloader of your own, in an image of your own. What it brings is verified, and the Job, the marker and the
   * guard around it are those of every other source; docs/custom-source.md is the contract.
   *
   * @throws when there is no command, when not exactly one pin is given
   */
  public static custom(props: CustomSourceProps): ModelSource {
    return new ModelSource(customSource(props));
  }

  /**
   * Reads an address:
   *
   * - `hf://[datasets/]org/name@<commit>`, or the web address of a repository on Hugging Face
   * - `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container@account/prefix`, with `@sha256:<hex>` of a manifest
   * - `https://host/path#sha256=<hex>`
   * - `ngc://org/[team/]model:version`
   * - `ollama://name:tag@sha256:<hex>`, `oci://registry/name@sha256:<hex>`
   * - `pvc://claim/path`
   *
   * @throws when the scheme is unknown, when nothing pins the source, when the address and the options contradict each
   * other, when options are for another kind of address
   */
  public static parse(address: string, options: ParsedSourceOptions = {}): ModelSource {
    return new ModelSource(parseSource(address, options));
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
