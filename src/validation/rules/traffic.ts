import { Entry, selects } from '../object-set';
import { Report, Rule } from '../rule';
import type { ServiceSpec } from '../shapes';
import { quote } from '../suggest';

/** What leads requests to servers, and what scales them: that what they name is there, and is named once. */

interface HttpRouteSpec {
  parentRefs: { name: string; namespace?: string; sectionName?: string }[];
  hostnames?: string[];
  rules: {
    matches?: { path?: { value: string }; headers?: { name: string; value: string }[] }[];
    backendRefs?: BackendRef[];
  }[];
}

interface BackendRef {
  kind?: string;
  namespace?: string;
  name: string;
  port?: number;
}

interface IngressSpec {
  ingressClassName?: string;
  rules?: {
    host?: string;
    http?: {
      paths: { path?: string; backend: { service?: { name: string; port?: { number?: number } } } }[];
    };
  }[];
}

interface ScaleTargetRef {
  kind?: string;
  name: string;
  service?: string;
  port?: number;
}

interface ScaledObjectSpec {
  scaleTargetRef: ScaleTargetRef;
  triggers?: { authenticationRef?: { kind?: string; name: string } }[];
}

/** A reference to a Service, with its place. */
interface Backend {
  readonly field: string;
  readonly name: string;
  readonly port?: number;
}

const backendExists: Rule = {
  id: 'backend-exists',
  of: 'Kubernetes',
  why: 'A route to a Service or a port that is not there answers every request with an error.',
  kinds: ['HTTPRoute', 'HTTPScaledObject', 'Ingress'],
  object: (entry, report, set) => {
    if (!entry.ours) return;
    for (const { field, name, port } of services(entry)) {
      const service = set.find('Service', entry.namespace, name);
      if (!service) {
        report(entry, `${field}.name`, `is ${quote(name)}; there is no such Service in the namespace`);
        continue;
      }
      const ports = (service.spec as ServiceSpec).ports?.map((each) => each.port) ?? [];
      if (port !== undefined && !ports.includes(port))
        report(entry, `${field}.port`, `is ${port}; the Service ${name} has ${ports.join(', ') || 'none'}`);
    }
    for (const { field, name } of pools(entry)) {
      if (!set.find('InferencePool', entry.namespace, name))
        report(entry, `${field}.name`, `is ${quote(name)}; there is no such InferencePool in the namespace`);
    }
  },
};

/** The Services that an object names as its own: one that is named with its namespace may be somebody else's. */
function services(entry: Entry): Backend[] {
  if (entry.kind === 'HTTPScaledObject') {
    const { service, port } = (entry.spec as ScaledObjectSpec).scaleTargetRef;
    return service === undefined ? [] : [{ field: 'spec.scaleTargetRef', name: service, port }];
  }
  if (entry.kind === 'Ingress') {
    return ((entry.spec as IngressSpec).rules ?? []).flatMap(({ http }, rule) =>
      (http?.paths ?? []).flatMap(({ backend }, path) => {
        const field = `spec.rules[${rule}].http.paths[${path}].backend.service`;
        const { service } = backend;
        return service ? [{ field, name: service.name, port: service.port?.number }] : [];
      }),
    );
  }
  return backendRefs(entry).filter(({ kind, namespace }) => kind === 'Service' && namespace === undefined);
}

function pools(entry: Entry): Backend[] {
  return entry.kind === 'HTTPRoute' ? backendRefs(entry).filter(({ kind }) => kind === 'InferencePool') : [];
}

function backendRefs(entry: Entry): (Backend & { kind: string; namespace?: string })[] {
  return (entry.spec as HttpRouteSpec).rules.flatMap((rule, index) =>
    (rule.backendRefs ?? []).map((ref, at) => ({
      field: `spec.rules[${index}].backendRefs[${at}]`,
      kind: ref.kind ?? 'Service',
      namespace: ref.namespace,
      name: ref.name,
      port: ref.port,
    })),
  );
}

const MIDDLEWARES = 'traefik.ingress.kubernetes.io/router.middlewares';

const middlewareExists: Rule = {
  id: 'middleware-exists',
  of: 'Kubernetes',
  why: 'Traefik does not serve an Ingress whose Middleware is not there; a ConfigMap of that name is none.',
  kinds: ['Ingress'],
  object: (entry, report, set) => {
    const names = entry.annotations[MIDDLEWARES];
    if (!entry.ours || names === undefined) return;
    const own = `${entry.namespace}-`;
    for (const each of names.split(',').map((name) => name.trim())) {
      const [name, provider] = each.split('@');
      if (provider !== 'kubernetescrd' || !name.startsWith(own)) continue;
      if (set.find('Middleware', entry.namespace, name.slice(own.length))) continue;
      const message = `names ${quote(each)}; there is no Middleware ${quote(name.slice(own.length))} in the namespace`;
      report(entry, `metadata.annotations["${MIDDLEWARES}"]`, message);
    }
  },
};

const poolSelects: Rule = {
  id: 'pool-selects',
  of: 'Kubernetes',
  why: 'A pool that selects no pod answers every request with an error.',
  kinds: ['InferencePool'],
  object: (entry, report, set) => {
    if (!entry.ours) return;
    const { selector } = entry.spec as { selector: Record<string, unknown> };
    const matchLabels = (selector.matchLabels ?? selector) as Record<string, string>;
    const found = set.pods.some(
      (pod) => pod.entry.namespace === entry.namespace && selects({ matchLabels }, pod.labels),
    );
    if (!found) report(entry, 'spec.selector', 'selects no pod of these objects');
  },
};

const AUTOSCALERS = ['HorizontalPodAutoscaler', 'ScaledObject', 'HTTPScaledObject'] as const;

const scaleTarget: Rule = {
  id: 'scale-target',
  of: 'Kubernetes',
  why: 'An autoscaler of nothing scales nothing, and two of one workload undo what the other did.',
  set: (set, report) => {
    const scalers = new Map<string, Entry>();
    for (const entry of AUTOSCALERS.flatMap((kind) => set.ofKind(kind)).filter(isChecked)) {
      const { kind = 'Deployment', name } = (entry.spec as ScaledObjectSpec).scaleTargetRef;
      const target = `${kind} ${entry.namespace}/${name}`;
      if (entry.ours && !set.find(kind, entry.namespace, name))
        report(entry, 'spec.scaleTargetRef', `names ${target}, which is not among these objects`);
      const other = scalers.get(target);
      if (other) report(entry, 'spec.scaleTargetRef', `names ${target}, which ${other.toString()} scales`);
      scalers.set(target, entry);
    }
  },
};

const scalerAuthentication: Rule = {
  id: 'scaler-authentication',
  of: 'Kubernetes',
  why: 'A trigger whose TriggerAuthentication is not there never scales anything.',
  kinds: ['ScaledObject'],
  object: (entry, report, set) => {
    if (!entry.ours) return;
    (entry.spec as ScaledObjectSpec).triggers?.forEach(({ authenticationRef }, index) => {
      if (!authenticationRef || authenticationRef.kind === 'ClusterTriggerAuthentication') return;
      const { name } = authenticationRef;
      if (set.find('TriggerAuthentication', entry.namespace, name)) return;
      report(
        entry,
        `spec.triggers[${index}].authenticationRef.name`,
        `is ${quote(name)}; there is no such TriggerAuthentication in the namespace`,
      );
    });
  },
};

const routeAddress: Rule = {
  id: 'route-address',
  of: 'Kubernetes',
  why: 'Of two routes of one host and path one gets no request, by age or by name.',
  set: (set, report) => {
    const taken = new Map<string, Entry>();
    checkAddresses(set.ofKind('Ingress'), ingressAddresses, taken, report);
    checkAddresses(set.ofKind('HTTPRoute').filter(isChecked), httpRouteAddresses, taken, report);
  },
};

function checkAddresses(
  entries: readonly Entry[],
  addressesOf: (entry: Entry) => string[],
  taken: Map<string, Entry>,
  report: Report,
): void {
  for (const entry of entries) {
    for (const address of addressesOf(entry)) {
      const other = taken.get(address);
      if (other) report(entry, 'spec.rules', `has ${address}, as ${other.toString()} has`);
      else taken.set(address, entry);
    }
  }
}

function ingressAddresses(entry: Entry): string[] {
  const { ingressClassName = '', rules = [] } = entry.spec as IngressSpec;
  return rules.flatMap(({ host = '*', http }) =>
    (http?.paths ?? []).map(({ path = '/' }) => `${host}${path} of the class ${quote(ingressClassName)}`),
  );
}

function httpRouteAddresses(entry: Entry): string[] {
  const { parentRefs, hostnames = ['*'], rules } = entry.spec as HttpRouteSpec;
  const requests = rules.flatMap(({ matches = [{}] }) =>
    matches.map(({ path, headers = [] }) => {
      const names = headers.map(({ name, value }) => `${name.toLowerCase()}: ${value}`).sort();
      return `${path?.value ?? '/'}${names.length > 0 ? ` with ${names.join(', ')}` : ''}`;
    }),
  );
  return parentRefs.flatMap(({ name, namespace = entry.namespace, sectionName = '*' }) =>
    hostnames.flatMap((host) =>
      requests.map(
        (request) => `${host}${request} of the Gateway ${namespace}/${name} listener ${sectionName}`,
      ),
    ),
  );
}

/** Whether its fields have the types that are read here: custom resources of others are not looked into. */
function isChecked(entry: Entry): boolean {
  return entry.ours || entry.kind === 'HorizontalPodAutoscaler';
}

export const TRAFFIC_RULES: readonly Rule[] = [
  backendExists,
  middlewareExists,
  poolSelects,
  scaleTarget,
  scalerAuthentication,
  routeAddress,
];
