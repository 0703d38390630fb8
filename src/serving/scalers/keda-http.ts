import { Duration } from 'cdk8s';
import { checkList, checkObjectName, checkPort, checkPositiveInteger, checkProps } from '../../pod/checks';
import { NetworkPeer } from '../../pod/network-peer';
import { addObject, Owner } from '../../pod/owner';
import { checkHost, checkSeconds } from '../checks';
import { durationText } from '../duration-text';
import type { Entrance, ServerTarget } from '../server-target';
import { cooldownAtZero } from './keda';
import { checkBounds, ReplicaBounds, ScalingPart, scaleTargetRef } from './scaling-part';

/** The add-on's interceptor, which requests come through. */
export interface KedaInterceptorProps {
  /**
   * Its namespace.
   *
   * @default 'keda'
   */
  readonly namespace?: string;

  /**
   * Its Service.
   *
   * @default 'keda-add-ons-http-interceptor-proxy', as the add-on's chart names it
   */
  readonly service?: string;

  /**
   * The Service's port.
   *
   * @default 8080
   */
  readonly port?: number;
}

/** Copies by requests, which wait while the first one starts. */
export interface KedaHttpScalingProps {
  /**
   * The fewest copies.
   *
   * @default 0
   */
  readonly min?: number;

  /** The most copies: what there are devices for. */
  readonly max: number;

  /** How many requests each copy answers at a time: the engine's parallel slots, or sequences. */
  readonly concurrency: number;

  /**
   * How long there has been no request before the last copy is ended. At least as long as a start takes.
   *
   * @default - as long as a start may take, at least 5 minutes
   */
  readonly cooldown?: Duration;

  /**
   * How long the server may take to begin its answer, which is all of it where it is not streamed.
   *
   * @default 1 hour
   */
  readonly timeout?: Duration;

  /**
   * Hosts, of this server alone, of requests that come to the interceptor by another way than its routes. Servers of one
   * host are told apart by the paths of their routes, each of which gives the request a host of its own.
   *
   * @default - none
   */
  readonly hosts?: string[];

  /**
   * The interceptor.
   *
   * @default - as the add-on's chart installs it in the namespace `keda`
   */
  readonly interceptor?: KedaInterceptorProps;
}

const WHERE = 'Scaling.kedaHttp';

/** @internal */
export function kedaHttpScaling(props: KedaHttpScalingProps): ScalingPart {
  const spec = resolve(props);
  return {
    maxReplicas: spec.bounds.max,
    // Nobody else of that namespace knows the server; the pods' labels depend on how they were installed.
    peers: [NetworkPeer.namespace(spec.interceptor.namespace)],
    entrance: (owner) => ({ ...spec.interceptor, host: hostOf(owner) }),
    render: (target) => render(spec, target),
  };
}

interface KedaHttpSpec {
  readonly bounds: ReplicaBounds;
  readonly concurrency: number;
  readonly cooldownSeconds?: number;
  readonly timeoutSeconds: number;
  readonly hosts: string[];
  readonly interceptor: Omit<Entrance, 'host'>;
}

function resolve(props: KedaHttpScalingProps): KedaHttpSpec {
  checkProps(WHERE, props);
  const interceptor = props.interceptor ?? {};
  return {
    bounds: checkBounds(WHERE, { min: props.min ?? 0, max: props.max }, 0),
    concurrency: checkPositiveInteger(WHERE, 'concurrency', props.concurrency),
    cooldownSeconds:
      props.cooldown === undefined ? undefined : checkSeconds(WHERE, 'cooldown', props.cooldown),
    timeoutSeconds: checkSeconds(WHERE, 'timeout', props.timeout ?? Duration.hours(1)),
    hosts: checkList(WHERE, 'hosts', props.hosts).map((host, index) =>
      checkHost(WHERE, `hosts[${index}]`, host),
    ),
    interceptor: {
      namespace: checkObjectName(WHERE, 'interceptor.namespace', interceptor.namespace ?? 'keda'),
      service: checkObjectName(
        WHERE,
        'interceptor.service',
        interceptor.service ?? 'keda-add-ons-http-interceptor-proxy',
      ),
      port: checkPort(WHERE, 'interceptor.port', interceptor.port ?? 8080),
    },
  };
}

/** No other server has it, and nobody outside the cluster. */
function hostOf(owner: Owner): string {
  return `${owner.name}.${owner.namespace}`;
}

function render(spec: KedaHttpSpec, target: ServerTarget): void {
  const { owner, component, service, startupSeconds } = target;
  addObject(owner, 'HTTPScaledObject', {
    apiVersion: 'http.keda.sh/v1alpha1',
    kind: 'HTTPScaledObject',
    name: owner.name,
    component,
    annotations: target.provenance,
    body: {
      spec: {
        hosts: [hostOf(owner), ...spec.hosts],
        scaleTargetRef: { ...scaleTargetRef(target), service: service.name, port: service.port },
        replicas: spec.bounds,
        ...cooldownAtZero(owner.scope, startupSeconds, spec.cooldownSeconds, 'scaledownPeriod'),
        scalingMetric: { concurrency: { targetValue: spec.concurrency } },
        // The add-on's own were 20 seconds and half a second up to 0.13.
        timeouts: {
          conditionWait: durationText(startupSeconds + 60),
          responseHeader: durationText(spec.timeoutSeconds),
        },
      },
    },
  });
}
