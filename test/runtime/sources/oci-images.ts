import { gzipSync } from 'node:zlib';
import { OCI_CONFIG, RegistryDouble } from '../../doubles/registry';
import type { Descriptor } from '../../doubles/registry';
import { tar } from './archives';
import type { Entry } from './archives';

export const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** What a tar's header calls them. */
export const TYPE = { hardLink: '1', symbolicLink: '2', device: '3', folder: '5', pipe: '6' };

export const file = (name: string, content: Buffer | string = name): Entry => ({
  name,
  content: Buffer.from(content),
});
export const folder = (name: string): Entry => ({ name, type: TYPE.folder });
/** Files as the artifact has them. */
export const kept = (entries: Record<string, Buffer | string>) =>
  Object.entries(entries).map(([name, content]) => ({ path: name, content: Buffer.from(content) }));

/** Where an image can be put: the double, or a real registry. */
export type Pushes = Pick<RegistryDouble, 'blob' | 'manifest'>;

export interface ImageOptions {
  readonly repo?: string;
  readonly tag?: string;
  /** @default gzip */
  readonly compression?: 'gzip' | 'none';
  readonly config?: object;
}

/** Pushes an image whose layers hold these entries. */
export function pushImage(
  registry: Pushes,
  layers: Entry[][],
  { repo = 'org/model', tag, compression = 'gzip', config = {} }: ImageOptions = {},
): Descriptor {
  const gzip = compression === 'gzip';
  return registry.manifest(repo, tag, {
    config: registry.blob(
      repo,
      OCI_CONFIG,
      JSON.stringify({ architecture: 'amd64', os: 'linux', ...config }),
    ),
    layers: layers.map((entries) =>
      registry.blob(repo, gzip ? `${LAYER}+gzip` : LAYER, gzip ? gzipSync(tar(entries)) : tar(entries)),
    ),
  });
}

/** A layer of an artifact: its type, what it holds, and the name that annotations give it. */
export type ArtifactLayer = readonly [
  mediaType: string,
  content: Buffer,
  annotations?: Record<string, string>,
];

/** Pushes an artifact of these layers. */
export function pushArtifact(
  registry: Pushes,
  layers: ArtifactLayer[],
  { repo = 'org/model', tag, config = {} }: ImageOptions = {},
  more: object = {},
): Descriptor {
  return registry.manifest(repo, tag, {
    config: registry.blob(repo, 'application/vnd.cncf.model.config.v1+json', JSON.stringify(config)),
    layers: layers.map(([mediaType, content, annotations]) =>
      registry.blob(repo, mediaType, content, annotations),
    ),
    ...more,
  });
}
