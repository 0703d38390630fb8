import type { EngineFlag } from '../../flag-table';

/**
 * Whether events are sent to somebody, and not to whoever comes for them, as vllm/distributed/kv_events.py tells the two
 * apart by the address.
 */
function connects(value: string, key?: string): boolean {
  const endpoint = key === 'endpoint' ? value : key === undefined ? endpointOf(value) : undefined;
  return typeof endpoint === 'string' && !/\*|::|^(ipc|inproc):\/\//.test(endpoint);
}

/** What is no JSON is refused where all values are checked. */
function endpointOf(config: string): unknown {
  try {
    return (JSON.parse(config) as { endpoint?: unknown } | null)?.endpoint;
  } catch {
    return undefined;
  }
}

/** The flags that hold a configuration as JSON. @internal */
export const CONFIGURATION_FLAGS: Readonly<Record<string, EngineFlag>> = {
  '--speculative-config': { value: 'json', aliases: ['-sc'], since: '0.8.2' },
  '--spec-method': { value: 'text', since: '0.22.0' },
  '--spec-model': { value: 'text', since: '0.22.0' },
  '--spec-tokens': { value: 'integer', since: '0.22.0' },
  '--diffusion-config': { value: 'json', aliases: ['-dc'], since: '0.24.0' },
  '--kv-transfer-config': { value: 'json', since: '0.6.5' },
  '--kv-events-config': { value: 'json', since: '0.9.0', asks: connects },
  '--ec-transfer-config': { value: 'json', since: '0.11.1' },
  '--ec-manager-config': { value: 'json', since: '0.28.0' },
  '--compilation-config': { value: 'json', aliases: ['-cc'], since: '0.6.5' },
  '--attention-config': { value: 'json', aliases: ['-ac'], since: '0.13.0' },
  '--reasoning-config': { value: 'json', since: '0.19.0' },
  '--kernel-config': { value: 'json', since: '0.16.0' },
  '--additional-config': { value: 'json', since: '0.7.3' },
  '--structured-outputs-config': { value: 'json', since: '0.11.0' },
  '--profiler-config': { value: 'json', since: '0.13.0' },
  '--optimization-level': { value: 'integer', since: '0.12.0' },
  '--performance-mode': { value: ['balanced', 'interactivity', 'throughput'], since: '0.17.0' },
  '--weight-transfer-config': { value: 'json', since: '0.16.0' },
};
