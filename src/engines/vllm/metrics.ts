import type { EngineMetrics } from '../engine-metrics';
import { atLeastVersion } from './version';

/** A metric by the version from which it has each name, the newest first. */
type Names = readonly (readonly [since: string, name: string])[];

/**
 * Metrics whose names changed, as vllm/v1/metrics/loggers.py and vllm/engine/metrics.py of vllm-project/vllm have
 * them; read as the flags are.
 */
const KV_CACHE_USAGE: Names = [
  ['0.9.2', 'vllm:kv_cache_usage_perc'],
  ['0.6.0', 'vllm:gpu_cache_usage_perc'],
];
const TIME_PER_OUTPUT_TOKEN: Names = [
  ['0.10.2', 'vllm:inter_token_latency_seconds'],
  ['0.6.0', 'vllm:time_per_output_token_seconds'],
];

/**
 * Of prometheus-fastapi-instrumentator, mounted in vllm/entrypoints/openai/api_server.py without the probes. Before
 * vllm-project/vllm#44303 it counts some requests that were refused as wrong (4xx) as failures of the server.
 */
const ANSWERED: Names = [['0.8.5', 'http_requests_total']];

/**
 * What a version of vLLM tells Prometheus. Counters are named with the `_total` that the Prometheus client puts
 * behind them, whether their names in the source have it or not.
 *
 * @internal
 */
export function vllmMetrics(version: string): EngineMetrics {
  const nameIn = (names: Names) => names.find(([since]) => atLeastVersion(version, since))?.[1];
  return {
    path: '/metrics',
    running: 'vllm:num_requests_running',
    waiting: 'vllm:num_requests_waiting',
    kvCacheUsage: nameIn(KV_CACHE_USAGE),
    promptTokens: 'vllm:prompt_tokens_total',
    generatedTokens: 'vllm:generation_tokens_total',
    answered: nameIn(ANSWERED),
    failedMatcher: 'status="5xx"',
    succeeded: 'vllm:request_success_total',
    timeToFirstToken: 'vllm:time_to_first_token_seconds',
    timePerOutputToken: nameIn(TIME_PER_OUTPUT_TOKEN),
    requestSeconds: 'vllm:e2e_request_latency_seconds',
    modelLabel: 'model_name',
  };
}
