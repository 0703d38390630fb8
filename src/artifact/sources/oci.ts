import type { Size } from 'cdk8s';
import { InputError } from '../../pod/input-error';
import { ArtifactFormat } from '../format';
import { folderName } from './checks';
import { FolderContent, resolveContent } from './folder-content';
import { ZSTD_IMAGE } from './https';
import {
  pullSecretUse,
  registryEndpoint,
  registryPin,
  RegistrySourceOptions,
  splitRegistryName,
} from './registry';
import type { SourceSpec } from './source-spec';
import { unpackBounds } from './unpack-bounds';

/**
 * A container image or an OCI artifact that holds a model.
 *
 * Of an image, the files of its layers are taken as a container would see them. Of an artifact, each layer is a
 * file, under the name that its annotation gives (`org.cncf.model.filepath` of ModelPack,
 * `org.opencontainers.image.title` of ORAS), or after its kind where it has none, as in the models of Docker
 * Model Runner: `model.gguf`, `mmproj.gguf`, `chat_template.jinja`, `LICENSE`. Layers that are archives are
 * unpacked.
 *
 * Where the model is one file, name it by `modelFile` if the artifact does not call it `model.gguf`.
 */
export interface OciSourceProps extends RegistrySourceOptions, FolderContent {
  /**
   * The folder to take, whose content becomes the artifact: `/models` in an image made for KServe.
   *
   * @default / - everything
   */
  readonly path?: string;

  /**
   * Which image to take where the name stands for several: `os/architecture` or `os/architecture/variant`.
   *
   * @default linux/amd64
   */
  readonly platform?: string;

  /**
   * What the layers may unpack to: a few kilobytes can hold terabytes of zeros.
   *
   * @default - ten times the layers, and 1 GiB
   */
  readonly maxUnpackedSize?: Size;

  /**
   * How many files and folders may be below `path`, those of every layer counted.
   *
   * @default 100000
   */
  readonly maxUnpackedFiles?: number;
}

/**
 * @param reference `registry/repository[:tag]@sha256:...`
 * @throws when the reference is not one, when it is pinned by neither a digest nor `unpinned: true`
 * @internal
 */
export function ociSource(reference: string, given?: OciSourceProps): SourceSpec {
  const where = 'ModelSource.oci';
  const props = given ?? {};
  const split = splitRegistryName(String(reference));
  if (!split?.host || split.path !== split.path.toLowerCase()) {
    throw new InputError(where, 'reference', reference, {
      allowed:
        "'registry/repository@sha256:...' with the registry's host, such as 'ghcr.io/org/name@sha256:...'",
      advice: "Docker Hub is 'docker.io/org/name@sha256:...'.",
    });
  }
  const hub = /^(index\.|registry-1\.)?docker\.io$/.test(split.host);
  const host = hub ? 'docker.io' : split.host;
  const repo = hub && !split.path.includes('/') ? `library/${split.path}` : split.path;
  const endpoint = registryEndpoint(where, props.endpoint, `https://${hub ? 'registry-1.docker.io' : host}`);
  const named = `${host}/${repo}`;
  const tag = split.tag ?? (props.unpinned ? 'latest' : undefined);
  const tagged = `${named}${tag ? `:${tag}` : ''}`;
  const { digest, proof } = registryPin(
    where,
    split,
    props,
    `Learn it with: docker buildx imagetools inspect ${named}:${tag ?? 'latest'} (or 'crane digest', 'oras resolve').`,
  );
  const path = checkFolder(where, props.path ?? '/');
  const platform = checkPlatform(where, props.platform ?? 'linux/amd64');
  const content = resolveContent(where, props);
  const pinned = digest ? `${tagged}@${digest}` : tagged;
  const what = digest ? { digest } : { unpinned: true, host, repo, tag };
  return {
    kind: 'oci',
    name: folderName(digest ? repo : `${repo}-${tag}`, 'oci'),
    identity: { type: 'oci', ...what, path, platform },
    address: `oci://${pinned}`,
    repository: named,
    revision: digest ?? String(tag),
    proof,
    ...content,
    modelFile: content.modelFile ?? (content.format === ArtifactFormat.GGUF ? 'model.gguf' : undefined),
    fetch: {
      by: 'program',
      args: [
        `--registry=${host}`,
        `--repo=${repo}`,
        digest ? `--digest=${digest}` : `--tag=${tag}`,
        `--path=${path}`,
        `--platform=${platform}`,
        ...unpackBounds(where, props),
      ],
      // A registry need not know what no tag names.
      hints: digest && tag ? [`--tag=${tag}`] : [],
      endpoints: [{ flag: '--endpoint', url: endpoint }],
      secrets: pullSecretUse(where, props.pullSecret, named),
      // Whether its layers are archives, and how they are compressed, is not known before the manifest is read.
      needsFolder: true,
      image: ZSTD_IMAGE,
    },
    image: {
      reference: pinned,
      path: path.slice(1),
      pullSecret: props.pullSecret?.name,
      endpoint: props.endpoint,
    },
  };
}

/** The reference in an `oci://` address; nothing where it is none. @internal */
export function parseOciAddress(address: string): string | undefined {
  return /^oci:\/\/(.+)$/.exec(address)?.[1];
}

function checkFolder(where: string, path: string): string {
  const clean = path === '/' ? path : String(path).replace(/\/+$/, '');
  const names = clean.split('/').slice(1);
  const odd = clean !== '/' && names.some((name) => ['', '.', '..'].includes(name));
  // eslint-disable-next-line no-control-regex -- that is what is refused
  if (!clean.startsWith('/') || odd || /[\u0000-\u001f\\]/.test(clean)) {
    throw new InputError(where, 'path', path, {
      allowed: "the absolute path of a folder in the image, such as '/models'",
    });
  }
  return clean;
}

function checkPlatform(where: string, platform: string): string {
  if (!/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9]+)?$/.test(String(platform))) {
    throw new InputError(where, 'platform', platform, {
      allowed: "'os/architecture' or 'os/architecture/variant', such as 'linux/arm64'",
    });
  }
  return platform;
}
