import type { EngineFlag } from '../../flag-table';

/** The flags of LoRA adapters. @internal */
export const ADAPTER_FLAGS: Readonly<Record<string, EngineFlag>> = {
  '--enable-lora': { value: 'none', negatable: true },
  '--max-loras': { value: 'integer' },
  '--max-lora-rank': { value: 'integer' },
  '--lora-dtype': { value: ['auto', 'float16', 'bfloat16'] },
  '--enable-tower-connector-lora': { value: 'none', since: '0.14.0', negatable: true },
  '--max-cpu-loras': { value: 'integer' },
  '--fully-sharded-loras': { value: 'none', negatable: true },
  '--lora-target-modules': { value: 'list', since: '0.19.0' },
  '--default-mm-loras': { value: 'json', since: '0.10.0' },
  '--specialize-active-lora': { value: 'none', since: '0.16.0', negatable: true },
  '--enable-mixed-moe-lora-format': { value: 'none', since: '0.22.0', negatable: true },
  '--enable-moe-shared-loras': { value: 'none', since: '0.26.0', negatable: true },
};
