import { shortHash } from '../pod/content-hash';
import { LABEL } from '../pod/metadata';
import { addNetworkPolicy } from '../pod/network';
import { addObject, selectorLabels } from '../pod/owner';
import type { EngineVariable } from './engine-spec';
import { GroupSpec, WORKER_COMPONENT, withinGroup } from './group';
import { groupPrograms, leaderCommand, workerCommand } from './group-program';
import { revisionOf, withRevision } from './revision';
import { PodTemplateOverrides, serverPodTemplate } from './server-pod';
import { Rollout } from './server-props';
import { renderServerAround, ServerWorkload, workloadAnnotations, workloadLabels } from './server-render';
import type { ServerSpec } from './server-spec';
import type { ServerTarget } from './server-target';

/** Adds the objects of a server whose copies are groups of pods. @internal */
export function renderGroup(spec: ServerSpec, group: GroupSpec): ServerTarget {
  return renderServerAround(spec, () => {
    addWorkerNetwork(spec);
    return group.multiNode.kind === 'stateful-sets'
      ? addStatefulSets(spec, group)
      : addLeaderWorkerSet(spec, group, group.multiNode.exclusiveTopology);
  });
}

/** A copy ends with any of its pods. */
function allOf({ owner, component }: ServerSpec): Record<string, unknown> {
  return {
    matchLabels: { [LABEL.name]: owner.app, [LABEL.instance]: owner.name },
    matchExpressions: [{ key: LABEL.component, operator: 'In', values: [component, WORKER_COMPONENT] }],
  };
}

/** Nobody asks a worker but the pods of its group. It may ask whom the first node may: its engine has the same flags. */
function addWorkerNetwork({ owner, reaches }: ServerSpec): void {
  const group = withinGroup(owner);
  addNetworkPolicy(owner, {
    component: WORKER_COMPONENT,
    ingress: [group],
    egress: [group, ...reaches],
    dns: true,
  });
}

/** The rank of a worker of a StatefulSet: its pods are numbered from 1. */
const RANK: EngineVariable = { name: 'NODE_RANK', field: "metadata.labels['apps.kubernetes.io/pod-index']" };

/** Two StatefulSets for each copy, as the first node has other arguments, and one Service that names all their pods. */
function addStatefulSets(spec: ServerSpec, group: GroupSpec): ServerWorkload {
  const { owner, replicas = 1 } = spec;
  const service = `${owner.name}-nodes`;
  const copies = Array.from({ length: replicas }, (_, copy) => nodesOf(spec, group, service, copy));
  // The copies differ by their numbers alone: with more of them, those that run stay as they are.
  const revision = revisionOf(...copies[0].map(({ template }) => template));
  for (const nodes of copies.flat()) addStatefulSet(spec, nodes, revision);
  addNodesService(spec, service);
  groupPrograms(owner).add();
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    name: `${owner.name}-0`,
    revision,
    disrupted: allOf(spec),
  };
}

interface NodesSpec {
  readonly name: string;
  readonly service: string;
  readonly component: string;
  readonly replicas: number;
  readonly firstRank?: number;
  /** By which the StatefulSet knows its pods among those of the others. */
  readonly labels: Record<string, string>;
  readonly template: Record<string, unknown>;
}

/** The first node of a copy, and the others. */
function nodesOf(spec: ServerSpec, group: GroupSpec, service: string, copy: number): NodesSpec[] {
  const { owner, engine, component } = spec;
  const { command } = engine;
  const id = shortHash({ command, args: group.leaderArgs, image: engine.image });
  const name = `${owner.name}-${copy}`;
  const host = `${name}-0.${service}.${owner.namespace}.svc`;
  const rank = `$(${RANK.name})`;
  // StatefulSets must not select each other's pods.
  const labels = { [LABEL.copy]: String(copy) };
  const leader: PodTemplateOverrides = {
    command: leaderCommand(id, group.nodes, command),
    args: group.leaderArgs,
    labels,
    spread: false,
  };
  const worker: PodTemplateOverrides = {
    component: WORKER_COMPONENT,
    command: workerCommand(id, host, rank, command),
    args: group.workerArgs(host, rank),
    env: [RANK],
    probes: 'none',
    labels,
    spread: false,
  };
  return [
    { name, service, component, replicas: 1, labels, template: serverPodTemplate(spec, leader) },
    {
      name: `${name}-${WORKER_COMPONENT}`,
      service,
      component: WORKER_COMPONENT,
      replicas: group.nodes - 1,
      firstRank: 1,
      labels,
      template: serverPodTemplate(spec, worker),
    },
  ];
}

function addStatefulSet(spec: ServerSpec, nodes: NodesSpec, revision: string): void {
  const { owner } = spec;
  const { component } = nodes;
  addObject(owner, `StatefulSet-${nodes.name.slice(owner.name.length + 1)}`, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    name: nodes.name,
    component,
    labels: workloadLabels(spec),
    annotations: workloadAnnotations(spec),
    body: {
      spec: {
        serviceName: nodes.service,
        replicas: nodes.replicas,
        ...(nodes.firstRank === undefined ? {} : { ordinals: { start: nodes.firstRank } }),
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: { ...selectorLabels(owner, component), ...nodes.labels } },
        template: withRevision(nodes.template, revision),
      },
    },
  });
}

/** Names each pod before it is ready: the leader is not ready before its workers have found it. */
function addNodesService({ owner, engine }: ServerSpec, name: string): void {
  addObject(owner, 'Service-nodes', {
    apiVersion: 'v1',
    kind: 'Service',
    name,
    component: 'nodes',
    annotations: engine.artifacts.provenance,
    body: {
      spec: {
        clusterIP: 'None',
        publishNotReadyAddresses: true,
        selector: {
          [LABEL.name]: owner.app,
          [LABEL.instance]: owner.name,
        },
      },
    },
  });
}

/** What the controller tells the containers: https://lws.sigs.k8s.io/docs/reference/labels-annotations-and-environment-variables */
const LWS = { leader: '$(LWS_LEADER_ADDRESS)', rank: '$(LWS_WORKER_INDEX)' };

/** The controller makes a Service of the same name, which therefore is not that of the server's own. */
function addLeaderWorkerSet(spec: ServerSpec, group: GroupSpec, exclusiveTopology?: string): ServerWorkload {
  const { owner, rollout } = spec;
  const name = `${owner.name}-group`;
  const surge = rollout === Rollout.SURGE;
  const leader = serverPodTemplate(spec, { args: group.leaderArgs, spread: false });
  const worker = serverPodTemplate(spec, {
    component: WORKER_COMPONENT,
    args: group.workerArgs(LWS.leader, LWS.rank),
    probes: 'none',
    spread: false,
    // A worker that goes first takes the answers with it that the leader still writes.
    preStopSeconds: spec.preStopSeconds + (spec.engine.drains ? spec.drainSeconds : 0),
  });
  const revision = revisionOf(leader, worker);
  addObject(owner, 'LeaderWorkerSet', {
    apiVersion: 'leaderworkerset.x-k8s.io/v1',
    kind: 'LeaderWorkerSet',
    name,
    component: spec.component,
    labels: workloadLabels(spec),
    annotations: {
      ...workloadAnnotations(spec),
      ...(exclusiveTopology ? { 'leaderworkerset.sigs.k8s.io/exclusive-topology': exclusiveTopology } : {}),
    },
    body: {
      spec: {
        ...(spec.replicas === undefined ? {} : { replicas: spec.replicas }),
        leaderWorkerTemplate: {
          size: group.nodes,
          restartPolicy: 'RecreateGroupOnPodRestart',
          leaderTemplate: withRevision(leader, revision),
          workerTemplate: withRevision(worker, revision),
        },
        rolloutStrategy: {
          type: 'RollingUpdate',
          rollingUpdateConfiguration: {
            maxSurge: surge ? 1 : 0,
            maxUnavailable: surge ? 0 : 1,
          },
        },
      },
    },
  });
  return {
    apiVersion: 'leaderworkerset.x-k8s.io/v1',
    kind: 'LeaderWorkerSet',
    name,
    revision,
    disrupted: allOf(spec),
  };
}
