/** An image's name with the registry that it stands for. @internal */
export interface ImageReference {
  /** `docker.io`, `registry.example.com:5000`. */
  readonly registry: string;
  /** `library/python` */
  readonly repository: string;
  /** `:3.13`, `@sha256:...`, `:3.13@sha256:...`, or nothing. */
  readonly version: string;
}

/** All of them are Docker Hub. */
const DOCKER_HUB = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/**
 * Reads a reference as container runtimes do: what has no registry is Docker Hub's, and what has no namespace
 * there is in `library`.
 *
 * @internal
 */
export function parseImageReference(reference: string): ImageReference {
  const [, name, version] = /^(.*?)((?::[\w][\w.-]*)?(?:@[\w+.-]+:[0-9a-fA-F]+)?)$/s.exec(reference) ?? [
    '',
    reference,
    '',
  ];
  const [first, ...rest] = name.split('/');
  // The first part is a registry when it could be nothing else.
  const named = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const registry = named ? first.toLowerCase() : 'docker.io';
  const repository = named ? rest.join('/') : name;
  return DOCKER_HUB.includes(registry)
    ? {
        registry: 'docker.io',
        repository: repository.includes('/') ? repository : `library/${repository}`,
        version,
      }
    : { registry, repository, version };
}
