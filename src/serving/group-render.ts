import { shortHash } from '../pod/content-hash';
import { LABEL } from '../pod/metadata';
import { addNetworkPolicy } from '../pod/network';
import { addObject, selectorLabels } from '../pod/owner';
import type { EngineVariable } from './engine-spec';
import { GroupSpec, WORKER_COMPONENT, withinGroup } from './group';
import { groupPrograms, leaderCommand, workerCommand } from './group-program';
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

/** Nobody asks a worker but the pods of its group. */
function addWorkerNetwork({ owner }: ServerSpec): void {
  const group = withinGroup(owner);
  addNetworkPolicy(owner, { component: WORKER_COMPONENT, ingress: [group], egress: [group], dns: true });
}

/** The rank of a worker of a StatefulSet: its pods are numbered from 1. */
const RANK: EngineVariable = { name: 'NODE_RANK', field: "metadata.labels['apps.kubernetes.io/pod-index']" };

/** Two StatefulSets for each copy, as the first node has other arguments, and one Service that names all their pods. */
function addStatefulSets(spec: ServerSpec, group: GroupSpec): ServerWorkload {
  const { owner, engine, replicas = 1 } = spec;
  const service = `${owner.name}-nodes`;
  const { command } = engine;
  const id = shortHash({ command, args: group.leaderArgs, image: engine.image });
  for (let copy = 0; copy < replicas; copy++) {
    const leader = `${owner.name}-${copy}`;
    // StatefulSets must not select each other's pods.
    const ofCopy = { [LABEL.copy]: String(copy) };
    const host = `${leader}-0.${service}.${owner.namespace}.svc`;
    addStatefulSet(spec, {
      name: leader,
      service,
      replicas: 1,
      template: {
        command: leaderCommand(id, group.nodes, command),
        args: group.leaderArgs,
        labels: ofCopy,
      },
    });
    addStatefulSet(spec, {
      name: `${leader}-${WORKER_COMPONENT}`,
      service,
      replicas: group.nodes - 1,
      firstRank: 1,
      template: {
        component: WORKER_COMPONENT,
        command: workerCommand(id, host, `$(${RANK.name})`, command),
        args: group.workerArgs(host, `$(${RANK.name})`),
        env: [RANK],
        probes: 'none',
        labels: ofCopy,
      },
    });
  }
  addNodesService(spec, service);
  groupPrograms(owner).add();
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    name: `${owner.name}-0`,
    disrupted: allOf(spec),
  };
}

interface NodesSpec {
  readonly name: string;
  readonly service: string;
  readonly replicas: number;
  readonly firstRank?: number;
  readonly template: PodTemplateOverrides;
}

function addStatefulSet(spec: ServerSpec, nodes: NodesSpec): void {
  const { owner } = spec;
  const component = nodes.template.component ?? spec.component;
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
        selector: { matchLabels: { ...selectorLabels(owner, component), ...nodes.template.labels } },
        template: serverPodTemplate(spec, { ...nodes.template, spread: false }),
      },
    },
  });
}

/** Names each pod before it is ready: the leader is not ready before its workers have found it. */
function addNodesService({ owner }: ServerSpec, name: string): void {
  addObject(owner, 'Service-nodes', {
    apiVersion: 'v1',
    kind: 'Service',
    name,
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
          leaderTemplate: serverPodTemplate(spec, { args: group.leaderArgs, spread: false }),
          workerTemplate: serverPodTemplate(spec, {
            component: WORKER_COMPONENT,
            args: group.workerArgs(LWS.leader, LWS.rank),
            probes: 'none',
            spread: false,
            // A worker that goes first takes the answers with it that the leader still writes.
            preStopSeconds: spec.preStopSeconds + (spec.engine.drains ? spec.drainSeconds : 0),
          }),
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
  return { apiVersion: 'leaderworkerset.x-k8s.io/v1', kind: 'LeaderWorkerSet', name, disrupted: allOf(spec) };
}
