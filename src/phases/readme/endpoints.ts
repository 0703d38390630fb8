import { LABEL } from '../../pod/metadata';
import type { Entry } from '../../validation/object-set';
import type { ServiceSpec } from '../../validation/shapes';
import { code, list, table } from './markdown';
import { podText, type PipelineModel } from './pipeline-model';

interface IngressSpec {
  readonly ingressClassName?: string;
  readonly tls?: { readonly hosts?: string[] }[];
  readonly rules?: {
    readonly host?: string;
    readonly http?: { readonly paths?: { path?: string; backend?: { service?: { name?: string } } }[] };
  }[];
}

interface HttpScaledSpec {
  readonly hosts?: string[];
  readonly scaleTargetRef?: { readonly service?: string };
}

interface HttpRouteSpec {
  readonly parentRefs?: {
    readonly name: string;
    readonly namespace?: string;
    readonly sectionName?: string;
  }[];
  readonly hostnames?: string[];
  readonly rules?: {
    readonly matches?: { readonly path?: { readonly value?: string } }[];
    readonly backendRefs?: { readonly kind?: string; readonly name: string }[];
  }[];
}

/** The table of what can be asked, and by which ways from outside of the cluster. @internal */
export function endpointTable(pipeline: PipelineModel): string {
  const services = pipeline.set.ofKind('Service').filter(isAsked);
  const rows = services.map((service) => [
    [...interceptors(pipeline, service), ...addresses(pipeline, service).map(code)].join('<br>'),
    list(pipeline.set.selected(service).map((pod) => podText(pod))) || 'nothing here',
    waysTo(pipeline, service).join('<br>') || 'no way that is made here',
  ]);
  return table(['address in the cluster', 'answered by', 'from outside'], rows, 'None.');
}

/** A headless Service only gives names. */
function isAsked(service: Entry): boolean {
  return (service.spec as ServiceSpec).clusterIP !== 'None';
}

function addresses(pipeline: PipelineModel, service: Entry): string[] {
  const host = `${service.name}.${service.namespace || pipeline.namespace}.svc`;
  const { ports = [] } = service.spec as ServiceSpec;
  return ports.map(({ port, appProtocol }) => `${appProtocol === 'http' ? 'http://' : ''}${host}:${port}`);
}

/** Where a server that may have no pod is asked, so that it is started. */
function interceptors(pipeline: PipelineModel, service: Entry): string[] {
  return pipeline.set.ofKind('HTTPScaledObject').flatMap((scaler) => {
    const { hosts = [], scaleTargetRef } = scaler.spec as HttpScaledSpec;
    if (scaler.namespace !== service.namespace || scaleTargetRef?.service !== service.name) return [];
    return [
      `host ${hosts.map(code).join(' or ')} at the interceptor of KEDA's HTTP add-on, which starts it; while it runs:`,
    ];
  });
}

function waysTo(pipeline: PipelineModel, service: Entry): string[] {
  const { set } = pipeline;
  return [
    ...set.ofKind('Ingress').flatMap((entry) => ingressWays(entry, service)),
    ...set.ofKind('HTTPRoute').flatMap((entry) => routeWays(entry, service)),
  ];
}

function ingressWays(entry: Entry, service: Entry): string[] {
  const { ingressClassName, tls = [], rules = [] } = entry.spec as IngressSpec;
  const secure = new Set(tls.flatMap(({ hosts = [] }) => hosts));
  return rules.flatMap(({ host = '*', http }) =>
    (http?.paths ?? [])
      .filter(({ backend }) => leadsTo(entry, service, backend?.service?.name))
      .map(({ path = '/' }) => {
        const address = `${secure.has(host) ? 'https' : 'http'}://${host}${typedPath(path)}`;
        return `${code(address)} by class ${code(ingressClassName ?? 'of the cluster')}`;
      }),
  );
}

/** A path as a client types it: without the end of the expression by which ingress-nginx takes a prefix away. */
function typedPath(path: string): string {
  return path.replace(/\(\/\|\$\).*$/, '') || '/';
}

function routeWays(entry: Entry, service: Entry): string[] {
  const { parentRefs = [], hostnames = ['*'], rules = [] } = entry.spec as HttpRouteSpec;
  const gateways = parentRefs.map(({ name, namespace }) => code(namespace ? `${namespace}/${name}` : name));
  const paths = rules
    .filter(({ backendRefs = [] }) =>
      backendRefs.some(({ kind = 'Service', name }) =>
        leadsTo(entry, service, kind === 'Service' ? name : undefined),
      ),
    )
    .flatMap(({ matches }) => matches?.map(({ path }) => path?.value ?? '/') ?? ['/']);
  return [...new Set(paths)].flatMap((path) =>
    hostnames.map((host) => `${code(`${host}${path}`)} by Gateway ${gateways.join(', ')}`),
  );
}

/**
 * Whether a route leads to a Service: by the name of its backend, or, where something stands in between (an endpoint
 * picker, what starts the server), because both belong to one construct.
 */
function leadsTo(route: Entry, service: Entry, backend: string | undefined): boolean {
  if (route.namespace !== service.namespace) return false;
  if (backend === service.name) return true;
  const instance = service.labels[LABEL.instance];
  return route.ours && instance !== undefined && route.labels[LABEL.instance] === instance;
}
