import type { EngineFlag } from '../../flag-table';

/** The flags of scheduling, attention, graphs and kernels. @internal */
export const SCHEDULING_FLAGS: Readonly<Record<string, EngineFlag>> = {
  '--attention-backend': { value: 'text', since: '0.13.0' },
  '--max-num-batched-tokens': { value: 'text' },
  '--max-num-scheduled-tokens': { value: 'text', since: '0.26.0' },
  '--max-num-seqs': { value: 'integer' },
  '--long-prefill-token-threshold': { value: 'integer', since: '0.7.3' },
  '--scheduling-policy': { value: ['fcfs', 'priority'], since: '0.6.3' },
  '--enable-chunked-prefill': { value: 'none', negatable: true },
  '--disable-chunked-mm-input': { value: 'none', since: '0.8.4', negatable: true },
  '--scheduler-cls': { value: 'text', since: '0.7.3' },
  '--scheduler-reserve-full-isl': { value: 'none', since: '0.19.0', negatable: true },
  '--watermark': { value: 'number', since: '0.24.0' },
  '--prefill-schedule-interval': { value: 'integer', since: '0.24.0' },
  '--disable-hybrid-kv-cache-manager': { value: 'none', since: '0.9.1', negatable: true },
  '--async-scheduling': { value: 'none', since: '0.10.0', negatable: true },
  '--stream-interval': { value: 'integer', since: '0.11.1' },
  '--cudagraph-capture-sizes': { value: 'list', since: '0.11.1' },
  '--max-cudagraph-capture-size': { value: 'integer', since: '0.11.1' },
  '--ir-op-priority': { value: 'json', since: '0.20.0' },
  '--enable-flashinfer-autotune': { value: 'none', since: '0.16.0', negatable: true },
  '--enable-bf16x3-router-gemm': { value: 'none', since: '0.26.0', negatable: true },
  '--moe-backend': { value: 'text', since: '0.17.0' },
  '--linear-backend': { value: 'text', since: '0.22.0' },
  '--gdn-prefill-backend': { value: 'text', since: '0.18.0' },
  '--kda-prefill-backend': { value: 'text', since: '0.27.0' },
};
