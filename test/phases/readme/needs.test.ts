import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { ServiceAccount } from 'cdk8s-plus-28';
import { Accelerator, FineTune, FineTuneResult, ModelCache, ModelSource, PhasedApp } from '../../../src';
import { temporaryFolder } from '../../support/folders';
import { cache, COMMIT, s3, sharedClaim } from '../../support/models';

function sectionsOf(app: PhasedApp): (title: string) => string | undefined {
  app.synth();
  const readme = fs.readFileSync(path.join(app.outdir, 'README.md'), 'utf8');
  return (title) => readme.split(/^## /m).find((part) => part.startsWith(title));
}

test('what the namespace has to hold is listed: Secrets with their keys, and ServiceAccounts', () => {
  const app = new PhasedApp({ outdir: temporaryFolder() });
  const { download } = app.pipeline('qwen', { namespace: 'llm' });
  new ModelCache(download, 'weights', {
    source: ModelSource.s3({
      bucket: 'originals',
      unpinned: true,
      serviceAccount: ServiceAccount.fromServiceAccountName(download, 'reader', 's3-reader'),
    }),
    store: s3(download),
  });
  const section = sectionsOf(app);
  expect(section('Secrets that must exist')).toContain(
    '| `llm` | `minio-creds` | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` (optional) |',
  );
  expect(section('ServiceAccounts that must exist')).toMatch(/\| `llm` \| `s3-reader` \| Job `qwen-weights-/);
  // Nobody can know beforehand what is there.
  expect(section('Pipeline qwen')).toContain('s3://originals (**unpinned**');
});

test('what its nodes and storage have to offer is listed: classes for shared claims, locked memory for RDMA', () => {
  const app = new PhasedApp({ outdir: temporaryFolder() });
  const { download, tune } = app.pipeline('qwen', { namespace: 'llm' });
  const { artifact: model } = cache(download, { store: sharedClaim() });
  const source = ModelSource.huggingFace('acme/tickets', { revision: COMMIT, dataset: true });
  const train = cache(
    download,
    { source, store: sharedClaim({ storageClassName: 'fast' }) },
    'tickets',
  ).artifact;
  new FineTune(tune, 'support', {
    model,
    datasets: { train },
    image: 'registry.example.com/trainer:1',
    command: ['python3', 'train.py'],
    result: FineTuneResult.FULL_WEIGHTS,
    accelerator: Accelerator.nvidia({ count: 8, rdma: { resource: 'rdma/ib', count: 8 } }),
    memory: Size.gibibytes(400),
    scratchStorageClass: 'local-nvme',
  });
  const needs = sectionsOf(app)('What the cluster must have')!;
  const whatIsNeeded = [...needs.matchAll(/^\| (.+?) \| \w/gm)].map(([, what]) => what).slice(1);
  expect(whatIsNeeded).toEqual([
    'StorageClass `fast`, whose volumes are ReadWriteMany',
    'StorageClass `local-nvme`',
    'a default StorageClass, whose volumes are ReadWriteMany',
    'nodes with `nvidia.com/gpu`, by the device plugin of their vendor',
    'nodes with `rdma/ib`, by the device plugin of their vendor, whose container runtime is started with `LimitMEMLOCK=infinity`',
  ]);
});
