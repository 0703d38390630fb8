import { checkKind, checkProps } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { addObject } from '../../pod/owner';
import type { ServerTarget } from '../server-target';
import { checkPercent, ScalingMetric } from './scaling-metric';
import { checkBounds, ReplicaBounds, scaleDownBehavior, ScalingPart, scaleTargetRef } from './scaling-part';

/** How many copies there may be, of an autoscaler that cannot end the last one. */
export interface HorizontalScalingProps {
  /**
   * The fewest copies, 1 or more.
   *
   * @default 1
   */
  readonly min?: number;

  /** The most copies: what there are devices for. */
  readonly max: number;
}

/** Copies by CPU use. */
export interface CpuScalingProps extends HorizontalScalingProps {
  /**
   * The CPU use at which the number of copies is right, in percent of their request.
   *
   * @default 80
   */
  readonly targetUtilization?: number;
}

/** Copies by metrics of the cluster's adapters. */
export interface CustomScalingProps extends HorizontalScalingProps {
  /** The metrics. The one that asks for the most copies wins. */
  readonly metrics: ScalingMetric[];
}

/** @internal */
export function cpuScaling(props: CpuScalingProps): ScalingPart {
  const where = 'Scaling.cpu';
  checkProps(where, props);
  const bounds = checkBounds(where, { min: props.min ?? 1, max: props.max }, 1);
  const percent = checkPercent(where, props.targetUtilization ?? 80);
  return {
    maxReplicas: bounds.max,
    render: (target) => {
      if (target.accelerator) {
        throw new InputError(target.owner.scope, 'scaling', 'by CPU use', {
          allowed: 'what tells how busy the accelerator is',
          advice:
            'The CPUs of a server with an accelerator are as busy with one request as with a hundred. Use Scaling.keda ' +
            'on its queue, or Scaling.custom.',
        });
      }
      addAutoscaler(target, bounds, [ScalingMetric.cpuUtilization(percent)]);
    },
  };
}

/** @internal */
export function customScaling(props: CustomScalingProps): ScalingPart {
  const where = 'Scaling.custom';
  checkProps(where, props);
  const bounds = checkBounds(where, { min: props.min ?? 1, max: props.max }, 1);
  const details = {
    allowed: 'one ScalingMetric or more',
    advice: "Make one: ScalingMetric.pods('requests_waiting', '5').",
  };
  checkKind(where, 'metrics', props.metrics, (given) => Array.isArray(given) && given.length > 0, details);
  props.metrics.forEach((metric, index) =>
    checkKind(where, `metrics[${index}]`, metric, ({ _metric }) => typeof _metric === 'object', details),
  );
  return {
    maxReplicas: bounds.max,
    render: (target) => addAutoscaler(target, bounds, props.metrics),
  };
}

function addAutoscaler(target: ServerTarget, { min, max }: ReplicaBounds, metrics: ScalingMetric[]): void {
  const { owner, component } = target;
  addObject(owner, 'Autoscaler', {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    name: owner.name,
    component,
    annotations: target.provenance,
    body: {
      spec: {
        scaleTargetRef: scaleTargetRef(target),
        minReplicas: min,
        maxReplicas: max,
        metrics: metrics.map(({ _metric }) => _metric),
        behavior: scaleDownBehavior(target),
      },
    },
  });
}
