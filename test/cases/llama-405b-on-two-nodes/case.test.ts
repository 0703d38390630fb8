import { MultiNode } from '../../../src';
import { container, flagValues, objectsOf, ofKind, podSpec, the, Untyped } from '../../support/objects';
import { llama405bOnTwoNodes } from './case';

const objects = objectsOf(...llama405bOnTwoNodes().charts);
const leader = the(objects, 'StatefulSet', 'llama-3-1-405b-chat-0');
const worker = the(objects, 'StatefulSet', 'llama-3-1-405b-chat-0-worker');
const vllm = (pods: Untyped) => container(pods, 'vllm');

test('two pods have eight cards each, and all sixteen have a part of the model', () => {
  for (const pods of [leader, worker]) {
    expect(pods.spec.replicas).toBe(1);
    expect(vllm(pods).resources.limits).toMatchObject({ 'nvidia.com/gpu': '8', 'rdma/ib': '8' });
    expect(flagValues(vllm(pods).args, '--tensor-parallel-size')).toEqual(['8']);
    expect(flagValues(vllm(pods).args, '--pipeline-parallel-size')).toEqual(['2']);
    expect(flagValues(vllm(pods).args, '--nnodes')).toEqual(['2']);
  }
});

test('the worker finds the leader by a name that is there before the leader is ready', () => {
  const service = the(objects, 'Service', 'llama-3-1-405b-chat-nodes');
  expect(service.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
  for (const pods of [leader, worker]) expect(pods.spec.serviceName).toBe(service.metadata.name);
  const address = 'llama-3-1-405b-chat-0-0.llama-3-1-405b-chat-nodes.llm.svc';
  expect(flagValues(vllm(worker).args, '--master-addr')).toEqual([address]);
});

test('each knows which part it is', () => {
  expect(flagValues(vllm(leader).args, '--node-rank')).toEqual(['0']);
  expect(flagValues(vllm(worker).args, '--node-rank')).toEqual(['$(NODE_RANK)']);
  expect(worker.spec.ordinals).toEqual({ start: 1 });
  expect(vllm(worker).args).toContain('--headless');
});

test('requests come to the leader alone, and only the two reach each other', () => {
  const { selector } = the(objects, 'Service', 'llama-3-1-405b-chat').spec;
  expect(leader.spec.template.metadata.labels).toMatchObject(selector);
  expect(worker.spec.template.metadata.labels).not.toMatchObject(selector);
  const { ingress } = the(objects, 'NetworkPolicy', 'llama-3-1-405b-chat-worker').spec;
  const components = ingress.flatMap(({ from }: Untyped) =>
    from.map(({ podSelector }: Untyped) => podSelector.matchLabels['app.kubernetes.io/component']),
  );
  expect(components).toEqual(['server', 'worker']);
});

test('both wait for the model, which both read', () => {
  for (const pods of [leader, worker]) {
    expect(container(pods, 'await-model').args).toEqual(container(leader, 'await-model').args);
    expect(podSpec(pods).volumes).toContainEqual({
      name: 'models',
      persistentVolumeClaim: { claimName: 'llama-3-1-405b-weights' },
    });
  }
});

describe('as a LeaderWorkerSet', () => {
  const set = the(
    objectsOf(...llama405bOnTwoNodes({}, MultiNode.leaderWorkerSet()).charts),
    'LeaderWorkerSet',
  );
  const { size, leaderTemplate, workerTemplate } = set.spec.leaderWorkerTemplate;
  const argsOf = ({ spec }: Untyped): string[] =>
    spec.containers.find(({ name }: Untyped) => name === 'vllm').args;

  test('a group is two pods, which the controller names to each other', () => {
    expect(size).toBe(2);
    expect(set.spec.replicas).toBe(1);
    expect(flagValues(argsOf(workerTemplate), '--master-addr')).toEqual(['$(LWS_LEADER_ADDRESS)']);
    expect(flagValues(argsOf(workerTemplate), '--node-rank')).toEqual(['$(LWS_WORKER_INDEX)']);
    expect(flagValues(argsOf(leaderTemplate), '--node-rank')).toEqual(['0']);
  });

  test('a group is started anew as a whole', () => {
    expect(set.spec.leaderWorkerTemplate.restartPolicy).toBe('RecreateGroupOnPodRestart');
  });

  test('there are no StatefulSets besides', () => {
    const all = objectsOf(...llama405bOnTwoNodes({}, MultiNode.leaderWorkerSet()).charts);
    expect(ofKind(all, 'StatefulSet')).toEqual([]);
  });
});
