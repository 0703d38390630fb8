import type { ISecret, SecretValue } from 'cdk8s-plus-28';
import { checkAddress } from '../../pod/checks';
import { shortHash } from '../../pod/content-hash';
import { InputError } from '../../pod/input-error';
import { resolveSecretKey } from '../../pod/secret-env';
import { folderName } from './checks';
import { FolderContent, resolveContent } from './folder-content';
import { filesBySha256 } from './named-files';
import { checkPatterns } from './patterns';
import { SourceProof, SourceSpec } from './source-spec';

/** The catalog's API, and where a key of the older kind becomes a token. @internal */
export const NGC_API = 'https://api.ngc.nvidia.com';
/** @internal */
export const NGC_AUTHN = 'https://authn.nvidia.com';

/** The key of the Secret and the name of the variable: that which NVIDIA's own charts use. @internal */
export const NGC_KEY = 'NGC_API_KEY';

/** How to read a version of a model in NGC, besides its name. */
export interface NgcSourceOptions extends FolderContent {
  /**
   * The Secret that holds an API key of NGC under the key `NGC_API_KEY`: a personal or service key (`nvapi-...`) with
   * the service NGC Catalog or Private Registry, or one of the older kind.
   *
   * @default - `apiKey`
   */
  readonly apiKeySecret?: ISecret;

  /**
   * That API key, where its Secret has it under another key: `{ secret, key: 'NGC_CLI_API_KEY' }`. Not with
   * `apiKeySecret`.
   *
   * @default - `apiKeySecret`, or no key, which public models alone can be read with
   */
  readonly apiKey?: SecretValue;

  /**
   * Pins every byte: the files to take, by path, and the sha256 of each. A version's files cannot be changed, but its
   * owner can remove it and make another of the same name.
   *
   * @default - NGC vouches for the files of the version; where it tells the sha256 of one, that is checked
   */
  readonly files?: { [path: string]: string };

  /**
   * The files to take, as glob patterns (`*.safetensors`); a pattern that ends in `/` takes a whole folder.
   * Not with `files`, which is a list of its own.
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
   * The API of the catalog, or a mirror of it.
   *
   * @default https://api.ngc.nvidia.com
   */
  readonly endpoint?: string;

  /**
   * The service that gives a token for a key of the older kind.
   *
   * @default https://authn.nvidia.com
   */
  readonly tokenEndpoint?: string;
}

/** A version of a model in NGC. */
export interface NgcSourceProps extends NgcSourceOptions {
  /** The version, as the catalog's page "Version History" lists it. */
  readonly version: string;
}

/**
 * @param model `org/model` or `org/team/model`
 * @throws when the name is none, when there is no version, when a checksum, path or pattern is none
 * @internal
 */
export function ngcSource(model: string, given: NgcSourceProps): SourceSpec {
  const where = 'ModelSource.ngc';
  const props = given ?? {};
  if (typeof model !== 'string' || !/^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*){1,2}$/.test(model)) {
    throw new InputError(where, 'model', model, {
      allowed: "'org/model' or 'org/team/model', as `ngc registry model` takes it",
    });
  }
  const { version } = props;
  if (typeof version !== 'string' || !/^[A-Za-z0-9][\w.+-]*$/.test(version) || version === 'latest') {
    throw new InputError(where, 'version', version, {
      allowed: 'a version of the model, because the latest one changes under a running model',
      advice: `List them with: ngc registry model list '${model}:*'`,
    });
  }
  checkPatterns(where, props);
  const apiKey = resolveSecretKey(where, 'apiKey', {
    secret: props.apiKeySecret,
    usualKey: NGC_KEY,
    value: props.apiKey,
  });
  const endpoint = checkAddress(where, 'endpoint', props.endpoint ?? NGC_API, { path: true });
  const tokenEndpoint = checkAddress(where, 'tokenEndpoint', props.tokenEndpoint ?? NGC_AUTHN, {
    path: true,
  });
  const files = props.files === undefined ? undefined : filesBySha256(where, props);
  const [include, exclude] = [props.include ?? [], props.exclude ?? []];
  return {
    kind: 'ngc',
    name: folderName(`${model}-${version}`, 'ngc'),
    identity: files
      ? { type: 'ngc', files: Object.fromEntries(files) }
      : { type: 'ngc', model, version, include: [...include].sort(), exclude: [...exclude].sort() },
    address: `ngc://${model}:${version}`,
    repository: model,
    revision: files ? `${version} files:${shortHash(files, 12)}` : version,
    proof: files ? SourceProof.CONTENT : SourceProof.VERSION,
    ...resolveContent(where, props),
    fetch: {
      by: 'program',
      args: [
        `--model=${model}`,
        `--version=${version}`,
        ...(files ?? []).map(([path, sha256]) => `--file=${sha256}:${path}`),
        ...include.map((pattern) => `--include=${pattern}`),
        ...exclude.map((pattern) => `--exclude=${pattern}`),
      ],
      endpoints: [
        { flag: '--endpoint', url: endpoint },
        { flag: '--token-endpoint', url: tokenEndpoint },
      ],
      secrets: apiKey ? [{ env: NGC_KEY, ...apiKey, purpose: `API key for ngc://${model}` }] : [],
      needsFolder: false,
    },
  };
}

/** An address of a model in NGC, taken apart. @internal */
export interface NgcAddress {
  readonly model: string;
  readonly version?: string;
}

/** `ngc://org/[team/]model[:version]`; nothing where it is none. @internal */
export function parseNgcAddress(address: string): NgcAddress | undefined {
  const found = /^ngc:\/\/([^:]*)(?::(.*))?$/s.exec(address);
  if (!found) return undefined;
  return { model: found[1], ...(found[2] === undefined ? {} : { version: found[2] }) };
}
