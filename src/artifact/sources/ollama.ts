import type { Size } from 'cdk8s';
import { InputError } from '../../pod/input-error';
import { ArtifactFormat } from '../format';
import { folderName } from './checks';
import { resolveContent } from './folder-content';
import {
  pullSecretUse,
  registryEndpoint,
  registryPin,
  RegistrySourceOptions,
  splitRegistryName,
} from './registry';
import type { SourceSpec } from './source-spec';

/** Where names without a host are. @internal */
export const OLLAMA_REGISTRY = 'registry.ollama.ai';

/** The name that the weights get in the artifact, whatever the model is called. @internal */
export const OLLAMA_MODEL_FILE = 'model.gguf';

/**
 * A model in Ollama's registry, or in another one in the same form.
 *
 * The layers become files: the weights `model.gguf` (of several, `model-00001-of-00002.gguf` and so on, as
 * llama.cpp reads them), `mmproj.gguf` (the projector of a model that sees), `adapter.gguf`, `draft.gguf`,
 * `template.gotmpl` (Ollama's prompt template, in Go's language), `system.txt`, `params.json`, `messages.json`,
 * `LICENSE`, and the manifest's own configuration as `ollama.json`. A second file of a kind has a number:
 * `LICENSE-2`.
 */
export interface OllamaSourceProps extends RegistrySourceOptions {
  /**
   * The size of all files together, by which claims and memory are checked at synth.
   *
   * @default - not known
   */
  readonly size?: Size;
}

/**
 * @param name `[host/][namespace/]name[:tag][@sha256:...]`
 * @throws when the name is not one, when it is pinned by neither a digest nor `unpinned: true`
 * @internal
 */
export function ollamaSource(name: string, given?: OllamaSourceProps): SourceSpec {
  const where = 'ModelSource.ollama';
  const props = given ?? {};
  const split = splitRegistryName(String(name));
  const hostAlone = split?.host !== undefined && !split.path.includes('/');
  if (!split || hostAlone || (split.host === undefined && split.path.split('/').length > 2)) {
    throw new InputError(where, 'name', name, {
      allowed: "'name:tag', 'namespace/name:tag' or 'host/namespace/name:tag', as `ollama pull` takes it",
    });
  }
  const host = split.host ?? OLLAMA_REGISTRY;
  const repo = split.path.includes('/') ? split.path : `library/${split.path}`;
  const tag = split.tag ?? 'latest';
  const endpoint = registryEndpoint(where, props.endpoint, `https://${apiHost(host)}`);
  const { digest, proof } = registryPin(where, split, props, howToResolve(endpoint, repo, tag));
  const repository = split.host ? `${split.host}/${split.path}` : split.path;
  return {
    kind: 'ollama',
    name: folderName(digest ? split.path : `${split.path}-${tag}`, 'ollama'),
    identity: digest ? { type: 'ollama', digest } : { type: 'ollama', unpinned: true, host, repo, tag },
    address: `ollama://${repository}:${tag}${digest ? `@${digest}` : ''}`,
    repository,
    revision: digest ?? tag,
    proof,
    ...resolveContent(where, { format: ArtifactFormat.GGUF, modelFile: OLLAMA_MODEL_FILE, size: props.size }),
    fetch: {
      by: 'program',
      args: [`--registry=${host}`, `--repo=${repo}`, digest ? `--digest=${digest}` : `--tag=${tag}`],
      // A registry need not know what no tag names.
      hints: digest ? [`--tag=${tag}`] : [],
      endpoints: [{ flag: '--endpoint', url: endpoint }],
      secrets: pullSecretUse(where, props.pullSecret, `${host}/${repo}`),
      needsFolder: false,
    },
  };
}

/** The name in an `ollama://` address; nothing where it is none. @internal */
export function parseOllamaAddress(address: string): string | undefined {
  return /^ollama:\/\/(.+)$/.exec(address)?.[1];
}

/** hf.co redirects to huggingface.co, and credentials do not follow a redirect to another server. */
function apiHost(host: string): string {
  return host === 'hf.co' ? 'huggingface.co' : host;
}

/** The registry need not tell the digest, but it is that of the manifest's bytes. */
function howToResolve(endpoint: string, repo: string, tag: string): string {
  const { origin, pathname } = new URL(endpoint);
  const path = [...pathname.split('/').filter(Boolean), repo].join('/');
  return (
    "Learn it with: echo \"sha256:$(curl -fsSL -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' " +
    `${origin}/v2/${path}/manifests/${tag} | sha256sum | cut -d' ' -f1)".`
  );
}
