import { Placement, Toleration } from '../../src';
import { cache, conversion, topology } from '../support/models';
import { objectsOf, plainChart, podSpec, the } from '../support/objects';

const TOLERATIONS: Toleration[] = [
  { operator: 'Exists' },
  { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'dedicated', value: 'llm', effect: 'PreferNoSchedule' },
  { key: 'dedicated', operator: 'Equal', value: '' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 },
];

test('is written as it was given', () => {
  const chart = plainChart();
  const placement: Placement = {
    nodeSelector: { 'kubernetes.io/arch': 'arm64', pool: '' },
    tolerations: TOLERATIONS,
  };
  cache(chart, { placement });
  expect(podSpec(the(objectsOf(chart), 'Job'))).toMatchObject(placement);
});

const NO_LABEL = { nodeSelector: { pool: 'a b' } };

test.each<[string, string, (placement: Placement) => unknown]>([
  ['weights', 'placement', (placement) => cache(plainChart(), { placement })],
  ['q40', 'placement', (placement) => conversion(plainChart(), { placement })],
  ['chat', 'rootPlacement', (rootPlacement) => topology(plainChart(), { rootPlacement })],
  ['chat', 'workerPlacement', (workerPlacement) => topology(plainChart(), { workerPlacement })],
  [
    'chat',
    'workerSlots[0].placement',
    (placement) => topology(plainChart(), { workerSlots: [{ slot: 1, placement }] }),
  ],
])('of %s is checked: %s', (id, field, make) => {
  expect(() => make(NO_LABEL)).toThrow(
    `models/${id}: '${field}.nodeSelector.pool' is 'a b'; allowed: a string: at most 63 letters, digits`,
  );
});

test('names no label that cannot be', () => {
  expect(() => cache(plainChart(), { placement: { nodeSelector: { 'a b': 'c' } } })).toThrow(
    "models/weights: 'key in placement.nodeSelector' is 'a b'; allowed: at most 63 letters, digits",
  );
});

test.each<[Toleration, string]>([
  [{ key: 'a', operator: 'In' }, "operator' is 'In'; allowed: Equal, Exists"],
  [
    { key: 'a', effect: 'noSchedule' },
    "effect' is 'noSchedule'; allowed: NoSchedule, PreferNoSchedule, NoExecute",
  ],
  [{ key: 'a b', operator: 'Exists' }, "key' is 'a b'; allowed: at most 63 letters"],
  [{ key: 'a', value: 'b c' }, "value' is 'b c'; allowed: a string: at most 63 letters"],
  [{ key: 'a', value: 1 as never }, "value' is 1; allowed: a string"],
  [
    { key: 'a', operator: 'Exists', value: 'b' },
    "value' is 'b'; allowed: nothing, as the operator is 'Exists'",
  ],
  [{ value: 'b' }, "operator' is nothing; allowed: 'Exists', as there is no key"],
  [
    { key: 'a', tolerationSeconds: 5 },
    "tolerationSeconds' is 5; allowed: nothing, as the effect is not 'NoEx",
  ],
])('the toleration %j is refused', (toleration, message) => {
  const placement = { tolerations: [TOLERATIONS[0], toleration] };
  expect(() => cache(plainChart(), { placement })).toThrow(
    `models/weights: 'placement.tolerations[1].${message}`,
  );
});
