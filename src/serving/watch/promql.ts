import { InputError } from '../../pod/input-error';
import { WORKER_COMPONENT } from '../group';
import { ownSeries, podPattern, quoted } from '../scalers/promql';
import type { ServerTarget } from '../server-target';
import { CLUSTER_METRICS, ClusterMetric, LabelOf } from './cluster-metrics';

/** The fields of EngineMetrics that name a gauge or a counter. */
const PLAIN = [
  'running',
  'waiting',
  'kvCacheUsage',
  'promptTokens',
  'generatedTokens',
  'answered',
  'succeeded',
] as const;

/** Those that name a histogram. */
const HISTOGRAMS = ['timeToFirstToken', 'timePerOutputToken', 'requestSeconds'] as const;

/** @internal */
export type EngineMetric = (typeof PLAIN)[number];

/** @internal */
export type EngineHistogram = (typeof HISTOGRAMS)[number];

/** One of several texts, each meaning itself: the name of a Job, of a claim. @internal */
export interface AnyOf {
  readonly anyOf: readonly string[];
}

/** A pattern, as Prometheus reads it. @internal */
export interface Pattern {
  readonly pattern: string;
}

/** The series of a metric of the cluster, by labels that it has. @internal */
export function clusterSeries<M extends ClusterMetric>(
  metric: M,
  labels: { readonly [L in LabelOf<M>]?: string | AnyOf | Pattern },
): string {
  const matchers = Object.entries<string | AnyOf | Pattern | undefined>(labels).flatMap(([label, value]) =>
    value === undefined ? [] : [matcher(label, value)],
  );
  return `${metric}{${matchers.join(',')}}`;
}

function matcher(label: string, value: string | AnyOf | Pattern): string {
  if (typeof value === 'string') return `${label}=${quoted(value)}`;
  if ('pattern' in value) return `${label}=~${quoted(value.pattern)}`;
  return `${label}=~${quoted(value.anyOf.map((each) => each.replace(/[.]/g, '\\.')).join('|'))}`;
}

/** The pods of a server, those too that only work for others which take requests. @internal */
export function podsOf(target: ServerTarget): Pattern {
  const { owner, workload } = target;
  switch (workload.kind) {
    case 'StatefulSet':
      return { pattern: `${owner.name}-[0-9]+(-${WORKER_COMPONENT})?-[0-9]+` };
    case 'LeaderWorkerSet':
      return { pattern: `${workload.name}-[0-9]+(-[0-9]+)?` };
    default:
      return { pattern: podPattern(target) };
  }
}

/**
 * The series of one of the engine's metrics that the server's pods have; undefined where it has none.
 *
 * @param matchers further ones, as PromQL writes them
 * @internal
 */
export function engineSeries(
  target: ServerTarget,
  metric: EngineMetric,
  ...matchers: (string | undefined)[]
): string | undefined {
  const name = target.metrics?.[metric];
  if (name === undefined) return undefined;
  const given = matchers.filter((each) => each !== undefined);
  const series = ownSeries(target, name, {});
  return given.length ? `${series.slice(0, -1)},${given.join(',')}}` : series;
}

/** The requests that were answered, in a second; undefined where the engine does not count them. @internal */
export function answeredRate(
  target: ServerTarget,
  window: string,
  ...matchers: string[]
): string | undefined {
  const { answeredMatcher } = target.metrics ?? {};
  const series = engineSeries(target, 'answered', answeredMatcher, ...matchers);
  return series && `sum(rate(${series}[${window}]))`;
}

/** A quantile of one of the engine's histograms. @internal */
export function engineQuantile(
  target: ServerTarget,
  metric: EngineHistogram,
  quantile: number,
  window: string,
): string | undefined {
  const name = target.metrics?.[metric];
  if (name === undefined) return undefined;
  const buckets = ownSeries(target, `${name}_bucket`, {});
  return `histogram_quantile(${quantile}, sum by (le) (rate(${buckets}[${window}])))`;
}

/** All names that an expression about servers may ask for. @internal */
export function knownMetrics(targets: readonly ServerTarget[]): ReadonlySet<string> {
  const known = new Set<string>(Object.keys(CLUSTER_METRICS));
  for (const { metrics } of targets) {
    for (const field of PLAIN) if (metrics?.[field]) known.add(metrics[field]);
    for (const field of HISTOGRAMS) {
      if (metrics?.[field]) ['_bucket', '_sum', '_count'].forEach((end) => known.add(metrics[field] + end));
    }
  }
  return known;
}

const KEYWORDS = new Set([
  'and',
  'or',
  'unless',
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'bool',
  'offset',
]);

/** The metrics that an expression asks for. @internal */
export function metricsIn(expression: string): string[] {
  const rest = expression
    .replace(/"(\\.|[^"\\])*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '');
  const names = [...rest.matchAll(/(?<![\w.:])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])/g)].map(([name]) => name);
  return names.filter((name) => !KEYWORDS.has(name));
}

/** @throws when an expression asks for what nothing is known to tell: it would never be more than silent @internal */
export function checkExpression(where: string, expression: string, known: ReadonlySet<string>): string {
  const unknown = metricsIn(expression).find((name) => !known.has(name));
  if (unknown === undefined) return expression;
  throw new InputError(where, 'expression', expression, {
    allowed: 'metrics that the engine or the cluster is known to have',
    advice: `Nothing is known to tell '${unknown}'.`,
  });
}
