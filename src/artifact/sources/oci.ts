import { InputError } from '../../pod/input-error';
import { ArtifactFormat } from '../format';
import {
  pullSecretUse,
  registryEndpoint,
  registryPin,
  RegistrySourceOptions,
  splitRegistryName,
} from './registry';
import type { SourceSpec } from './source-spec';

/**
 * A container image or an OCI artifact that holds a model.
 *
 * Of an image, the files of its layers are taken as a container would see them. Of an artifact, each layer is a
 * file, under the name that its annotation gives (`org.cncf.model.filepath` of ModelPack,
 * `org.opencontainers.image.title` of ORAS), or after its kind where it has none, as in the models of Docker
 * Model Runner: `model.gguf`, `mmproj.gguf`, `chat_template.jinja`, `LICENSE`. Layers that are archives are
 * unpacked.
 */
export interface OciSourceProps extends RegistrySourceOptions {
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
   * How the files are to be read.
   *
   * @default ArtifactFormat.HUGGING_FACE
   */
  readonly format?: ArtifactFormat;

  /**
   * The file that holds the weights, for formats of one file: its path below `path`.
   *
   * @default model.gguf where the format is GGUF, otherwise none
   */
  readonly modelFile?: string;
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
  const path = checkPath(where, props.path ?? '/');
  const platform = checkPlatform(where, props.platform ?? 'linux/amd64');
  const format = props.format ?? ArtifactFormat.HUGGING_FACE;
  const pinned = digest ? `${tagged}@${digest}` : tagged;
  const what = digest ? { digest } : { unpinned: true, host, repo, tag };
  return {
    kind: 'oci',
    name: `${repo}${tag ? `-${tag}` : ''}`.toLowerCase().replaceAll('/', '--'),
    identity: { type: 'oci', ...what, path, platform },
    address: `oci://${pinned}`,
    repository: named,
    revision: digest ?? String(tag),
    proof,
    format,
    modelFile: props.modelFile ?? (format === ArtifactFormat.GGUF ? 'model.gguf' : undefined),
    fetch: {
      by: 'program',
      args: [
        `--registry=${host}`,
        `--repo=${repo}`,
        ...(tag ? [`--tag=${tag}`] : []),
        ...(digest ? [`--digest=${digest}`] : []),
        `--path=${path}`,
        `--platform=${platform}`,
      ],
      endpoints: [{ flag: '--endpoint', url: endpoint }],
      secrets: pullSecretUse(where, props.pullSecret, named),
      // Whether its layers are archives is not known before the manifest is read.
      needsFolder: true,
    },
    image: { reference: pinned, path: path.slice(1) },
  };
}

/** The reference in an `oci://` address; nothing where it is none. @internal */
export function parseOciAddress(address: string): string | undefined {
  return /^oci:\/\/(.+)$/.exec(address)?.[1];
}

function checkPath(where: string, path: string): string {
  const clean = String(path).replace(/\/+$/, '') || '/';
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
