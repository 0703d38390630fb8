import type { ContainerFetch, ProgramFetch, SourceSpec } from '../artifact/sources/source-spec';
import { addressHost } from './host-name';
import type { MirrorRules } from './rules';

/**
 * A source as it is read where the app has a mirror: its servers and images, and what people are told of them,
 * are those of the copies. What decides the bytes stays, and with it the artifact's key.
 *
 * @internal
 */
export function mirroredSource(source: SourceSpec, rules: MirrorRules): SourceSpec {
  const repository = inRegistry(source) ? mirroredName(source.repository, rules) : source.repository;
  const fetch =
    source.fetch.by === 'program' ? mirroredProgram(source.fetch, rules) : mirroredTool(source.fetch, rules);
  const changes = renamed(source.fetch, fetch);
  return {
    ...source,
    address: mirroredAddress(source.address, rules),
    repository,
    fetch: {
      ...fetch,
      secrets: fetch.secrets.map((secret) => ({ ...secret, purpose: replaceAll(secret.purpose, changes) })),
    },
    ...(source.image ? { image: { ...source.image, reference: rules.image(source.image.reference) } } : {}),
  };
}

function mirroredProgram(fetch: ProgramFetch, rules: MirrorRules): ProgramFetch {
  const registry = argument(fetch, '--registry');
  const repository = argument(fetch, '--repo') ?? '';
  const endpoints = fetch.endpoints.map(({ flag, url }) => ({
    flag,
    url: registry === undefined ? rules.web(url) : rules.registry(url, repository),
  }));
  return {
    ...fetch,
    endpoints,
    args: fetch.args.map((arg) =>
      // For people alone, who are to look where the Job looks.
      arg === `--registry=${registry}` && !rules.covers(addressHost(registry ?? ''))
        ? `--registry=${endpoints[0].url.replace(/^https?:\/\//, '')}`
        : arg,
    ),
    ...(fetch.image === undefined ? {} : { image: rules.image(fetch.image) }),
  };
}

function mirroredTool(fetch: ContainerFetch, rules: MirrorRules): ContainerFetch {
  return {
    ...fetch,
    image: rules.image(fetch.image),
    endpoints: fetch.endpoints.map(({ flag, url }) => ({ flag, url: rules.web(url) })),
  };
}

/** Whether its repository is a name in a registry, which begins with the registry's. */
function inRegistry({ fetch }: SourceSpec): boolean {
  return fetch.by === 'program' && argument(fetch, '--registry') !== undefined;
}

function argument({ args }: ProgramFetch, flag: string): string | undefined {
  return args.find((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1);
}

/** A name that need not have a registry: Ollama's have none where they are in its own. */
function mirroredName(name: string, rules: MirrorRules): string {
  return /^[^/]*[.:][^/]*\//.test(name) ? rules.image(name) : name;
}

/** `https://server/path`, `oci://registry/name@sha256:...`, `ollama://registry/name:tag`; others name no server. */
function mirroredAddress(address: string, rules: MirrorRules): string {
  const [, scheme, rest] = /^([a-z][a-z\d+.-]*):\/\/(.*)$/i.exec(address) ?? [];
  if (scheme === 'http' || scheme === 'https') return rules.web(address);
  return scheme === 'oci' || scheme === 'ollama' ? `${scheme}://${mirroredName(rest, rules)}` : address;
}

/** What is called otherwise now, for texts that name it. */
function renamed(before: SourceSpec['fetch'], after: SourceSpec['fetch']): [from: string, to: string][] {
  const registries = [before, after].map((fetch) => fetch.by === 'program' && argument(fetch, '--registry'));
  return [
    ...before.endpoints.map(({ url }, index): [string, string] => [url, after.endpoints[index].url]),
    ...(registries[0] && registries[1]
      ? [[`${registries[0]}/`, `${registries[1]}/`] as [string, string]]
      : []),
  ];
}

function replaceAll(text: string, changes: [from: string, to: string][]): string {
  return changes.reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
}
