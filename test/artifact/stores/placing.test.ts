import { Chart, Size } from 'cdk8s';
import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import {
  Accelerator,
  Artifact,
  ClaimStoreProps,
  InferenceServer,
  ModelStore,
  Placement,
  ServerProbe,
} from '../../../src';
import { isSamePlacement, unitePlacements } from '../../../src/pod/placement';
import { ON_GPU_NODE } from '../../support/cluster';
import { cache, claim, conversion, s3, sharedClaim, tinyFacts, topology } from '../../support/models';
import { objectsOf, ofKind, plainChart, podSpec, the } from '../../support/objects';

const ZONE = 'topology.kubernetes.io/zone';
const inZone = (zone: string): Placement => ({ nodeSelector: { [ZONE]: zone } });

/** A model that is downloaded, converted and served, each with a placement of its own. */
function served(
  store: ModelStore,
  own: { download?: Placement; convert?: Placement; root?: Placement } = {},
) {
  const chart = plainChart();
  const model = cache(chart, { store, placement: own.download, facts: tinyFacts() }).artifact;
  const { artifact } = conversion(chart, { model, placement: own.convert });
  topology(chart, { model: artifact, rootPlacement: own.root, replicaPower: 1 });
  const objects = objectsOf(chart);
  return [...ofKind(objects, 'Job'), the(objects, 'Deployment')].map((each) => podSpec(each));
}

describe('the placement of a store', () => {
  test.each<[string, (props: Partial<ClaimStoreProps>) => ModelStore]>([
    ['a new claim', claim],
    ['a claim of all nodes', sharedClaim],
    ['a claim that exists', ({ placement }) => ModelStore.existingClaim('models', { placement })],
  ])('of %s is that of every pod that mounts it', (_, store) => {
    const pods = served(store({ placement: ON_GPU_NODE }));
    expect(pods).toHaveLength(3);
    for (const pod of pods) expect(pod).toMatchObject(ON_GPU_NODE);
  });

  test('of a bucket is that of the pods that mount its volume; a download mounts none', () => {
    const chart = plainChart();
    const store = s3(chart, { placement: inZone('a') });
    conversion(chart, {
      model: cache(chart, { store, facts: tinyFacts() }).artifact,
      store: claim({ placement: inZone('a') }),
    });
    const [download, convert] = ofKind(objectsOf(chart), 'Job').map((job) => podSpec(job));
    expect(download.nodeSelector).toBeUndefined();
    expect(convert.nodeSelector).toEqual({ [ZONE]: 'a' });
  });

  test("is united with the pods' own, each toleration once", () => {
    const own = {
      nodeSelector: { disk: 'fast' },
      tolerations: [...ON_GPU_NODE.tolerations, { operator: 'Exists' }],
    };
    const [download] = served(claim({ placement: ON_GPU_NODE }), { download: own, convert: own, root: own });
    expect(download.nodeSelector).toEqual({ disk: 'fast', gpu: 'a100' });
    expect(download.tolerations).toEqual(own.tolerations);
  });

  test.each(['download', 'convert', 'root'] as const)(
    'that contradicts that of the %s is refused',
    (which) => {
      const [id, field] = {
        download: ['weights', 'placement'],
        convert: ['q40', 'placement'],
        root: ['chat', 'rootPlacement'],
      }[which];
      expect(() =>
        served(sharedClaim({ placement: inZone('a'), name: 'shared' }), { [which]: inZone('b') }),
      ).toThrow(
        `models/${id}: '${field}.nodeSelector.${ZONE}' is 'b'; allowed: 'a', as the placement of claim shared says. ` +
          'The pods run where both let them: give both the same value.',
      );
    },
  );

  test('that contradicts that of another store in one pod is refused, naming both', () => {
    const chart = plainChart();
    const model = cache(chart, {
      store: sharedClaim({ placement: inZone('a'), name: 'one' }),
      facts: tinyFacts(),
    }).artifact;
    expect(() =>
      conversion(chart, { model, store: sharedClaim({ placement: inZone('b'), name: 'two' }) }),
    ).toThrow(
      `models/q40: 'claim one.nodeSelector.${ZONE}' is 'a'; allowed: 'b', as the placement of claim two says.`,
    );
  });

  test('is checked when the store is made', () => {
    const placement = { nodeSelector: { 'a b': 'c' } };
    const refusal = "'key in placement.nodeSelector' is 'a b'";
    expect(() => claim({ placement })).toThrow(`ModelStore.claim: ${refusal}`);
    expect(() => ModelStore.existingClaim('a', { placement })).toThrow(
      `ModelStore.existingClaim: ${refusal}`,
    );
    expect(() => s3(plainChart(), { placement })).toThrow(`ModelStore.s3: ${refusal}`);
    expect(() => ModelStore.imageVolume({ placement })).toThrow(`ModelStore.imageVolume: ${refusal}`);
  });
});

describe('a new claim of one node', () => {
  test.each<[string, Placement, Placement | undefined]>([
    ['a zone', inZone('a'), undefined],
    ['another zone', inZone('a'), inZone('b')],
    ['nothing', {}, inZone('a')],
    ['a taint', { tolerations: ON_GPU_NODE.tolerations }, undefined],
  ])('is refused where its server asks for %s and its Jobs do not', (_, root, jobs) => {
    expect(() => served(claim(), { download: jobs, convert: jobs, root })).toThrow(
      `models/chat: 'rootPlacement' is ${JSON.stringify(root)}; allowed: the placement of models/weights, which is ` +
        `${jobs ? JSON.stringify(jobs) : 'anywhere'}. Both mount claim models-weights, which one node at a time can ` +
        'mount: the first of them to be scheduled decides where it is, maybe where the other cannot run. Give the ' +
        'placement to the store (ModelStore.claim({ placement }), or placement: accelerator.placement), and all ' +
        'pods that mount it have it; or let the store be one that all nodes can mount (accessModes: ReadWriteMany).',
    );
  });

  test('is taken where all ask for the same, in whatever order and words', () => {
    const gpu: Placement = { ...ON_GPU_NODE, nodeSelector: { gpu: 'a100', [ZONE]: 'a' } };
    const same: Placement = { tolerations: gpu.tolerations, nodeSelector: { [ZONE]: 'a', gpu: 'a100' } };
    expect(served(claim(), { download: gpu, convert: same, root: gpu })).toHaveLength(3);
  });

  test('is taken where they differ in what only makes nodes less liked', () => {
    const root = { tolerations: [{ key: 'spot', operator: 'Exists', effect: 'PreferNoSchedule' }] };
    expect(served(claim(), { root })).toHaveLength(3);
  });
});

describe('a new claim of one node, and a server with an accelerator', () => {
  const accelerator = Accelerator.nvidia({ product: 'NVIDIA-L4' });
  const serve = (store: ModelStore, devices = accelerator) => {
    const chart = plainChart();
    const model = cache(chart, { store, facts: tinyFacts() }).artifact;
    serveIt(chart, model, devices);
    return objectsOf(chart);
  };
  const serveIt = (chart: Chart, model: Artifact, devices: Accelerator) =>
    new InferenceServer(chart, 'chat', {
      ...{
        model,
        accelerator: devices,
        image: 'registry.example.com/engine:v1',
        command: ['engine'],
        engine: 'some',
        containerPort: 8000,
      },
      ...{ readiness: ServerProbe.http('/health'), memory: Size.gibibytes(8) },
    });

  const byMemory = Accelerator.nvidia({ memory: Size.gibibytes(80) });
  const byName = Accelerator.nvidia({ requireNodes: ['gpu-1'] });

  test.each<[string, Accelerator, string]>([
    ['memory', byMemory, 'nvidia.com/gpu.memory'],
    ['names', byName, 'gpu-1'],
  ])(
    'is refused where the accelerator takes nodes by their %s, which the download does not know',
    (_, devices, by) => {
      expect(() => serve(claim({ placement: devices.placement }), devices)).toThrow(
        new RegExp(
          `^models/chat: 'accelerator' is .*${by}.*; allowed: the nodes of models/weights, as both mount claim .*` +
            'an accelerator by its product.*ReadWriteMany',
        ),
      );
    },
  );

  test('is taken with such an accelerator where the claim is there, or all nodes can mount it', () => {
    expect(serve(sharedClaim({ placement: byName.placement }), byName)).not.toEqual([]);
    expect(serve(ModelStore.existingClaim('models'), byName)).not.toEqual([]);
  });

  const onNode = (hostname: string) => ({ nodeSelector: { 'kubernetes.io/hostname': hostname } });

  test.each<[string, (hostname: string) => ModelStore]>([
    ['a folder of a node', (hostname) => ModelStore.nodeFolder('/models', { hostname })],
    ['a claim', (hostname) => ModelStore.existingClaim('models', { placement: onNode(hostname) })],
    ['a claim of all nodes', (hostname) => sharedClaim({ placement: onNode(hostname) })],
  ])('is refused with nodes by their names where %s is on another node', (_, store) => {
    expect(() => serve(store('gpu-2'), byName)).toThrow(
      /^models\/chat: 'accelerator' is \["gpu-1"\]; allowed: gpu-2, where the placement of pods and stores lets them run/,
    );
    expect(serve(store('gpu-1'), byName)).not.toEqual([]);
  });

  test('is taken where nodes are only preferred', () => {
    const preferring = Accelerator.nvidia({ product: 'NVIDIA-L4', preferNodes: ['gpu-1'] });
    expect(serve(claim({ placement: preferring.placement }), preferring)).not.toEqual([]);
  });

  test('is refused with how the claim comes to where the accelerator is', () => {
    expect(() => serve(claim())).toThrow(
      /'accelerator\.placement' is .*NVIDIA-L4.*placement: accelerator\.placement.*ReadWriteMany/,
    );
  });

  test('is taken where the claim has the placement of the accelerator', () => {
    const objects = serve(claim({ placement: accelerator.placement }));
    expect(podSpec(the(objects, 'Job'))).toMatchObject({
      nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-L4' },
    });
  });
});

describe('pods of different placements', () => {
  test('may share a claim of all nodes', () => {
    expect(served(sharedClaim(), { root: inZone('a'), download: inZone('b') })).toHaveLength(3);
  });

  test('may share a claim of one node that is there, which the user knows', () => {
    expect(served(ModelStore.existingClaim('models'), { root: ON_GPU_NODE })).toHaveLength(3);
  });

  test('may not share one where no node can have both: they are drawn to one', () => {
    const store = ModelStore.existingClaim('models', {
      accessModes: [PersistentVolumeAccessMode.READ_WRITE_ONCE],
    });
    expect(() => served(store, { root: inZone('a'), download: inZone('b') })).toThrow(
      `models/chat: 'rootPlacement' is ${JSON.stringify(inZone('a'))}; allowed: the placement of models/weights`,
    );
  });
});

test('placements are united without a store too', () => {
  expect(unitePlacements('it', 'placement', {}, [])).toEqual({});
  expect(unitePlacements('it', 'placement', { nodeSelector: {}, tolerations: [] }, [])).toEqual({});
});

test.each<[Placement, Placement, boolean]>([
  [{}, { nodeSelector: {}, tolerations: [] }, true],
  [{ tolerations: [{ key: 'a' }] }, { tolerations: [{ key: 'a', operator: 'Equal', value: '' }] }, true],
  [{ tolerations: [{ key: 'a' }] }, { tolerations: [{ key: 'a', effect: 'NoSchedule' }] }, false],
  [inZone('a'), inZone('b'), false],
])('%j and %j are one placement: %s', (one, other, same) => expect(isSamePlacement(one, other)).toBe(same));
