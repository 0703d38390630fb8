import type { FloatType } from '../../engines/dllama/float-type';
import type { ModelFacts } from '../../engines/model-facts';
import type { ContainerResources } from '../../pod/resources';
import type { ArtifactFormat } from '../format';
import type { ClaimVolume, NodeFolderVolume } from '../stores/store-volume';

/** What a source proves of its bytes. */
export enum SourceProof {
  /** Every byte: the hash of each file is known at synth, or follows from a hash that is. */
  CONTENT = 'content',
  /** An immutable version at the server, which vouches for the bytes behind it. */
  VERSION = 'version',
  /** Nothing: the bytes are those that are there when the Job runs. Asked for by `unpinned: true`. */
  NONE = 'none',
}

/** A source as plain data. @internal */
export interface SourceSpec {
  /** `huggingface`, `s3`: the command of fetch.py, where it is that which fetches. */
  readonly kind: string;
  /** The first part of the artifact's folder: lower-case letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  /** All that decides the bytes and nothing else: neither the server nor a Secret. Hashed into the key. */
  readonly identity: Record<string, unknown>;
  /** The source as one address, for people. */
  readonly address: string;
  /** What people call it: `org/name`. */
  readonly repository: string;
  /** Which state of it: a commit, a version, a digest. */
  readonly revision: string;
  readonly proof: SourceProof;
  readonly format: ArtifactFormat;
  readonly fetch: ProgramFetch | ContainerFetch;
  /** Where the files are an image's: what the kubelet can mount as it is. */
  readonly image?: SourceImage;
  /** The model's dimensions, where the source is a well-known one. */
  readonly facts?: ModelFacts;
  /** The size of all files in bytes, where it is known. */
  readonly bytes?: number;
  /** All weights are among the files, so that their size is that which the facts tell. */
  readonly allWeights?: boolean;
  readonly modelFile?: string;
  readonly tokenizerFile?: string;
  readonly weights?: FloatType;
}

/** A source that fetch.py reads. @internal */
export interface ProgramFetch {
  readonly by: 'program';
  /** The arguments after `fetch.py <kind>`, without those that name servers. */
  readonly args: string[];
  /** Further ones, which help to find what is pinned and decide nothing: of two sources, those of either will do. */
  readonly hints?: string[];
  /** The servers: a mirror may take their place. */
  readonly endpoints: Endpoint[];
  /** TCP ports that are asked besides 443 and those of the endpoints. @default - none */
  readonly ports?: number[];
  readonly secrets: SecretUse[];
  /** The ServiceAccount by whose identity the server lets the Job in. */
  readonly serviceAccountName?: string;
  /** The files are made by unpacking, so that they need a disk before they can be put into a bucket. */
  readonly needsFolder: boolean;
  /** An image that can do more than the usual one. */
  readonly image?: string;
  /** Mounted read-only at SOURCE_FOLDER. */
  readonly volume?: SourceVolume;
}

/** A source that another tool's container brings into a folder, where adopt.py verifies it. @internal */
export interface ContainerFetch {
  readonly by: 'container';
  readonly image: string;
  readonly command: string[];
  readonly args: string[];
  readonly env: Record<string, unknown>[];
  readonly secrets: SecretUse[];
  /** Files of Secrets, mounted read-only. */
  readonly secretFiles: SecretFile[];
  readonly endpoints: Endpoint[];
  readonly serviceAccountName?: string;
  readonly resources: ContainerResources;
  /** The arguments of adopt.py that say how the files are proven. */
  readonly adoptArgs: string[];
  /** Whether the image has /bin/sh, by which the tool is spared when all is there. */
  readonly shell: boolean;
  /** What the tool's exit codes mean: `3=66,7=64`; empty for a tool that knows ours. */
  readonly exitCodes: string;
  /** TCP ports that it asks, besides 443 and those of the endpoints. */
  readonly ports: number[];
  /** Labels by which a cloud gives the pod its identity. */
  readonly podLabels?: Record<string, string>;
}

/** A folder of an image. @internal */
export interface SourceImage {
  /** `registry/repository@sha256:...` */
  readonly reference: string;
  /** The folder in the image, relative to its root; empty for the whole. */
  readonly path: string;
  /** The Secret by which it is pulled. */
  readonly pullSecret?: string;
  /** The server by way of which a Job would copy it; a kubelet asks that of the reference. */
  readonly endpoint?: string;
}

/** A server that a source is read from. @internal */
export interface Endpoint {
  /** The argument that names it: `--endpoint`. */
  readonly flag: string;
  readonly url: string;
}

/** A key of a Secret that becomes an environment variable. @internal */
export interface SecretUse {
  readonly env: string;
  readonly secret: string;
  readonly key: string;
  /** For the list of Secrets in the synthesized README. */
  readonly purpose: string;
  /** Whether the key may be missing. */
  readonly optional?: boolean;
}

/** A key of a Secret that becomes a file. @internal */
export interface SecretFile {
  readonly secret: string;
  readonly key: string;
  /** The file's absolute path in the container. */
  readonly path: string;
  readonly purpose: string;
}

/** A volume that a source's files are in: a claim of the namespace, or a folder on a node. @internal */
export type SourceVolume = Omit<ClaimVolume, 'namespace' | 'bindsLate'> | NodeFolderVolume;

/** Where the volume of a source is mounted. @internal */
export const SOURCE_FOLDER = '/source';
