import { Expression, literal, method } from '../plan';

/** An item and the variable of the NodeCache that keeps it. */
interface Kept {
  readonly cache: string;
  /** What the cache calls it. */
  readonly name: string;
}

/** What the CachePlans of all files keep on nodes, by the names that runs call it. @internal */
export class NodeItems {
  private readonly images = new Map<string, string>();
  private readonly repositories = new Map<string, Kept>();
  private readonly models = new Map<string, Kept>();

  /** @param reference pinned; empty while that is a question */
  public addImage(name: string, reference: string): void {
    this.images.set(name, reference);
  }

  public addRepository(name: string, kept: Kept): void {
    this.repositories.set(name, kept);
  }

  /** @param repo `org/name`, as commands name it */
  public addModel(repo: string, kept: Kept): void {
    this.models.set(repo, kept);
  }

  /** The reference of an image; empty while that is a question. */
  public image(name: string): string | undefined {
    return this.images.get(name);
  }

  public repository(name: string): Expression | undefined {
    const kept = this.repositories.get(name);
    return kept && method(kept.cache, 'repository', literal(kept.name));
  }

  public get repositoryNames(): string[] {
    return [...this.repositories.keys()];
  }

  /** The artifact of a model. */
  public model(repo: string): Expression | undefined {
    const kept = this.models.get(repo);
    return kept && method(kept.cache, 'artifact', literal(kept.name));
  }
}
