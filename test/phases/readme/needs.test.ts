import * as fs from 'node:fs';
import * as path from 'node:path';
import { ServiceAccount } from 'cdk8s-plus-28';
import { ModelCache, ModelSource, PhasedApp } from '../../../src';
import { temporaryFolder } from '../../support/folders';
import { s3 } from '../../support/models';

test('what the namespace has to hold is listed: Secrets with their keys, and ServiceAccounts', () => {
  const outdir = temporaryFolder();
  const app = new PhasedApp({ outdir });
  const { download } = app.pipeline('qwen', { namespace: 'llm' });
  new ModelCache(download, 'weights', {
    source: ModelSource.s3({
      bucket: 'originals',
      unpinned: true,
      serviceAccount: ServiceAccount.fromServiceAccountName(download, 'reader', 's3-reader'),
    }),
    store: s3(download),
  });
  app.synth();
  const readme = fs.readFileSync(path.join(outdir, 'README.md'), 'utf8');
  const section = (title: string) => readme.split(/^## /m).find((part) => part.startsWith(title));
  expect(section('Secrets that must exist')).toContain(
    '| `llm` | `minio-creds` | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` (optional) |',
  );
  expect(section('ServiceAccounts that must exist')).toMatch(/\| `llm` \| `s3-reader` \| Job `qwen-weights-/);
  // Nobody can know beforehand what is there.
  expect(readme).toContain('s3://originals (**unpinned**');
});
