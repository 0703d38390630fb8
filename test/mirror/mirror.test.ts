import * as fs from 'node:fs';
import { ApiObject, App, Chart } from 'cdk8s';
import { ConfigMap } from 'cdk8s-plus-28';
import {
  DllamaConverter,
  GitOps,
  ModelEviction,
  ModelSource,
  PhasedApp,
  Pipeline,
  SmokeTest,
} from '../../src';
import { Mirror, MirrorProps } from '../../src/mirror/mirror';
import { temporaryFolder, tree } from '../support/folders';
import { cache, claim, conversion, COMMIT, downloaded, s3, topology } from '../support/models';
import { argument, container, objectsOf, the } from '../support/objects';

const FULL: MirrorProps = {
  huggingFace: 'https://hub.corp.test/',
  defaultRegistry: 'registry.corp.test/{registry}/',
  packageIndex: 'https://pypi.corp.test/simple/',
};

function appWith(mirror: MirrorProps, props: object = {}): PhasedApp {
  return new PhasedApp({ outdir: temporaryFolder(), mirror: new Mirror(mirror), ...props });
}

/** What is added to the first phase of a pipeline, or to another one. */
type Fill = (chart: Chart, pipeline: Pipeline) => void;

/** What `synth()` says of an app with one model. */
function refusal(mirror: MirrorProps, fill: Fill = (chart) => void cache(chart)): string {
  const app = appWith(mirror);
  const pipeline = app.pipeline('qwen', { namespace: 'llm' });
  fill(pipeline.download, pipeline);
  try {
    app.synth();
    return '';
  } catch (error) {
    expect(fs.readdirSync(app.outdir)).toEqual([]);
    return (error as Error).message;
  }
}

describe('an app with a mirror', () => {
  test('takes everything from there', () => {
    const { convert } = appWith(FULL).pipeline('qwen', { namespace: 'llm' });
    conversion(convert);
    const objects = objectsOf(convert);
    const fetch = container(the(objects, 'Job', /weights/), 'fetch');
    expect(fetch.image).toMatch(
      /^registry\.corp\.test\/docker\.io\/library\/python:[\w.-]+@sha256:[0-9a-f]{64}$/,
    );
    expect(argument(fetch, 'endpoint')).toEqual(['https://hub.corp.test']);
    const packages = container(the(objects, 'Job', /q40/), 'packages');
    expect(argument(packages, 'index-url')).toEqual(['https://pypi.corp.test/simple']);
  });

  test('opens the ports of the servers that it names, and no others', () => {
    const chart = appWith({ ...FULL, packageIndex: 'http://pypi.corp.test:8081/simple' });
    const { convert } = chart.pipeline('qwen', { namespace: 'llm' });
    conversion(convert, { converter: DllamaConverter.upstream() });
    const { spec } = the(objectsOf(convert), 'NetworkPolicy', /q40/);
    const ports = spec.egress.at(-1).ports.map(({ port }: { port: number }) => port);
    expect(ports).toEqual([8081, 443]);
  });

  test('names the copy of the repository to Argo CD', () => {
    const gitOps = [GitOps.argoCd({ repoUrl: 'git@github.com:corp/models.git' })];
    const app = appWith({ ...FULL, git: { 'git@github.com:': 'git@git.corp.test:' } }, { gitOps });
    cache(app.pipeline('qwen', { namespace: 'llm' }).download);
    app.synth();
    expect(tree(app.outdir)['gitops/argocd/qwen.yaml']).toContain(
      'repoURL: git@git.corp.test:corp/models.git',
    );
  });
});

describe('what the mirror has no copy of is refused', () => {
  test.each<[string, MirrorProps, RegExp]>([
    [
      'an image',
      { ...FULL, defaultRegistry: undefined },
      /^qwen\/download\/weights\/Job: Job llm\/qwen-weights-\w+\n {2}\[mirror\] spec\.template\.spec\.containers\[0\]\.image names docker\.io \('docker\.io\/library\/python:[^']+'\), which is neither a mirror nor in the cluster\. .*registries: \{ 'docker\.io': .* allow: \['docker\.io'\]$/,
    ],
    [
      'a hub',
      { ...FULL, huggingFace: undefined },
      /\[mirror\] spec\.template\.spec\.containers\[0\]\.args\[0\] names huggingface\.co .*huggingFace: /,
    ],
  ])('%s', (_name, mirror, message) => expect(refusal(mirror)).toMatch(message));

  test('a repository', () => {
    const app = appWith(FULL, { gitOps: [GitOps.argoCd({ repoUrl: 'git@github.com:corp/models.git' })] });
    cache(app.pipeline('qwen', { namespace: 'llm' }).download);
    expect(() => app.synth()).toThrow(
      /^gitops\/argocd\/qwen\.yaml\n {2}\[mirror\] names github\.com \('git@github\.com:corp\/models\.git'\).* git: \{/,
    );
    expect(fs.readdirSync(app.outdir)).toEqual([]);
  });

  test('packages, which no argument names', () => {
    const app = appWith({ ...FULL, packageIndex: undefined });
    const { convert } = app.pipeline('qwen', { namespace: 'llm' });
    expect(() => conversion(convert)).toThrow(
      "qwen/convert/q40: 'pipIndexUrl' is nothing; allowed: an index of Python packages, as the app has a mirror",
    );
    const model = cache(convert, { store: claim() }, 'model').artifact;
    expect(() => conversion(convert, { installPackages: false, model }, 'other')).not.toThrow();
  });

  test('the scripts of the upstream converter', () => {
    const app = appWith(FULL);
    const { download, convert } = app.pipeline('qwen', { namespace: 'llm' });
    conversion(convert, { model: downloaded(download), converter: DllamaConverter.upstream() });
    expect(() => app.synth()).toThrow(
      /names raw\.githubusercontent\.com .*addresses: \{ 'https:\/\/raw\.githubusercontent\.com': /,
    );
  });

  test.each<[string, object]>([
    ['an address', { text: 'see https://outside.example' }],
    ['an address with credentials', { text: 'https://me:geheim@outside.example/x' }],
    ['an image', { template: { spec: { containers: [{ name: 'x', image: 'outside.example/x:1' }] } } }],
  ])('what users add themselves: %s', (_name, spec) => {
    const add = (chart: Chart) =>
      void new ApiObject(chart, 'x', {
        apiVersion: 'acme.test/v1',
        kind: 'X',
        metadata: { name: 'x' },
        spec,
      });
    const message = refusal(FULL, add);
    expect(message).toMatch(/names outside\.example \('.*'\), which is .*allow: \['outside\.example'\]$/);
    expect(message).not.toContain('geheim');
    expect(refusal({ ...FULL, allow: ['outside.example'] }, add)).toBe('');
  });
});

/** An object that a user adds. */
const other = (kind: string, spec: object) => (chart: Chart) =>
  void new ApiObject(chart, 'x', { apiVersion: 'acme.test/v1', kind, metadata: { name: 'x' }, spec });

describe("the user's own servers, which are copies of nothing, stay as they are", () => {
  /** As an error once advised, in vain. */
  const mirror = { ...FULL, addresses: { 'https://own.example': 'https://copy.corp.test' } };
  const endpoint = 'https://own.example';

  test.each<[string, RegExp, Fill]>([
    [
      'a bucket that a download writes to',
      /args\[\d\] names own\.example \('https:\/\/own/,
      (chart) => void cache(chart, { store: s3(chart, { endpoint }) }),
    ],
    [
      'a bucket that a conversion writes to',
      /args\[\d\] names own\.example/,
      (chart, { convert }) =>
        void conversion(convert, { model: cache(chart).artifact, store: s3(chart, { endpoint }) }),
    ],
    [
      'a bucket that is tidied up',
      /args\[\d\] names own\.example/,
      (chart) =>
        void new ModelEviction(chart, 'old', { store: s3(chart, { endpoint }), artifacts: ['0123456789ab'] }),
    ],
    [
      'what reads a bucket',
      /spec\.csi\.volumeAttributes\.options names own\.example/,
      (chart, { convert }) => {
        const store = s3(chart, { csi: { options: `--endpoint ${endpoint}` } });
        conversion(convert, { model: cache(chart, { store }).artifact });
      },
    ],
    [
      'a proxy',
      /env\[\d\]\.value names own\.example/,
      (chart) => void cache(chart, { httpsProxy: endpoint }),
    ],
    [
      'what is tested',
      /args\[\d\] names own\.example/,
      (_, { verify }) => void new SmokeTest(verify, 'test', { endpoint: `${endpoint}/v1`, model: 'm' }),
    ],
    [
      'what KEDA asks',
      /spec\.triggers\[0\]\.metadata\.serverAddress names own\.example/,
      other('ScaledObject', { triggers: [{ metadata: { serverAddress: endpoint } }] }),
    ],
    ['what users write', /spec\.text names own\.example/, other('X', { text: `${endpoint}/x` })],
  ])('%s', (_name, named, fill) => {
    const message = refusal(mirror, fill);
    expect(message).toMatch(named);
    expect(message).toContain(
      'which is neither a mirror nor in the cluster. The mirror leaves this field as it is: write the name of a ' +
        "server that may be named, or let it be named: allow: ['own.example']",
    );
    expect(message).not.toContain('addresses:');
    expect(refusal({ ...mirror, allow: ['own.example'] }, fill)).toBe('');
  });
});

describe('an app that is no PhasedApp', () => {
  const app = () => new App({ outdir: temporaryFolder() });

  test('takes everything from the mirror, and is refused what it does not have', () => {
    const covered = app();
    new Mirror(FULL).applyTo(covered);
    cache(new Chart(covered, 'models', { namespace: 'llm' }));
    covered.synth();
    expect(Object.values(tree(covered.outdir)).join()).toContain('https://hub.corp.test');

    const uncovered = app();
    new Mirror({ ...FULL, huggingFace: undefined }).applyTo(uncovered);
    cache(new Chart(uncovered, 'models', { namespace: 'llm' }));
    expect(() => uncovered.synth()).toThrow(/\[mirror\] .* names huggingface\.co/);
  });

  test('is looked at anew by each synth', async () => {
    const one = app();
    new Mirror(FULL).applyTo(one);
    const chart = new Chart(one, 'models', { namespace: 'llm' });
    cache(chart);
    one.synth();
    await Promise.resolve();
    new ConfigMap(chart, 'x', { data: { x: 'https://outside.example' } });
    expect(() => one.synth()).toThrow(/names outside\.example/);
  });

  test('gets it before its charts, which would not know of it', () => {
    const late = app();
    new Chart(late, 'models');
    expect(() => new Mirror(FULL).applyTo(late)).toThrow(
      /'applyTo' is 'an app with 1 charts'; allowed: an app without/,
    );
  });
});

test('what is not a mirror is refused', () => {
  expect(() => new PhasedApp({ mirror: FULL as never })).toThrow(
    "PhasedApp: 'mirror' is 'an object of class Object'; allowed: a Mirror.",
  );
});

test.each<[MirrorProps, string]>([
  [{ huggingFace: 'hub.corp.test' }, "Mirror: 'huggingFace' is 'hub.corp.test'; allowed: 'http(s)://host"],
  [{ huggingFace: 'https://me:geheim@hub.corp.test' }, "'huggingFace' is 'https://***@hub.corp.test'"],
  [{ huggingFace: 'https://hub.corp.test/x?y=1' }, "'huggingFace' is"],
  [{ packageIndex: 'pypi' }, "'packageIndex' is 'pypi'"],
  [
    { registries: { 'docker.io': 'https://r.corp.test' } },
    "'registries['docker.io']' is 'https://r.corp.test'",
  ],
  [{ registries: { 'docker.io': 'r.corp.test/x:1.0' } }, "'registries['docker.io']' is 'r.corp.test/x:1.0'"],
  [
    { registries: { 'https://ghcr.io': 'r.corp.test' } },
    "'registries' is 'https://ghcr.io'; allowed: 'host[:port]",
  ],
  [{ defaultRegistry: 'R.corp.test' }, "'defaultRegistry' is 'R.corp.test'"],
  [{ defaultRegistry: '{registry}.corp.test' }, "'defaultRegistry' is '{registry}.corp.test'"],
  [{ defaultRegistry: 'r.corp.test/{registry}/{registry}' }, "allowed: '{registry}' once, in the path"],
  [{ addresses: { 'ftp://x.example': 'https://y.corp.test' } }, "'addresses' is 'ftp://x.example'"],
  [{ addresses: { 'https://x.example': '/y' } }, "'addresses['https://x.example']' is '/y'"],
  [
    { git: { 'github.com': 'https://git.corp.test' } },
    "'git' is 'github.com'; allowed: 'https://host[/path]'",
  ],
  [{ git: { 'https://github.com': 'https://me:geheim@git.corp.test' } }, "is 'https://***@git.corp.test'"],
  [{ git: { 'ssh://git:geheim@github.com': 'x' } }, "'git' is 'ssh://***@github.com'"],
  [
    { allow: ['https://proxy.corp.test'] },
    "'allow' is 'https://proxy.corp.test'; allowed: the name of a host",
  ],
  [{ allow: ['proxy.corp.test:3128'] }, "'allow' is 'proxy.corp.test:3128'"],
  [{ allow: ['*'] }, "'allow' is '*'"],
])('%j is refused', (props, message) => {
  expect(() => new Mirror(props)).toThrow(message);
  expect(() => new Mirror(props)).not.toThrow(/geheim/);
});

test('an address may end in a slash', () => {
  const rules = new Mirror({
    ...FULL,
    registries: { 'ghcr.io/': 'r.corp.test/gh/' },
    addresses: { 'https://files.example/': 'https://f.corp.test/x/' },
    git: { 'https://github.com/': 'https://git.corp.test/' },
  })._rules;
  expect(rules.image('ghcr.io/a/b:1')).toBe('r.corp.test/gh/a/b:1');
  expect(rules.image('quay.io/a/b:1')).toBe('registry.corp.test/quay.io/a/b:1');
  expect(rules.web('https://files.example/y')).toBe('https://f.corp.test/x/y');
  expect(rules.web('https://files.example/')).toBe('https://f.corp.test/x');
  expect(rules.git('https://github.com/a/b')).toBe('https://git.corp.test/a/b');
  expect(rules.packageIndex).toBe('https://pypi.corp.test/simple');
});

test('a source that names an endpoint of its own needs no hub of the mirror', () => {
  expect(
    refusal(
      { ...FULL, huggingFace: undefined, allow: ['own.corp.test'] },
      (chart) =>
        void cache(chart, {
          source: ModelSource.huggingFace('a/b', { revision: COMMIT, endpoint: 'https://own.corp.test' }),
        }),
    ),
  ).toBe('');
});

test('servers come from it as Jobs do', () => {
  const { convert, serve } = appWith(FULL).pipeline('qwen', { namespace: 'llm' });
  topology(serve, {
    model: conversion(convert).artifact,
    image: 'docker.io/acme/dllama:v0.16.4',
  });
  const images = JSON.stringify(objectsOf(serve)).match(/"image":"[^"]*"/g) ?? [];
  expect(images.length).toBeGreaterThan(3);
  for (const image of images) expect(image).toMatch(/"registry\.corp\.test\/docker\.io\//);
});
