import { ConfigMap } from 'cdk8s-plus-28';
import { Mirror, MirrorProps } from '../../../src/mirror/mirror';
import { PhasedApp } from '../../../src';
import { temporaryFolder, tree } from '../../support/folders';
import { cache } from '../../support/models';
import { rows, section } from './markdown-document';

function readme(mirror?: MirrorProps, caConfigMap?: string): string {
  const app = new PhasedApp({ outdir: temporaryFolder(), mirror: mirror && new Mirror(mirror) });
  const { download } = app.pipeline('qwen', { namespace: 'llm' });
  cache(
    download,
    caConfigMap ? { caConfigMap: ConfigMap.fromConfigMapName(download, 'ca', caConfigMap) } : {},
  );
  app.synth();
  return tree(app.outdir)['README.md'];
}

test('the README names the servers that the network has to be opened to', () => {
  const text = readme({
    huggingFace: 'https://hub.corp.test',
    registries: { 'ghcr.io': 'registry.corp.test/gh' },
    defaultRegistry: 'registry.corp.test/{registry}',
    packageIndex: 'https://pypi.corp.test/simple',
    git: { 'https://github.com': 'https://git.corp.test' },
    allow: ['proxy.corp.test'],
  });
  expect(rows(section(text, '## Mirror'))).toEqual([
    { what: 'images, and models in registries', from: '`registry.corp.test/gh`' },
    { what: 'images, and models in registries', from: '`registry.corp.test/{registry}`' },
    { what: 'models and other files', from: '`https://hub.corp.test`' },
    { what: 'Python packages', from: '`https://pypi.corp.test/simple`' },
    { what: 'Git repositories', from: '`https://git.corp.test`' },
    { what: 'named besides, as they are', from: '`proxy.corp.test`' },
  ]);
});

test('it says nothing of a mirror where there is none', () => {
  expect(readme()).not.toContain('## Mirror');
});

test('it lists the ConfigMaps that must exist, and has no such section where all are brought along', () => {
  expect(rows(section(readme(undefined, 'company-ca'), '## ConfigMaps that must exist'))).toEqual([
    {
      namespace: '`llm`',
      ConfigMap: '`company-ca`',
      keys: '`ca.crt`',
      'used by': expect.stringMatching(/^Job `qwen-weights-\w+`$/),
    },
  ]);
  expect(readme()).not.toContain('## ConfigMaps');
});
