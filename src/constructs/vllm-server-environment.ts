import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { cpuEnvironment, UNBOUND_THREADS_SINCE, vllmEnvironment } from '../engines/vllm/environment';
import type { VllmDevice } from '../engines/vllm/images';
import { kvTransferEnvironment } from '../engines/vllm/kv-transfer';
import { atLeastVersion } from '../engines/vllm/version';
import { checkSize } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { bytesOf, bytesQuantity } from '../pod/quantity';
import type { EngineVariable } from '../serving/engine-spec';
import type { VllmLayout } from './vllm-server-layout';
import type { VllmServerProps } from './vllm-server-props';

/** Of a server without devices, where the user says nothing. @internal */
export const CPUS_WITHOUT_DEVICES = '8';

const GIB = 1024 ** 3;

/** What the variables are made of, besides the properties. @internal */
export interface EnvironmentFacts {
  readonly device: VllmDevice;
  readonly version: string;
  readonly layout: VllmLayout;
  readonly apiKey?: { readonly secret: string; readonly key: string };
}

/**
 * The variables of the container.
 *
 * @throws when a property of CPUs is none, or there is an accelerator
 * @internal
 */
export function environment(
  scope: Construct,
  props: VllmServerProps,
  facts: EnvironmentFacts,
): EngineVariable[] {
  const { device, version, layout, apiKey } = facts;
  const { networkInterface, kvTransfer } = props;
  const plain: Record<string, string> = {
    ...vllmEnvironment(),
    ...(device === 'cpu' ? cpuVariables(scope, props, version, layout.workersPerPod) : {}),
    ...(kvTransfer ? kvTransferEnvironment(kvTransfer._spec, layout.devicesPerPod ?? 1) : {}),
    ...(networkInterface === undefined ? {} : networkVariables(scope, networkInterface)),
  };
  if (device !== 'cpu') refuseCpuProps(scope, props);
  const address = 'status.podIP';
  return [
    ...Object.entries(plain).map(([name, value]) => ({ name, value })),
    ...(layout.nodes > 1 || kvTransfer?._spec.connector === 'nixl'
      ? [{ name: 'VLLM_HOST_IP', field: address }]
      : []),
    ...(kvTransfer?._spec.connector === 'nixl'
      ? [{ name: 'VLLM_NIXL_SIDE_CHANNEL_HOST', field: address }]
      : []),
    ...(apiKey ? [{ name: 'VLLM_API_KEY', ...apiKey }] : []),
  ];
}

function cpuVariables(
  scope: Construct,
  props: VllmServerProps,
  version: string,
  workers: number,
): Record<string, string> {
  const unbound = atLeastVersion(version, UNBOUND_THREADS_SINCE);
  const threads = props.cpuThreads ?? (unbound ? 'nobind' : undefined);
  if (threads !== undefined && !/^(auto|nobind|\d+(-\d+)?([,|]\d+(-\d+)?)*)$/.test(threads)) {
    throw new InputError(scope, 'cpuThreads', threads, {
      allowed: "'nobind', 'auto', or CPUs: '0-31', '0-31|32-63' for two tensor parallel processes",
    });
  }
  if (threads === 'nobind' && !unbound) {
    throw new InputError(scope, 'cpuThreads', threads, {
      allowed: `'auto' or a list of CPUs, as vLLM ${version} always binds its threads`,
      advice: `Pin an image of ${UNBOUND_THREADS_SINCE} or newer.`,
    });
  }
  const cpus = cpusOf(props.cpu ?? CPUS_WITHOUT_DEVICES);
  return cpuEnvironment(cpuKvGibibytes(scope, props), threads, Math.max(1, Math.floor(cpus / workers)));
}

/** CPUs of the container, rounded up; a text that is no amount is refused where all servers are checked. */
function cpusOf(cpu: string): number {
  const amount = cpu.endsWith('m') ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu);
  return Math.max(1, Math.ceil(Number.isFinite(amount) ? amount : 1));
}

function cpuKvGibibytes(scope: Construct, { cpuKvCache = Size.gibibytes(4) }: VllmServerProps): number {
  const bytes = bytesOf(checkSize(scope, 'cpuKvCache', cpuKvCache));
  if (bytes % GIB !== 0) {
    throw new InputError(scope, 'cpuKvCache', bytesQuantity(cpuKvCache), { allowed: 'whole gibibytes' });
  }
  return bytes / GIB;
}

function refuseCpuProps(scope: Construct, props: VllmServerProps): void {
  const { cpuKvCache, cpuThreads } = props;
  const details = { allowed: 'nothing, as there is an accelerator' };
  if (cpuKvCache !== undefined) throw new InputError(scope, 'cpuKvCache', 'given', details);
  if (cpuThreads !== undefined) throw new InputError(scope, 'cpuThreads', cpuThreads, details);
}

function networkVariables(scope: Construct, networkInterface: string): Record<string, string> {
  if (!/^[A-Za-z0-9][\w.,^=-]*$/.test(networkInterface)) {
    throw new InputError(scope, 'networkInterface', networkInterface, {
      allowed: "the name of a network device, 'eth0'",
    });
  }
  return { NCCL_SOCKET_IFNAME: networkInterface, GLOO_SOCKET_IFNAME: networkInterface };
}
