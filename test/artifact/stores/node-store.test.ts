import { ModelSource, ModelStore, NodeFolderOptions } from '../../../src';
import { cache, claim, conversion, tinyFacts, topology } from '../../support/models';
import { container, objectsOf, ofKind, plainChart, podSpec, the, violationsOf } from '../../support/objects';

const PATH = '/var/lib/models';
const TAINT = { key: 'nvidia.com/gpu', operator: 'Exists' };
const folder = (options: NodeFolderOptions = { hostname: 'gpu-1', tolerations: [TAINT] }) =>
  ModelStore.nodeFolder(PATH, options);

describe("a node's folder", () => {
  const chart = plainChart();
  const store = folder();
  const model = cache(chart, { store, facts: tinyFacts() }).artifact;
  topology(chart, { model: conversion(chart, { model }).artifact });
  const objects = objectsOf(chart);
  const users = [...ofKind(objects, 'Job'), the(objects, 'Deployment')];

  test('passes all checks, by an opt-out that says why', () => {
    expect(violationsOf(objects)).toBe('');
    for (const { metadata } of users) {
      expect(metadata.annotations?.['cdk8s-llm/pod-security-opt-out']).toBe(
        `hostPath: the models are kept in folder ${PATH} of a node`,
      );
    }
  });

  test('says of the Job that only reads from one, that it does, and of the store where that is one too', () => {
    const source = ModelSource.nodeFolder('/data/m', { hostname: 'gpu-1', unpinned: true });
    const said = (store: ModelStore) => {
      const other = plainChart();
      cache(other, { source, store });
      const job = the(objectsOf(other), 'Job');
      expect(violationsOf(objectsOf(other))).toBe('');
      return job.metadata.annotations?.['cdk8s-llm/pod-security-opt-out'];
    };
    expect(said(claim())).toBe('hostPath: the model is read from folder /data/m of a node');
    expect(said(folder())).toBe(
      `hostPath: the models are kept in folder ${PATH} of a node, the model is read from folder /data/m of a node`,
    );
  });

  test('brings all pods that mount it to its node, past its taints', () => {
    expect(users).toHaveLength(3);
    for (const user of users) {
      expect(podSpec(user).nodeSelector).toEqual({ 'kubernetes.io/hostname': 'gpu-1' });
      expect(podSpec(user).tolerations).toEqual([TAINT]);
      expect(podSpec(user).affinity).toBeUndefined();
    }
  });

  test('must be there: made by the kubelet it would belong to root', () => {
    for (const user of users) {
      expect(podSpec(user).volumes[0]).toEqual({
        name: 'models',
        hostPath: { path: PATH, type: 'Directory' },
      });
    }
  });

  test('is written by the Jobs and read by the server', () => {
    const readOnly = (object: (typeof users)[number], name: string) =>
      container(object, name).volumeMounts[0].readOnly as boolean | undefined;
    expect(readOnly(the(objects, 'Job', /weights/), 'fetch')).toBeUndefined();
    expect(readOnly(the(objects, 'Deployment'), 'root')).toBe(true);
  });

  test('is not mounted by workers, who run where they like', () => {
    const workers = the(objects, 'StatefulSet');
    expect(podSpec(workers).nodeSelector).toBeUndefined();
    expect(workers.metadata.annotations).not.toHaveProperty(['cdk8s-llm/pod-security-opt-out']);
  });

  test('may be named by labels that the node alone has', () => {
    const other = plainChart();
    cache(other, { store: folder({ nodeSelector: { disk: 'nvme-7' } }) });
    expect(podSpec(the(objectsOf(other), 'Job')).nodeSelector).toEqual({ disk: 'nvme-7' });
  });

  test('may be converted into a claim, whose pods then are told to run there too', () => {
    const other = plainChart();
    const weights = cache(other, { store: folder(), facts: tinyFacts() }).artifact;
    const placement = { nodeSelector: { 'kubernetes.io/hostname': 'gpu-1' }, tolerations: [TAINT] };
    const converted = conversion(other, { model: weights, store: claim({ placement }) });
    topology(other, { model: converted.artifact });
    expect(podSpec(the(objectsOf(other), 'Deployment')).nodeSelector).toEqual(placement.nodeSelector);

    const unplaced = conversion(other, { model: weights, store: claim(), name: 'two' }, 'two');
    expect(() => topology(other, { model: unplaced.artifact }, 'refused')).toThrow(
      /^models\/refused: 'rootPlacement' is \{\}; allowed: the placement of models\/two, which is \{.*gpu-1/,
    );
  });
});

test.each<[string, NodeFolderOptions, string]>([
  ['var/lib', { hostname: 'a' }, "'path' is 'var/lib'; allowed: an absolute path that is not of the system"],
  ['/', { hostname: 'a' }, "'path' is '/'"],
  ['/etc/models', { hostname: 'a' }, "'path' is '/etc/models'; allowed"],
  ['/var/../etc', { hostname: 'a' }, "'path' is '/var/../etc'"],
  ['/var/lib/', { hostname: 'a' }, "'path' is '/var/lib/'"],
  [5 as never, { hostname: 'a' }, "'path' is 5"],
  [PATH, {}, "'hostname' is nothing; allowed: either hostname or nodeSelector. The folder is on one node"],
  [PATH, undefined as never, "'hostname' is nothing"],
  [PATH, { hostname: 'a', nodeSelector: { b: 'c' } }, "'hostname' is 'a'; allowed: either"],
  [PATH, { nodeSelector: {} }, "'nodeSelector' is {}; allowed: one label or more, which one node alone has"],
  [PATH, { hostname: 'a b' }, "'hostname.kubernetes.io/hostname' is 'a b'"],
  [PATH, { nodeSelector: { disk: 'a b' } }, "'placement.nodeSelector.disk' is 'a b'"],
  [
    PATH,
    { hostname: 'a', tolerations: [{ key: 'a', effect: 'Never' }] },
    "tolerations[0].effect' is 'Never'",
  ],
])('the folder %j of %j is refused', (path, options, message) => {
  expect(() => ModelStore.nodeFolder(path, options)).toThrow(`ModelStore.nodeFolder: `);
  expect(() => ModelStore.nodeFolder(path, options)).toThrow(message);
});
