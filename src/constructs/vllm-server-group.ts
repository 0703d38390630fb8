import type { Construct } from 'constructs';
import { describeVolume, isOnOneNode } from '../artifact/stores/store-volume';
import { hasFlag } from '../engines/flag-table';
import { VLLM_FLAGS } from '../engines/vllm/flag-table';
import { InputError } from '../pod/input-error';
import { LABEL } from '../pod/metadata';
import type { Opening } from '../pod/network';
import type { Owner } from '../pod/owner';
import type { EngineSpec } from '../serving/engine-spec';
import { GroupSpec, MultiNode, withinGroup } from '../serving/group';
import type { MountedArtifacts } from '../serving/mounted-artifacts';
import { checkSharedClaim } from './vllm-server-devices';
import { deviceOf, utilizationOf, VllmLayout } from './vllm-server-layout';
import type { VllmServerProps } from './vllm-server-props';

/** Since when several nodes need no Ray (#23691). */
const NODES_SINCE = '0.12.0';

/** Servers that share requests reach each other on all ports: the transfers choose theirs as they go. @internal */
export function network(
  owner: Owner,
  { kvTransfer }: VllmServerProps,
  { nodes }: VllmLayout,
): EngineSpec['network'] {
  const peers = (kvTransfer?._peering?.names ?? []).map((name) => podsOf(owner, name));
  const openings: Opening[] = [
    ...(peers.length ? [{ peers, ports: [] }] : []),
    ...(nodes > 1 ? [withinGroup(owner)] : []),
  ];
  return { ingress: openings, egress: openings, dns: nodes > 1 };
}

/** All pods of another server in the namespace, those that are its workers too. */
function podsOf({ app }: Owner, name: string): Record<string, unknown> {
  return { podSelector: { matchLabels: { [LABEL.name]: app, [LABEL.instance]: name } } };
}

interface GroupFacts {
  readonly version: string;
  readonly layout: VllmLayout;
  readonly artifacts: MountedArtifacts;
  readonly args: string[];
}

/**
 * Several nodes: the first has the API, the others are its hands. The first listens at its own address, for which a
 * name is not enough (vllm/distributed/device_communicators/shm_broadcast.py binds it).
 *
 * @throws when the version, the devices or the model's store cannot be on several nodes
 * @internal
 */
export function resolveGroup(
  scope: Construct,
  props: VllmServerProps,
  { version, layout, artifacts, args }: GroupFacts,
): GroupSpec | undefined {
  checkSharedClaim(scope, props, layout.nodes, utilizationOf(props, version));
  if (layout.nodes === 1) {
    if (props.multiNode !== undefined) {
      throw new InputError(scope, 'multiNode', 'given', { allowed: 'nothing, as there is one node' });
    }
    return undefined;
  }
  if (!hasFlag(VLLM_FLAGS, version, '--nnodes')) {
    throw new InputError(scope, 'nodes', layout.nodes, {
      allowed: `1 with vLLM ${version}, which needs a Ray cluster for more`,
      advice: `Pin an image of ${NODES_SINCE} or newer: its nodes find each other by themselves.`,
    });
  }
  const device = deviceOf(props);
  if (device === 'tpu' || device === 'gaudi') {
    throw new InputError(scope, 'nodes', layout.nodes, {
      allowed: `1 with devices of kind '${device}', whose plugin of vLLM needs a Ray cluster for more`,
      advice: 'Take a slice that one node has.',
    });
  }
  const single = artifacts.volumes.find(isOnOneNode);
  if (single) {
    throw new InputError(scope, 'nodes', layout.nodes, {
      allowed: `1 with ${describeVolume(single)}, which one node at a time can mount`,
      advice:
        'Keep the model in a claim of access mode ReadWriteMany, in S3, in an image, or on all nodes by a NodeCache.',
    });
  }
  if (props.compileCache !== undefined && !(props.compileCache.shared ?? false)) {
    throw new InputError(scope, 'nodes', layout.nodes, {
      allowed: `1 with claim ${props.compileCache.claim.name} as the compileCache, which one node at a time can mount`,
      advice:
        'Use a claim of access mode ReadWriteMany and say compileCache.shared: true, or leave compileCache out: each ' +
        'pod then has a cache of its own.',
    });
  }
  const multiNode = (props.multiNode ?? MultiNode.statefulSets())._spec;
  if (props.scaling !== undefined && multiNode.kind === 'stateful-sets') {
    throw new InputError(scope, 'scaling', 'given', {
      allowed: 'nothing with StatefulSets, of which each copy has its own',
      advice: 'Use MultiNode.leaderWorkerSet(), whose controller can be told how many copies run.',
    });
  }
  if (props.queueName !== undefined && multiNode.kind === 'stateful-sets') {
    throw new InputError(scope, 'queueName', props.queueName, {
      allowed: 'nothing with StatefulSets, each of which Kueue admits by itself',
      advice:
        'Two copies could each be admitted by half, and wait for ever. Use MultiNode.leaderWorkerSet(): Kueue admits ' +
        'each of its groups as a whole.',
    });
  }
  const nodes = (rank: string, leader: string) => [
    ...args,
    ...['--distributed-executor-backend', 'mp', '--nnodes', String(layout.nodes)],
    ...['--node-rank', rank, '--master-addr', leader],
  ];
  return {
    nodes: layout.nodes,
    multiNode,
    leaderArgs: nodes('0', '$(VLLM_HOST_IP)'),
    workerArgs: (leader, rank) => [...nodes(rank, leader), '--headless'],
  };
}
