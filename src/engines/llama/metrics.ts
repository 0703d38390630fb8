import type { EngineMetrics } from '../engine-metrics';

/**
 * What llama-server tells Prometheus with `--metrics`: `llamacpp:` and the names in tools/server/README.md of
 * ggml-org/llama.cpp, the same at b5590 and at v0.7.0. It counts no requests, measures no latencies, and says how full
 * the key-value cache is only before b5590. A router has no metrics of its own: it asks for a model in the query.
 *
 * @internal
 */
export const LLAMA_METRICS: EngineMetrics = {
  path: '/metrics',
  running: 'llamacpp:requests_processing',
  waiting: 'llamacpp:requests_deferred',
  promptTokens: 'llamacpp:prompt_tokens_total',
  generatedTokens: 'llamacpp:tokens_predicted_total',
  // Of what it answers, only health and models are open to all (ggml-org/llama.cpp#28915).
  needApiKey: true,
};
