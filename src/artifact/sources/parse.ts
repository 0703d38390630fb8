import { InputError } from '../../pod/input-error';
import { parseAzureBlobAddress, parseGcsAddress, parseS3Address } from './bucket-address';
import { ClaimSourceOptions, claimSource, parseClaimAddress } from './claim';
import type { FolderManifestPin } from './folder-pins';
import { HttpsSourceOptions, httpsSource, parseHttpsAddress } from './https';
import {
  HuggingFaceSourceOptions,
  huggingFaceSource,
  isCommitId,
  parseHuggingFaceAddress,
} from './hugging-face';
import { NgcSourceOptions, ngcSource, parseNgcAddress } from './ngc';
import { OciSourceProps, ociSource, parseOciAddress } from './oci';
import { OllamaSourceProps, ollamaSource, parseOllamaAddress } from './ollama';
import { AzureBlobSourceOptions, azureBlobSource, GcsSourceOptions, gcsSource } from './rclone';
import { S3SourceOptions, s3Source } from './s3';
import type { SourceSpec } from './source-spec';

const WHERE = 'ModelSource.parse';

/** How to read a file by its web address, and the checksum where the address holds none. */
export interface ParsedHttpsOptions extends HttpsSourceOptions {
  /**
   * The sha256 of the file or archive.
   *
   * @default - the one in the address: `#sha256=<hex>`
   */
  readonly sha256?: string;
}

/** How to read a model of NGC, and the version where the address holds none. */
export interface ParsedNgcOptions extends NgcSourceOptions {
  /**
   * The version.
   *
   * @default - the one in the address
   */
  readonly version?: string;
}

/**
 * What an address does not say. The options of its own kind are taken, and those of another kind refused; those that
 * stand by themselves are of Hugging Face.
 */
export interface ParsedSourceOptions extends HuggingFaceSourceOptions {
  /**
   * The full commit id of a Hugging Face repository, for an address that holds none, or a branch or tag in its place.
   *
   * @default - the one in the address
   */
  readonly revision?: string;

  /** For `s3://bucket/prefix`. @default - none */
  readonly s3?: S3SourceOptions;

  /** For `gs://bucket/prefix`. @default - none */
  readonly gcs?: GcsSourceOptions;

  /** For `az://container@account/prefix`. @default - none */
  readonly azureBlob?: AzureBlobSourceOptions;

  /** For `https://host/path`. @default - none */
  readonly https?: ParsedHttpsOptions;

  /** For `ngc://org/team/model:version`. @default - none */
  readonly ngc?: ParsedNgcOptions;

  /** For `ollama://name:tag`. @default - none */
  readonly ollama?: OllamaSourceProps;

  /** For `oci://registry/name`. @default - none */
  readonly oci?: OciSourceProps;

  /** For `pvc://claim/path`. @default - none */
  readonly claim?: ClaimSourceOptions;
}

/** The kinds that have options of their own. */
const KINDS = ['s3', 'gcs', 'azureBlob', 'https', 'ngc', 'ollama', 'oci', 'claim'] as const;

type Kind = (typeof KINDS)[number];

/** Every form that an address can have. */
const FORMS = [
  "'hf://[datasets/]org/name@<commit>'",
  "'https://huggingface.co/[datasets/]org/name[/tree/<commit>]'",
  "'s3://bucket/prefix'",
  "'gs://bucket/prefix'",
  "'az://container@account/prefix'",
  "'https://host/path#sha256=<hex>'",
  "'ngc://org/[team/]model:version'",
  "'ollama://name:tag@sha256:<hex>'",
  "'oci://registry/name@sha256:<hex>'",
  "'pvc://claim/path'",
];

/**
 * @throws when the scheme is unknown, when options of another kind are given, and whatever the source's own factory
 * throws
 * @internal
 */
export function parseSource(given: string, told?: ParsedSourceOptions): SourceSpec {
  const options = told ?? {};
  const address = typeof given === 'string' ? given : '';
  const { s3, gcs, azureBlob, https, ngc, ollama, oci, claim, ...huggingFace } = options;
  const of = (kind: Kind) => checkOnly(kind, options);

  const bucket = parseS3Address(address);
  if (bucket) return of('s3') && s3Source({ ...bucket, ...checkOnePin('s3', bucket.manifest, s3) });
  const google = parseGcsAddress(address);
  if (google) return of('gcs') && gcsSource({ ...google, ...checkOnePin('gcs', google.manifest, gcs) });
  const azure = parseAzureBlobAddress(address);
  if (azure) {
    const { bucket: container, account: named, ...others } = azure;
    const given = checkOnePin('azureBlob', others.manifest, azureBlob);
    const account = of('azureBlob') && accountOf(named, given);
    return azureBlobSource({ container, ...others, ...given, account });
  }
  const model = parseNgcAddress(address);
  if (model) return of('ngc') && ngcSource(model.model, { version: model.version ?? '', ...ngc });
  const name = parseOllamaAddress(address);
  if (name) return of('ollama') && ollamaSource(name, ollama);
  const reference = parseOciAddress(address);
  if (reference) return of('oci') && ociSource(reference, oci);
  const folder = parseClaimAddress(address);
  if (folder) return of('claim') && claimSource(folder.claimName, { path: folder.path, ...claim });
  const file = parseHttpsAddress(address);
  if (file && (file.sha256 !== undefined || https)) {
    const sha256 = oneOf('https.sha256', file.sha256, https?.sha256);
    return of('https') && httpsSource(file.url, { ...https, sha256 });
  }
  return parseHuggingFace(address, checkOnly(undefined, options) && huggingFace);
}

function parseHuggingFace(
  address: string,
  { revision: given, ...others }: HuggingFaceSourceOptions & { readonly revision?: string },
): SourceSpec {
  const found = parseHuggingFaceAddress(address);
  if (!found) {
    throw new InputError(WHERE, 'address', address, {
      allowed: FORMS.join(', '),
      advice: /^https?:/.test(address)
        ? "A file of a web server needs its checksum: { https: { sha256: '<hex>' } }. A forge is no hub of models."
        : 'A downloader of your own is ModelSource.custom.',
    });
  }
  const { repo, revision, endpoint, dataset } = found;
  const differs = given && revision && !given.toLowerCase().startsWith(revision.toLowerCase());
  if (differs && isCommitId(revision)) {
    throw new InputError(WHERE, 'revision', given, {
      allowed: `the '${revision}' that is in the address`,
      advice: 'Give the revision in one place.',
    });
  }
  return huggingFaceSource(repo, {
    ...others,
    dataset,
    endpoint: others.endpoint ?? endpoint,
    revision: given ?? revision ?? '',
  });
}

/** @throws when options are given that the address has no use for */
function checkOnly(kind: Kind | undefined, options: ParsedSourceOptions): true {
  const fields = Object.entries(options).flatMap(([field, value]) => (value === undefined ? [] : [field]));
  const odd = fields.find((field) => {
    const own = KINDS.find((known) => known === field);
    return own ? own !== kind : kind !== undefined;
  });
  if (odd === undefined) return true;
  throw new InputError(WHERE, odd, 'given', {
    allowed: kind
      ? `the options of its kind, { ${kind}: { ... } }, alone`
      : 'the options of Hugging Face alone',
    advice: 'They are for addresses of another kind.',
  });
}

/** @throws when it is missing, or said twice and differently */
function accountOf(inAddress: string | undefined, options: AzureBlobSourceOptions | undefined): string {
  const account = oneOf('azureBlob.account', inAddress, options?.account);
  if (account === '') {
    throw new InputError(WHERE, 'azureBlob.account', undefined, {
      allowed: 'the storage account, in which alone the name of a container says anything',
      advice:
        "Give it in the address, az://container@account/prefix, or as { azureBlob: { account: 'acme' } }.",
    });
  }
  return account;
}

/** @throws when both are there and differ */
function oneOf(field: string, inAddress: string | undefined, given: string | undefined): string {
  if (inAddress && given && inAddress.toLowerCase() !== given.toLowerCase()) {
    throw new InputError(WHERE, field, given, {
      allowed: `the '${inAddress}' that is in the address`,
      advice: 'Give it in one place.',
    });
  }
  return given ?? inAddress ?? '';
}

/** @throws when both the address and the options pin the source by a manifest */
function checkOnePin<T extends { readonly manifest?: FolderManifestPin }>(
  field: Kind,
  inAddress: FolderManifestPin | undefined,
  options: T | undefined,
): T | undefined {
  if (inAddress && options?.manifest) {
    oneOf(`${field}.manifest.sha256`, inAddress.sha256, options.manifest.sha256);
  }
  return options;
}
