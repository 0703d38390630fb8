import type { Size } from 'cdk8s';
import type { ISecret, SecretValue } from 'cdk8s-plus-28';
import { checkFlag } from '../../pod/checks';
import { shortHash } from '../../pod/content-hash';
import { InputError } from '../../pod/input-error';
import { checkApart, checkPath, checkSha256, folderName } from './checks';
import type { ChecksumHelp } from './checks';
import { FolderContent, resolveContent } from './folder-content';
import { checkPatterns } from './patterns';
import { Endpoint, SecretUse, SourceProof, SourceSpec } from './source-spec';
import { resolveToken } from './token';
import { unpackBounds } from './unpack-bounds';

/** An archive that can be unpacked. */
export enum ArchiveFormat {
  /** None: the file is kept as it is, whatever its name says. */
  NONE = 'none',
  TAR = 'tar',
  TAR_GZIP = 'tar.gz',
  TAR_BZIP2 = 'tar.bz2',
  TAR_XZ = 'tar.xz',
  /** Unpacked by an image with Python 3.14, the first that knows it. */
  TAR_ZSTD = 'tar.zst',
  ZIP = 'zip',
}

/**
 * Python with `compression.zstd`, which is new in 3.14 (https://docs.python.org/3.14/library/compression.zstd.html).
 *
 * @internal
 */
export const ZSTD_IMAGE =
  'docker.io/library/python:3.14.2-slim-bookworm@sha256:e87711ef5c86aaeaa7031718a69db79d334d94c545c709583f651b8185870941';

/** The environment variable that holds the token. */
const TOKEN_ENV = 'SOURCE_TOKEN';

/** How to reach a web server, and what is there. */
export interface HttpsServerProps extends FolderContent {
  /**
   * The Secret that holds a token under the key `token`, for files that are not public. It is sent to the server of
   * the address alone, and never to another one that this leads to.
   *
   * @default - `token`
   */
  readonly tokenSecret?: ISecret;

  /**
   * That token, where its Secret has it under another key: `{ secret, key: 'GITLAB_TOKEN' }`. Not with `tokenSecret`.
   *
   * @default - `tokenSecret`, or no token
   */
  readonly token?: SecretValue;

  /**
   * The header that the token is sent in, for servers that have one of their own: `PRIVATE-TOKEN` (GitLab),
   * `X-JFrog-Art-Api` (Artifactory).
   *
   * @default Authorization - as `Bearer <token>`
   */
  readonly tokenHeader?: string;

  /**
   * Takes `http://` addresses too. What comes is still checked by its sha256, but everybody on the way can read it;
   * so no token is sent.
   *
   * @default false
   */
  readonly plainHttp?: boolean;
}

/** How to read a file or an archive from a web server, besides its checksum. */
export interface HttpsSourceOptions extends HttpsServerProps {
  /**
   * The file's name in the artifact.
   *
   * @default - the last part of the address
   */
  readonly fileName?: string;

  /**
   * What kind of archive it is, of which the artifact is the content. Links within the archive become files of their
   * own; whatever leads out of it, and all that is no file, ends the Job.
   *
   * @default - as the name in the address says (`.tar`, `.tar.gz`, `.tgz`, `.tar.bz2`, `.tar.xz`, `.tar.zst`, `.zip`),
   * otherwise none
   */
  readonly unpack?: ArchiveFormat;

  /**
   * Leaves out so many folders from the beginning of every path in the archive. One that holds all is not left out by
   * itself.
   *
   * @default 0
   */
  readonly stripComponents?: number;

  /**
   * The files of the archive to take, as glob patterns (`*.safetensors`) of their paths in the artifact; a pattern that
   * ends in `/` takes a whole folder.
   *
   * @default - all files
   */
  readonly include?: string[];

  /**
   * The files of the archive to leave out, as glob patterns. Wins over `include`.
   *
   * @default - none
   */
  readonly exclude?: string[];

  /**
   * What the archive may unpack to: a few kilobytes can hold terabytes of zeros.
   *
   * @default - ten times the archive, and 1 GiB
   */
  readonly maxUnpackedSize?: Size;

  /**
   * How many files and folders the archive may hold.
   *
   * @default 100000
   */
  readonly maxUnpackedFiles?: number;
}

/** A file or an archive of a web server. */
export interface HttpsSourceProps extends HttpsSourceOptions {
  /** The sha256 of the file, or of the archive as it is published: 64 hexadecimal digits. */
  readonly sha256: string;
}

/** A file of a web server. */
export interface HttpsFile {
  /** Where it is. */
  readonly url: string;

  /** Its sha256: 64 hexadecimal digits. */
  readonly sha256: string;

  /**
   * Its path in the artifact.
   *
   * @default - the last part of the address
   */
  readonly path?: string;
}

/** Several files of web servers, none of which is unpacked. */
export interface HttpsFilesProps extends HttpsServerProps {
  /** The files. With a token, all are of one server. */
  readonly files: HttpsFile[];
}

/** A file with all that is known of it. */
interface ResolvedFile {
  readonly url: URL;
  readonly sha256: string;
  readonly path: string;
}

/** What can only be said of an archive. */
const OF_ARCHIVES = ['stripComponents', 'include', 'exclude', 'maxUnpackedSize', 'maxUnpackedFiles'] as const;

/**
 * @throws when the address cannot be one or holds credentials, when the checksum is none, when what is said does not go
 * together
 * @internal
 */
export function httpsSource(url: string, given: HttpsSourceProps): SourceSpec {
  const where = 'ModelSource.https';
  const props = given ?? {};
  const address = checkUrl(where, 'url', url, props);
  const sha256 = checkSha256(where, 'sha256', props.sha256, howToLearn(address));
  const unpack = props.unpack ?? formatByName(address.pathname);
  if (unpack !== ArchiveFormat.NONE) return archiveSource(where, address, sha256, unpack, props);
  const odd = OF_ARCHIVES.find((field) => props[field] !== undefined);
  if (odd) {
    throw new InputError(where, odd, odd === 'maxUnpackedSize' ? 'given' : props[odd], {
      allowed: 'nothing beside a file that is not unpacked',
      advice: 'Say what kind of archive it is: unpack: ArchiveFormat.TAR_GZIP.',
    });
  }
  const path = checkPath(where, 'fileName', props.fileName ?? lastPart(address));
  return filesSource(where, [{ url: address, sha256, path }], props);
}

/**
 * @throws when there is no file, when two have one path, when they are on several servers and there is a token
 * @internal
 */
export function httpsFilesSource(given: HttpsFilesProps): SourceSpec {
  const where = 'ModelSource.httpsFiles';
  const props = given ?? {};
  if (!Array.isArray(props.files) || props.files.length === 0 || props.files.length > MOST_FILES) {
    throw new InputError(where, 'files', props.files?.length ? `${props.files.length} files` : undefined, {
      allowed: `1 to ${MOST_FILES} files`,
      advice: 'Pack more of them into an archive.',
    });
  }
  const files = props.files.map((file, index) => {
    const url = checkUrl(where, `files[${index}].url`, file?.url, props);
    return {
      url,
      sha256: checkSha256(where, `files[${index}].sha256`, file.sha256, howToLearn(url)),
      path: checkPath(where, `files[${index}].path`, file.path ?? lastPart(url)),
    };
  });
  checkApart(
    where,
    'files',
    files.map(({ path }) => path),
  );
  const servers = new Set(files.map(({ url }) => url.origin));
  if ((props.tokenSecret ?? props.token) && servers.size > 1) {
    throw new InputError(where, tokenField(props), [...servers].join(' and '), {
      allowed: 'files of one server, whose token it is',
      advice: 'Make a source and a ModelCache for each server.',
    });
  }
  return filesSource(where, files, props);
}

/** An address of a file, taken apart. @internal */
export interface HttpsAddress {
  readonly url: string;
  readonly sha256?: string;
}

/**
 * `https://host/path[#sha256=<hex>]`; nothing where it is none.
 *
 * @throws when there is another fragment, which would be lost
 * @internal
 */
export function parseHttpsAddress(address: string): HttpsAddress | undefined {
  const [, url, fragment] = /^(https?:\/\/[^#]*)(?:#(.*))?$/s.exec(address) ?? [];
  if (url === undefined) return undefined;
  const sha256 = /^sha256=([0-9A-Fa-f]{64})$/.exec(fragment ?? '')?.[1];
  if (fragment && !sha256) {
    throw new InputError('ModelSource.parse', 'address', address, {
      allowed: "'https://host/path#sha256=<64 hexadecimal digits>'",
    });
  }
  return { url, ...(sha256 ? { sha256 } : {}) };
}

/** What fits on a command line beside all else. */
const MOST_FILES = 500;

function filesSource(where: string, files: ResolvedFile[], props: HttpsServerProps): SourceSpec {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const pins = Object.fromEntries(sorted.map(({ path, sha256 }) => [path, sha256]));
  const one = sorted.length === 1;
  const names = sorted.map(({ path }) => path);
  const place = placeOf(one ? sorted[0].url : new URL('.', sorted[0].url));
  const revision = one ? `sha256:${sorted[0].sha256}` : `files:${shortHash(pins, 12)}`;
  return {
    kind: 'https',
    name: folderName(place, 'https'),
    identity: { type: 'https', files: pins },
    address: one ? addressOf(sorted[0].url, sorted[0].sha256) : shown(new URL('.', sorted[0].url)),
    repository: place,
    revision,
    proof: SourceProof.CONTENT,
    ...resolveContent(where, props, names),
    fetch: {
      by: 'program',
      args: [
        ...sorted.map(({ sha256 }) => `--sha256=${sha256}`),
        ...sorted.map(({ path }) => `--path=${path}`),
        ...tokenArgs(where, props),
      ],
      endpoints: sorted.map(({ url }) => endpointOf(url)),
      secrets: tokenUse(where, props, sorted[0].url),
      needsFolder: false,
    },
  };
}

function archiveSource(
  where: string,
  url: URL,
  sha256: string,
  format: ArchiveFormat,
  props: HttpsSourceProps,
): SourceSpec {
  if (!Object.values(ArchiveFormat).includes(format)) {
    throw new InputError(where, 'unpack', format, {
      allowed: Object.values(ArchiveFormat)
        .map((value) => `'${value}'`)
        .join(', '),
    });
  }
  if (props.fileName !== undefined) {
    throw new InputError(where, 'fileName', props.fileName, {
      allowed: 'nothing beside an archive, whose files have names of their own',
      advice: 'To keep the archive as it is, say so: unpack: ArchiveFormat.NONE.',
    });
  }
  checkPatterns(where, props);
  const bounds = unpackBounds(where, props);
  const [include, exclude, strip] = [props.include ?? [], props.exclude ?? [], stripOf(where, props)];
  return {
    kind: 'archive',
    name: folderName(placeOf(url), 'https'),
    identity: {
      type: 'archive',
      sha256,
      format,
      stripComponents: strip,
      include: [...include].sort(),
      exclude: [...exclude].sort(),
    },
    address: addressOf(url, sha256),
    repository: placeOf(url),
    revision: `sha256:${sha256}`,
    proof: SourceProof.CONTENT,
    ...resolveContent(where, props),
    fetch: {
      by: 'program',
      args: [
        `--sha256=${sha256}`,
        `--unpack=${format}`,
        ...(strip ? [`--strip-components=${strip}`] : []),
        ...include.map((pattern) => `--include=${pattern}`),
        ...exclude.map((pattern) => `--exclude=${pattern}`),
        ...bounds,
        ...tokenArgs(where, props),
      ],
      endpoints: [endpointOf(url)],
      secrets: tokenUse(where, props, url),
      needsFolder: true,
      ...(format === ArchiveFormat.TAR_ZSTD ? { image: ZSTD_IMAGE } : {}),
    },
  };
}

function endpointOf(url: URL): Endpoint {
  return { flag: '--url', url: url.href };
}

function tokenArgs(where: string, { tokenHeader }: HttpsServerProps): string[] {
  if (tokenHeader === undefined) return [];
  if (!/^[A-Za-z0-9-]+$/.test(tokenHeader)) {
    throw new InputError(where, 'tokenHeader', tokenHeader, {
      allowed: "the name of a header: 'PRIVATE-TOKEN'",
    });
  }
  return [`--token-header=${tokenHeader}`];
}

/** The one of the two properties that is given. */
function tokenField({ token }: HttpsServerProps): string {
  return token === undefined ? 'tokenSecret' : 'token';
}

function tokenUse(where: string, props: HttpsServerProps, url: URL): SecretUse[] {
  const { tokenHeader } = props;
  const token = resolveToken(where, props);
  if (token === undefined) {
    if (tokenHeader === undefined) return [];
    throw new InputError(where, 'tokenHeader', tokenHeader, { allowed: 'nothing without a tokenSecret' });
  }
  if (url.protocol !== 'https:') {
    throw new InputError(where, tokenField(props), shown(url), {
      allowed: 'https:// addresses beside it: everybody on the way could read the token',
    });
  }
  return [{ env: TOKEN_ENV, ...token, purpose: `access token for ${url.origin}` }];
}

function checkUrl(where: string, field: string, given: unknown, { plainHttp }: HttpsServerProps): URL {
  const text = typeof given === 'string' ? given : '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    !url ||
    !['https:', 'http:'].includes(url.protocol) ||
    url.username ||
    url.password ||
    /\s/.test(text)
  ) {
    throw new InputError(where, field, given, {
      allowed: "'https://host/path' without credentials",
      advice: 'A token is given by tokenSecret.',
    });
  }
  if (url.protocol === 'http:' && !checkFlag(where, 'plainHttp', plainHttp)) {
    throw new InputError(where, field, shown(url), {
      allowed: "an 'https://' address, or plainHttp: true beside one without TLS",
    });
  }
  const secret = [...url.searchParams.keys()].find((name) => CREDENTIAL.test(name));
  if (secret !== undefined) {
    throw new InputError(where, field, `${shown(url)}?${secret}=***`, {
      allowed:
        'an address without credentials: it stands in the YAML, where everybody reads it, and it expires',
      advice:
        'Take the address that leads to the signed one, with a tokenSecret; for a bucket, ModelSource.s3.',
    });
  }
  if (url.hash) {
    throw new InputError(where, field, text, {
      allowed: 'an address without a fragment',
      advice: 'Give sha256.',
    });
  }
  return url;
}

/** Parameters by which signed addresses and tokens are known: of S3, Google, Azure, GitLab and others. */
const CREDENTIAL =
  /^(x-(amz|goog)-(signature|credential|security-token)|signature|sig|token|(access|private|auth)[_-]?token|api[_-]?key|password|secret)$/i;

function howToLearn(url: URL): ChecksumHelp {
  return {
    because: 'what a server sends can change',
    advice: `Learn it from whoever publishes the file, or with: curl -fsSL '${shown(url)}' | sha256sum`,
  };
}

function stripOf(where: string, { stripComponents = 0 }: HttpsSourceProps): number {
  if (!Number.isSafeInteger(stripComponents) || stripComponents < 0) {
    throw new InputError(where, 'stripComponents', stripComponents, {
      allowed: 'a whole number of at least 0',
    });
  }
  return stripComponents;
}

const BY_NAME: [RegExp, ArchiveFormat][] = [
  [/\.tar$/i, ArchiveFormat.TAR],
  [/\.(tar\.gz|tgz)$/i, ArchiveFormat.TAR_GZIP],
  [/\.(tar\.bz2|tbz2?)$/i, ArchiveFormat.TAR_BZIP2],
  [/\.(tar\.xz|txz)$/i, ArchiveFormat.TAR_XZ],
  [/\.(tar\.zst|tzst)$/i, ArchiveFormat.TAR_ZSTD],
  [/\.zip$/i, ArchiveFormat.ZIP],
];

function formatByName(name: string): ArchiveFormat {
  return BY_NAME.find(([pattern]) => pattern.test(name))?.[1] ?? ArchiveFormat.NONE;
}

function lastPart(url: URL): string {
  const last = url.pathname.split('/').pop() ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** What people call it: host and path. */
function placeOf(url: URL): string {
  return `${url.host}${url.pathname}`.replace(/\/$/, '');
}

function addressOf(url: URL, sha256: string): string {
  return `${shown(url)}#sha256=${sha256}`;
}

/** A query need not be for everybody. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
