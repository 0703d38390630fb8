import type { EngineFlag } from '../../flag-table';

/** The flags of logs, metrics and traces. @internal */
export const OBSERVABILITY_FLAGS: Readonly<Record<string, EngineFlag>> = {
  '--show-hidden-metrics-for-version': { value: 'text', since: '0.8.0' },
  '--otlp-traces-endpoint': { value: 'text', asks: true },
  '--collect-detailed-traces': { value: 'list' },
  '--kv-cache-metrics': { value: 'none', since: '0.12.0', negatable: true },
  '--kv-cache-metrics-sample': { value: 'number', since: '0.12.0' },
  '--cudagraph-metrics': { value: 'none', since: '0.13.0', negatable: true },
  '--enable-layerwise-nvtx-tracing': { value: 'none', since: '0.13.0', negatable: true },
  '--enable-mfu-metrics': { value: 'none', since: '0.14.0', negatable: true },
  '--enable-logging-iteration-details': { value: 'none', since: '0.14.0', negatable: true },
  '--jit-monitor-mode': { value: 'text', since: '0.25.0' },
  '--jit-monitor-verbose': { value: 'none', since: '0.24.0', negatable: true },
  '--disable-log-stats': { value: 'none' },
  '--aggregate-engine-logging': { value: 'none', since: '0.11.1' },
  '--enable-log-requests': { value: 'none', since: '0.10.1', negatable: true },
};
