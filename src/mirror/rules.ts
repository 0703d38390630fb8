import type { IConstruct } from 'constructs';
import { addressHost, isInCluster, normalized } from './host-name';
import { parseImageReference } from './image-reference';
import { Prefixes } from './prefixes';

/** What the addresses of an app become. All maps are checked, and their addresses end in no `/`. @internal */
export interface MirrorSpec {
  /** Registries, with or without the beginning of a path, to registries with or without one. */
  readonly registries: Readonly<Record<string, string>>;
  /** Where all other images are; `{registry}` stands for the registry that an image was in. */
  readonly defaultRegistry?: string;
  /** Beginnings of web addresses. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Beginnings of Git addresses. */
  readonly git: Readonly<Record<string, string>>;
  readonly packageIndex?: string;
  /** Hosts that may be named as they are; `*.example.com` are all below one. */
  readonly allow: readonly string[];
}

/** Servers for people. @internal */
export interface MirrorServers {
  readonly images: readonly string[];
  readonly files: readonly string[];
  readonly packages: readonly string[];
  readonly repositories: readonly string[];
  readonly allowed: readonly string[];
}

/** The context key by which constructs find the mirror of their app. @internal */
export const MIRROR_CONTEXT = 'cdk8s-llm/mirror';

/** Where pip looks unless it is told. */
const PUBLIC_PACKAGE_INDEX = 'https://pypi.org/simple';

/**
 * By which addresses an app's objects reach what they need. Every place that writes an image or an address into
 * an object asks here first. All methods are idempotent.
 *
 * @internal
 */
export class MirrorRules {
  private readonly registries: Prefixes;
  private readonly addresses: Prefixes;
  private readonly repositories: Prefixes;
  private readonly hosts: ReadonlySet<string>;

  constructor(private readonly spec: MirrorSpec) {
    this.registries = new Prefixes(spec.registries);
    this.addresses = new Prefixes(spec.addresses);
    this.repositories = new Prefixes(spec.git);
    this.hosts = new Set(
      [
        ...Object.values(spec.registries),
        ...(spec.defaultRegistry ? [spec.defaultRegistry] : []),
        ...Object.values(spec.addresses),
        ...Object.values(spec.git),
        ...(spec.packageIndex ? [spec.packageIndex] : []),
      ].map((address) => addressHost(address)),
    );
  }

  /** Where Python packages come from; undefined where nothing stands for the public index. */
  public get packageIndex(): string | undefined {
    return this.spec.packageIndex ?? this.replaced(PUBLIC_PACKAGE_INDEX);
  }

  /** The addresses of the copies by what they are copies of, and the hosts that may be named besides. */
  public get servers(): MirrorServers {
    const { registries, defaultRegistry, addresses, git, allow } = this.spec;
    const distinct = (...given: (string | undefined)[]) =>
      [...new Set(given)].filter((one) => one !== undefined);
    return {
      images: distinct(...Object.values(registries), defaultRegistry),
      files: distinct(...Object.values(addresses)),
      packages: distinct(this.packageIndex),
      repositories: distinct(...Object.values(git)),
      allowed: distinct(...allow),
    };
  }

  /** An image by the registry that holds the copy. Tag and digest stay. */
  public image(reference: string): string {
    const { registry, repository, version } = parseImageReference(reference);
    if (this.covers(addressHost(registry))) return reference;
    const name = this.registries.replace(`${registry}/${repository}`) ?? this.inDefault(registry, repository);
    return name === undefined ? reference : name + version;
  }

  /** A web address (`http`, `https`) by the server that holds the copy. */
  public web(address: string): string {
    return this.replaced(address) ?? address;
  }

  /** The address of a Git repository, in any of the forms that Git knows. */
  public git(address: string): string {
    if (this.isCovered(address)) return address;
    return this.repositories.replace(normalized(address)) ?? this.web(address);
  }

  /** A repository that is read by the registry's own protocol, and the registry's web address. */
  public repository(address: string, name: string): { address: string; name: string } {
    if (this.isCovered(address)) return { address, name };
    const replaced = this.replaced(address);
    if (replaced !== undefined) return { address: replaced, name };
    const full = `${addressHost(address, { port: true })}/${name}`;
    const { registry, repository } = parseImageReference(this.image(full));
    return this.covers(addressHost(registry))
      ? { address: `https://${registry}`, name: repository }
      : { address, name };
  }

  /** Whether a host may be named: it is a mirror, in the cluster, or allowed. */
  public covers(host: string): boolean {
    return (
      this.hosts.has(host) ||
      isInCluster(host) ||
      this.spec.allow.some((allowed) =>
        allowed.startsWith('*.') ? host.endsWith(allowed.slice(1)) : host === allowed,
      )
    );
  }

  private replaced(address: string): string | undefined {
    return this.isCovered(address) ? undefined : this.addresses.replace(normalized(address));
  }

  /** A mirror's own addresses are written as they are. */
  private isCovered(address: string): boolean {
    return this.covers(addressHost(address));
  }

  private inDefault(registry: string, repository: string): string | undefined {
    const { defaultRegistry } = this.spec;
    return defaultRegistry && `${defaultRegistry.replace('{registry}', registry)}/${repository}`;
  }
}

/** Where no mirror is set, everything stays as it is. @internal */
export const NO_MIRROR = new MirrorRules({ registries: {}, addresses: {}, git: {}, allow: [] });

/** The rules that hold for a construct: those of its app's mirror, or none. @internal */
export function mirrorOf(scope: IConstruct): MirrorRules {
  const given: unknown = scope.node.tryGetContext(MIRROR_CONTEXT);
  return given instanceof MirrorRules ? given : NO_MIRROR;
}
