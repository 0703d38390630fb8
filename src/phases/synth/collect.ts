/**
 * The objects of an app, chart by chart, as cdk8s would synthesize them, in one walk of the tree. cdk8s walks
 * and validates the whole app again for every chart.
 */

import { ApiObject, App, Chart } from 'cdk8s';
import { IConstruct } from 'constructs';
import { Dependency, dependencyOrder } from './dependency-order';
import { manifestOf } from './manifest';

/** A chart and the objects that are in it and in no chart inside it. @internal */
export interface SynthesizedChart {
  readonly chart: Chart;
  /** In the order in which they are written: what an object depends on comes before it. */
  readonly objects: SynthesizedObject[];
}

/** An object and its manifest. @internal */
export interface SynthesizedObject {
  readonly apiObject: ApiObject;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as cdk8s declares it: a manifest can be anything
  readonly manifest: any;
}

/**
 * Validates an app and collects its charts, in the order of the tree, a chart before the charts inside it.
 *
 * Dependencies order the objects of a chart as cdk8s does. Between charts they order nothing.
 *
 * @throws when a construct is not valid, naming all errors with the constructs' paths
 * @throws when constructs depend on each other in a circle, or one depends on what is in no chart
 * @internal
 */
export function collect(app: App): SynthesizedChart[] {
  const tree = walk(app);
  validate(tree.constructs);
  order(tree);
  return [...tree.charts].map(([chart, apiObjects]) => ({
    chart,
    objects: apiObjects.map((apiObject) => ({ apiObject, manifest: manifestOf(apiObject) as unknown })),
  }));
}

/** What is in an app, in the order of its tree. */
interface Tree {
  readonly constructs: IConstruct[];
  readonly charts: Map<Chart, ApiObject[]>;
  readonly dependencies: Dependency[];
}

function walk(app: App): Tree {
  const tree: Tree = { constructs: [], charts: new Map(), dependencies: [] };
  visit(app, []);
  return tree;

  function visit(construct: IConstruct, objectsOfChart: ApiObject[]): void {
    tree.constructs.push(construct);
    if (Chart.isChart(construct)) {
      refuseOwnRendering(construct);
      objectsOfChart = [];
      tree.charts.set(construct, objectsOfChart);
    } else if (construct instanceof ApiObject) {
      objectsOfChart.push(construct);
    }
    for (const target of construct.node.dependencies) tree.dependencies.push({ source: construct, target });
    for (const child of construct.node.children) visit(child, objectsOfChart);
  }
}

/** A chart of cdk8s renders itself by `toJson()`; one that renders itself otherwise would lose that here. */
function refuseOwnRendering(chart: Chart): void {
  let owner: object = chart;
  while (!Object.hasOwn(owner, 'toJson')) owner = Object.getPrototypeOf(owner) as object;
  // By the mark and not by `instanceof`, for charts of another copy of cdk8s.
  if (Object.hasOwn(owner.constructor, 'isChart')) return;
  throw new Error(
    `${chart.node.path}: '${chart.constructor.name}' overrides Chart.toJson(), which is not called here. ` +
      'Change the objects themselves, for instance by ApiObject.addJsonPatch().',
  );
}

/** Reports errors as cdk8s does. */
function validate(constructs: readonly IConstruct[]): void {
  const errors = constructs.flatMap(({ node }) => node.validate().map((error) => `[${node.path}] ${error}`));
  if (errors.length > 0)
    throw new Error(`Validation failed with the following errors:\n  ${errors.join('\n  ')}`);
}

/** Brings the objects of each chart into the order of its dependencies, and finds every circle. */
function order({ charts, constructs, dependencies }: Tree): void {
  if (dependencies.length === 0) return;
  // For the circles that run through several charts.
  dependencyOrder(constructs, dependencies);

  for (const [chart, inChart] of byChart(dependencies)) {
    const ordered = dependencyOrder(chart.node.findAll(), inChart);
    const own = ordered.filter((construct) => construct instanceof ApiObject && construct.chart === chart);
    charts.set(chart, own as ApiObject[]);
  }
}

/** Dependencies by the charts that they begin in: the closest one and those around it. */
function byChart(dependencies: readonly Dependency[]): Map<Chart, Dependency[]> {
  const result = new Map<Chart, Dependency[]>();
  for (const dependency of dependencies) {
    for (const chart of dependency.source.node.scopes.filter((scope) => Chart.isChart(scope))) {
      const known = result.get(chart);
      if (known) known.push(dependency);
      else result.set(chart, [dependency]);
    }
  }
  return result;
}
