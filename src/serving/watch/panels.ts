import type { ServerTarget } from '../server-target';
import type { PipelineParts } from './pipeline-alerts';
import {
  answeredRate,
  clusterSeries,
  EngineHistogram,
  engineQuantile,
  engineSeries,
  EngineMetric,
  podsOf,
} from './promql';
import { copies, errorShare } from './server-alerts';

/** A question to Prometheus, and how its answers are called. @internal */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** A panel of a dashboard. One that has nothing to ask is not drawn. @internal */
export interface Panel {
  readonly title: string;
  readonly description?: string;
  /** As Grafana names it. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** The largest value that there can be. */
  readonly max?: number;
  /** Values that mean something else than a number, in order from 0. */
  readonly states?: readonly { readonly text: string; readonly color: string }[];
}

/** Grafana puts in what suits the interval of scrapes and the width of the panel. */
const WINDOW = '$__rate_interval';

/** What there is to see of a pipeline and its servers. @internal */
export function panelsOf(parts: PipelineParts, servers: readonly ServerTarget[]): Panel[] {
  const each = (query: (server: ServerTarget) => Query[]): Query[] => servers.flatMap(query);
  return [
    phases(parts),
    {
      title: 'Copies',
      description: 'How many can be asked, and how many there should be.',
      unit: 'short',
      queries: each((server) => [
        { expr: copies(server).available, legend: `${server.owner.name} ready` },
        { expr: copies(server).wanted, legend: `${server.owner.name} wanted` },
      ]),
    },
    {
      title: 'Requests',
      description: 'Answered in a second.',
      unit: 'reqps',
      queries: each((server) =>
        server.metrics?.answered
          ? named(server, answeredRate(server, WINDOW), '')
          : rate(server, 'succeeded', ''),
      ),
    },
    {
      title: 'Failed requests',
      description: "Those that ended with an error of the server's own.",
      unit: 'percentunit',
      max: 1,
      queries: each((server) => named(server, errorShare(server, WINDOW), '')),
    },
    {
      title: 'Queue',
      description: 'Requests that are answered, and requests that wait.',
      unit: 'short',
      queries: each((server) => [
        ...sum(server, 'running', ' answered'),
        ...sum(server, 'waiting', ' waiting'),
      ]),
    },
    {
      title: 'Tokens',
      description: 'In a second.',
      unit: 'short',
      queries: each((server) => [
        ...rate(server, 'generatedTokens', ' generated'),
        ...rate(server, 'promptTokens', ' of prompts'),
      ]),
    },
    {
      title: 'Time to first token',
      unit: 's',
      queries: each((server) => quantiles(server, 'timeToFirstToken')),
    },
    {
      title: 'Time between tokens',
      unit: 's',
      queries: each((server) => quantiles(server, 'timePerOutputToken')),
    },
    {
      title: 'Time of a request',
      unit: 's',
      queries: each((server) => quantiles(server, 'requestSeconds')),
    },
    {
      title: 'Key-value cache',
      description: 'When it is full, requests wait for others to end.',
      unit: 'percentunit',
      max: 1,
      queries: each((server) => {
        const series = engineSeries(server, 'kvCacheUsage');
        return series === undefined ? [] : [{ expr: series, legend: '{{pod}}' }];
      }),
    },
    {
      title: 'GPU utilization',
      description: 'Of NVIDIA GPUs, by the DCGM exporter. It does not tell it of MIG devices.',
      unit: 'percent',
      max: 100,
      queries: each((server) => gpu(server, (labels) => clusterSeries('DCGM_FI_DEV_GPU_UTIL', labels))),
    },
    {
      title: 'GPU memory',
      description: 'How much of it is used, of NVIDIA GPUs, by the DCGM exporter.',
      unit: 'percentunit',
      max: 1,
      queries: each((server) =>
        gpu(server, (labels) => {
          const used = clusterSeries('DCGM_FI_DEV_FB_USED', labels);
          return `${used} / (${used} + ${clusterSeries('DCGM_FI_DEV_FB_FREE', labels)})`;
        }),
      ),
    },
    claims(parts),
  ].filter(({ queries }) => queries.length > 0);
}

function phases({ namespace, jobs }: PipelineParts): Panel {
  const labels = { namespace, job_name: { anyOf: jobs } };
  const failed = clusterSeries('kube_job_failed', { ...labels, condition: 'true' });
  const complete = clusterSeries('kube_job_complete', { ...labels, condition: 'true' });
  const active = clusterSeries('kube_job_status_active', labels);
  return {
    title: 'Phases',
    description: 'The Jobs that fetch, convert and test the model.',
    unit: 'short',
    queries: jobs.length
      ? [
          {
            expr: `max by (job_name) (${failed} * 3 or ${complete} * 2 or clamp_max(${active}, 1))`,
            legend: '{{job_name}}',
          },
        ]
      : [],
    states: [
      { text: 'waits', color: 'gray' },
      { text: 'runs', color: 'blue' },
      { text: 'complete', color: 'green' },
      { text: 'failed', color: 'red' },
    ],
  };
}

function claims({ namespace, claims: names }: PipelineParts): Panel {
  const labels = { namespace, persistentvolumeclaim: { anyOf: names } };
  const available = clusterSeries('kubelet_volume_stats_available_bytes', labels);
  const capacity = clusterSeries('kubelet_volume_stats_capacity_bytes', labels);
  return {
    title: 'Claims',
    description: 'How full they are, while a pod mounts them.',
    unit: 'percentunit',
    max: 1,
    queries: names.length
      ? [
          {
            expr: `max by (persistentvolumeclaim) (1 - ${available} / ${capacity})`,
            legend: '{{persistentvolumeclaim}}',
          },
        ]
      : [],
  };
}

function named({ owner }: ServerTarget, expr: string | undefined, what: string): Query[] {
  return expr === undefined ? [] : [{ expr, legend: `${owner.name}${what}` }];
}

function sum(server: ServerTarget, metric: EngineMetric, what: string): Query[] {
  const series = engineSeries(server, metric);
  return named(server, series && `sum(${series})`, what);
}

function rate(server: ServerTarget, metric: EngineMetric, what: string): Query[] {
  const series = engineSeries(server, metric);
  return named(server, series && `sum(rate(${series}[${WINDOW}]))`, what);
}

function quantiles(server: ServerTarget, metric: EngineHistogram): Query[] {
  return [0.5, 0.95].flatMap((quantile) =>
    named(server, engineQuantile(server, metric, quantile, WINDOW), ` ${quantile * 100} of 100`),
  );
}

type GpuLabels = Parameters<typeof clusterSeries<'DCGM_FI_DEV_GPU_UTIL'>>[1];

/** By the labels of the exporter, or by those that Prometheus has put in their place. */
function gpu(server: ServerTarget, query: (labels: GpuLabels) => string): Query[] {
  if (server.accelerator?.vendor !== 'nvidia') return [];
  const { namespace } = server.owner;
  const pod = podsOf(server);
  return [
    {
      expr: query({ exported_namespace: namespace, exported_pod: pod }),
      legend: '{{exported_pod}} GPU {{gpu}}',
    },
    { expr: query({ namespace, pod }), legend: '{{pod}} GPU {{gpu}}' },
  ];
}
