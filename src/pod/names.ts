import { Chart } from 'cdk8s';
import { IConstruct } from 'constructs';
import { shortHash } from './content-hash';
import { isLabelValue } from './labels';

/**
 * Longest base name. What is added to it must stay within 63 characters: a Job's 9 (`-` and hash), a
 * StatefulSet pod's 11 (`controller-revision-hash` label), `-programs-` and hash 18.
 */
const MAX_BASE = 40;

/**
 * The base name of all objects of a construct: the names from its pipeline (or chart) down to it, as one
 * RFC 1035 label, so that it can name a Service too. Cut and hashed where it would be too long. A phase is
 * left out: it is in the object's annotations and folder.
 */
export function baseName(scope: IConstruct): string {
  return dnsLabel(namePath(scope));
}

/** The name of the pipeline, or else of the chart, that a construct belongs to: it is the value of a label. */
export function pipelineName(scope: IConstruct): string {
  const [name] = namePath(scope);
  return isLabelValue(name) ? name : dnsLabel([name]);
}

/** Joins names to one RFC 1035 label of at most 40 characters. */
export function dnsLabel(names: string[]): string {
  const joined = names.join('-');
  let label = joined
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  if (!/^[a-z]/.test(label)) label = label ? `m-${label}` : 'm';
  if (label.length <= MAX_BASE) return label;
  return `${label.slice(0, MAX_BASE - 7).replace(/-$/, '')}-${shortHash(joined, 6)}`;
}

function namePath(scope: IConstruct): string[] {
  const chart = phaseChartOf(scope) ?? Chart.of(scope);
  const owner = phaseChartOf(scope) ? (chart.node.scope as IConstruct) : chart;
  const scopes = scope.node.scopes;
  return [owner.node.id, ...scopes.slice(scopes.indexOf(chart) + 1).map((s) => s.node.id)];
}

/** Told by a mark and not by `instanceof`, so that two copies of this package in one program agree. */
const PHASE = Symbol.for('cdk8s-llm.phase');

/** Marks a chart as a phase of a pipeline. */
export function markPhaseChart(chart: Chart, phase: number): void {
  Object.defineProperty(chart, PHASE, { value: phase });
}

/** The chart of the phase that a construct is in, or undefined in a plain chart. */
export function phaseChartOf(scope: IConstruct): Chart | undefined {
  for (let s: IConstruct | undefined = scope; s; s = s.node.scope) {
    if (Chart.isChart(s) && PHASE in s) return s;
  }
  return undefined;
}

/** The phase that a construct is in, or undefined in a plain chart. */
export function phaseOf(scope: IConstruct): number | undefined {
  const chart = phaseChartOf(scope) as unknown as Record<symbol, number> | undefined;
  return chart?.[PHASE];
}
