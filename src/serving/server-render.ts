import { storeAnnotations } from '../pod/pod-spec';
import { ANNOTATION, annotationLines, LABEL } from '../pod/metadata';
import { addNetworkPolicy } from '../pod/network';
import { addObject, selectorLabels } from '../pod/owner';
import { revisionOf, withRevision } from './revision';
import { programsOf, serverPodTemplate } from './server-pod';
import { secretPurposes } from './server-env';
import { deploymentStrategy } from './server-rollout';
import type { ServerSpec } from './server-spec';
import type { ServerTarget } from './server-target';
import { addTexts } from './server-volumes';
import { openedForMesh, throughMesh } from './service-mesh';
import { addSmokeTest } from './smoke-test';

/** What runs a server's pods, where it is no Deployment. @internal */
export interface ServerWorkload {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Of its pods: they have it as a label. */
  readonly revision: string;
  /** Which of the pods take requests. @default - all of the component `server` */
  readonly serving?: Record<string, string>;
  /** Of which pods one at a time may be taken away, as a label selector. @default - those that take requests */
  readonly disrupted?: Record<string, unknown>;
}

/** Adds the objects of a server whose copies are single pods. @internal */
export function renderServer(spec: ServerSpec): ServerTarget {
  return renderServerAround(spec, () => {
    const template = serverPodTemplate(spec);
    const revision = revisionOf(template);
    addObject(spec.owner, 'Deployment', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: spec.owner.name,
      component: spec.component,
      labels: workloadLabels(spec),
      annotations: workloadAnnotations(spec),
      body: {
        spec: {
          ...(spec.replicas === undefined ? {} : { replicas: spec.replicas }),
          strategy: deploymentStrategy(spec.rollout),
          progressDeadlineSeconds: spec.progressSeconds,
          selector: { matchLabels: selectorLabels(spec.owner, spec.component) },
          template: withRevision(template, revision),
        },
      },
    });
    return { apiVersion: 'apps/v1', kind: 'Deployment', name: spec.owner.name, revision };
  });
}

/**
 * Adds the objects of a server whose pods something else than a Deployment runs: all but that workload.
 *
 * @param addWorkload adds it, with `workloadLabels`, `workloadAnnotations` and `serverPodTemplate`
 * @internal
 */
export function renderServerAround(spec: ServerSpec, addWorkload: () => ServerWorkload): ServerTarget {
  const { owner, engine } = spec;
  const workload = addWorkload();
  const target = targetOf(spec, workload);
  addService(spec, workload);
  if (spec.maxReplicas > 1) addDisruptionBudget(spec, workload);
  addNetwork(spec);
  spec.devices?.objects();
  spec.routes.forEach((route, index) => route._render(target, index));
  spec.scaling?._render(target);
  spec.monitoring?._render(target);
  if (spec.smokeTest) addSmokeTest(owner.scope, target, spec.smokeTest);
  addTexts(owner, spec.component, engine.files);
  const { preparations = [] } = engine;
  preparations.forEach((preparation) => preparation.add(spec.component));
  if (engine.artifacts.guards(spec.guardImage).length + preparations.length > 0) programsOf(spec).add();
  return target;
}

/** Labels of the workload itself: Kueue looks there, and passes its own on to the pods. @internal */
export function workloadLabels({ queueName }: ServerSpec): Record<string, string> {
  return queueName === undefined ? {} : { [LABEL.queue]: queueName };
}

/** What the workload says of its model, its Secrets, and of where it departs from what is usual. @internal */
export function workloadAnnotations(spec: ServerSpec): Record<string, string | undefined> {
  const { engine, devices } = spec;
  const ofStores = storeAnnotations(engine.artifacts.volumes);
  const optOuts = [
    ofStores[ANNOTATION.podSecurityOptOut],
    spec.writableRoot ? `readOnlyRootFilesystem: ${writableRootReason(spec)}` : undefined,
  ];
  return {
    ...engine.artifacts.annotations,
    ...Object.fromEntries(
      (engine.preparations ?? []).flatMap(({ annotations }) => Object.entries(annotations)),
    ),
    [ANNOTATION.podSecurityOptOut]: annotationLines(optOuts),
    [ANNOTATION.skipChecks]: annotationLines([
      ofStores[ANNOTATION.skipChecks],
      ...(devices?.skipChecks ?? []),
    ]),
    [ANNOTATION.secrets]: annotationLines(allPurposes(spec)),
  };
}

/** A Secret of which the engine's construct knows the purpose is not named after its variable too. */
function allPurposes({ engine, env }: ServerSpec): string[] {
  const { secretPurposes: known = [] } = engine;
  const said = new Set(known.map(secretOf));
  return [...known, ...secretPurposes(env).filter((purpose) => !said.has(secretOf(purpose)))];
}

/** `<secret>/<key>` of a purpose. */
function secretOf(purpose: string): string {
  return purpose.split('=', 1)[0];
}

function writableRootReason({ accelerator }: ServerSpec): string {
  return accelerator?.writesRoot
    ? 'what sets up the devices writes to the root file system of the container'
    : 'asked for by writableRoot';
}

function targetOf(spec: ServerSpec, workload: ServerWorkload): ServerTarget {
  const { owner, engine } = spec;
  const { apiVersion, kind, name, revision, serving } = workload;
  return {
    owner,
    component: spec.component,
    selector: serving ?? selectorLabels(owner, spec.component),
    revision,
    workload: { apiVersion, kind, name },
    service: { name: owner.name, port: spec.servicePort },
    entrance: spec.scaling?._entrance(owner),
    container: { name: engine.engine, port: engine.port },
    replicas: spec.replicas,
    engine: engine.engine,
    metrics: engine.metrics,
    watched: spec.monitoring !== undefined,
    api: engine.api,
    modelNames: engine.modelNames,
    apiKey: engine.apiKey,
    healthPath: engine.healthPath,
    accelerator: spec.accelerator,
    startupSeconds: spec.startupSeconds,
    drainSeconds: spec.drainSeconds,
    claims: engine.artifacts.claims,
    provenance: engine.artifacts.provenance,
  };
}

function addService(spec: ServerSpec, { serving }: ServerWorkload): void {
  const { owner, engine } = spec;
  const ports = (engine.ports ?? []).flatMap(({ name, servicePort, appProtocol }) =>
    servicePort === undefined
      ? []
      : [
          {
            name,
            port: servicePort,
            targetPort: name,
            protocol: 'TCP',
            ...(appProtocol ? { appProtocol } : {}),
          },
        ],
  );
  addObject(owner, 'Service', {
    apiVersion: 'v1',
    kind: 'Service',
    name: owner.name,
    component: spec.component,
    annotations: engine.artifacts.provenance,
    body: {
      spec: {
        selector: serving ?? selectorLabels(owner, spec.component),
        ports: [
          { name: 'http', port: spec.servicePort, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' },
          ...ports,
        ],
      },
    },
  });
}

function addDisruptionBudget(spec: ServerSpec, { serving, disrupted }: ServerWorkload): void {
  const { owner, component } = spec;
  addObject(owner, 'DisruptionBudget', {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    name: owner.name,
    component,
    body: {
      spec: {
        maxUnavailable: 1,
        // A pod that is not ready serves nobody: it must not keep a node from being drained.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: disrupted ?? { matchLabels: serving ?? selectorLabels(owner, component) },
      },
    },
  });
}

function addNetwork({ owner, engine, component, clients, watchers, reaches, mesh }: ServerSpec): void {
  const { ingress = [], egress = [], dns = false } = engine.network ?? {};
  const metrics = engine.ports?.find(({ name }) => name === engine.metrics?.port);
  const served = (engine.ports ?? []).flatMap(({ port, servicePort }) =>
    servicePort === undefined ? [] : [port],
  );
  const opened = openedForMesh(mesh);
  addNetworkPolicy(owner, {
    component,
    ingress: [
      ...throughMesh(mesh, [
        { peers: clients, ports: [engine.port, ...served] },
        { peers: watchers, ports: [metrics?.port ?? engine.port] },
        ...ingress,
      ]),
      ...opened.ingress,
    ],
    egress: [...throughMesh(mesh, [...egress, ...reaches]), ...opened.egress],
    dns: dns || reaches.length + opened.egress.length > 0,
  });
}
