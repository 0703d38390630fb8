import { checkFlag, checkKind, checkList, checkObjectName, checkPort } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { NetworkPeer } from '../../pod/network-peer';
import { addObject } from '../../pod/owner';
import type { ServerTarget } from '../server-target';
import { addHttpRoute, HttpRouteProps, resolveHttpRoute } from './http-route';
import { routeName, RoutePart } from './route-part';

/** The version of InferencePool that the gateway takes. */
export enum InferencePoolVersion {
  /** `inference.networking.k8s.io/v1`: the inference extension 1.0 and newer. */
  V1 = 'v1',
  /** `inference.networking.x-k8s.io/v1alpha2`: what gateways took before that. */
  V1ALPHA2 = 'v1alpha2',
}

/** What chooses the pod of each request. */
export interface EndpointPickerProps {
  /** Its Service, in the namespace of the server. */
  readonly service: string;

  /**
   * The Service's port.
   *
   * @default 9002
   */
  readonly port?: number;

  /**
   * Whether requests are led to any pod while it does not answer; otherwise they are refused.
   *
   * @default false
   */
  readonly failOpen?: boolean;

  /**
   * Its pods, which read the metrics of the server's. Their labels nobody knows at synth: by default all pods of the
   * namespace are let in, even where `allowFrom` is an empty list. What asks for an API key before it tells its metrics
   * (llama-server with `apiKey`) tells them to no picker that does not send it, which then chooses blindly.
   *
   * @default [NetworkPeer.sameNamespace()]
   */
  readonly from?: NetworkPeer[];
}

/** A way to a server by a Gateway that chooses its pods. */
export interface InferencePoolRouteProps extends HttpRouteProps {
  /** What chooses. */
  readonly picker: EndpointPickerProps;

  /**
   * The version of InferencePool.
   *
   * @default InferencePoolVersion.V1
   */
  readonly version?: InferencePoolVersion;
}

const WHERE = 'Route.inferencePool';

/** By version. */
const GROUPS: Record<InferencePoolVersion, string> = {
  [InferencePoolVersion.V1]: 'inference.networking.k8s.io',
  [InferencePoolVersion.V1ALPHA2]: 'inference.networking.x-k8s.io',
};

/** @internal */
export function inferencePoolRoute(props: InferencePoolRouteProps): RoutePart {
  const route = resolveHttpRoute(WHERE, props);
  const picker = resolvePicker(props.picker);
  const version = props.version ?? InferencePoolVersion.V1;
  if (!(version in GROUPS)) {
    const allowed = Object.values(InferencePoolVersion).join(', ');
    throw new InputError(WHERE, 'version', version, { allowed });
  }
  return {
    peers: [...route.from, ...picker.from],
    render: (target, index) => {
      const name = addPool(target, index, routeName(target, index, route.name), picker, version);
      addHttpRoute(route, target, index, { ref: { group: GROUPS[version], kind: 'InferencePool', name } });
    },
  };
}

interface PickerSpec {
  readonly service: string;
  readonly port: number;
  readonly failureMode: 'FailOpen' | 'FailClose';
  readonly from: NetworkPeer[];
}

function resolvePicker(picker: EndpointPickerProps): PickerSpec {
  const from = checkList(WHERE, 'picker.from', picker?.from ?? [NetworkPeer.sameNamespace()]);
  from.forEach((peer, index) =>
    checkKind(WHERE, `picker.from[${index}]`, peer, ({ _peer }) => typeof _peer === 'object', {
      allowed: 'a NetworkPeer',
    }),
  );
  return {
    service: checkObjectName(WHERE, 'picker.service', picker?.service),
    port: checkPort(WHERE, 'picker.port', picker.port ?? 9002),
    failureMode: checkFlag(WHERE, 'picker.failOpen', picker.failOpen) ? 'FailOpen' : 'FailClose',
    from,
  };
}

/** @returns its name */
function addPool(
  target: ServerTarget,
  index: number,
  name: string,
  { service, port, failureMode }: PickerSpec,
  version: InferencePoolVersion,
): string {
  const { owner, container, entrance, selector, alone } = target;
  if (alone) {
    throw new InputError(owner.scope, `routes[${index}]`, 'an InferencePool', {
      allowed: `what leads to one pod, as ${alone}: there is nothing for a picker to choose`,
      advice: 'Use Route.httpRoute or Route.ingress.',
    });
  }
  if (entrance) {
    throw new InputError(owner.scope, `routes[${index}]`, 'an InferencePool', {
      allowed: `what can lead to the Service ${entrance.service}, which activates the server`,
      advice: 'A pool leads to pods that run. Use Route.httpRoute, or scale by Scaling.keda.',
    });
  }
  addObject(owner, `InferencePool-${index}`, {
    apiVersion: `${GROUPS[version]}/${version}`,
    kind: 'InferencePool',
    name,
    component: target.component,
    annotations: target.provenance,
    body: {
      spec:
        version === InferencePoolVersion.V1
          ? {
              selector: { matchLabels: selector },
              targetPorts: [{ number: container.port }],
              endpointPickerRef: { name: service, port: { number: port }, failureMode },
            }
          : {
              selector,
              targetPortNumber: container.port,
              extensionRef: { name: service, portNumber: port, failureMode },
            },
    },
  });
  return name;
}
