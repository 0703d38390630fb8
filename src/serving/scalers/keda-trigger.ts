import { checkPositiveInteger, checkProps } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import type { ServerTarget } from '../server-target';
import { checkCron, checkTimezone } from './cron';
import { ownSeries } from './promql';

/** What KEDA counts copies by. */
export class KedaTrigger {
  /**
   * Requests that wait in the engine's queue.
   *
   * @param perReplica how many may wait for each copy
   * @throws when it is no whole number of at least 1
   */
  public static requestsWaiting(perReplica: number): KedaTrigger {
    return KedaTrigger.ofEngine('requestsWaiting', 'waiting', checkCount('requestsWaiting', perReplica), sum);
  }

  /**
   * Requests that the engine is answering.
   *
   * @param perReplica how many each copy answers at a time
   * @throws when it is no whole number of at least 1
   */
  public static requestsRunning(perReplica: number): KedaTrigger {
    return KedaTrigger.ofEngine('requestsRunning', 'running', checkCount('requestsRunning', perReplica), sum);
  }

  /**
   * How full the key-value caches are: a full one makes requests wait, or start anew.
   *
   * @param share of each copy's cache: 0.8
   * @throws when it is not above 0 and at most 1
   */
  public static kvCacheUsage(share: number): KedaTrigger {
    if (!(share > 0 && share <= 1))
      throw new InputError('KedaTrigger.kvCacheUsage', 'share', share, {
        allowed: 'above 0, at most 1: 0.8',
      });
    return KedaTrigger.ofEngine('kvCacheUsage', 'kvCacheUsage', share, sumOfPods);
  }

  /**
   * A query of one's own: the requests that a gateway counts, for instance, which is there while no copy runs.
   *
   * @throws when it is empty, when a number cannot be used
   */
  public static query(props: KedaQueryProps): KedaTrigger {
    const where = 'KedaTrigger.query';
    checkProps(where, props);
    if (typeof props.query !== 'string' || props.query.trim() === '')
      throw new InputError(where, 'query', props.query, {
        allowed: 'a query in PromQL that gives one number',
      });
    const threshold = checkThreshold(where, 'threshold', props.threshold);
    const activation = props.activationThreshold ?? 0;
    if (!(typeof activation === 'number' && activation >= 0 && Number.isFinite(activation)))
      throw new InputError(where, 'activationThreshold', activation, { allowed: '0 or more' });
    return new KedaTrigger('query', { existsAtZero: props.existsAtZero === true }, () => ({
      type: 'prometheus',
      metadata: {
        query: props.query,
        threshold: String(threshold),
        activationThreshold: String(activation),
      },
    }));
  }

  /**
   * A time of the week at which so many copies run at least, however little there is to do.
   *
   * @throws when a time is no five fields of cron, when the number cannot be used
   */
  public static cron(props: KedaCronProps): KedaTrigger {
    const where = 'KedaTrigger.cron';
    checkProps(where, props);
    for (const field of ['start', 'end'] as const) checkCron(where, field, props[field]);
    // KEDA's own check, which would fail only in the cluster.
    if (props.start === props.end)
      throw new InputError(where, 'end', props.end, { allowed: 'another time than the start' });
    checkTimezone(where, props.timezone);
    const replicas = checkPositiveInteger(where, 'replicas', props.replicas);
    const traits = { existsAtZero: true, least: replicas };
    return new KedaTrigger('cron', traits, () => ({
      type: 'cron',
      metadata: {
        timezone: props.timezone,
        start: props.start,
        end: props.end,
        desiredReplicas: String(replicas),
      },
    }));
  }

  /**
   * Whether requests run, so that a server that answers is not ended. It never asks for a second copy.
   *
   * @internal
   */
  public static _busy(): KedaTrigger {
    return KedaTrigger.ofEngine('busy', 'running', MORE_THAN_EVER, sum);
  }

  /**
   * Each threshold is what one copy may have: KEDA divides the sum of all copies by it. So every query is a sum, of
   * shares of caches too.
   */
  private static ofEngine(
    name: string,
    metric: MetricName,
    threshold: number,
    aggregate: (series: string) => string,
  ): KedaTrigger {
    return new KedaTrigger(name, { ofEngine: true }, (target, matchers) => ({
      type: 'prometheus',
      metadata: {
        query: aggregate(ownSeries(target, metricOf(target, name, metric), matchers)),
        threshold: String(threshold),
        activationThreshold: '0',
      },
    }));
  }

  private constructor(
    /**
     * By what it counts.
     *
     * @internal
     */
    public readonly _name: string,
    /** @internal */
    public readonly _traits: TriggerTraits,
    /** @internal */
    public readonly _resolve: (target: ServerTarget, matchers: Record<string, string>) => TriggerSpec,
  ) {}
}

/** A query of one's own. */
export interface KedaQueryProps {
  /** In PromQL; it gives one number, of all copies together. */
  readonly query: string;

  /** What each copy may have of that number. */
  readonly threshold: number;

  /**
   * The number above which the first copy is started.
   *
   * @default 0
   */
  readonly activationThreshold?: number;

  /**
   * Whether the query tells of requests while no copy runs, so that it can start the first one. What the engine itself
   * measures does not.
   *
   * @default false
   */
  readonly existsAtZero?: boolean;
}

/** A time of the week. */
export interface KedaCronProps {
  /** The time zone: `Europe/Berlin`. */
  readonly timezone: string;
  /** When it begins, as cron writes times: `0 8 * * 1-5`. */
  readonly start: string;
  /** When it ends. */
  readonly end: string;
  /** How many copies run at least. */
  readonly replicas: number;
}

/** What a trigger asks of those who use it. @internal */
export interface TriggerTraits {
  /** Whether it tells something while no copy runs. */
  readonly existsAtZero?: boolean;
  /** Whether it reads the engine's own metrics, which Prometheus must have. */
  readonly ofEngine?: boolean;
  /** How many copies it asks for at least. */
  readonly least?: number;
}

/** A trigger as KEDA is told, without the address of its Prometheus. @internal */
export interface TriggerSpec {
  readonly type: 'prometheus' | 'cron';
  readonly metadata: Record<string, string>;
}

/** Requests of one copy. */
const MORE_THAN_EVER = 1_000_000;

type MetricName = 'waiting' | 'running' | 'kvCacheUsage';

function metricOf({ owner, engine, metrics }: ServerTarget, name: string, metric: MetricName): string {
  const found = metrics?.[metric];
  if (typeof found === 'string') return found;
  throw new InputError(owner.scope, 'scaling', `KedaTrigger.${name}`, {
    allowed: metrics
      ? `what ${engine} measures: ${Object.keys(metrics).join(', ')}`
      : `a query, as it is not known what ${engine} measures`,
    advice: 'Use KedaTrigger.query with a metric that there is.',
  });
}

function sum(series: string): string {
  return `sum(${series})`;
}

/** A pod may have one series for each of its parts. */
function sumOfPods(series: string): string {
  return `sum(avg by (pod) (${series}))`;
}

function checkCount(name: string, perReplica: number): number {
  return checkPositiveInteger(`KedaTrigger.${name}`, 'perReplica', perReplica);
}

function checkThreshold(where: string, field: string, threshold: number): number {
  if (typeof threshold === 'number' && threshold > 0 && Number.isFinite(threshold)) return threshold;
  throw new InputError(where, field, threshold, { allowed: 'a number above 0' });
}
