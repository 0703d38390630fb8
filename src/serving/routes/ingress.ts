import { Duration, Size } from 'cdk8s';
import { checkFlag, checkObjectName, checkProps, checkSize } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import type { NetworkPeer } from '../../pod/network-peer';
import { addObject } from '../../pod/owner';
import { mebibytesFor, bytesOf } from '../../pod/quantity';
import type { ServerTarget } from '../server-target';
import { takeAddress } from './addresses';
import { checkFrom, checkHost, checkPath, checkSeconds, checkStrings } from '../checks';
import { checkPaths, OpenPath, openPaths } from './open-paths';
import { routeName, RoutePart } from './route-part';

/** What reads Ingresses of a class: each has annotations of its own for what an Ingress itself cannot say. */
export enum IngressController {
  /** kubernetes/ingress-nginx: annotations `nginx.ingress.kubernetes.io/`. Not the one of F5, `nginx.org/`. */
  INGRESS_NGINX = 'ingress-nginx',
  /** Traefik 2.10 or newer, with its custom resources. */
  TRAEFIK = 'traefik',
  /** Any other: it is told what an Ingress can say, and `annotations`. */
  OTHER = 'other',
}

/** TLS of an Ingress. */
export interface IngressTls {
  /** The Secret of the server's namespace that holds certificate and key. */
  readonly secretName: string;

  /**
   * The ClusterIssuer by which cert-manager makes that Secret.
   *
   * @default - the Secret is there already, or `annotations` name what makes it
   */
  readonly clusterIssuer?: string;
}

/** A way to a server by an Ingress. */
export interface IngressRouteProps {
  /** The IngressClass. */
  readonly className: string;

  /**
   * Who sends the requests: the pods of the Ingress controller. Nobody else can be told by an Ingress, and without it
   * every request would end in a timeout.
   */
  readonly from: NetworkPeer[];

  /**
   * What reads Ingresses of the class.
   *
   * @default - INGRESS_NGINX for the class `nginx`, TRAEFIK for `traefik`, OTHER for any other
   */
  readonly controller?: IngressController;

  /**
   * The host: `llm.example.com`.
   *
   * @default - all hosts
   */
  readonly host?: string;

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
   * TLS, which needs a host.
   *
   * @default - none
   */
  readonly tls?: IngressTls;

  /**
   * How long the server may say nothing: between two tokens, and before the first while a prompt is read or the request
   * waits. ingress-nginx alone can be told by an Ingress.
   *
   * @default 1 hour for ingress-nginx, whose own is 60 seconds
   */
  readonly timeout?: Duration;

  /**
   * The largest request, with its prompt and images. ingress-nginx alone can be told by an Ingress.
   *
   * @default 64 MiB for ingress-nginx, whose own is 1 MiB
   */
  readonly maxBody?: Size;

  /**
   * Further annotations, for instance those of the controller by which another server is asked who may pass. They win
   * over those that this library sets.
   *
   * @default - none
   */
  readonly annotations?: { [name: string]: string };

  /**
   * The name of the Ingress.
   *
   * @default - the server's, with `-2` for its second route and so on
   */
  readonly name?: string;
}

const WHERE = 'Route.ingress';

/** @internal */
export function ingressRoute(props: IngressRouteProps): RoutePart {
  checkProps(WHERE, props);
  const spec = resolve(props);
  return { peers: checkFrom(WHERE, props.from), render: (target, index) => render(spec, target, index) };
}

/** An Ingress with every default applied. */
interface IngressSpec {
  readonly className: string;
  readonly controller: IngressController;
  readonly host?: string;
  /** Without a slash at its end. */
  readonly path: string;
  readonly stripPrefix: boolean;
  readonly paths?: string[];
  readonly tls?: IngressTls;
  readonly timeoutSeconds: number;
  readonly maxBody: Size;
  readonly annotations: Record<string, string>;
  readonly name?: string;
}

function resolve(props: IngressRouteProps): IngressSpec {
  const className = checkObjectName(WHERE, 'className', props.className);
  const controller = resolveController(className, props.controller);
  const path = checkPath(WHERE, props.path);
  const stripPrefix = checkFlag(WHERE, 'stripPrefix', props.stripPrefix) ?? path !== '';
  if (stripPrefix && path === '') {
    throw new InputError(WHERE, 'stripPrefix', true, { allowed: 'false, or a path that can be taken away' });
  }
  if (stripPrefix && controller === IngressController.OTHER) {
    throw new InputError(WHERE, 'stripPrefix', true, {
      allowed: `false for the class '${className}', as an Ingress itself cannot say it`,
      advice:
        'Name the controller if it is ingress-nginx or Traefik; or say it by annotations of the controller and set ' +
        'stripPrefix: false; or use Route.httpRoute, where it is part of the standard.',
    });
  }
  for (const field of ['timeout', 'maxBody'] as const) {
    if (props[field] === undefined || controller === IngressController.INGRESS_NGINX) continue;
    throw new InputError(WHERE, field, 'given', {
      allowed: 'nothing but for ingress-nginx',
      advice: 'Other controllers have it in their own configuration, or in annotations.',
    });
  }
  return {
    className,
    controller,
    host: props.host === undefined ? undefined : checkHost(WHERE, 'host', props.host),
    path,
    stripPrefix,
    paths: checkPaths(WHERE, props.paths),
    tls: resolveTls(props),
    timeoutSeconds: checkSeconds(WHERE, 'timeout', props.timeout ?? Duration.hours(1)),
    maxBody: checkSize(WHERE, 'maxBody', props.maxBody ?? Size.mebibytes(64)),
    annotations: checkStrings(WHERE, 'annotations', props.annotations),
    name: props.name === undefined ? undefined : checkObjectName(WHERE, 'name', props.name),
  };
}

function resolveController(className: string, given: IngressController | undefined): IngressController {
  const all = Object.values(IngressController);
  if (given !== undefined && !all.includes(given))
    throw new InputError(WHERE, 'controller', given, { allowed: all.map((each) => `'${each}'`).join(', ') });
  if (given !== undefined) return given;
  if (className === 'nginx') return IngressController.INGRESS_NGINX;
  return className === 'traefik' ? IngressController.TRAEFIK : IngressController.OTHER;
}

function resolveTls({ tls, host }: IngressRouteProps): IngressTls | undefined {
  if (tls === undefined) return undefined;
  if (host === undefined)
    throw new InputError(WHERE, 'tls', 'given without a host', { allowed: 'TLS of the host that is named' });
  checkObjectName(WHERE, 'tls.secretName', tls.secretName);
  if (tls.clusterIssuer !== undefined) checkObjectName(WHERE, 'tls.clusterIssuer', tls.clusterIssuer);
  return tls;
}

function render(spec: IngressSpec, target: ServerTarget, index: number): void {
  const { owner, service, entrance } = target;
  if (entrance) {
    throw new InputError(owner.scope, `routes[${index}]`, 'an Ingress', {
      allowed: `what can lead to the Service ${entrance.service} in the namespace ${entrance.namespace}`,
      advice: 'An Ingress leads to Services of its own namespace alone. Use Route.httpRoute.',
    });
  }
  const open = openPaths(spec, target);
  for (const { outside } of open) {
    takeAddress(target, `routes[${index}]`, {
      gateway: `class ${spec.className}`,
      host: spec.host,
      path: outside,
    });
  }
  const name = routeName(target, index, spec.name);
  if (spec.controller === IngressController.TRAEFIK && spec.stripPrefix) {
    addObject(owner, `Middleware-${index}`, {
      apiVersion: 'traefik.io/v1alpha1',
      kind: 'Middleware',
      name,
      component: target.component,
      annotations: target.provenance,
      body: { spec: { stripPrefix: { prefixes: [spec.path] } } },
    });
  }
  const backend = { service: { name: service.name, port: { number: service.port } } };
  addObject(owner, `Ingress-${index}`, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    name,
    component: target.component,
    annotations: {
      ...target.provenance,
      ...(spec.tls?.clusterIssuer ? { 'cert-manager.io/cluster-issuer': spec.tls.clusterIssuer } : {}),
      ...controllerAnnotations(spec, `${owner.namespace}-${name}`),
      ...spec.annotations,
    },
    body: {
      spec: {
        ingressClassName: spec.className,
        ...(spec.tls ? { tls: [{ hosts: [spec.host], secretName: spec.tls.secretName }] } : {}),
        rules: [
          {
            ...(spec.host ? { host: spec.host } : {}),
            http: { paths: open.map((path) => ({ ...ingressPath(spec, path), backend })) },
          },
        ],
      },
    },
  });
}

function ingressPath(
  { path, stripPrefix, controller }: IngressSpec,
  { outside, inside }: OpenPath,
): Record<string, string> {
  if (stripPrefix && controller === IngressController.INGRESS_NGINX) {
    // The second group is what the server sees. A dot of the path fits any letter, which no other path has there.
    const rest = inside === '' ? '(/|$)(.*)' : `(/)(${inside.slice(1)}(/.*|$))`;
    return { path: path + rest, pathType: 'ImplementationSpecific' };
  }
  return { path: outside || '/', pathType: 'Prefix' };
}

function controllerAnnotations(spec: IngressSpec, middleware: string): Record<string, string> {
  const nginx = 'nginx.ingress.kubernetes.io';
  switch (spec.controller) {
    case IngressController.INGRESS_NGINX:
      return {
        // Tokens are to leave one by one, and not when a buffer is full.
        [`${nginx}/proxy-buffering`]: 'off',
        [`${nginx}/proxy-read-timeout`]: String(spec.timeoutSeconds),
        [`${nginx}/proxy-send-timeout`]: String(spec.timeoutSeconds),
        [`${nginx}/proxy-body-size`]: `${mebibytesFor(bytesOf(spec.maxBody)).toMebibytes()}m`,
        ...(spec.stripPrefix ? { [`${nginx}/use-regex`]: 'true', [`${nginx}/rewrite-target`]: '/$2' } : {}),
      };
    case IngressController.TRAEFIK:
      return spec.stripPrefix
        ? { 'traefik.ingress.kubernetes.io/router.middlewares': `${middleware}@kubernetescrd` }
        : {};
    case IngressController.OTHER:
      return {};
  }
}
