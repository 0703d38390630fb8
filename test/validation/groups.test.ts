import { checkObjects } from '../../src/validation/check';
import type { KubeObject } from '../../src/validation/kube-object';
import { Entry, ObjectSet } from '../../src/validation/object-set';

/** Pods of groups: what a LeaderWorkerSet makes, and what a Service of one pod of a group selects. */

const template = (component: string, fields: object = {}) => ({
  metadata: { labels: { app: 'llama', component } },
  spec: { containers: [{ name: 'vllm', image: 'docker.io/vllm/vllm-openai:v0.11.0', ...fields }] },
});

function leaderWorkerSet(spec: object): KubeObject {
  return {
    apiVersion: 'leaderworkerset.x-k8s.io/v1',
    kind: 'LeaderWorkerSet',
    metadata: { name: 'llama', namespace: 'llm' },
    spec,
  };
}

function setOf(...objects: KubeObject[]): ObjectSet {
  return new ObjectSet(
    objects.map((object) => new Entry({ object, where: 'here' })),
    31,
  );
}

test.each([
  [{ replicas: 3, size: 4, leader: true }, [3, 9]],
  [{ replicas: 3, size: 4, leader: false }, [12]],
  [{ replicas: undefined, size: 4, leader: true }, [undefined, undefined]],
])('a LeaderWorkerSet of %j has so many pods of each template: %j', ({ replicas, size, leader }, counts) => {
  const groups = leaderWorkerSet({
    replicas,
    leaderWorkerTemplate: {
      size,
      workerTemplate: template('worker'),
      ...(leader ? { leaderTemplate: template('server') } : {}),
    },
  });
  expect(setOf(groups).pods.map((pod) => pod.replicas)).toEqual(counts);
});

test('the containers of its pods are checked, with the fields by which a person finds them', () => {
  const groups = leaderWorkerSet({
    replicas: 1,
    leaderWorkerTemplate: {
      size: 2,
      leaderTemplate: template('server'),
      workerTemplate: template('worker', { image: 'vllm/vllm-openai:latest' }),
    },
  });
  const fields = checkObjects([{ object: groups, where: 'here' }], { kubernetesVersion: '1.31' })
    .filter(({ rule }) => rule === 'pinned-image')
    .map(({ field }) => field);
  expect(fields).toEqual(['spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].image']);
});

test.each(['apps.kubernetes.io/pod-index', 'leaderworkerset.sigs.k8s.io/worker-index'])(
  'a Service that selects by %s, which is added in the cluster, selects the pods of the template',
  (label) => {
    const groups = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'llama', namespace: 'llm' },
      spec: { template: template('server') },
    };
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'llama', namespace: 'llm' },
      spec: { selector: { app: 'llama', [label]: '0' } },
    };
    const set = setOf(groups, service);
    expect(set.selected(set.ofKind('Service')[0]).map(({ entry }) => entry.kind)).toEqual(['StatefulSet']);
  },
);
