import {
  DllamaConversion,
  DllamaConverter,
  ModelStore,
  PhasedApp,
  Pipeline,
  PublishedDllamaModel,
} from '../../src';
import type { KubeObject } from '../../src/validation/kube-object';
import { dataset, fineTune } from './fine-tunes';
import { cache, claim, s3, sharedClaim, source, topology } from './models';
import { objectsOf } from './objects';

/** A pipeline from download to endpoint. */
export function build(
  pipeline: Pipeline,
  stores: { model: ModelStore; converted?: ModelStore; converter?: DllamaConverter },
) {
  const weights = cache(pipeline.download, { store: stores.model });
  const converted = new DllamaConversion(pipeline.convert, 'q40', {
    model: weights.artifact,
    store: stores.converted,
    converter: stores.converter,
  });
  topology(pipeline.serve, { model: converted.artifact });
}

/** The ways in which a pipeline can be put together, by name. */
export const PIPELINES: [string, (pipeline: Pipeline) => void][] = [
  ['one claim of one node', (p) => build(p, { model: claim() })],
  ['one claim of all nodes', (p) => build(p, { model: sharedClaim() })],
  [
    'a claim of one node, converted into one of all nodes',
    (p) => build(p, { model: claim(), converted: sharedClaim() }),
  ],
  [
    'a claim of all nodes, converted into one of one node',
    (p) => build(p, { model: sharedClaim(), converted: claim() }),
  ],
  ['a bucket', (p) => build(p, { model: s3(p) })],
  ['two buckets', (p) => build(p, { model: s3(p), converted: s3(p, { bucket: 'converted' }) })],
  ['a bucket, converted into a claim of one node', (p) => build(p, { model: s3(p), converted: claim() })],
  ['a claim of one node, converted into a bucket', (p) => build(p, { model: claim(), converted: s3(p) })],
  ['the upstream converter', (p) => build(p, { model: claim(), converter: DllamaConverter.upstream() })],
  [
    'a published model, without conversion',
    (p) => {
      const { repository } = PublishedDllamaModel.QWEN3_1_7B_Q40;
      topology(p.serve, { model: cache(p.download, { source: source(repository) }).artifact });
    },
  ],
  [
    'one model, converted and served twice',
    (p) => {
      const weights = cache(p.download).artifact;
      for (const name of ['one', 'two']) {
        const { artifact } = new DllamaConversion(p.convert, name, { model: weights, name });
        topology(p.serve, { model: artifact }, `serve-${name}`);
      }
    },
  ],
  [
    'a fine-tuned model on one claim of one node, converted',
    (p) => {
      const weights = cache(p.download).artifact;
      const datasets = { train: dataset(p.download, weights.store) };
      const { artifact } = fineTune(p.tune, { model: weights, datasets, cpuOnly: true });
      topology(p.serve, { model: new DllamaConversion(p.convert, 'q40', { model: artifact }).artifact });
    },
  ],
];

/** The objects of a pipeline. */
export function synthesize(add: (pipeline: Pipeline) => void): KubeObject[] {
  const pipeline = new PhasedApp().pipeline('qwen', { namespace: 'llm' });
  add(pipeline);
  return objectsOf(...pipeline._phases().map(({ chart }) => chart));
}
