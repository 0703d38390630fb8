import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, Size } from 'cdk8s';
import {
  DllamaConversion,
  DllamaTopology,
  ModelCache,
  ModelSource,
  ModelStore,
  PhasedApp,
  Pipeline,
} from '../../../src';

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'same-bytes-'));
  // It would come before the folder that PhasedApp is given.
  delete process.env.CDK8S_OUTDIR;
});

afterAll(() => {
  fs.rmSync(folder, { recursive: true });
});

test('PhasedApp writes the bytes of the App of cdk8s, for every phase of a pipeline', () => {
  const phased = new PhasedApp({ outdir: path.join(folder, 'phased') });
  fill(phased.pipeline('qwen', { namespace: 'llm' }));
  phased.synth();
  const stock = new App({ outdir: path.join(folder, 'stock') });
  fill(new Pipeline(stock, 'qwen', { namespace: 'llm' }));
  stock.synth();

  expect(yamlFiles('phased')).toHaveLength(3);
  expect(yamlFiles('phased')).toEqual(yamlFiles('stock'));
});

function fill(pipeline: Pipeline): void {
  const weights = new ModelCache(pipeline.download, 'weights', {
    source: ModelSource.huggingFace('Qwen/Qwen3-1.7B', {
      revision: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
    }),
    store: ModelStore.claim({ size: Size.gibibytes(20) }),
  });
  const converted = new DllamaConversion(pipeline.convert, 'q40', { model: weights.artifact });
  new DllamaTopology(pipeline.serve, 'chat', {
    model: converted.artifact,
    image: 'registry.example.com/dllama:v0.16.4',
    replicaPower: 2,
  });
}

/** The content of all files, whose names differ. */
function yamlFiles(name: string): string[] {
  const outdir = path.join(folder, name);
  return fs
    .readdirSync(outdir, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.k8s.yaml'))
    .map((file) => fs.readFileSync(path.join(outdir, file), 'utf8'))
    .sort();
}
