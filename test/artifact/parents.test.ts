import { cache, claim, conversion, topology } from '../support/models';
import { objectsOf, the } from '../support/objects';
import { pipelineFor } from '../support/servers';

/** From what an artifact was made, all objects say that make or serve it. */

const PARENTS = 'cdk8s-llm/parents';

test('a conversion and what serves it name the download', () => {
  const pipeline = pipelineFor();
  const model = cache(pipeline.download, { store: claim() }).artifact;
  topology(pipeline.serve, { model: conversion(pipeline.convert, { model }).artifact });
  const objects = objectsOf(...pipeline._phases().map(({ chart }) => chart));
  const parents = (kind: string, name: RegExp) => the(objects, kind, name).metadata.annotations![PARENTS];
  expect(model.path).toMatch(new RegExp(`-${model.key}$`));
  expect(parents('Job', /q40/)).toBe(model.path);
  expect(parents('Deployment', /root/)).toBe(model.path);
  expect(parents('Job', /weights/)).toBeUndefined();
});
