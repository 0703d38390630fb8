import { checkFlags } from '../../../src/engines/flag-table';
import { propertiesOfFlags, vllmArguments, VllmCommand } from '../../../src/engines/vllm/command';
import { VLLM_FLAGS } from '../../../src/engines/vllm/flag-table';

const LEAST: VllmCommand = {
  version: '0.26.0',
  model: '/models/qwen',
  servedModelNames: ['qwen3-1.7b'],
  port: 8000,
  tensorParallel: 1,
  pipelineParallel: 1,
  dataParallel: 1,
  adapters: [],
  shutdownSeconds: 120,
};

const ALL: VllmCommand = {
  ...LEAST,
  servedModelNames: ['a', 'b.c'],
  tensorParallel: 4,
  pipelineParallel: 2,
  dataParallel: 2,
  expertParallel: true,
  maxModelLen: 4096,
  dtype: 'bfloat16',
  quantization: 'fp8',
  kvCacheDtype: 'fp8',
  gpuMemoryUtilization: 0.8,
  prefixCaching: false,
  chunkedPrefill: true,
  maxNumSeqs: 64,
  maxNumBatchedTokens: 8192,
  enforceEager: true,
  adapters: [
    { name: 'legal', path: '/models/legal' },
    { name: 'org/medical', path: '/models-1/medical' },
  ],
  maxLoraRank: 32,
  maxLoras: 2,
  speculation: { method: 'draft_model', tokens: 5, tensorParallel: 1 },
  draft: '/models/draft',
  toolCallParser: 'hermes',
  reasoningParser: 'qwen3',
  chatTemplate: '/etc/vllm/chat-template/template.jinja',
  kvTransfer: { kv_connector: 'NixlConnector', kv_role: 'kv_producer' },
  trustRemoteCode: true,
  logRequests: true,
};

test('the least that a server is told', () => {
  expect(vllmArguments(LEAST)).toEqual([
    '/models/qwen',
    ...['--host', '0.0.0.0', '--port', '8000'],
    ...['--served-model-name', 'qwen3-1.7b'],
    ...['--tensor-parallel-size', '1'],
    ...['--disable-access-log-for-endpoints', '/health,/metrics'],
    ...['--shutdown-timeout', '120'],
  ]);
});

test('everything', () => {
  expect(vllmArguments(ALL).slice(1)).toEqual([
    ...['--host', '0.0.0.0', '--port', '8000'],
    ...['--served-model-name', 'a', 'b.c'],
    ...['--tensor-parallel-size', '4', '--pipeline-parallel-size', '2', '--data-parallel-size', '2'],
    '--enable-expert-parallel',
    ...['--max-model-len', '4096', '--dtype', 'bfloat16', '--quantization', 'fp8', '--kv-cache-dtype', 'fp8'],
    ...['--gpu-memory-utilization', '0.8', '--no-enable-prefix-caching', '--enable-chunked-prefill'],
    ...['--max-num-seqs', '64', '--max-num-batched-tokens', '8192', '--enforce-eager'],
    ...['--enable-lora', '--max-lora-rank', '32', '--max-loras', '2'],
    ...['--lora-modules', 'legal=/models/legal', 'org/medical=/models-1/medical'],
    '--speculative-config',
    '{"method":"draft_model","model":"/models/draft","num_speculative_tokens":5,"draft_tensor_parallel_size":1}',
    ...['--enable-auto-tool-choice', '--tool-call-parser', 'hermes', '--reasoning-parser', 'qwen3'],
    ...['--chat-template', '/etc/vllm/chat-template/template.jinja'],
    ...['--kv-transfer-config', '{"kv_connector":"NixlConnector","kv_role":"kv_producer"}'],
    ...['--trust-remote-code', '--enable-log-requests'],
    ...['--disable-access-log-for-endpoints', '/health,/metrics'],
    ...['--shutdown-timeout', '120'],
  ]);
});

test.each(['0.15.0', '0.18.0', '0.26.0', '0.28.0'])('vLLM %s knows everything that it is told', (version) => {
  const [, ...args] = vllmArguments({ ...ALL, version });
  expect(checkFlags(VLLM_FLAGS, version, args, { own: true })).toEqual([]);
});

test.each(['0.6.0', '0.8.5', '0.10.2', '0.26.0'])('vLLM %s knows the least that it is told', (version) => {
  const [, ...args] = vllmArguments({ ...LEAST, version });
  expect(checkFlags(VLLM_FLAGS, version, args, { own: true })).toEqual([]);
});

test('each flag has a property, so that an argument that sets it again can name that', () => {
  const [, ...args] = vllmArguments(ALL);
  const flags = args.filter((arg) => arg.startsWith('--'));
  // Where it listens is no property's.
  expect(Object.keys(propertiesOfFlags(args))).toHaveLength(flags.length - 2);
  expect(propertiesOfFlags(args)).not.toHaveProperty('--port');
  expect(propertiesOfFlags(args)['--enable-prefix-caching']).toBe('prefixCaching');
});

describe('what differs between versions', () => {
  const args = (version: string, more: Partial<VllmCommand> = {}) =>
    vllmArguments({ ...LEAST, version, ...more });

  test('prompts are not logged unless that is asked for', () => {
    expect(args('0.10.0')).toContain('--disable-log-requests');
    expect(args('0.10.0', { logRequests: true })).not.toContain('--disable-log-requests');
    expect(args('0.10.1').join()).not.toContain('log-requests');
    expect(args('0.10.1', { logRequests: true })).toContain('--enable-log-requests');
  });

  test('a parser of reasoning needed a switch before 0.9.0', () => {
    expect(args('0.8.5', { reasoningParser: 'deepseek_r1' })).toContain('--enable-reasoning');
    expect(args('0.9.0', { reasoningParser: 'deepseek_r1' })).not.toContain('--enable-reasoning');
  });

  test('requests are waited for since 0.18.0, probes are not logged since 0.16.0', () => {
    expect(args('0.17.1')).not.toContain('--shutdown-timeout');
    expect(args('0.18.0')).toContain('--shutdown-timeout');
    expect(args('0.15.1')).not.toContain('--disable-access-log-for-endpoints');
    expect(args('0.16.0')).toContain('--disable-access-log-for-endpoints');
  });
});
