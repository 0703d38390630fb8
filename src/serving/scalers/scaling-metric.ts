import { checkProps } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { checkLabels } from '../../pod/labels';

/** What a HorizontalPodAutoscaler counts copies by. */
export class ScalingMetric {
  /**
   * The CPU use of the pods, as a share of their request.
   *
   * @param percent above 0
   * @throws when it is no such share
   */
  public static cpuUtilization(percent: number): ScalingMetric {
    const averageUtilization = checkPercent('ScalingMetric.cpuUtilization', percent);
    return new ScalingMetric({
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
    });
  }

  /**
   * A metric of each pod, in the API `custom.metrics.k8s.io`. Its name is the adapter's: prometheus-adapter, for
   * instance, makes one of an engine's `vllm:num_requests_waiting` as its rules say.
   *
   * @param averageValue what each copy may have: `5`, `500m`
   * @param labels labels that the metric must have
   * @throws when the value is no quantity
   */
  public static pods(
    metric: string,
    averageValue: string,
    labels?: { [name: string]: string },
  ): ScalingMetric {
    const where = 'ScalingMetric.pods';
    return new ScalingMetric({
      type: 'Pods',
      pods: { metric: identifier(where, metric, labels), target: average(where, averageValue) },
    });
  }

  /**
   * A metric of another object of the server's namespace, such as the requests of its route.
   *
   * @throws when the value is no quantity, when part of the object is missing
   */
  public static object(props: ObjectMetricProps): ScalingMetric {
    const where = 'ScalingMetric.object';
    checkProps(where, props);
    for (const part of ['apiVersion', 'kind', 'name'] as const) checkText(where, part, props[part]);
    const { apiVersion, kind, name } = props;
    return new ScalingMetric({
      type: 'Object',
      object: {
        describedObject: { apiVersion, kind, name },
        metric: identifier(where, props.metric, props.labels),
        target: average(where, props.averageValue),
      },
    });
  }

  /**
   * A metric from outside the cluster's objects, in the API `external.metrics.k8s.io`.
   *
   * @param averageValue what each copy may have: `5`, `500m`
   * @param labels labels that the metric must have
   * @throws when the value is no quantity
   */
  public static external(
    metric: string,
    averageValue: string,
    labels?: { [name: string]: string },
  ): ScalingMetric {
    const where = 'ScalingMetric.external';
    return new ScalingMetric({
      type: 'External',
      external: { metric: identifier(where, metric, labels), target: average(where, averageValue) },
    });
  }

  private constructor(
    /** @internal */
    public readonly _metric: Record<string, unknown>,
  ) {}
}

/** A metric of an object. */
export interface ObjectMetricProps {
  /** The object's apiVersion: `gateway.networking.k8s.io/v1`. */
  readonly apiVersion: string;
  /** Its kind: `HTTPRoute`. */
  readonly kind: string;
  /** Its name. */
  readonly name: string;
  /** The metric's name, as the adapter of the cluster has it. */
  readonly metric: string;
  /** What each copy may have: `5`, `500m`. */
  readonly averageValue: string;

  /**
   * Labels that the metric must have.
   *
   * @default - none
   */
  readonly labels?: { [name: string]: string };
}

/** @throws when it is no whole number above 0 @internal */
export function checkPercent(where: string, percent: number): number {
  if (Number.isInteger(percent) && percent > 0) return percent;
  throw new InputError(where, 'percent', percent, { allowed: 'a whole number above 0: 80' });
}

function identifier(
  where: string,
  name: string,
  labels: { [name: string]: string } | undefined,
): Record<string, unknown> {
  checkText(where, 'metric', name);
  if (labels === undefined) return { name };
  return { name, selector: { matchLabels: checkLabels(where, 'labels', labels) } };
}

function average(where: string, averageValue: string): Record<string, unknown> {
  if (typeof averageValue !== 'string' || !/^\d+(\.\d+)?([mkMGTPE]|[KMGTPE]i)?$/.test(averageValue)) {
    throw new InputError(where, 'averageValue', averageValue, { allowed: "a quantity: '5', '500m', '2k'" });
  }
  return { type: 'AverageValue', averageValue };
}

function checkText(where: string, field: string, text: string): void {
  if (typeof text !== 'string' || text === '')
    throw new InputError(where, field, text, { allowed: 'a name that is not empty' });
}
