import type { EngineMetrics } from '../engine-metrics';

/**
 * What the front before a root of distributed-llama tells Prometheus (`class Metrics` of dllama_front.py); dllama-api
 * itself tells nothing. One request at a time is answered.
 *
 * @internal
 */
export const DLLAMA_METRICS: EngineMetrics = {
  path: '/metrics',
  waiting: 'dllama_front_queue_length',
  generatedTokens: 'dllama_front_generated_tokens_total',
  answered: 'dllama_front_requests_total',
  answeredMatcher: 'path="/v1/chat/completions"',
  failedMatcher: 'code=~"5.."',
  timeToFirstToken: 'dllama_front_time_to_first_token_seconds',
  requestSeconds: 'dllama_front_request_duration_seconds',
};
