import { Size } from 'cdk8s';
import { Accelerator } from '../../../src/pod/accelerator/accelerator';
import { IntelGpuDriver } from '../../../src/pod/accelerator/accelerator-props';
import { KUBERNETES_VERSIONS } from '../../../src/pod/kubernetes-version';
import { TpuType } from '../../../src/pod/accelerator/tpu-types';
import { objectsWith, onPod, violationsOf } from './accelerated-pod';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const NVIDIA_TAINT = { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' };

describe('NVIDIA', () => {
  test('a number of GPUs is all that need be said', () => {
    expect(onPod(Accelerator.nvidia({ count: 2 }))).toMatchObject({
      limits: { 'nvidia.com/gpu': '2' },
      containerClaims: [],
      podClaims: [],
      nodeSelector: {},
      tolerations: [NVIDIA_TAINT],
      nodeAffinity: undefined,
      runtimeClassName: undefined,
      supplementalGroups: [],
      skipChecks: [],
    });
    expect(Accelerator.nvidia().count).toBe(1);
  });

  test.each(['NVIDIA-H100-80GB-HBM3', 'NVIDIA H100 80GB HBM3'])(
    'a product by its label or its own name: %s',
    (product) => {
      const accelerator = Accelerator.nvidia({ product });
      expect(onPod(accelerator).nodeSelector).toEqual({ 'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3' });
      expect(accelerator._spec.memoryBytes).toBe(81559 * MIB);
    },
  );

  test('a product that is not known is taken as it is, and its memory as it is said', () => {
    const { _spec } = Accelerator.nvidia({ product: 'NVIDIA-X1', memory: Size.gibibytes(100) });
    expect(_spec).toMatchObject({ product: 'NVIDIA-X1', memoryBytes: 92 * GIB });
  });

  // What cards report that have so much printed on them, in MiB, by nvidia-smi.
  test.each([
    [24, [23028, 23034, 24564]],
    [40, [40536, 40960]],
    [48, [46068, 49140]],
    [80, [81559, 81920]],
    [141, [143771]],
    [180, [183359]],
    [288, [275040]],
  ])('%d GiB of memory is what such cards report', (gibibytes, reported) => {
    const { nodeAffinity } = onPod(Accelerator.nvidia({ memory: Size.gibibytes(gibibytes) }));
    const least = 1 + Number(valuesOf(nodeAffinity)[0]);
    for (const mebibytes of reported) expect(mebibytes).toBeGreaterThanOrEqual(least);
    expect(least).toBeGreaterThan(gibibytes * 1024 * 0.91);
  });

  test('memory is compared by node affinity', () => {
    const accelerator = Accelerator.nvidia({ memory: Size.gibibytes(80) });
    expect(onPod(accelerator).nodeAffinity).toEqual({
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: 'nvidia.com/gpu.memory', operator: 'Gt', values: ['75365'] }] },
        ],
      },
    });
    expect(accelerator._spec.memoryBytes).toBe(75366 * MIB);
  });

  test('memory beside a product whose memory is known decides nothing', () => {
    const accelerator = Accelerator.nvidia({ product: 'NVIDIA-L4', memory: Size.gibibytes(24) });
    expect(onPod(accelerator).nodeAffinity).toBeUndefined();
    expect(accelerator._spec.memoryBytes).toBe(23034 * MIB);
  });

  test.each([
    ['1g.10gb', 'nvidia.com/mig-1g.10gb', 8.8],
    ['1g.18gb', 'nvidia.com/mig-1g.18gb', 15.84],
    ['1g.10gb+me', 'nvidia.com/mig-1g.10gb.me', 8.8],
    ['2g.24gb', 'nvidia.com/mig-2g.24gb', 21.12],
  ])('a part of a GPU: %s', (mig, resource, gibibytes) => {
    const accelerator = Accelerator.nvidia({ mig, count: 2 });
    expect(onPod(accelerator).limits).toEqual({ [resource]: '2' });
    expect(accelerator._spec.memoryBytes).toBe(Math.floor(gibibytes * GIB));
  });

  test('everything that a pod can be told', () => {
    const accelerator = Accelerator.nvidia({
      count: 8,
      runtimeClass: 'nvidia',
      rdma: { resource: 'rdma/ib', count: 4 },
      nodeSelector: { zone: 'a' },
      tolerations: [{ key: 'team', value: 'llm', effect: 'NoExecute' }],
      vendorToleration: false,
      preferNodes: ['worker-1', 'worker-2'],
      requireNodes: ['worker-1', 'worker-2', 'worker-3'],
      writesRoot: false,
      deviceGroups: [44],
    });
    expect(onPod(accelerator)).toMatchObject({
      limits: { 'nvidia.com/gpu': '8', 'rdma/ib': '4' },
      nodeSelector: { zone: 'a' },
      tolerations: [{ key: 'team', value: 'llm', effect: 'NoExecute' }],
      runtimeClassName: 'nvidia',
      supplementalGroups: [44],
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                {
                  key: 'kubernetes.io/hostname',
                  operator: 'In',
                  values: ['worker-1', 'worker-2', 'worker-3'],
                },
              ],
            },
          ],
        },
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 100, preference: { matchExpressions: [{ values: ['worker-1'] }] } },
          { weight: 99, preference: { matchExpressions: [{ values: ['worker-2'] }] } },
        ],
      },
    });
    expect(accelerator._spec.writesRoot).toBe(false);
  });

  test('what puts GPUs into containers may write to their root file systems', () => {
    expect(Accelerator.nvidia()._spec.writesRoot).toBe(true);
    expect(Accelerator.amd({ deviceGroups: [] })._spec.writesRoot).toBe(false);
  });
});

test('a store can be told where the devices are', () => {
  expect(Accelerator.nvidia({ product: 'NVIDIA-L4' }).placement).toEqual({
    nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-L4' },
    tolerations: [NVIDIA_TAINT],
  });
});

test('AMD: by product or by memory', () => {
  const product = Accelerator.amd({ count: 8, product: 'AMD_Instinct_MI300X_OAM', deviceGroups: [] });
  expect(product._spec).toMatchObject({ vendor: 'amd', memoryBytes: 192 * GIB });
  expect(onPod(product)).toMatchObject({
    limits: { 'amd.com/gpu': '8' },
    nodeSelector: { 'amd.com/gpu.product-name': 'AMD_Instinct_MI300X_OAM' },
    tolerations: [{ key: 'amd.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
  });
  const memory = Accelerator.amd({ memory: Size.gibibytes(192), deviceGroups: [] });
  expect(onPod(memory).nodeSelector).toEqual({ 'amd.com/gpu.vram': '192G' });
});

test('Intel: by the driver of the kernel', () => {
  expect(onPod(Accelerator.intel({ deviceGroups: [] })).limits).toEqual({ 'gpu.intel.com/xe': '1' });
  const i915 = Accelerator.intel({
    deviceGroups: [],
    driver: IntelGpuDriver.I915,
    product: 'Flex_170',
    memory: Size.gibibytes(16),
  });
  expect(onPod(i915)).toMatchObject({
    limits: { 'gpu.intel.com/i915': '1' },
    nodeSelector: { 'gpu.intel.com/product': 'Flex_170' },
  });
  expect(i915._spec.memoryBytes).toBe(16 * GIB);
});

test('Gaudi', () => {
  const { _spec } = Accelerator.gaudi({ count: 8, memory: Size.gibibytes(128) });
  expect(_spec).toMatchObject({
    vendor: 'gaudi',
    memoryBytes: 128 * GIB,
    request: { by: 'resource', name: 'habana.ai/gaudi', amount: 8 },
  });
});

describe('TPU', () => {
  test.each<[TpuType, string, number | undefined, number, number]>([
    [TpuType.V5E, '1x1', undefined, 1, 1],
    [TpuType.V5E, '2x2', undefined, 4, 1],
    [TpuType.V5E, '2x4', undefined, 8, 1],
    [TpuType.V5E, '2x4', 4, 4, 2],
    [TpuType.V6E, '4x4', undefined, 4, 4],
    [TpuType.V5P, '2x2x1', undefined, 4, 1],
    [TpuType.V4, '2x2x4', undefined, 4, 4],
    [TpuType.TPU7X, '1x1x1', undefined, 1, 1],
    [TpuType.TPU7X, '4x4x4', undefined, 4, 16],
  ])('%s in %s with %s chips a node: %d a pod, on %d nodes', (type, topology, chipsPerNode, count, hosts) => {
    const accelerator = Accelerator.tpu({ type, topology, chipsPerNode });
    expect(accelerator._spec).toMatchObject({ vendor: 'tpu', count, hosts });
    expect(onPod(accelerator)).toMatchObject({
      limits: { 'google.com/tpu': String(count) },
      nodeSelector: {
        'cloud.google.com/gke-tpu-accelerator': type,
        'cloud.google.com/gke-tpu-topology': topology,
      },
      tolerations: [{ key: 'google.com/tpu', operator: 'Exists', effect: 'NoSchedule' }],
    });
  });

  test.each<[string, () => Accelerator, RegExp]>([
    ['two sides for three', () => Accelerator.tpu({ type: TpuType.V5P, topology: '2x4' }), /three sides/],
    ['three sides for two', () => Accelerator.tpu({ type: TpuType.V6E, topology: '2x2x1' }), /two sides/],
    ['no topology', () => Accelerator.tpu({ type: TpuType.V6E, topology: 'big' }), /'topology' is 'big'/],
    [
      'a slice that no machines make',
      () => Accelerator.tpu({ type: TpuType.V6E, topology: '3x2' }),
      /multiple of 4/,
    ],
    [
      'chips that no machine of the slice has',
      () => Accelerator.tpu({ type: TpuType.V6E, topology: '4x4', chipsPerNode: 8 }),
      /'chipsPerNode' is 8; allowed: 4, for a slice of 16 chips/,
    ],
    ['no type', () => Accelerator.tpu({ type: 'v9' as TpuType, topology: '2x2' }), /'type' is 'v9'/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

test('any other device, or a shared one', () => {
  const shared = Accelerator.custom({
    resource: 'nvidia.com/gpu.shared',
    count: 2,
    vendor: 'nvidia',
    memory: Size.gibibytes(6),
    nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-L4-SHARED' },
  });
  expect(shared._spec).toMatchObject({ vendor: 'nvidia', memoryBytes: 6 * GIB, writesRoot: true });
  expect(onPod(shared).limits).toEqual({ 'nvidia.com/gpu.shared': '2' });
  const cores = Accelerator.custom({ resource: 'example.com/cores', count: 2, amount: 50 });
  expect(cores._spec).toMatchObject({ vendor: 'other', count: 2, writesRoot: false });
  expect(onPod(cores).limits).toEqual({ 'example.com/cores': '100' });
});

describe('times', () => {
  test('multiplies devices and leaves network devices as they are', () => {
    const profile = Accelerator.nvidia({ count: 2, product: 'NVIDIA-L4', rdma: { resource: 'rdma/ib' } });
    expect(profile.times(4).count).toBe(8);
    expect(onPod(profile.times(4)).limits).toEqual({ 'nvidia.com/gpu': '8', 'rdma/ib': '1' });
    expect(profile.count).toBe(2);
  });

  test('multiplies the amount of what is split', () => {
    const cores = Accelerator.custom({ resource: 'example.com/cores', amount: 50 });
    expect(onPod(cores.times(3)).limits).toEqual({ 'example.com/cores': '150' });
  });

  test.each([0, -1, 1.5])('refuses %d', (factor) => {
    expect(() => Accelerator.nvidia().times(factor)).toThrow(/'factor' is .*; allowed: a whole number/);
  });

  test('refuses to multiply a slice of TPUs', () => {
    const slice = Accelerator.tpu({ type: TpuType.V6E, topology: '2x4' });
    expect(() => slice.times(2)).toThrow(/the topology says how many chips there are/);
    expect(slice.times(1).count).toBe(8);
  });
});

test.each<[string, () => Accelerator, RegExp]>([
  ['no number', () => Accelerator.nvidia({ count: 0 }), /Accelerator\.nvidia: 'count' is 0/],
  ['half a GPU', () => Accelerator.amd({ count: 0.5 }), /Accelerator\.amd: 'count' is 0\.5/],
  [
    'a product that is no label',
    () => Accelerator.nvidia({ product: 'L4/L40' }),
    /gpu\.product' is 'L4\/L40'/,
  ],
  [
    'a number',
    () => Accelerator.nvidia({ product: 4 as never }),
    /nvidia: 'product' is 4; allowed: the name/,
  ],
  ['a profile that is none', () => Accelerator.nvidia({ mig: 'half' }), /'mig' is 'half'/],
  [
    'memory beside a profile',
    () => Accelerator.nvidia({ mig: '1g.10gb', memory: Size.gibibytes(10) }),
    /'memory' is '10 GiB'; allowed: nothing, as mig '1g\.10gb' says it/,
  ],
  [
    'more memory than the product has',
    () => Accelerator.nvidia({ product: 'NVIDIA-L4', memory: Size.gibibytes(80) }),
    /'memory' is '80 GiB'; allowed: at most what a NVIDIA-L4 reports, 23034 MiB/,
  ],
  [
    'a selector that says otherwise than the product',
    () =>
      Accelerator.nvidia({ product: 'NVIDIA-L4', nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-A10G' } }),
    /is 'NVIDIA-A10G'; allowed: 'NVIDIA-L4', as the other options say/,
  ],
  ['no resource', () => Accelerator.custom({ resource: 'gpu' }), /'resource' is 'gpu'/],
  [
    'a resource of Kubernetes',
    () => Accelerator.custom({ resource: 'kubernetes.io/x' }),
    /an extended resource/,
  ],
  ['an unknown vendor', () => Accelerator.custom({ resource: 'a.b/c', vendor: 'me' }), /'vendor' is 'me'/],
  ['no network device', () => Accelerator.nvidia({ rdma: { resource: 'ib' } }), /'rdma\.resource' is 'ib'/],
  ['no RuntimeClass', () => Accelerator.nvidia({ runtimeClass: 'N V' }), /'runtimeClass' is 'N V'/],
  ['no nodes', () => Accelerator.nvidia({ requireNodes: [] }), /'requireNodes' is \[\]; allowed: 1 to 100/],
  ['no name of a node', () => Accelerator.nvidia({ preferNodes: ['a b'] }), /'preferNodes\[0\]' is 'a b'/],
  [
    'a taint that is none',
    () => Accelerator.nvidia({ tolerations: [{ operator: 'Is' }] }),
    /'options\.tolerations\[0\]\.operator' is 'Is'/,
  ],
  [
    'text for a switch',
    () => Accelerator.nvidia({ writesRoot: 'no' as unknown as boolean }),
    /'writesRoot' is 'no'/,
  ],
  ...(['nvidia', 'amd', 'intel', 'gaudi', 'tpu', 'custom'] as const).map(
    (make): [string, () => Accelerator, RegExp] => [
      `null for ${make}`,
      () => Accelerator[make](null as never),
      new RegExp(`Accelerator\\.${make}: 'props' is null`),
    ],
  ),
  [
    'a null product',
    () => Accelerator.nvidia({ product: null as never }),
    /'product' is null; allowed: a value/,
  ],
  [
    'labels of one text',
    () => Accelerator.nvidia({ nodeSelector: 'gpu' as never }),
    /'nodeSelector' is 'a string'; allowed: an object/,
  ],
  [
    'AMD without the groups of its files',
    () => Accelerator.amd(),
    /Accelerator\.amd: 'deviceGroups' is nothing; .*getent group render video/,
  ],
  [
    'Intel without them',
    () => Accelerator.intel({ count: 2 }),
    /Accelerator\.intel: 'deviceGroups' is nothing/,
  ],
  [
    'another resource of AMD without them',
    () => Accelerator.custom({ resource: 'amd.com/gpu', vendor: 'amd' }),
    /'deviceGroups' is nothing/,
  ],
  ['no group', () => Accelerator.amd({ deviceGroups: [-1] }), /'deviceGroups\[0\]' is -1/],
  ['no driver', () => Accelerator.intel({ driver: 'arc' as IntelGpuDriver }), /allowed: 'i915', 'xe'/],
])('refuses %s', (_, make, message) => {
  expect(make).toThrow(message);
});

test.each(KUBERNETES_VERSIONS)('what pods are told is known to Kubernetes %s', (version) => {
  for (const accelerator of [
    Accelerator.nvidia({
      memory: Size.gibibytes(80),
      preferNodes: ['a'],
      requireNodes: ['a'],
      runtimeClass: 'nvidia',
    }),
    Accelerator.nvidia({ mig: '1g.10gb+me' }),
    Accelerator.amd({ product: 'AMD_Instinct_MI300X_OAM', deviceGroups: [44, 109] }),
    Accelerator.intel({ deviceGroups: [] }),
    Accelerator.gaudi(),
    Accelerator.tpu({ type: TpuType.V6E, topology: '2x4' }),
    Accelerator.custom({ resource: 'rebellions.ai/ATOM' }),
  ])
    expect(violationsOf(objectsWith(accelerator, version), version)).toEqual([]);
});

/** The values that a required node label is compared with. */
function valuesOf(nodeAffinity: Record<string, unknown> | undefined): string[] {
  const { nodeSelectorTerms } = nodeAffinity!.requiredDuringSchedulingIgnoredDuringExecution as {
    nodeSelectorTerms: { matchExpressions: { values: string[] }[] }[];
  };
  return nodeSelectorTerms[0].matchExpressions[0].values;
}
