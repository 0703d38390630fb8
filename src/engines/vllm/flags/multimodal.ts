import type { EngineFlag } from '../../flag-table';

/** The flags for pictures, sounds and films. @internal */
export const MULTIMODAL_FLAGS: Readonly<Record<string, EngineFlag>> = {
  '--language-model-only': { value: 'none', since: '0.17.0', negatable: true },
  '--limit-mm-per-prompt': { value: 'text' },
  '--enable-mm-embeds': { value: 'none', since: '0.11.1', negatable: true },
  '--media-io-kwargs': { value: 'json', since: '0.9.2' },
  '--mm-processor-kwargs': { value: 'json', since: '0.6.2' },
  '--mm-processor-cache-gb': { value: 'number', since: '0.10.1' },
  '--mm-processor-cache-type': { value: ['shm', 'lru'], since: '0.11.0' },
  '--mm-hasher-algorithm': { value: 'text', since: '0.27.0' },
  '--mm-shm-cache-max-object-size-mb': { value: 'integer', since: '0.11.0' },
  '--mm-encoder-only': { value: 'none', since: '0.15.0', negatable: true },
  '--mm-encoder-tp-mode': { value: ['weights', 'data'], since: '0.10.2' },
  '--mm-encoder-attn-backend': { value: 'text', since: '0.11.1' },
  '--mm-encoder-attn-dtype': { value: 'text', since: '0.21.0' },
  '--mm-encoder-fp8-scale-path': { value: 'path', since: '0.21.0' },
  '--mm-encoder-fp8-scale-save-path': { value: 'path', since: '0.21.0' },
  '--mm-encoder-fp8-scale-save-margin': { value: 'number', since: '0.21.0' },
  '--interleave-mm-strings': { value: 'none', since: '0.10.0', negatable: true },
  '--skip-mm-profiling': { value: 'none', since: '0.10.1', negatable: true },
  '--video-pruning-rate': { value: 'number', since: '0.11.0' },
  '--video-pruning-method': { value: 'text', since: '0.27.0' },
  '--mm-tensor-ipc': { value: 'text', since: '0.19.0' },
  '--mm-processor-device': { value: 'text', since: '0.28.0' },
  '--mm-ipc-gpu-memory-gb': { value: 'number', since: '0.25.0' },
  '--mm-device-do-normalize': { value: 'none', since: '0.28.0', negatable: true },
};
