import type { IConstruct } from 'constructs';
import { checkAddress } from '../pod/checks';
import { InputError, withoutCredentials } from '../pod/input-error';
import { normalized } from './host-name';
import { MIRROR_CONTEXT, MirrorRules } from './rules';
import { validateHosts } from './check';

/** Where the copies are of what an app needs from outside. */
export interface MirrorProps {
  /**
   * The hub that stands for `https://huggingface.co`: `https://artifactory.example.com/api/huggingfaceml/hub`.
   *
   * @default - none; a source on Hugging Face is refused, unless it names an endpoint of its own
   */
  readonly huggingFace?: string;

  /**
   * Image registries by the one that holds the copies, both with or without the beginning of a path:
   * `{ 'docker.io': 'registry.example.com/dockerhub', 'ghcr.io/ggml-org': 'registry.example.com/ggml' }`.
   * The longest that fits is taken. Tags and digests stay.
   *
   * Holds for sources too that are read from a registry, by https.
   *
   * @default - none
   */
  readonly registries?: { [registry: string]: string };

  /**
   * The registry for all images that `registries` does not name. `{registry}` in its path stands for the
   * registry that an image was in: `registry.example.com/mirror/{registry}`.
   *
   * @default - none; other images are refused
   */
  readonly defaultRegistry?: string;

  /**
   * The index of Python packages, PEP 503: `https://pypi.example.com/simple`. It holds all packages that are
   * installed, those too that PyTorch publishes on an index of its own.
   *
   * @default - none; a conversion that installs packages is refused, unless it names an index of its own
   */
  readonly packageIndex?: string;

  /**
   * Git repositories by the beginning of their address, in the form in which it is given:
   * `{ 'https://github.com': 'https://git.example.com/github', 'git@github.com:': 'git@git.example.com:github/' }`.
   *
   * @default - none; `addresses` holds for them too
   */
  readonly git?: { [prefix: string]: string };

  /**
   * Web addresses by their beginning, a server with or without the beginning of a path:
   * `{ 'https://raw.githubusercontent.com': 'https://files.example.com/github-raw' }`. The longest that fits is
   * taken.
   *
   * @default - none
   */
  readonly addresses?: { [prefix: string]: string };

  /**
   * Hosts that may be named although they are no mirrors, such as a proxy or an S3 server. `*.example.com`
   * stands for all hosts below one. Names in the cluster (`name`, `name.namespace.svc`) need not be allowed.
   *
   * @default - none
   */
  readonly allow?: string[];
}

/**
 * The servers from which everything comes in a network that reaches no others: models, images, packages,
 * repositories. Constructs name the originals; what is synthesized names the copies.
 *
 * With a mirror, `synth()` refuses whatever names another host, and says what names it. Keys of artifacts do not
 * depend on the mirror: what was downloaded without it is found with it.
 *
 * @example
 *
 * const app = new PhasedApp({
 *   mirror: new Mirror({
 *     huggingFace: 'https://hub.example.com',
 *     defaultRegistry: 'registry.example.com/{registry}',
 *     packageIndex: 'https://pypi.example.com/simple',
 *   }),
 * });
 */
export class Mirror {
  /** @internal */
  public readonly _rules: MirrorRules;

  /**
   * @throws when an address is not absolute, or has credentials in it
   */
  constructor(props: MirrorProps = {}) {
    const huggingFace = props.huggingFace && webAddress('huggingFace', props.huggingFace);
    this._rules = new MirrorRules({
      registries: registryMap(props.registries ?? {}),
      defaultRegistry: props.defaultRegistry && defaultRegistry(props.defaultRegistry),
      addresses: {
        ...(huggingFace ? Object.fromEntries(HUBS.map((hub) => [hub, huggingFace])) : {}),
        ...addressMap(props.addresses ?? {}),
      },
      git: gitMap(props.git ?? {}),
      packageIndex: props.packageIndex && webAddress('packageIndex', props.packageIndex),
      allow: (props.allow ?? []).map(allowedHost),
    });
  }

  /**
   * Makes it the mirror of an app that is no `PhasedApp`. Call it before the first chart is added.
   *
   * @throws when the app has charts already
   */
  public applyTo(app: IConstruct): void {
    this._set(app);
    validateHosts(app, this._rules);
  }

  /** Lets the constructs of an app find it. @internal */
  public _set(app: IConstruct): void {
    if (app.node.children.length > 0) {
      throw new InputError(WHERE, 'applyTo', `an app with ${app.node.children.length} charts`, {
        allowed: 'an app without charts',
        advice: 'Their addresses would be the old ones. Set the mirror right after the app is made.',
      });
    }
    app.node.setContext(MIRROR_CONTEXT, this._rules);
  }
}

const WHERE = 'Mirror';

/** What people write for the public hub. */
const HUBS = ['https://huggingface.co', 'https://www.huggingface.co', 'https://hf.co'];

function webAddress(field: string, given: string): string {
  const address = checkAddress(WHERE, field, given, {
    path: true,
    advice: 'Credentials are in Secrets: the token of a source, or those by which images are pulled.',
  });
  if (/[?#]/.test(address)) {
    throw new InputError(WHERE, field, given, { allowed: 'an address that ends in a path or before it' });
  }
  return trimmed(normalized(address));
}

function trimmed(address: string): string {
  return address.replace(/\/+$/, '');
}

function addressMap(given: { [prefix: string]: string }): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).map(([from, to]) => [
      webAddress('addresses', from),
      webAddress(`addresses['${withoutCredentials(from)}']`, to),
    ]),
  );
}

const REGISTRY = /^[a-z\d]([a-z\d.-]*[a-z\d])?(:\d{1,5})?(\/[a-z\d]+([._-]+[a-z\d]+)*)*$/;

function registryMap(given: { [registry: string]: string }): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).map(([from, to]) => [
      registry('registries', trimmed(from).replace(/^(index|registry-1)\.(?=docker\.io(\/|$))/, '')),
      registry(`registries['${withoutCredentials(from)}']`, to),
    ]),
  );
}

function defaultRegistry(given: string): string {
  // What stands for a registry's name in the path fits the form once it is one.
  const [before, ...after] = trimmed(given).split('{registry}');
  registry('defaultRegistry', [before, ...after].join('docker.io'));
  if (after.length > 1 || (after.length === 1 && !before.includes('/'))) {
    throw new InputError(WHERE, 'defaultRegistry', given, {
      allowed: "'{registry}' once, in the path: 'registry.example.com/{registry}'",
    });
  }
  return trimmed(given);
}

function registry(field: string, given: string): string {
  const name = trimmed(given);
  if (!REGISTRY.test(name)) {
    throw new InputError(WHERE, field, withoutCredentials(given), {
      allowed: "'host[:port][/path]' in lower case, without 'https://', tag or credentials",
      advice: "For instance { 'docker.io': 'registry.example.com/dockerhub' }.",
    });
  }
  return name;
}

function gitMap(given: { [prefix: string]: string }): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).map(([from, to]) => [
      gitAddress('git', from),
      gitAddress(`git['${withoutCredentials(from)}']`, to),
    ]),
  );
}

function gitAddress(field: string, given: string): string {
  // A user without a password is part of an address by ssh.
  if (!/^(https?:\/\/[^\s/@]+|(ssh|git):\/\/([\w.-]+@)?[^\s/@]+|[\w.-]+@[\w.-]+:)[^\s@?#]*$/i.test(given)) {
    throw new InputError(WHERE, field, withoutCredentials(given), {
      allowed: "'https://host[/path]', 'ssh://user@host[/path]' or 'user@host:[path]' without a password",
      advice: "For instance { 'https://github.com': 'https://git.example.com/github' }.",
    });
  }
  return trimmed(normalized(given));
}

function allowedHost(given: string): string {
  if (!/^(\*\.)?[a-z\d]([a-z\d.-]*[a-z\d])?$|^\[[\da-f:]+\]$/.test(given)) {
    throw new InputError(WHERE, 'allow', withoutCredentials(given), {
      allowed:
        "the name of a host or its address, in lower case, without scheme, port or path; '*.example.com'",
    });
  }
  return given;
}
