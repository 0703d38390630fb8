import { TextCache } from '../validation/text-cache';
import { addressHost } from './host-name';
import { parseImageReference } from './image-reference';
import { isOwnPlace, Path } from './own-places';

/** A host that something synthesized names. @internal */
export interface NamedHost {
  readonly host: string;
  /** What names it: the image, the address. */
  readonly text: string;
  /** `own` is a server of the user's own, of which there is no copy. */
  readonly kind: 'image' | 'web' | 'git' | 'host' | 'own';
  /** `spec.template.spec.containers[0].image`; nothing for a file. */
  readonly field?: string;
}

/** Every host that an object names. @internal */
export function hostsInObject(object: object): NamedHost[] {
  const found: NamedHost[] = [];
  walk(object, [], (text, path) => {
    const field = fieldName(path);
    const named = isImage(path)
      ? [imageHost(text)]
      : isWord(path)
        ? [...hostsInText(text), ...hostsInWords(text)]
        : hostsInText(text);
    const own = isOwnPlace(object, path, text) ? { kind: 'own' as const } : {};
    // One line for a text, however often it names a host.
    const hosts = new Map(named.map((one) => [one.host, { ...one, ...own, field }]));
    found.push(...hosts.values());
  });
  return found;
}

/** A name of these schemes is no host's. */
const NO_HOST = ['hf', 's3', 'gs', 'az', 'ngc', 'pvc', 'file', 'unix', 'dry-run'];

const NAME = '[a-z\\d](?:[a-z\\d-]*[a-z\\d])?';
const URLS = new RegExp(
  `([a-z][a-z\\d+.-]*)://((?:[^\\s/@"'\`<>]*@)?(?:\\[[\\da-f:.]+\\]|${NAME}(?:\\.${NAME})*))(?![a-z\\d.-]*[%{$*?+\\\\(])`,
  'gi',
);
const SSH = new RegExp(`(?<![\\w.%+/-])[\\w.-]+@(${NAME}(?:\\.${NAME})+):(?!//)[\\w~/.-]+`, 'gi');

/**
 * The hosts of all addresses in a text: `https://host/path`, `git@host:path`. What is made at run time is not seen.
 *
 * @internal
 */
export function hostsInText(text: string): readonly NamedHost[] {
  return hosts.get(text);
}

const hosts = new TextCache(findHosts);

/** The path of a Git repository on the web. */
const REPOSITORY = /^[^\s"'`<>?#]*\.git(?![\w.-])/;

/** How far an address is read for what it is of. */
const MOST_OF_PATH = 512;

function findHosts(text: string): readonly NamedHost[] {
  if (!text.includes('://') && !text.includes('@')) return [];
  const found: NamedHost[] = [];
  for (const match of text.matchAll(URLS)) {
    const [address, scheme, authority] = match;
    if (NO_HOST.includes(scheme.toLowerCase())) continue;
    const path = text.slice(match.index + address.length, match.index + MOST_OF_PATH);
    const kind = /^(git|ssh)\b/i.test(scheme) || REPOSITORY.test(path) ? 'git' : 'web';
    found.push({ host: addressHost(authority), text: withoutUser(address), kind });
  }
  for (const [address, host] of text.matchAll(SSH)) {
    found.push({ host: host.toLowerCase(), text: address, kind: 'git' });
  }
  return found;
}

function withoutUser(address: string): string {
  return address.replace(/\/\/[^@]*@/, '//***@');
}

/** The ends of names that people and companies use; others are rather those of files. */
const ENDS =
  'com|net|org|edu|gov|mil|int|info|biz|io|ai|co|dev|app|cloud|tech|xyz|site|online|example|test|internal|corp|lan|' +
  'eu|us|uk|ca|au|nz|br|mx|ar|cl|de|fr|nl|be|lu|ch|at|it|es|ie|dk|se|no|fi|is|ee|lv|lt|cz|sk|hu|ro|bg|gr|tr|ru|ua|' +
  'il|ae|sa|in|cn|hk|tw|jp|kr|sg|th|vn|my|ph|za|ke|ng|eg';
const HOST = `((?:${NAME}\\.)+(?:${ENDS})|\\d{1,3}(?:\\.\\d{1,3}){3})`;
const SERVER = new RegExp(`^${HOST}(:\\d{1,5})?$`, 'i');
const IMAGE = new RegExp(`^${HOST}(:\\d{1,5})?/[\\w./-]+(:\\w[\\w.-]*|@sha256:[\\da-f]{64})+$`, 'i');

/** The hosts among the words of an argument or a variable: `--server=host:9000`, `crane pull ghcr.io/name:tag`. */
function hostsInWords(text: string): NamedHost[] {
  return text.split(/[\s=,;|"']+/).flatMap((word): NamedHost[] => {
    const host = addressHost(word);
    if (IMAGE.test(word)) return [{ host, text: word, kind: 'image' }];
    return SERVER.test(word) ? [{ host, text: word, kind: 'host' }] : [];
  });
}

function imageHost(reference: string): NamedHost {
  return { host: addressHost(parseImageReference(reference).registry), text: reference, kind: 'image' };
}

const CONTAINERS = ['containers', 'initContainers', 'ephemeralContainers'];

/** `...containers[0].image`, or `...volumes[0].image.reference`. */
function isImage(path: Path): boolean {
  const [list, , field, inner] = path.slice(-4);
  if (list === 'volumes' && field === 'image' && inner === 'reference') return true;
  return path.at(-1) === 'image' && CONTAINERS.includes(String(path.at(-3)));
}

/** An argument, or the value of a variable, of a container. */
function isWord(path: Path): boolean {
  const [, , list, , value] = path.slice(-5);
  if (list === 'env' && value === 'value') return CONTAINERS.includes(String(path.at(-5)));
  return ['command', 'args'].includes(String(path.at(-2))) && CONTAINERS.includes(String(path.at(-4)));
}

function walk(value: unknown, path: Path, visit: (text: string, path: Path) => void): void {
  if (typeof value === 'string') {
    visit(value, path);
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => walk(item, [...path, index], visit));
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) walk(item, [...path, key], visit);
  }
}

/** `spec.containers[0].args[1]`, `data["fetch.py"]` */
function fieldName(path: Path): string {
  return path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`;
      return /^[A-Za-z_]\w*$/.test(part) ? `.${part}` : `["${part}"]`;
    })
    .join('')
    .replace(/^\./, '');
}
