import { ModelStore, NodeFolderOptions } from '../../src';
import { cache, sharedClaim, source, UNKNOWN } from '../support/models';
import { podSpec, the } from '../support/objects';
import { checkedObjects, inferenceServer, pipelineFor } from '../support/servers';

const HOSTNAME = 'kubernetes.io/hostname';
const TAINT = { key: 'nvidia.com/gpu', operator: 'Exists' };

/** The pods of a server whose model and adapter are in two stores. */
function served(...stores: [ModelStore, ModelStore]) {
  const pipeline = pipelineFor();
  const [model, artifact] = stores.map(
    (store, index) =>
      cache(pipeline.download, { store, source: source(index ? UNKNOWN : undefined) }, `cache-${index}`)
        .artifact,
  );
  inferenceServer(pipeline.serve, { model, artifacts: [{ name: 'legal', artifact }] });
  return podSpec(the(checkedObjects(pipeline), 'Deployment'));
}

describe('the folders of two stores with one path', () => {
  const folder = (options: NodeFolderOptions) => ModelStore.nodeFolder('/var/lib/models', options);

  test('are two on two nodes, and no pod can have both', () => {
    expect(() => served(folder({ hostname: 'gpu-1' }), folder({ hostname: 'gpu-2' }))).toThrow(
      `qwen/serve/chat: 'folder /var/lib/models of a node.nodeSelector.${HOSTNAME}' is 'gpu-1'; allowed: 'gpu-2', ` +
        'as the placement of folder /var/lib/models of a node says. The pods run where both let them',
    );
  });

  test('are one on one node, which the pods are let onto by either', () => {
    const pod = served(folder({ hostname: 'gpu-1' }), folder({ hostname: 'gpu-1', tolerations: [TAINT] }));
    const volumes = pod.volumes.map(({ name }: { name: string }) => name) as string[];
    expect(volumes.filter((name) => name.startsWith('models'))).toEqual(['models']);
    expect(pod).toMatchObject({ nodeSelector: { [HOSTNAME]: 'gpu-1' }, tolerations: [TAINT] });
  });
});

test('copies on the node of a folder are not to be spread over nodes', () => {
  const spread = (store: ModelStore) => {
    const pipeline = pipelineFor();
    inferenceServer(pipeline.serve, { model: cache(pipeline.download, { store }).artifact, replicas: 2 });
    return podSpec(the(checkedObjects(pipeline), 'Deployment')).topologySpreadConstraints as unknown;
  };
  expect(spread(sharedClaim())).toBeDefined();
  expect(spread(ModelStore.nodeFolder('/var/lib/models', { hostname: 'gpu-1' }))).toBeUndefined();
});

test('two stores that are one claim place its pods both', () => {
  const pod = served(
    sharedClaim({ name: 'models' }),
    ModelStore.existingClaim('models', {
      accessModes: ['ReadWriteMany' as never],
      placement: { nodeSelector: { zone: 'a' }, tolerations: [TAINT] },
    }),
  );
  expect(pod).toMatchObject({ nodeSelector: { zone: 'a' }, tolerations: [TAINT] });
});
