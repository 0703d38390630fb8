import { Accelerator } from '../../../src';
import { vllmMetrics } from '../../../src/engines/vllm/metrics';
import { dashboard } from '../../../src/serving/watch/dashboard';
import { checkExpression, knownMetrics, metricsIn } from '../../../src/serving/watch/promql';
import { CLUSTER_METRICS } from '../../../src/serving/watch/cluster-metrics';
import { DLLAMA_METRICS } from '../../../src/engines/dllama/metrics';
import type { ServerTarget } from '../../../src/serving/server-target';
import { findPromtool } from '../../doubles/promtool';
import type { Untyped } from '../../support/objects';
import { asked, dashboardOf, panelOf, watchedPipeline, watchedVllm } from './watched';

const PARTS = { pipeline: 'qwen', namespace: 'llm', jobs: [], claims: [] };

function expressions(board: Untyped): string[] {
  return (board.panels as Untyped[]).flatMap((panel) =>
    (panel.targets as Untyped[]).map(({ expr }) => expr as string),
  );
}

describe('the dashboard of a pipeline', () => {
  const objects = watchedPipeline();
  const board = dashboardOf(objects);
  const panels = board.panels as Untyped[];

  test('shows what there is to see, each thing once', () => {
    expect(panels.map(({ title }) => title as string)).toEqual([
      'Phases',
      'Copies',
      'Requests',
      'Failed requests',
      'Queue',
      'Tokens',
      'Time to first token',
      'Time between tokens',
      'Time of a request',
      'Key-value cache',
      'GPU utilization',
      'GPU memory',
      'Claims',
    ]);
  });

  test('asks for nothing that the engines and the cluster do not tell', () => {
    const engines = [vllmMetrics('0.26.0'), DLLAMA_METRICS].flatMap(
      (metrics) => Object.values(metrics) as unknown[],
    );
    const told = new Set<unknown>([...Object.keys(CLUSTER_METRICS), ...engines]);
    const names = expressions(board).flatMap((expr) => metricsIn(expr));
    expect(new Set(names).size).toBeGreaterThan(15);
    for (const name of names) expect(told).toContain(name.replace(/_bucket$/, ''));
  });

  test('draws its panels beside and below each other, and not over', () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(panels.map(({ id }) => id as number)).size).toBe(panels.length);
  });

  test('asks the Prometheus that is chosen', () => {
    expect(board.templating.list).toEqual([
      expect.objectContaining({ name: 'datasource', type: 'datasource' }),
    ]);
    for (const panel of panels) {
      for (const { datasource } of [panel, ...(panel.targets as Untyped[])] as Untyped[]) {
        expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
      }
    }
  });

  test('names each question of a panel, past Z as well', () => {
    const queries = Array.from({ length: 30 }, (_, at) => ({ expr: `m${at}`, legend: `${at}` }));
    const [panel] = dashboard(PARTS, [{ title: 'many', unit: 'short', queries }]).panels as Untyped[];
    const ids = (panel.targets as Untyped[]).map(({ refId }) => refId as string);
    expect([ids[0], ids[25], ids[26], ids[29]]).toEqual(['A', 'Z', 'AA', 'AD']);
  });

  test('shows GPUs by both kinds of labels, and only those of NVIDIA', () => {
    expect(asked(objects, 'GPU utilization')).toEqual([
      'DCGM_FI_DEV_GPU_UTIL{exported_namespace="llm",exported_pod=~"qwen-fast-[0-9a-z]+-[0-9a-z]{5}"}',
      'DCGM_FI_DEV_GPU_UTIL{namespace="llm",pod=~"qwen-fast-[0-9a-z]+-[0-9a-z]{5}"}',
    ]);
    expect(
      panelOf(
        watchedVllm({ accelerator: Accelerator.amd({ count: 1, deviceGroups: [] }) }),
        'GPU utilization',
      ),
    ).toBeUndefined();
  });

  test('shows the Jobs of all phases by what became of them', () => {
    const { type, fieldConfig, targets } = panelOf(objects, 'Phases');
    expect(type).toBe('state-timeline');
    expect(Object.keys(fieldConfig.defaults.mappings[0].options as object)).toEqual(['0', '1', '2', '3']);
    for (const job of ['qwen-weights', 'qwen-q40', 'qwen-fast-smoke-test'])
      expect(targets[0].expr).toContain(`${job}-`);
  });

  const promtool = findPromtool();
  (promtool ? test : test.skip)('asks in words that Prometheus understands', () => {
    const rules = expressions(board).map((expr, at) => ({
      record: `panel:${at}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    expect(promtool!.check([{ name: 'panels', rules }])).toContain(`SUCCESS: ${rules.length} rules found`);
  });
});

describe('an expression', () => {
  test.each([
    ['up', ['up']],
    ['sum by (pod) (rate(vllm:a_total{pod=~"x{5}",le="+Inf"}[5m])) > 5', ['vllm:a_total']],
    ['a{x="}"} == 0 and on (pod) group_left (node) b unless c offset 5m', ['a', 'b', 'c']],
    ['max without (pod) (1 - a / b) < 1e3 or clamp_max(d, 1)', ['a', 'b', 'd']],
    ['histogram_quantile(0.95, sum by (le) (rate(h_bucket[$__rate_interval])))', ['h_bucket']],
  ])('%s asks for %j', (expression, names) => {
    expect(metricsIn(expression).filter((name) => name !== 'm')).toEqual(names);
  });

  test('of what nothing tells is refused', () => {
    const known = knownMetrics([
      { metrics: { path: '/metrics', waiting: 'a', requestSeconds: 'h' } } as ServerTarget,
    ]);
    for (const name of ['a', 'h_bucket', 'h_count', 'kube_job_failed']) {
      expect(checkExpression('here', `sum(${name}{})`, known)).toBe(`sum(${name}{})`);
    }
    for (const name of ['b', 'h', 'kube_job_fail', 'path', 'vllm:a']) {
      expect(() => checkExpression('here', `sum(${name}{})`, known)).toThrow(
        `Nothing is known to tell '${name}'`,
      );
    }
  });
});
