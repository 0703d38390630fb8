import type { IConstruct } from 'constructs';
import { checkList, checkNamed, checkOptions } from './checks';
import { canonicalJson } from './content-hash';
import { InputError } from './input-error';
import { checkLabels, isLabelKey, isLabelValue, LABEL_KEY, LABEL_VALUE } from './labels';
import type { Placement, Toleration } from './pod-spec';

const OPERATORS = ['Equal', 'Exists'];
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

const PLACEMENT: Record<keyof Placement, true> = { nodeSelector: true, tolerations: true };
const TOLERATION: Record<keyof Toleration, true> = {
  key: true,
  operator: true,
  value: true,
  effect: true,
  tolerationSeconds: true,
};

/** @throws when it is no placement, when the API server would refuse a node selector or a toleration */
export function checkPlacement(
  where: IConstruct | string,
  field: string,
  placement: Placement = {},
): Placement {
  checkOptions(where, field, placement, PLACEMENT);
  const selector = `${field}.nodeSelector`;
  checkLabels(where, selector, checkNamed(where, selector, placement.nodeSelector));
  checkList(where, `${field}.tolerations`, placement.tolerations).forEach((toleration, index) =>
    checkToleration(where, `${field}.tolerations[${index}]`, toleration),
  );
  return placement;
}

function checkToleration(where: IConstruct | string, field: string, toleration: Toleration): void {
  const { key, operator, value, effect, tolerationSeconds } = checkOptions(
    where,
    field,
    toleration,
    TOLERATION,
  );
  const refuse = (member: keyof Toleration, allowed: string) => {
    throw new InputError(where, `${field}.${member}`, toleration[member], { allowed });
  };
  if (operator !== undefined && !OPERATORS.includes(operator)) refuse('operator', OPERATORS.join(', '));
  if (effect !== undefined && !EFFECTS.includes(effect)) refuse('effect', EFFECTS.join(', '));
  if (key !== undefined && key !== '' && !isLabelKey(key)) refuse('key', LABEL_KEY);
  if (!key && operator !== 'Exists') refuse('operator', "'Exists', as there is no key");
  if (value !== undefined && !isLabelValue(value)) refuse('value', LABEL_VALUE);
  if (value && operator === 'Exists') refuse('value', "nothing, as the operator is 'Exists'");
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    refuse('tolerationSeconds', "nothing, as the effect is not 'NoExecute'");
  }
}

/** A placement, and whose it is. */
export interface PlacementOf {
  /** As an error names it: `claim qwen-weights`. */
  readonly of: string;
  readonly placement: Placement;
}

/**
 * Where pods may run that have their own placement and that of each store they mount.
 *
 * @param field the pods' own placement, as the user gives it
 * @throws when no node can have all the labels, naming both sides
 */
export function unitePlacements(
  where: IConstruct | string,
  field: string,
  own: Placement,
  others: readonly PlacementOf[],
): Placement {
  const labels = new Map<string, { value: string; of: string }>();
  const tolerations = new Map<string, Toleration>();
  for (const { of, placement } of [{ of: field, placement: own }, ...others]) {
    for (const [key, value] of Object.entries(placement.nodeSelector ?? {})) {
      const other = labels.get(key);
      if (other && other.value !== value) {
        throw new InputError(where, `${other.of}.nodeSelector.${key}`, other.value, {
          allowed: `'${value}', as the placement of ${of} says`,
          advice: 'The pods run where both let them: give both the same value.',
        });
      }
      if (!other) labels.set(key, { value, of });
    }
    for (const toleration of placement.tolerations ?? [])
      tolerations.set(canonicalJson(toleration), toleration);
  }
  return {
    ...(labels.size
      ? { nodeSelector: Object.fromEntries([...labels].map(([key, { value }]) => [key, value])) }
      : {}),
    ...(tolerations.size ? { tolerations: [...tolerations.values()] } : {}),
  };
}

/** Whether pods of one placement can run on every node where those of the other can, and the other way round. */
export function isSamePlacement(one: Placement, other: Placement): boolean {
  return canonicalJson(whereItRuns(one)) === canonicalJson(whereItRuns(other));
}

/** What decides on which nodes pods can be: a taint that only makes a node less liked keeps nobody away. */
function whereItRuns({ nodeSelector = {}, tolerations = [] }: Placement): unknown {
  const hard = tolerations
    .filter(({ effect }) => effect !== 'PreferNoSchedule')
    .map(({ key, operator = 'Equal', value = '', effect }) =>
      canonicalJson({ key, operator, value, effect }),
    );
  return { nodeSelector, tolerations: [...new Set(hard)].sort() };
}
