import type { Duration } from 'cdk8s';
import { checkKind, checkPositiveInteger, checkProps } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { addObject } from '../../pod/owner';
import { checkSeconds } from '../checks';
import type { ServerTarget } from '../server-target';
import { KedaTrigger } from './keda-trigger';
import { addPrometheus, checkPrometheus, PrometheusProps } from './prometheus';
import { checkBounds, ReplicaBounds, scaleDownBehavior, ScalingPart, scaleTargetRef } from './scaling-part';

/** What holds while KEDA cannot ask Prometheus. */
export interface KedaFallback {
  /** How many copies run then. */
  readonly replicas: number;

  /**
   * How often in a row a query must have failed.
   *
   * @default 3
   */
  readonly failures?: number;
}

/** Copies by triggers of KEDA. */
export interface KedaScalingProps {
  /**
   * The fewest copies. With 0 the server ends when no request has run for the cooldown, and a trigger that tells
   * something while no copy runs has to start it again: the engine's own metrics end with its last pod.
   *
   * @default 1
   */
  readonly min?: number;

  /** The most copies: what there are devices for. */
  readonly max: number;

  /** Who has the metrics. They get there by the server's `monitoring`, or by what the cluster has for that. */
  readonly prometheus: PrometheusProps;

  /** What copies are counted by. The one that asks for the most wins. */
  readonly triggers: KedaTrigger[];

  /**
   * How long nothing has asked for a copy before the last one is ended. At least as long as a start takes, or a server
   * would be ended before its first answer. Only where `min` is 0.
   *
   * @default - as long as a start may take, at least 5 minutes
   */
  readonly cooldown?: Duration;

  /**
   * The time between two looks at the triggers.
   *
   * @default - KEDA's own, 30 seconds
   */
  readonly pollingInterval?: Duration;

  /**
   * What holds while Prometheus cannot be asked.
   *
   * @default - there are as many copies as there were
   */
  readonly fallback?: KedaFallback;
}

const WHERE = 'Scaling.keda';

/** @internal */
export function kedaScaling(props: KedaScalingProps): ScalingPart {
  const spec = resolve(props);
  return {
    maxReplicas: spec.bounds.max,
    watchers: spec.prometheus.from,
    render: (target) => render(spec, target),
  };
}

interface KedaSpec {
  readonly bounds: ReplicaBounds;
  readonly prometheus: PrometheusProps;
  readonly triggers: KedaTrigger[];
  readonly cooldownSeconds?: number;
  readonly pollingSeconds?: number;
  readonly fallback?: { readonly failureThreshold: number; readonly replicas: number };
}

function resolve(props: KedaScalingProps): KedaSpec {
  checkProps(WHERE, props);
  const bounds = checkBounds(WHERE, { min: props.min ?? 1, max: props.max }, 0);
  if (bounds.min > 0 && props.cooldown !== undefined) {
    throw new InputError(WHERE, 'cooldown', 'given', {
      allowed: 'nothing where min is above 0',
      advice: 'It is the time until the last copy ends, which here never does.',
    });
  }
  return {
    bounds,
    prometheus: checkPrometheus(WHERE, props.prometheus),
    triggers: checkTriggers(props.triggers, bounds),
    cooldownSeconds: props.cooldown && checkSeconds(WHERE, 'cooldown', props.cooldown),
    pollingSeconds: props.pollingInterval && checkSeconds(WHERE, 'pollingInterval', props.pollingInterval),
    fallback: props.fallback && checkFallback(props.fallback, bounds),
  };
}

function checkTriggers(triggers: KedaTrigger[], { min, max }: ReplicaBounds): KedaTrigger[] {
  const details = {
    allowed: 'one KedaTrigger or more',
    advice: 'Make one: KedaTrigger.requestsWaiting(5).',
  };
  checkKind(WHERE, 'triggers', triggers, (given) => Array.isArray(given) && given.length > 0, details);
  triggers.forEach((trigger, index) =>
    checkKind(WHERE, `triggers[${index}]`, trigger, ({ _name }) => typeof _name === 'string', details),
  );
  if (min === 0 && !triggers.some(({ _traits }) => _traits.existsAtZero)) {
    throw new InputError(WHERE, 'min', 0, {
      allowed: '1 or more, as nothing could start the server again',
      advice:
        'The metrics of an engine end with its last pod. Add KedaTrigger.query({ ..., existsAtZero: true }) on what the ' +
        'gateway counts, or KedaTrigger.cron; or use Scaling.kedaHttp, which holds requests while the server starts.',
    });
  }
  triggers.forEach(({ _traits: { least = 0 } }, index) =>
    checkMost(`replicas of triggers[${index}]`, least, max),
  );
  return triggers;
}

/** The autoscaler never has more copies than `max`, whatever else is said. */
function checkMost(field: string, replicas: number, max: number): void {
  if (replicas > max)
    throw new InputError(WHERE, field, replicas, { allowed: `${max} or fewer, as max is ${max}` });
}

function checkFallback({ replicas, failures }: KedaFallback, { max }: ReplicaBounds): KedaSpec['fallback'] {
  checkMost('fallback.replicas', replicas, max);
  return {
    failureThreshold: checkPositiveInteger(WHERE, 'fallback.failures', failures ?? 3),
    replicas: checkPositiveInteger(WHERE, 'fallback.replicas', replicas),
  };
}

function render(spec: KedaSpec, target: ServerTarget): void {
  const { owner, component } = target;
  const { bounds, prometheus, fallback, pollingSeconds } = spec;
  const all = allTriggers(spec, target);
  checkWatched(spec, all, target);
  const server = addPrometheus(owner, component, prometheus);
  const triggers = all.map((trigger, index) => {
    const { type, metadata } = trigger._resolve(target, prometheus.matchers ?? {});
    const name = `${trigger._name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}-${index}`;
    if (type === 'cron') return { type, name, metadata };
    return {
      type,
      name,
      metricType: 'AverageValue',
      metadata: { ...server.metadata, ...metadata },
      ...server.authentication,
    };
  });
  addObject(owner, 'ScaledObject', {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    name: owner.name,
    component,
    annotations: target.provenance,
    body: {
      spec: {
        scaleTargetRef: scaleTargetRef(target),
        minReplicaCount: bounds.min,
        maxReplicaCount: bounds.max,
        ...(pollingSeconds === undefined ? {} : { pollingInterval: pollingSeconds }),
        ...cooldowns(target, bounds, spec.cooldownSeconds),
        ...(fallback ? { fallback } : {}),
        advanced: { horizontalPodAutoscalerConfig: { behavior: scaleDownBehavior(target) } },
        triggers,
      },
    },
  });
}

/**
 * KEDA takes what Prometheus does not have as 0: it would never start a second copy, and end the last one while it
 * answers.
 */
function checkWatched({ prometheus }: KedaSpec, triggers: KedaTrigger[], target: ServerTarget): void {
  const trigger = triggers.find(({ _traits }) => _traits.ofEngine);
  if (!trigger || target.watched || prometheus.from) return;
  throw new InputError(target.owner.scope, 'scaling', `KedaTrigger.${trigger._name}`, {
    allowed: "what Prometheus knows; nobody is let in to read the engine's metrics",
    advice:
      "Give the server monitoring: Monitoring.prometheus({ from: [NetworkPeer.namespace('monitoring')] }). If something " +
      "else has Prometheus read them, let it in: prometheus: { ..., from: [NetworkPeer.namespace('monitoring')] }.",
  });
}

/** An empty queue is no reason to end a server that answers. */
function allTriggers({ bounds, triggers }: KedaSpec, { metrics }: ServerTarget): KedaTrigger[] {
  if (bounds.min > 0 || !metrics?.running) return triggers;
  return triggers.some(({ _name }) => _name === 'requestsRunning')
    ? triggers
    : [...triggers, KedaTrigger._busy()];
}

/** The first start, of the workload that has just been made, is not cut short either. */
function cooldowns(
  { owner, startupSeconds }: ServerTarget,
  { min }: ReplicaBounds,
  given: number | undefined,
): Record<string, number> {
  if (min > 0) return {};
  return cooldownAtZero(owner.scope, startupSeconds, given, 'cooldownPeriod');
}

/**
 * @returns the fields of the time until the last copy ends
 * @throws when it is shorter than a start
 * @internal
 */
export function cooldownAtZero(
  scope: ServerTarget['owner']['scope'],
  startupSeconds: number,
  given: number | undefined,
  field: 'cooldownPeriod' | 'scaledownPeriod',
): Record<string, number> {
  if (given !== undefined && given < startupSeconds) {
    throw new InputError(scope, 'scaling', `a cooldown of ${given} s`, {
      allowed: `${startupSeconds} s or more, what a start may take`,
      advice:
        'The server would be ended before its first answer. Raise it, or say how fast the model is read: readRate, ' +
        'startupTimeout.',
    });
  }
  const seconds = given ?? Math.max(300, startupSeconds);
  return { [field]: seconds, initialCooldownPeriod: seconds };
}
