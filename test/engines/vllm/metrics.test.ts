import { vllmMetrics } from '../../../src/engines/vllm/metrics';

test('the key-value cache is not of the GPU alone since 0.9.2', () => {
  expect(vllmMetrics('0.9.1').kvCacheUsage).toBe('vllm:gpu_cache_usage_perc');
  expect(vllmMetrics('0.9.2').kvCacheUsage).toBe('vllm:kv_cache_usage_perc');
});

test('the time between tokens has a name of its own since 0.10.2', () => {
  expect(vllmMetrics('0.10.1').timePerOutputToken).toBe('vllm:time_per_output_token_seconds');
  expect(vllmMetrics('0.26.0').timePerOutputToken).toBe('vllm:inter_token_latency_seconds');
});

test('what all versions have', () => {
  for (const version of ['0.6.0', '0.11.0', '0.28.0', '0.31.0']) {
    expect(vllmMetrics(version)).toMatchObject({
      path: '/metrics',
      running: 'vllm:num_requests_running',
      waiting: 'vllm:num_requests_waiting',
      promptTokens: 'vllm:prompt_tokens_total',
      generatedTokens: 'vllm:generation_tokens_total',
      succeeded: 'vllm:request_success_total',
      timeToFirstToken: 'vllm:time_to_first_token_seconds',
      requestSeconds: 'vllm:e2e_request_latency_seconds',
      modelLabel: 'model_name',
    });
  }
});
