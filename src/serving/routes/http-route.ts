import { Duration } from 'cdk8s';
import { checkFlag, checkList, checkObjectName, checkProps } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import type { NetworkPeer } from '../../pod/network-peer';
import { addObject } from '../../pod/owner';
import { durationText } from '../duration-text';
import type { ServerTarget } from '../server-target';
import { takeAddress } from './addresses';
import { checkFrom, checkHost, checkPath, checkSeconds, checkStrings } from '../checks';
import { checkPaths, OpenPath, openPaths } from './open-paths';
import { routeName, RoutePart } from './route-part';

/** A Gateway that is there already. */
export interface GatewayProps {
  /** Its name. */
  readonly name: string;

  /**
   * Its namespace, from which its listeners must allow routes (`allowedRoutes`).
   *
   * @default - the server's
   */
  readonly namespace?: string;

  /**
   * The listener that takes the requests: `https`, for instance, so that none comes without TLS.
   *
   * @default - all that allow the route
   */
  readonly sectionName?: string;
}

/** A filter of the gateway's own, in the namespace of the server: one that asks who a client is, for instance. */
export interface GatewayFilter {
  /** API group: `gateway.envoyproxy.io`, `traefik.io`. */
  readonly group: string;
  /** Kind: `HTTPRouteFilter`, `Middleware`. */
  readonly kind: string;
  /** Name. */
  readonly name: string;
}

/** A way to a server by a Gateway. */
export interface HttpRouteProps {
  /** The Gateway, where TLS ends. */
  readonly gateway: GatewayProps;

  /**
   * Who sends the requests: the gateway's pods. They are in the namespace of the Gateway with some implementations, in
   * that of the controller with others (Envoy Gateway: `envoy-gateway-system`), or outside the cluster, which nothing
   * here could tell; without it every request would end in a timeout.
   */
  readonly from: NetworkPeer[];

  /**
   * The hosts: `llm.example.com`.
   *
   * @default - all of the listener
   */
  readonly hostnames?: string[];

  /**
   * The path below which the server is found: `/qwen`.
   *
   * @default '/'
   */
  readonly path?: string;

  /**
   * Whether the path is taken away before the server sees the request, as engines answer at `/v1`.
   *
   * @default true, where there is a path
   */
  readonly stripPrefix?: boolean;

  /**
   * What of the server is open, by its own paths: `/v1` is found at `<path>/v1`. `['/']` opens all of it, with its
   * metrics, its health and whatever else the engine answers. Engines ask for their API key below some paths alone:
   * vLLM answers `/invocations`, which is as good as `/v1`, without.
   *
   * @default ['/v1'] where the server has an API key, ['/'] where it has none
   */
  readonly paths?: string[];

  /**
   * Headers that requests must have.
   *
   * @default - none
   */
  readonly headers?: { [name: string]: string };

  /**
   * The header in which the gateway has put the model that the request's body names: `X-Gateway-Model-Name` where the
   * inference extension's body-based router does. Requests for the server's models alone are taken.
   *
   * @default - requests for any model
   */
  readonly modelHeader?: string;

  /**
   * How long an answer may take as a whole: that of a language model takes minutes, and many gateways give up after 15
   * seconds.
   *
   * @default 1 hour
   */
  readonly timeout?: Duration;

  /**
   * Whether the timeout is written into the route. False for a gateway that does not have timeouts of routes, and
   * would refuse it.
   *
   * @default true
   */
  readonly writeTimeout?: boolean;

  /**
   * Filters of the gateway's own.
   *
   * @default - none
   */
  readonly filters?: GatewayFilter[];

  /**
   * Annotations of the HTTPRoute.
   *
   * @default - none
   */
  readonly annotations?: { [name: string]: string };

  /**
   * The name of the HTTPRoute, which policies of the gateway give as their target.
   *
   * @default - the server's, with `-2` for its second route and so on
   */
  readonly name?: string;
}

/** @internal */
export function httpRoute(props: HttpRouteProps): RoutePart {
  const spec = resolveHttpRoute('Route.httpRoute', props);
  return {
    peers: spec.from,
    render: (target, index) => addHttpRoute(spec, target, index, serviceBackend(target)),
  };
}

/** An HTTPRoute with every default applied. @internal */
export interface HttpRouteSpec {
  readonly gateway: GatewayProps;
  readonly from: NetworkPeer[];
  readonly hostnames: string[];
  /** Without a slash at its end. */
  readonly path: string;
  readonly stripPrefix: boolean;
  readonly paths?: string[];
  readonly headers: Record<string, string>;
  readonly modelHeader?: string;
  /** Undefined where none is written. */
  readonly timeoutSeconds?: number;
  readonly filters: GatewayFilter[];
  readonly annotations: Record<string, string>;
  readonly name?: string;
}

/** What requests are led to, and the host that it sees, where it tells servers apart by that. @internal */
export interface HttpBackend {
  readonly ref: Record<string, unknown>;
  readonly hostname?: string;
}

/** @internal */
export function resolveHttpRoute(where: string, props: HttpRouteProps): HttpRouteSpec {
  checkProps(where, props);
  const path = checkPath(where, props.path);
  const stripPrefix = checkFlag(where, 'stripPrefix', props.stripPrefix) ?? path !== '';
  if (stripPrefix && path === '') {
    throw new InputError(where, 'stripPrefix', true, { allowed: 'false, or a path that can be taken away' });
  }
  const writeTimeout = checkFlag(where, 'writeTimeout', props.writeTimeout) ?? true;
  if (!writeTimeout && props.timeout !== undefined) {
    throw new InputError(where, 'timeout', 'given', { allowed: 'nothing where writeTimeout is false' });
  }
  return {
    gateway: checkGateway(where, props.gateway),
    from: checkFrom(where, props.from),
    hostnames: checkList(where, 'hostnames', props.hostnames).map((host, index) =>
      checkHost(where, `hostnames[${index}]`, host),
    ),
    path,
    stripPrefix,
    paths: checkPaths(where, props.paths),
    headers: checkHeaders(where, props.headers),
    modelHeader:
      props.modelHeader === undefined ? undefined : checkHeader(where, 'modelHeader', props.modelHeader),
    timeoutSeconds: writeTimeout
      ? checkSeconds(where, 'timeout', props.timeout ?? Duration.hours(1))
      : undefined,
    filters: checkList(where, 'filters', props.filters).map((filter, index) =>
      checkFilter(where, `filters[${index}]`, filter),
    ),
    annotations: checkStrings(where, 'annotations', props.annotations),
    name: props.name === undefined ? undefined : checkObjectName(where, 'name', props.name),
  };
}

function checkGateway(where: string, gateway: GatewayProps): GatewayProps {
  checkObjectName(where, 'gateway.name', gateway?.name);
  if (gateway.namespace !== undefined) checkObjectName(where, 'gateway.namespace', gateway.namespace);
  if (gateway.sectionName !== undefined) checkObjectName(where, 'gateway.sectionName', gateway.sectionName);
  return gateway;
}

function checkHeaders(
  where: string,
  headers: { [name: string]: string } | undefined,
): Record<string, string> {
  for (const name of Object.keys(headers ?? {})) checkHeader(where, 'key in headers', name);
  return checkStrings(where, 'headers', headers);
}

function checkHeader(where: string, field: string, name: string): string {
  if (typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]{1,256}$/.test(name)) return name;
  throw new InputError(where, field, name, { allowed: "the name of a header: 'X-Gateway-Model-Name'" });
}

function checkFilter(where: string, field: string, filter: GatewayFilter): GatewayFilter {
  for (const part of ['group', 'kind', 'name'] as const) {
    if (typeof filter?.[part] !== 'string' || filter[part] === '')
      throw new InputError(where, `${field}.${part}`, filter?.[part], {
        allowed: 'the group, kind and name of an object',
      });
  }
  return filter;
}

/** The server's own Service, or what activates the server and stands before it. */
function serviceBackend({ service, entrance }: ServerTarget): HttpBackend {
  const kind = { group: '', kind: 'Service' };
  if (!entrance) return { ref: { ...kind, name: service.name, port: service.port } };
  const { namespace, port, host } = entrance;
  return { ref: { ...kind, name: entrance.service, namespace, port }, hostname: host };
}

/**
 * Elements of its lists have each field for which the definition of HTTPRoutes has a default: the API server writes
 * it, and Argo CD, which compares such lists as a whole, would call the route changed for ever.
 *
 * @internal
 */
export function addHttpRoute(
  spec: HttpRouteSpec,
  target: ServerTarget,
  index: number,
  backend: HttpBackend,
): void {
  const { owner } = target;
  const models = modelMatches(spec, target, index);
  const open = openPaths(spec, target);
  checkMatches(spec, target, index, open.length * models.length);
  takeAddresses(spec, target, index, open, models);
  const { gateway, hostnames } = spec;
  addObject(owner, `HTTPRoute-${index}`, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    name: routeName(target, index, spec.name),
    component: target.component,
    annotations: { ...target.provenance, ...spec.annotations },
    body: {
      spec: {
        parentRefs: [
          {
            group: 'gateway.networking.k8s.io',
            kind: 'Gateway',
            name: gateway.name,
            ...(gateway.namespace ? { namespace: gateway.namespace } : {}),
            ...(gateway.sectionName ? { sectionName: gateway.sectionName } : {}),
          },
        ],
        ...(hostnames.length ? { hostnames } : {}),
        // A rule for each path, as what takes its place belongs to the rule.
        rules: open.map((path) => ({
          matches: models.map((headers) => match(path, headers)),
          ...filters(spec, path, backend.hostname),
          backendRefs: [{ ...backend.ref, weight: 1 }],
          ...timeouts(spec.timeoutSeconds),
        })),
      },
    },
  });
}

/** The headers of each kind of request that is taken: one for each of the server's models, or one for all. */
function modelMatches(
  { headers, modelHeader }: HttpRouteSpec,
  { owner, modelNames }: ServerTarget,
  index: number,
): Record<string, string>[] {
  if (modelHeader === undefined) return [headers];
  if (modelNames.length === 0) {
    throw new InputError(owner.scope, `routes[${index}].modelHeader`, modelHeader, {
      allowed: 'nothing, as the names of its models are not known',
      advice: 'Say which requests are meant by headers or by a path.',
    });
  }
  return modelNames.map((model) => ({ ...headers, [modelHeader]: model }));
}

/** As many the definition of HTTPRoutes takes: of one rule, and of all. */
const MOST_MATCHES = { rule: 64, route: 128 };

function checkMatches(
  spec: HttpRouteSpec,
  { owner, modelNames }: ServerTarget,
  index: number,
  all: number,
): void {
  if (spec.modelHeader === undefined) return;
  if (modelNames.length <= MOST_MATCHES.rule && all <= MOST_MATCHES.route) return;
  throw new InputError(owner.scope, `routes[${index}].modelHeader`, spec.modelHeader, {
    allowed:
      `at most ${MOST_MATCHES.rule} models, and ${MOST_MATCHES.route} pairs of a model and a path; ` +
      `there are ${modelNames.length} models and ${all} pairs`,
    advice: 'Tell requests for this server apart by its path, or by one header.',
  });
}

function takeAddresses(
  { gateway, hostnames }: HttpRouteSpec,
  target: ServerTarget,
  index: number,
  open: OpenPath[],
  models: Record<string, string>[],
): void {
  const { name, namespace = target.owner.namespace, sectionName } = gateway;
  for (const host of hostnames.length ? hostnames : [undefined]) {
    for (const { outside } of open) {
      for (const headers of models) {
        takeAddress(target, `routes[${index}]`, {
          gateway: `Gateway ${namespace}/${name}${sectionName ? ` listener ${sectionName}` : ''}`,
          host,
          path: outside,
          headers,
        });
      }
    }
  }
}

function match({ outside }: OpenPath, headers: Record<string, string>): Record<string, unknown> {
  const entries = Object.entries(headers);
  return {
    path: { type: 'PathPrefix', value: outside || '/' },
    ...(entries.length ? { headers: entries.map(([name, value]) => ({ type: 'Exact', name, value })) } : {}),
  };
}

function filters(
  spec: HttpRouteSpec,
  { inside }: OpenPath,
  hostname: string | undefined,
): Record<string, unknown> {
  const path = spec.stripPrefix
    ? { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: inside || '/' } }
    : {};
  const rewrite = { ...(hostname ? { hostname } : {}), ...path };
  const all = [
    // Who a client is comes before what becomes of the request.
    ...spec.filters.map(({ group, kind, name }) => ({
      type: 'ExtensionRef',
      extensionRef: { group, kind, name },
    })),
    ...(Object.keys(rewrite).length ? [{ type: 'URLRewrite', urlRewrite: rewrite }] : []),
  ];
  return all.length ? { filters: all } : {};
}

/** Of the whole request, and of the one attempt that there is. */
function timeouts(seconds: number | undefined): Record<string, unknown> {
  if (seconds === undefined) return {};
  const text = durationText(seconds);
  return { timeouts: { request: text, backendRequest: text } };
}
