import { atLeastVersion } from './version';

/** Where the key-value cache goes besides the devices' memory, as plain data. @internal */
export type KvTransferSpec =
  | { readonly connector: 'nixl'; readonly role: 'prefill' | 'decode' }
  | { readonly connector: 'offloading'; readonly bytes: number }
  | { readonly connector: 'lmcache'; readonly bytes: number };

/** The other servers that a server exchanges key-value caches with. @internal */
export interface Peering {
  /** Of their Services. */
  readonly names: readonly string[];
  /** Of the handshake. The transfers themselves use any. */
  readonly port: number;
}

/** VLLM_NIXL_SIDE_CHANNEL_PORT as vllm/envs.py has it; each data-parallel rank of a pod has the next one. @internal */
export const SIDE_CHANNEL_PORT = 5600;

/**
 * The first versions that can: for NIXL and LMCache those whose images hold the libraries (INSTALL_KV_CONNECTORS of
 * .buildkite/release-pipeline.yaml, 2025-07-04), for the memory of the node that which KServe gates it at.
 */
const SINCE = { nixl: '0.10.0', lmcache: '0.10.0', offloading: '0.22.0' } as const;

/** Since when a server is told its half; before, both were `kv_both` (#43874). */
const ROLES_SINCE = '0.23.0';

/** The first version that has the connector. @internal */
export function kvTransferSince({ connector }: KvTransferSpec): string {
  return SINCE[connector];
}

/** The value of `--kv-transfer-config`: vllm/config/kv_transfer.py. @internal */
export function kvTransferConfig(version: string, spec: KvTransferSpec): Record<string, unknown> {
  switch (spec.connector) {
    case 'nixl':
      return { kv_connector: 'NixlConnector', kv_role: nixlRole(version, spec.role) };
    case 'offloading':
      return {
        kv_connector: 'OffloadingConnector',
        kv_role: 'kv_both',
        kv_connector_extra_config: { cpu_bytes_to_use: spec.bytes },
      };
    case 'lmcache':
      return { kv_connector: 'LMCacheConnectorV1', kv_role: 'kv_both' };
  }
}

function nixlRole(version: string, role: 'prefill' | 'decode'): string {
  if (!atLeastVersion(version, ROLES_SINCE)) return 'kv_both';
  return role === 'prefill' ? 'kv_producer' : 'kv_consumer';
}

const GIB = 1024 ** 3;

/**
 * What the connectors are told by their environment (docs.lmcache.ai, configuration).
 *
 * @param workers the processes of a pod that hold a part of the model each: LMCache's size is of each of them
 * @internal
 */
export function kvTransferEnvironment(spec: KvTransferSpec, workers: number): Record<string, string> {
  switch (spec.connector) {
    case 'nixl':
      return { VLLM_NIXL_SIDE_CHANNEL_PORT: String(SIDE_CHANNEL_PORT) };
    case 'lmcache':
      return {
        LMCACHE_LOCAL_CPU: 'True',
        LMCACHE_MAX_LOCAL_CPU_SIZE: String(Math.round((spec.bytes / workers / GIB) * 1000) / 1000),
        LMCACHE_TRACK_USAGE: 'false',
      };
    case 'offloading':
      return {};
  }
}

/** Memory of the node that the cache takes, in bytes. @internal */
export function kvTransferBytes(spec: KvTransferSpec): number {
  return 'bytes' in spec ? spec.bytes : 0;
}
