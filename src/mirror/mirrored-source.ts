import type { ContainerFetch, ProgramFetch, SourceSpec } from '../artifact/sources/source-spec';
import { addressHost } from './host-name';
import { MirrorRules, NO_MIRROR } from './rules';

/**
 * A source as it is read where the app has a mirror: its servers and images, and what people are told of them,
 * are those of the copies. What decides the bytes stays, and with it the artifact's key.
 *
 * @internal
 */
export function mirroredSource(source: SourceSpec, rules: MirrorRules): SourceSpec {
  if (rules === NO_MIRROR) return source;
  const repository = mirroredRepository(source, rules);
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
  return {
    ...fetch,
    ...(argument(fetch, '--registry') === undefined
      ? { endpoints: fetch.endpoints.map(({ flag, url }) => ({ flag, url: rules.web(url) })) }
      : mirroredRegistry(fetch, rules)),
    ...(fetch.image === undefined ? {} : { image: rules.image(fetch.image) }),
  };
}

/** The copy of a repository may have another path, and the registry that people are told is where the Job looks. */
function mirroredRegistry(fetch: ProgramFetch, rules: MirrorRules): Pick<ProgramFetch, 'args' | 'endpoints'> {
  const [{ flag, url }] = fetch.endpoints;
  const registry = argument(fetch, '--registry') ?? '';
  const repository = argument(fetch, '--repo') ?? '';
  const mirrored = rules.repository(url, repository);
  const name = rules.covers(addressHost(registry)) ? registry : addressHost(mirrored.address, { port: true });
  const args: Record<string, string> = {
    [`--registry=${registry}`]: `--registry=${name}`,
    [`--repo=${repository}`]: `--repo=${mirrored.name}`,
  };
  return {
    endpoints: [{ flag, url: mirrored.address }],
    args: fetch.args.map((arg) => args[arg] ?? arg),
  };
}

/** What it is told are the user's own words, addresses among them. */
function mirroredTool(fetch: ContainerFetch, rules: MirrorRules): ContainerFetch {
  const image = rules.image(fetch.image);
  return {
    ...fetch,
    image,
    command: fetch.command.map((word) => mirroredText(word, rules)),
    args: fetch.args.map((word) => mirroredText(word, rules)),
    env: fetch.env.map((variable) =>
      typeof variable.value === 'string'
        ? { ...variable, value: mirroredText(variable.value, rules) }
        : variable,
    ),
    adoptArgs: fetch.adoptArgs.map((arg) => arg.replaceAll(fetch.image, image)),
    endpoints: fetch.endpoints.map(({ flag, url }) => ({ flag, url: rules.web(url) })),
  };
}

function mirroredText(text: string, rules: MirrorRules): string {
  return text.replace(/\bhttps?:\/\/[^\s"'<>]+/gi, (address) => rules.web(address));
}

/** Where people find it: a name in a registry, or a place on a web server, without the scheme. */
function mirroredRepository(source: SourceSpec, rules: MirrorRules): string {
  const { repository, fetch } = source;
  if (inRegistry(source)) return mirroredName(repository, rules);
  const place = fetch.endpoints
    .map(({ url }) => `${/^https?:\/\//.exec(url)?.[0]}${repository}`)
    .find((address) => fetch.endpoints.some(({ url }) => url.startsWith(address)));
  return place === undefined ? repository : rules.web(place).replace(/^https?:\/\//, '');
}

/** Whether its repository is a name in a registry, which begins with the registry's. */
function inRegistry({ fetch }: SourceSpec): boolean {
  return fetch.by === 'program' && argument(fetch, '--registry') !== undefined;
}

/** `registry/repository`, or nothing. */
function registryName(fetch: ProgramFetch): string {
  return [argument(fetch, '--registry') ?? [], argument(fetch, '--repo') ?? []].flat().join('/');
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
  const changes: [string, string][] = [];
  before.endpoints.forEach(({ url: from }, index) => {
    const to = after.endpoints[index].url;
    if (from !== to) changes.push([from, to], [new URL(from).origin, new URL(to).origin]);
  });
  const [from, to] = [before, after].map((fetch) => (fetch.by === 'program' ? registryName(fetch) : ''));
  if (from !== to) changes.push([from, to]);
  return changes;
}

function replaceAll(text: string, changes: [from: string, to: string][]): string {
  return changes.reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
}
