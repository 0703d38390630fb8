/**
 * The order that cdk8s gives to constructs that depend on each other, in time linear in their number. cdk8s
 * writes every dependency between groups out, object by object, and visits what is depended on again for each
 * dependant, which takes exponential time.
 */

import { ApiObject, Chart } from 'cdk8s';
import { IConstruct } from 'constructs';

/** Told by `source.node.addDependency(target)`. @internal */
export interface Dependency {
  readonly source: IConstruct;
  readonly target: IConstruct;
}

/**
 * Constructs so that each comes after what it depends on, else in the given order.
 *
 * A dependency between two constructs is also one of all objects in the first on all objects in the second,
 * where an object counts for its closest chart alone.
 *
 * @param constructs - a whole tree, each construct before its children
 * @param dependencies - from these constructs; on others they order nothing
 * @returns the constructs, and those others that they depend on
 * @throws when constructs depend on each other in a circle, naming their paths
 * @throws when a dependency begins or ends outside of any chart
 * @internal
 */
export function dependencyOrder(
  constructs: readonly IConstruct[],
  dependencies: readonly Dependency[],
): IConstruct[] {
  const sorter = new Sorter(dependencies);
  // As cdk8s does it: from whatever nothing depends on, down to its dependencies. What is left then runs in circles.
  for (const construct of constructs) if (!sorter.isDependedOn(construct)) sorter.visit(construct);
  for (const construct of constructs) sorter.visit(construct);
  return sorter.sorted;
}

/** A dependency and the objects that follow from it. */
interface GroupDependency extends Dependency {
  readonly chart: Chart;
  readonly targetObjects: ApiObject[];
  /** All target objects are sorted. */
  done: boolean;
}

class Sorter {
  public readonly sorted: IConstruct[] = [];

  private readonly bySource = new Map<IConstruct, GroupDependency[]>();
  private readonly dependedOn = new Set<IConstruct>();
  private readonly finished = new Set<IConstruct>();
  /** From where the visit began to where it is. */
  private readonly route = new Set<IConstruct>();

  constructor(dependencies: readonly Dependency[]) {
    for (const dependency of dependencies) this.add(dependency);
  }

  private add({ source, target }: Dependency): void {
    const chart = chartOf(source, source, target);
    const sourceObjects = objectsIn(source, chart);
    const targetObjects = objectsIn(target, chartOf(target, source, target));
    this.dependedOn.add(target);
    for (const object of targetObjects) {
      if (sourceObjects.some((other) => other !== object)) this.dependedOn.add(object);
    }
    const known = this.bySource.get(source) ?? [];
    known.push({ source, target, chart, targetObjects, done: false });
    this.bySource.set(source, known);
  }

  public isDependedOn(construct: IConstruct): boolean {
    return this.dependedOn.has(construct);
  }

  /** Sorts a construct in, and before it all that it depends on. */
  public visit(construct: IConstruct): void {
    if (this.finished.has(construct)) return;
    if (this.route.has(construct)) throw this.circle(construct);
    this.route.add(construct);
    for (const { target } of this.bySource.get(construct) ?? []) this.visit(target);
    if (construct instanceof ApiObject) this.visitGroups(construct);
    this.route.delete(construct);
    this.finished.add(construct);
    this.sorted.push(construct);
  }

  /** An object also depends on what the constructs around it, in the same chart, depend on. */
  private visitGroups(object: ApiObject): void {
    for (const scope of object.node.scopes) {
      for (const dependency of this.bySource.get(scope) ?? []) {
        if (dependency.done || dependency.chart !== object.chart) continue;
        for (const target of dependency.targetObjects) if (target !== object) this.visit(target);
        dependency.done = !dependency.targetObjects.includes(object);
      }
    }
  }

  private circle(construct: IConstruct): Error {
    const route = [...this.route];
    const circle = [...route.slice(route.indexOf(construct)), construct];
    return new Error(`Dependency cycle detected: ${circle.map(({ node }) => node.path).join(' => ')}`);
  }
}

function objectsIn(construct: IConstruct, chart: Chart): ApiObject[] {
  return construct.node
    .findAll()
    .filter((each): each is ApiObject => each instanceof ApiObject && each.chart === chart);
}

function chartOf(construct: IConstruct, source: IConstruct, target: IConstruct): Chart {
  const chart = construct.node.scopes.findLast((scope) => Chart.isChart(scope));
  if (chart) return chart;
  throw new Error(
    `${pathOf(source)}: depends on '${pathOf(target)}', but '${pathOf(construct)}' is in no chart. ` +
      'Let the objects or charts that are meant depend on each other.',
  );
}

function pathOf(construct: IConstruct): string {
  return construct.node.path || 'App';
}
