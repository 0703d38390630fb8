import type { IConstruct } from 'constructs';
import { InputError } from './input-error';
import { checkLabels, isLabelKey, isLabelValue, LABEL_KEY, LABEL_VALUE } from './labels';
import type { Placement, Toleration } from './pod-spec';

const OPERATORS = ['Equal', 'Exists'];
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** @throws when the API server would refuse a node selector or a toleration */
export function checkPlacement(scope: IConstruct, field: string, placement: Placement = {}): Placement {
  checkLabels(scope, `${field}.nodeSelector`, placement.nodeSelector ?? {});
  placement.tolerations?.forEach((toleration, index) =>
    checkToleration(scope, `${field}.tolerations[${index}]`, toleration),
  );
  return placement;
}

function checkToleration(scope: IConstruct, field: string, toleration: Toleration): void {
  const { key, operator, value, effect, tolerationSeconds } = toleration;
  const refuse = (member: keyof Toleration, allowed: string) => {
    throw new InputError(scope, `${field}.${member}`, toleration[member], { allowed });
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
