import { DOCKER_MANIFEST, RegistryDouble } from '../../doubles/registry';
import type { Descriptor } from '../../doubles/registry';
import { bytes, MIB } from '../artifact/program';

export const CREDENTIALS = 'jane:s3cret';

/** What a Secret of type kubernetes.io/dockerconfigjson holds, as `kubectl create secret docker-registry` makes it. */
export function dockerConfig(registry: string, credentials = CREDENTIALS): string {
  const [username, password] = credentials.split(':');
  const auth = Buffer.from(credentials).toString('base64');
  return JSON.stringify({ auths: { [registry]: { username, password, auth } } });
}

export interface OllamaFile {
  readonly path: string;
  readonly content: Buffer;
}

/** A model as Ollama's registry has it: its files in the artifact, and the digest of its manifest. */
export function ollamaModel(
  push: Pick<RegistryDouble, 'blob' | 'manifest'>,
  { repo = 'library/qwen3', tag = '4b', seed = 1, size = 5 * MIB + 7 } = {},
): { files: OllamaFile[]; digest: string } {
  const layers: [string, string, Buffer][] = [
    ['model', 'model.gguf', bytes(size, seed)],
    ['projector', 'mmproj.gguf', bytes(MIB + 3, seed + 1)],
    ['template', 'template.gotmpl', Buffer.from('{{ .Prompt }}')],
    ['license', 'LICENSE', Buffer.from('Apache License 2.0')],
    ['license', 'LICENSE-2', Buffer.from('and the terms of use')],
    ['params', 'params.json', Buffer.from('{"stop":["<|im_end|>"]}')],
    ['system', 'system.txt', Buffer.from('You are kind.')],
  ];
  const config = Buffer.from(`{"model_format":"gguf","model_family":"qwen3","seed":${seed}}`);
  const described: Descriptor[] = layers.map(([kind, , content]) =>
    push.blob(repo, `application/vnd.ollama.image.${kind}`, content),
  );
  const { digest } = push.manifest(
    repo,
    tag,
    {
      config: push.blob(repo, 'application/vnd.docker.container.image.v1+json', config),
      layers: described,
    },
    DOCKER_MANIFEST,
  );
  return {
    files: [
      ...layers.map(([, path, content]) => ({ path, content })),
      { path: 'ollama.json', content: config },
    ],
    digest,
  };
}

/** The arguments of a pull from a registry on loopback; small buffers, so that small files have many chunks. */
export function pullArgs(
  kind: 'ollama' | 'oci',
  { endpoint }: { endpoint: string },
  reference: { repo?: string; tag?: string; digest?: string },
  sink: string[],
  ...more: string[]
): string[] {
  const { repo = kind === 'ollama' ? 'library/qwen3' : 'org/model', tag, digest } = reference;
  return [
    'fetch.py',
    kind,
    '--registry=registry.test',
    `--repo=${repo}`,
    ...(tag ? [`--tag=${tag}`] : []),
    ...(digest ? [`--digest=${digest}`] : []),
    `--endpoint=${endpoint}`,
    '--key=k1',
    '--workers=4',
    '--chunk-mib=1',
    ...sink,
    ...more,
  ];
}
