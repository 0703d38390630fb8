import { ApiObject, App, Chart } from 'cdk8s';
import { Construct, DependencyGroup, IConstruct } from 'constructs';
import { collect } from '../../../src/phases/synth/collect';
import { Random } from './random';

function thing(scope: Construct, id: string): ApiObject {
  return new ApiObject(scope, id, { apiVersion: 'v1', kind: 'Thing', metadata: { name: id } });
}

/** Names of the objects of each chart. */
function names(app: App): Record<string, string[]> {
  return Object.fromEntries(
    collect(app).map(({ chart, objects }) => [
      chart.node.path,
      objects.map(({ apiObject }) => apiObject.name),
    ]),
  );
}

describe('charts and objects', () => {
  test('in the order of the tree, with the manifests of cdk8s', () => {
    const app = new App();
    const b = new Chart(app, 'b', { namespace: 'llm', labels: { team: 'ml' } });
    const group = new Construct(b, 'group');
    thing(group, 'z');
    thing(b, 'a');
    new Chart(app, 'empty');
    thing(new Chart(new Construct(app, 'construct'), 'a'), 'c');

    expect(names(app)).toEqual({ b: ['z', 'a'], empty: [], 'construct/a': ['c'] });
    for (const { chart, objects } of collect(app)) {
      expect(objects.map(({ manifest }) => manifest)).toStrictEqual(chart.toJson());
    }
  });

  test('a chart in a chart has its objects to itself', () => {
    const app = new App();
    const outer = new Chart(app, 'outer');
    thing(outer, 'first');
    const inner = new Chart(outer, 'inner');
    thing(inner, 'in');
    thing(outer, 'last');
    expect(names(app)).toEqual({ outer: ['first', 'last'], 'outer/inner': ['in'] });
    for (const { chart, objects } of collect(app)) {
      expect(objects.map(({ manifest }) => manifest)).toStrictEqual(chart.toJson());
    }
  });

  test('leaves the tree as it was', () => {
    const app = new App();
    const chart = new Chart(app, 'chart');
    const group = new Construct(chart, 'group');
    const member = thing(group, 'member');
    group.node.addDependency(thing(chart, 'first'));
    new Chart(chart, 'inner');
    collect(app);
    expect(member.node.dependencies).toEqual([]);
    expect(chart.node.dependencies).toEqual([]);
  });

  test('a chart that renders itself is refused', () => {
    class Odd extends Chart {
      public override toJson(): unknown[] {
        return super.toJson().slice(1);
      }
    }
    const app = new App();
    new Odd(app, 'odd');
    expect(() => collect(app)).toThrow("odd: 'Odd' overrides Chart.toJson(), which is not called here.");
  });
});

describe('validation', () => {
  test('runs once per construct and reports as cdk8s does', () => {
    const app = new App();
    let runs = 0;
    for (let i = 0; i < 10; i++) {
      const object = thing(new Chart(app, `chart${i}`), 'object');
      object.node.addValidation({
        validate: () => {
          runs++;
          return i < 2 ? [`wrong ${i}`, 'and more'] : [];
        },
      });
    }
    expect(() => collect(app)).toThrow(
      new Error(
        'Validation failed with the following errors:\n' +
          '  [chart0/object] wrong 0\n  [chart0/object] and more\n  [chart1/object] wrong 1\n  [chart1/object] and more',
      ),
    );
    expect(runs).toBe(10);
    expect(() => app.synthYaml()).toThrow(outcome(() => collect(app)));
  });

  test('comes before the order', () => {
    const app = new App();
    const a = thing(new Chart(app, 'chart'), 'a');
    a.addDependency(a);
    a.node.addValidation({ validate: () => ['not valid'] });
    expect(() => collect(app)).toThrow('not valid');
  });
});

describe('dependencies', () => {
  test('order objects within a chart', () => {
    const app = new App();
    const chart = new Chart(app, 'chart');
    const [a, b, c] = ['a', 'b', 'c'].map((id) => thing(chart, id));
    a.addDependency(c);
    c.addDependency(b);
    expect(names(app)).toEqual({ chart: ['b', 'c', 'a'] });
  });

  test('between charts order nothing', () => {
    const app = new App();
    const [one, two] = ['one', 'two'].map((id) => new Chart(app, id));
    const [a, b] = [thing(one, 'a'), thing(two, 'b')];
    const [c, d] = [thing(one, 'c'), thing(two, 'd')];
    a.addDependency(d);
    b.addDependency(c);
    one.node.addDependency(new DependencyGroup());
    expect(names(app)).toEqual({ one: ['a', 'c'], two: ['b', 'd'] });
  });

  test('on a construct of another app order nothing', () => {
    const app = new App();
    const chart = new Chart(app, 'chart');
    thing(chart, 'a').addDependency(thing(new Chart(new App(), 'chart'), 'elsewhere'));
    expect(names(app)).toEqual({ chart: ['a'] });
  });

  test('in a circle are refused with the paths', () => {
    const app = new App();
    const chart = new Chart(app, 'chart');
    const [before, a, b] = ['before', 'a', 'b'].map((id) => thing(chart, id));
    before.addDependency(a);
    a.addDependency(b);
    b.addDependency(a);
    expect(() => collect(app)).toThrow(new Error('Dependency cycle detected: chart/a => chart/b => chart/a'));
  });

  test('in a circle through groups and charts are refused with the paths', () => {
    const app = new App();
    const [one, two] = ['one', 'two'].map((id) => new Chart(app, id));
    const group = new Construct(one, 'group');
    const member = thing(group, 'member');
    const other = thing(two, 'other');
    group.node.addDependency(two);
    other.addDependency(member);
    expect(() => collect(app)).toThrow(
      new Error('Dependency cycle detected: one/group/member => two/other => one/group/member'),
    );
  });

  test('in a circle through a group around both are refused with the paths', () => {
    const app = new App();
    const group = new Construct(new Chart(app, 'chart'), 'group');
    const member = thing(group, 'member');
    const inner = new Construct(group, 'inner');
    thing(inner, 'other');
    group.node.addDependency(member);
    member.addDependency(inner);
    expect(() => collect(app)).toThrow(
      new Error(
        'Dependency cycle detected: chart/group/member => chart/group/inner/other => chart/group/member',
      ),
    );
  });

  test('on itself are refused', () => {
    const app = new App();
    const a = thing(new Chart(app, 'chart'), 'a');
    a.addDependency(a);
    expect(() => collect(app)).toThrow(new Error('Dependency cycle detected: chart/a => chart/a'));
  });

  test('of what is in no chart are refused with the paths', () => {
    const app = new App();
    const a = thing(new Chart(app, 'chart'), 'a');
    const outside = new Construct(app, 'outside');
    outside.node.addDependency(a);
    expect(() => collect(app)).toThrow("outside: depends on 'chart/a', but 'outside' is in no chart.");
  });

  test('take time in proportion to their number', () => {
    // cdk8s would visit 2^60 paths, and write out a million dependencies.
    const app = new App();
    const chart = new Chart(app, 'chart');
    let layer: IConstruct[] = [];
    for (let depth = 0; depth < 60; depth++) {
      const above = [thing(chart, `left${depth}`), thing(chart, `right${depth}`)];
      for (const object of above) object.addDependency(...layer);
      layer = above;
    }
    const [many, more] = ['many', 'more'].map((id) => new Construct(chart, id));
    for (let i = 0; i < 1000; i++) [many, more].forEach((group) => thing(group, `${group.node.id}${i}`));
    many.node.addDependency(more);
    const order = names(app).chart;
    expect(order).toHaveLength(2120);
    expect(order.indexOf('more999')).toBeLessThan(order.indexOf('many0'));
    expect(order.indexOf('right0')).toBeLessThan(order.indexOf('left1'));
  });

  test('of 2000 random trees give the order of cdk8s', () => {
    const random = new Random(5);
    let compared = 0;
    for (let round = 0; round < 2000; round++) {
      const app = randomApp(random);
      const ours = outcome(() => names(app));
      // Changes the tree, and so comes second.
      const theirs = outcome(() => namesByCdk8s(app));
      // cdk8s refuses charts that need each other, and recurses for ever into what depends on itself.
      if (!theirs.startsWith('{')) continue;
      compared++;
      if (ours !== theirs) expect(ours).toBe(theirs);
    }
    expect(compared).toBeGreaterThan(1000);
  });
});

function namesByCdk8s(app: App): Record<string, string[]> {
  const charts = app.node.findAll().filter((construct) => Chart.isChart(construct));
  const objects = charts.map((chart) => [
    chart.node.path,
    chart.toJson().map(({ metadata }) => metadata.name),
  ]);
  // Finds circles between charts.
  expect(app.charts).toHaveLength(charts.length);
  return Object.fromEntries(objects);
}

/** Objects, groups and charts in each other. A chart in a group would be ordered as a whole by cdk8s, and is left out. */
function randomApp(random: Random): App {
  const app = new App();
  const charts = ['one', 'two'].slice(random.int(2)).map((id) => new Chart(app, id));
  const others: Construct[] = [];
  for (let i = 0; i < 4 + random.int(9); i++) {
    const id = `c${i}`;
    if (random.chance(10)) charts.push(new Chart(random.pick(charts), id));
    else if (random.chance(30)) others.push(new Construct(random.pick([...charts, ...others]), id));
    else others.push(thing(random.pick([...charts, ...others]), id));
  }
  for (let i = 0; i < 1 + random.int(5); i++) {
    const [source, target] = [random.pick([...charts, ...others]), random.pick([...charts, ...others])];
    if (source !== target) source.node.addDependency(target);
  }
  return app;
}

function outcome(action: () => unknown): string {
  try {
    return JSON.stringify(action());
  } catch (error) {
    return (error as Error).message;
  }
}
