import {
  kvTransferBytes,
  kvTransferConfig,
  kvTransferEnvironment,
} from '../../../src/engines/vllm/kv-transfer';

const GIB = 1024 ** 3;

test('NIXL is told its half since 0.23.0', () => {
  const config = (version: string, role: 'prefill' | 'decode') =>
    kvTransferConfig(version, { connector: 'nixl', role });
  expect(config('0.22.1', 'prefill')).toEqual({ kv_connector: 'NixlConnector', kv_role: 'kv_both' });
  expect(config('0.23.0', 'prefill')).toEqual({ kv_connector: 'NixlConnector', kv_role: 'kv_producer' });
  expect(config('0.23.0', 'decode')).toEqual({ kv_connector: 'NixlConnector', kv_role: 'kv_consumer' });
});

test('the memory of the node is told in bytes, for all devices together', () => {
  const spec = { connector: 'offloading', bytes: 64 * GIB } as const;
  expect(kvTransferConfig('0.22.0', spec).kv_connector_extra_config).toEqual({ cpu_bytes_to_use: 64 * GIB });
  expect(kvTransferEnvironment(spec, 8)).toEqual({});
  expect(kvTransferBytes(spec)).toBe(64 * GIB);
});

test('to LMCache it is told in gibibytes, for each process', () => {
  const spec = { connector: 'lmcache', bytes: 60 * GIB } as const;
  expect(kvTransferEnvironment(spec, 8)).toMatchObject({
    LMCACHE_LOCAL_CPU: 'True',
    LMCACHE_MAX_LOCAL_CPU_SIZE: '7.5',
  });
});
