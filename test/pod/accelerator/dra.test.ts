import { Size } from 'cdk8s';
import { Accelerator } from '../../../src/pod/accelerator/accelerator';
import { DeviceSelector } from '../../../src/pod/accelerator/device-selector';
import type { DraProps } from '../../../src/pod/accelerator/dra-props';
import { shortHash } from '../../../src/pod/content-hash';
import type { KubeObject } from '../../../src/validation/kube-object';
import { ofKind, the } from '../../support/objects';
import { objectsWith, onPod, violationsOf } from './accelerated-pod';

const MIB = 2 ** 20;

const GPU = 'gpu.nvidia.com';

function dra(props: Partial<DraProps> = {}): Accelerator {
  return Accelerator.dra({ deviceClass: GPU, ...props });
}

/** The requests of the claim's template, in the API of 1.34. */
function requestsOf(accelerator: Accelerator): unknown {
  return the(objectsWith(accelerator), 'ResourceClaimTemplate').spec.spec.devices.requests as unknown;
}

/** The CEL expressions of the one request. */
function expressionsOf(accelerator: Accelerator): string[] {
  const [request] = requestsOf(accelerator) as {
    exactly: { selectors: { cel: { expression: string } }[] };
  }[];
  return request.exactly.selectors.map(({ cel }) => cel.expression);
}

describe('the claim', () => {
  test('each pod has its own, by a template that is named after its spec', () => {
    const objects = objectsWith(dra({ count: 2 }));
    const template = the(objects, 'ResourceClaimTemplate');
    expect(template).toMatchObject({
      apiVersion: 'resource.k8s.io/v1',
      metadata: {
        name: `chat-devices-${shortHash(template.spec)}`,
        namespace: 'llm',
        annotations: {
          'argocd.argoproj.io/sync-wave': '40',
          'argocd.argoproj.io/sync-options': 'PruneLast=true',
        },
      },
      spec: {
        spec: {
          devices: {
            requests: [
              {
                name: 'devices',
                exactly: { deviceClassName: GPU, allocationMode: 'ExactCount', count: 2 },
              },
            ],
          },
        },
      },
    });
    const { spec } = the(objects, 'Pod');
    expect(spec.resourceClaims).toEqual([
      { name: 'devices', resourceClaimTemplateName: template.metadata.name },
    ]);
    expect(spec.containers[0].resources).toEqual({ limits: {}, requests: {}, claims: [{ name: 'devices' }] });
    expect(violationsOf(objects)).toEqual([]);
  });

  test('another spec has another name, the same one the same', () => {
    const nameOf = (accelerator: Accelerator) =>
      the(objectsWith(accelerator), 'ResourceClaimTemplate').metadata.name;
    expect(nameOf(dra({ count: 2 }))).toBe(nameOf(dra().times(2)));
    expect(nameOf(dra({ count: 2 }))).not.toBe(nameOf(dra({ count: 3 })));
  });

  test('all pods share one', () => {
    const objects = objectsWith(dra({ shared: true }));
    const claim = the(objects, 'ResourceClaim');
    expect(claim.spec.devices.requests[0].exactly.deviceClassName).toBe(GPU);
    expect(the(objects, 'Pod').spec.resourceClaims).toEqual([
      { name: 'devices', resourceClaimName: claim.metadata.name },
    ]);
    expect(violationsOf(objects)).toEqual([]);
  });

  test('one that is there, or a template that is there', () => {
    const claim = objectsWith(Accelerator.existingClaim('team-gpus', { count: 2, vendor: 'nvidia' }));
    expect(claim.map(({ kind }) => kind)).toEqual(['Pod']);
    expect(claim[0].spec.resourceClaims).toEqual([{ name: 'devices', resourceClaimName: 'team-gpus' }]);
    const template = objectsWith(Accelerator.existingClaimTemplate('team-gpu'));
    expect(template[0].spec.resourceClaims).toEqual([
      { name: 'devices', resourceClaimTemplateName: 'team-gpu' },
    ]);
    expect(violationsOf([...claim])).toEqual([]);
  });

  test('all devices of a node', () => {
    const accelerator = dra({ all: true });
    expect(accelerator.count).toBeUndefined();
    expect(requestsOf(accelerator)).toEqual([
      { name: 'devices', exactly: { deviceClassName: GPU, allocationMode: 'All' } },
    ]);
  });
});

describe('the devices', () => {
  test('by product and memory, as the driver publishes them', () => {
    const accelerator = dra({ product: 'NVIDIA-H100-80GB-HBM3', memory: Size.gibibytes(80) });
    expect(expressionsOf(accelerator)).toEqual([
      '"productName" in device.attributes["gpu.nvidia.com"] && ' +
        'device.attributes["gpu.nvidia.com"].productName == "NVIDIA H100 80GB HBM3"',
      '"memory" in device.capacity["gpu.nvidia.com"] && ' +
        'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("75366Mi")) >= 0',
    ]);
    expect(accelerator._spec).toMatchObject({ vendor: 'nvidia', memoryBytes: 81559 * MIB, writesRoot: true });
    expect(onPod(accelerator).tolerations).toEqual([
      { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
    ]);
  });

  test('by their ids, as many as there are', () => {
    const accelerator = dra({ ids: ['GPU-6a3e90b5-1', 'GPU-d5cfa048-2'] });
    expect(accelerator.count).toBe(2);
    expect(expressionsOf(accelerator)).toEqual([
      '"uuid" in device.attributes["gpu.nvidia.com"] && ' +
        'device.attributes["gpu.nvidia.com"].uuid in ["GPU-6a3e90b5-1", "GPU-d5cfa048-2"]',
    ]);
  });

  test('by the profile of a part', () => {
    const accelerator = dra({ deviceClass: 'mig.nvidia.com', mig: '1g.10gb' });
    expect(expressionsOf(accelerator)).toEqual([
      '"profile" in device.attributes["gpu.nvidia.com"] && device.attributes["gpu.nvidia.com"].profile == "1g.10gb"',
    ]);
    expect(accelerator._spec.memoryBytes).toBe(Math.floor(8.8 * 2 ** 30));
  });

  test.each<[string, string, string, string]>([
    ['gpu.amd.com', 'AMD_Instinct_MI300X_OAM', 'amd', 'productName'],
    ['gpu.intel.com', 'Max 1550', 'intel', 'model'],
    ['gaudi.intel.com', 'Gaudi3', 'gaudi', 'model'],
  ])('of %s', (deviceClass, product, vendor, attribute) => {
    const accelerator = dra({ deviceClass, product, deviceGroups: [] });
    expect(accelerator._spec.vendor).toBe(vendor);
    expect(expressionsOf(accelerator)).toEqual([
      `"${attribute}" in device.attributes["${deviceClass}"] && ` +
        `device.attributes["${deviceClass}"].${attribute} == "${product}"`,
    ]);
  });

  test('of a class of the cluster, whose driver is named', () => {
    const accelerator = dra({
      deviceClass: 'canhazgpu.class',
      driver: 'canhazgpu.com',
      vendor: 'nvidia',
      selectors: [DeviceSelector.number('index', 0, 2)],
    });
    expect(expressionsOf(accelerator)).toEqual([
      '"index" in device.attributes["canhazgpu.com"] && device.attributes["canhazgpu.com"].index in [0, 2]',
    ]);
    expect(accelerator._spec.vendor).toBe('nvidia');
  });

  test('the first that there is of several', () => {
    const accelerator = dra({
      product: 'NVIDIA-H100-80GB-HBM3',
      alternatives: [{ deviceClass: GPU, product: 'NVIDIA-L4', count: 4 }],
    });
    expect(requestsOf(accelerator)).toMatchObject([
      {
        name: 'devices',
        firstAvailable: [
          { name: 'choice-0', deviceClassName: GPU, count: 1 },
          { name: 'choice-1', deviceClassName: GPU, count: 4 },
        ],
      },
    ]);
    // What is checked holds for any of them.
    expect(accelerator._spec).toMatchObject({
      count: undefined,
      product: undefined,
      memoryBytes: 23034 * MIB,
    });
    expect(violationsOf(objectsWith(accelerator))).toEqual([]);
  });

  test('are multiplied', () => {
    const accelerator = dra({ count: 2, alternatives: [{ deviceClass: GPU, count: 4 }] }).times(2);
    expect(requestsOf(accelerator)).toMatchObject([{ firstAvailable: [{ count: 4 }, { count: 8 }] }]);
  });

  test('nodes are preferred or required as with any accelerator', () => {
    const { nodeAffinity } = onPod(
      dra({ preferNodes: ['worker-1'], requireNodes: ['worker-1', 'worker-2'] }),
    );
    expect(Object.keys(nodeAffinity!)).toEqual([
      'requiredDuringSchedulingIgnoredDuringExecution',
      'preferredDuringSchedulingIgnoredDuringExecution',
    ]);
  });

  test('network devices are asked for beside them', () => {
    expect(onPod(dra({ rdma: { resource: 'rdma/ib' } })).limits).toEqual({ 'rdma/ib': '1' });
  });
});

describe('a selector', () => {
  test.each<[DeviceSelector, string]>([
    [
      DeviceSelector.text('brand', 'Tesla', 'Nvidia'),
      '"brand" in device.attributes["d"] && device.attributes["d"].brand in ["Tesla", "Nvidia"]',
    ],
    [
      DeviceSelector.text('resource.kubernetes.io/pcieRoot', 'pci0000:01'),
      '"pcieRoot" in device.attributes["resource.kubernetes.io"] && ' +
        'device.attributes["resource.kubernetes.io"].pcieRoot == "pci0000:01"',
    ],
    [
      DeviceSelector.number('numa', 0),
      '"numa" in device.attributes["d"] && device.attributes["d"].numa == 0',
    ],
    [
      DeviceSelector.flag('healthy', false),
      '"healthy" in device.attributes["d"] && device.attributes["d"].healthy == false',
    ],
    [
      DeviceSelector.version('driverVersion', '580.0.0'),
      '"driverVersion" in device.attributes["d"] && ' +
        'device.attributes["d"].driverVersion.compareTo(semver("580.0.0")) >= 0',
    ],
    [
      DeviceSelector.size('memory', Size.gibibytes(16)),
      '"memory" in device.capacity["d"] && device.capacity["d"].memory.compareTo(quantity("16Gi")) >= 0',
    ],
    [
      DeviceSelector.amount('computeUnits', 304),
      '"computeUnits" in device.capacity["d"] && device.capacity["d"].computeUnits.compareTo(quantity("304")) >= 0',
    ],
    // A word of CEL cannot follow a dot.
    [DeviceSelector.flag('in'), '"in" in device.attributes["d"] && device.attributes["d"]["in"] == true'],
    [DeviceSelector.cel('device.driver == "x"'), 'device.driver == "x"'],
  ])('%#', (selector, expression) => {
    expect(selector._expression(() => 'd')).toBe(expression);
  });

  test('holds a text as a text, whatever is in it', () => {
    const evil = 'a" || true || "\\\n';
    const expression = DeviceSelector.text('model', evil)._expression(() => 'd');
    const [, literal] = /== (".*")$/.exec(expression)!;
    expect(literal).toBe('"a\\" || true || \\"\\\\\\n"');
    expect(JSON.parse(literal)).toBe(evil);
  });

  test.each<[string, () => DeviceSelector, RegExp]>([
    ['no attribute', () => DeviceSelector.text('a b', 'x'), /'attribute' is 'a b'/],
    ['an injection as attribute', () => DeviceSelector.text('x"] == 1 || device["y', 'z'), /'attribute' is/],
    ['no text', () => DeviceSelector.text('model'), /'values' is \[\]/],
    ['no whole number', () => DeviceSelector.number('index', 0.5), /'values' is \[0\.5\]/],
    ['no version', () => DeviceSelector.version('driverVersion', '580'), /'atLeast' is '580'/],
    ['no size', () => DeviceSelector.size('memory', 16 as unknown as Size), /'atLeast' is 16/],
    ['no amount', () => DeviceSelector.amount('units', 0), /'atLeast' is 0/],
    ['no capacity', () => DeviceSelector.amount('', 1), /'capacity' is ''/],
    ['no expression', () => DeviceSelector.cel(' '), /'expression' is ' '/],
    ['too long an expression', () => DeviceSelector.cel('x'.repeat(10241)), /at most 10240 bytes/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe('the API', () => {
  const ALLOCATION = { deviceClassName: GPU, allocationMode: 'ExactCount', count: 1 };

  test.each<[string, string, object]>([
    ['1.36', 'v1', { name: 'devices', exactly: ALLOCATION }],
    ['1.35', 'v1', { name: 'devices', exactly: ALLOCATION }],
    ['1.34', 'v1', { name: 'devices', exactly: ALLOCATION }],
    ['1.33', 'v1beta2', { name: 'devices', exactly: ALLOCATION }],
    ['1.32', 'v1beta1', { name: 'devices', ...ALLOCATION }],
  ])('of Kubernetes %s is %s', (version, api, request) => {
    for (const shared of [false, true]) {
      const objects = objectsWith(dra({ featureGateIsOn: true, shared }), version);
      const [claim] = [...ofKind(objects, 'ResourceClaim'), ...ofKind(objects, 'ResourceClaimTemplate')];
      expect(claim.apiVersion).toBe(`resource.k8s.io/${api}`);
      expect(devicesOf(claim).requests).toEqual([request]);
      expect(violationsOf(objects, version)).toEqual([]);
    }
  });

  test('what the user says of the cluster is on the objects, for whoever approves them', () => {
    const [pod, template] = objectsWith(dra({ featureGateIsOn: true }), '1.33');
    expect(pod.metadata.annotations).toEqual({
      'cdk8s-llm/skip-checks':
        'device-claims: featureGateIsOn says that the cluster has DynamicResourceAllocation on',
    });
    expect(template.metadata.annotations).toMatchObject({
      'cdk8s-llm/skip-checks':
        'served-api: featureGateIsOn says that the cluster has DynamicResourceAllocation on',
    });
    expect(objectsWith(dra({ featureGateIsOn: true }))[0].metadata.annotations ?? {}).toEqual({});
  });

  test.each(['1.32', '1.33'])('of Kubernetes %s is refused where nobody says that it is on', (version) => {
    expect(() => onPod(dra(), version)).toThrow(
      `'accelerator' is 'by DRA'; allowed: extended resources: in Kubernetes ${version} DRA is a beta that is off by ` +
        'default. Ask for an extended resource instead: Accelerator.nvidia({ count })',
    );
    expect(() => onPod(Accelerator.existingClaim('x'), version)).toThrow(/off by default/);
  });

  test.each(['1.28', '1.31'])('Kubernetes %s has none', (version) => {
    expect(() => onPod(dra({ featureGateIsOn: true }), version)).toThrow(/has DRA as an alpha only/);
  });

  test('alternatives need 1.34', () => {
    const accelerator = dra({ featureGateIsOn: true, alternatives: [{ deviceClass: GPU }] });
    expect(() => onPod(accelerator, '1.33')).toThrow(
      /'accelerator\.alternatives' is '1 of them'; allowed: none before Kubernetes 1\.34/,
    );
  });

  /** Of a claim or of a template of claims. */
  function devicesOf({ kind, spec }: KubeObject): { requests: unknown[] } {
    return (kind === 'ResourceClaim' ? spec.devices : spec.spec.devices) as { requests: unknown[] };
  }
});

test.each<[string, () => Accelerator, RegExp]>([
  ['no class', () => dra({ deviceClass: 'GPU!' }), /Accelerator\.dra: 'deviceClass' is 'GPU!'/],
  [
    'a number beside all',
    () => dra({ all: true, count: 2 }),
    /'count' is 2; allowed: nothing, as all devices/,
  ],
  ['more than a claim can have', () => dra({ count: 33 }), /at most 32 devices for a claim/],
  ['more than are listed', () => dra({ count: 3, ids: ['GPU-a', 'GPU-b'] }), /at most 2, as many as ids/],
  ['an id twice', () => dra({ ids: ['GPU-a', 'GPU-a'] }), /different ids/],
  ['an index', () => dra({ ids: ['0', '2'] }), /'ids\[0\]' is '0'.*Indexes are not published/],
  ['a selector that is none', () => dra({ selectors: ['x' as never] }), /'selectors\[0\]' is 'a string'/],
  ['null', () => Accelerator.dra(null as never), /'props' is null/],
  [
    'null in an alternative',
    () => dra({ alternatives: [{ deviceClass: null as never }] }),
    /'alternatives\[0\]\.deviceClass' is null/,
  ],
  ['a null claim', () => Accelerator.existingClaim('a', null as never), /'props' is null/],
  ['GPUs of AMD without groups', () => dra({ deviceClass: 'gpu.amd.com' }), /'deviceGroups' is nothing/],
  ['what is no id', () => dra({ ids: ['a" || "'] }), /'ids\[0\]' is/],
  [
    'memory of a driver that is not known',
    () => dra({ deviceClass: 'my-gpus', driver: 'example.com', memory: Size.gibibytes(8) }),
    /'memory' is 'a size'; allowed: nothing, as it is not known what the driver of 'my-gpus'/,
  ],
  [
    'memory of Gaudi, which its driver does not publish',
    () => dra({ deviceClass: 'gaudi.intel.com', memory: Size.gibibytes(96) }),
    /DeviceSelector\.text/,
  ],
  ['parts of AMD', () => dra({ deviceClass: 'gpu.amd.com', mig: '1g.10gb' }), /'mig' is '1g\.10gb'/],
  [
    'a selector without a driver',
    () => dra({ deviceClass: 'my-gpus', selectors: [DeviceSelector.flag('fast')] }),
    /'driver' is nothing; allowed: the driver behind the device class 'my-gpus'/,
  ],
  [
    'an alternative that is none',
    () => dra({ alternatives: [{ deviceClass: GPU, count: 0 }] }),
    /'alternatives\[0\]\.count' is 0/,
  ],
  [
    'too many alternatives',
    () => dra({ alternatives: Array.from({ length: 8 }, () => ({ deviceClass: GPU })) }),
    /'alternatives' is '8 of them'; allowed: at most 7/,
  ],
  ['no name of a claim', () => Accelerator.existingClaim('My Claim'), /existingClaim: 'name' is 'My Claim'/],
  [
    'more of a claim that is there',
    () => Accelerator.existingClaim('x').times(2),
    /the claim is there already/,
  ],
  ['more of all', () => dra({ all: true }).times(2), /all devices of a node are asked for/],
  ['more of those that are listed', () => dra({ ids: ['GPU-a'] }).times(2), /listed by their ids/],
  ['more than a claim can have, by times', () => dra({ count: 17 }).times(2), /32 devices, and this were 34/],
])('refuses %s', (_, make, message) => {
  expect(make).toThrow(message);
});
