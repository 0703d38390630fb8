import { shortHash } from '../../pod/content-hash';
import type { Panel } from './panels';
import type { PipelineParts } from './pipeline-alerts';

const COLUMNS = 24;
const HEIGHT = 8;

/** A variable of the dashboard: whoever looks chooses the Prometheus. */
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/**
 * A dashboard as Grafana imports it. It has one address for ever, by the pipeline's name and namespace.
 *
 * @internal
 */
export function dashboard(
  { pipeline, namespace }: PipelineParts,
  panels: readonly Panel[],
): Record<string, unknown> {
  return {
    uid: `cdk8s-llm-${shortHash({ pipeline, namespace }, 12)}`,
    title: `${pipeline} (${namespace})`,
    tags: ['cdk8s-llm', namespace],
    // What a person changes would be gone with the next change of the file.
    editable: false,
    refresh: '30s',
    schemaVersion: 39,
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    templating: {
      list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }],
    },
    panels: placed(panels).map(({ panel, gridPos }, index) => drawn(panel, gridPos, index + 1)),
  };
}

interface GridPos {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** What is drawn as states takes the whole width, others stand side by side. */
function placed(panels: readonly Panel[]): { panel: Panel; gridPos: GridPos }[] {
  let [x, y] = [0, 0];
  return panels.map((panel) => {
    const w = panel.states ? COLUMNS : COLUMNS / 2;
    if (x + w > COLUMNS) [x, y] = [0, y + HEIGHT];
    const gridPos = { x, y, w, h: HEIGHT };
    x += w;
    return { panel, gridPos };
  });
}

function drawn(panel: Panel, gridPos: GridPos, id: number): Record<string, unknown> {
  const { title, description, unit, max, states, queries } = panel;
  return {
    id,
    type: states ? 'state-timeline' : 'timeseries',
    title,
    ...(description ? { description } : {}),
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max === undefined ? {} : { max }),
        ...(states ? { mappings: [{ type: 'value', options: Object.fromEntries(states.entries()) }] } : {}),
      },
      overrides: [],
    },
    options: states
      ? { showValue: 'auto', mergeValues: true, legend: { displayMode: 'list', placement: 'bottom' } }
      : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: refId(index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

/** A, B, ..., Z, AA, AB, ... */
function refId(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : refId(Math.floor(index / 26) - 1) + letter;
}
