import { Yaml } from 'cdk8s';
import { ArgoCdDestination, ArgoCdMode, ArgoCdProps } from '../../../src/phases/gitops/argocd';
import { GitOps } from '../../../src/phases/gitops/gitops';
import { Phase } from '../../../src/phases/phase';
import type { PipelineView } from '../../../src/phases/views';
import { samplePipeline } from './sample-pipelines';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- parsed YAML
type Untyped = any;

const REPOSITORY = 'https://git.example.com/models.git';
const ALL = [Phase.DOWNLOAD, Phase.CONVERT, Phase.SERVE];
const QWEN = samplePipeline('qwen3-1.7b', 'llm', ALL);
const LLAMA = samplePipeline('llama', 'llm', ALL);
const OTHER = samplePipeline('other', 'team-b', [Phase.DOWNLOAD, Phase.SERVE]);

/** Of every Application: applied by itself, retried with the newest commit, and waves that wait. */
const SYNC_POLICY = {
  automated: { prune: true, selfHeal: true },
  retry: { limit: 10, refresh: true, backoff: { duration: '30s', factor: 2, maxDuration: '10m' } },
  syncOptions: ['CreateNamespace=true'],
};

function render(props: ArgoCdProps, pipelines: PipelineView[]) {
  const files = GitOps.argoCd(props)._render(pipelines, (objects) => JSON.stringify(objects));
  return Object.fromEntries(files.map((file) => [file.path, JSON.parse(file.content)]));
}

describe('Applications', () => {
  test('one for each pipeline, with the settings that make waves wait and nothing else', () => {
    expect(render({ repoUrl: REPOSITORY }, [QWEN, OTHER])).toEqual({
      'gitops/argocd/qwen3-1.7b.yaml': [
        {
          apiVersion: 'argoproj.io/v1alpha1',
          kind: 'Application',
          metadata: {
            name: 'qwen3-1.7b',
            namespace: 'argocd',
            labels: { 'app.kubernetes.io/managed-by': 'cdk8s-llm' },
          },
          spec: {
            project: 'default',
            source: {
              repoURL: REPOSITORY,
              targetRevision: 'HEAD',
              path: 'dist/qwen3-1.7b',
              directory: { recurse: true },
            },
            destination: { server: 'https://kubernetes.default.svc', namespace: 'llm' },
            syncPolicy: SYNC_POLICY,
          },
        },
      ],
      'gitops/argocd/other.yaml': [
        expect.objectContaining({
          spec: expect.objectContaining({
            destination: { server: 'https://kubernetes.default.svc', namespace: 'team-b' },
            source: expect.objectContaining({ path: 'dist/other' }),
          }),
        }),
      ],
    });
  });

  test('take repository, revision, path, project, destination and namespace from the user', () => {
    const [application] = render(
      {
        repoUrl: 'git@git.example.com:ml/models.git',
        targetRevision: 'release-1',
        path: './clusters/gpu/dist/',
        project: 'ml',
        destination: ArgoCdDestination.cluster('gpu-1'),
        argoNamespace: 'gitops',
      },
      [QWEN],
    )['gitops/argocd/qwen3-1.7b.yaml'];
    expect(application.metadata.namespace).toBe('gitops');
    expect(application.spec.project).toBe('ml');
    expect(application.spec.source).toEqual({
      repoURL: 'git@git.example.com:ml/models.git',
      targetRevision: 'release-1',
      path: 'clusters/gpu/dist/qwen3-1.7b',
      directory: { recurse: true },
    });
    expect(application.spec.destination).toEqual({ name: 'gpu-1', namespace: 'llm' });
  });

  test("the repository's root has no slash before the pipeline", () => {
    const files = render({ repoUrl: REPOSITORY, path: '.' }, [QWEN]);
    expect(files['gitops/argocd/qwen3-1.7b.yaml'][0].spec.source.path).toBe('qwen3-1.7b');
  });

  test('delete their objects with themselves only when asked to', () => {
    const kept = render({ repoUrl: REPOSITORY }, [QWEN])['gitops/argocd/qwen3-1.7b.yaml'][0];
    const deleted = render({ repoUrl: REPOSITORY, cascadeDelete: true }, [QWEN])[
      'gitops/argocd/qwen3-1.7b.yaml'
    ][0];
    expect(kept.metadata.finalizers).toBeUndefined();
    expect(deleted.metadata.finalizers).toEqual(['resources-finalizer.argocd.argoproj.io']);
  });

  test('are not made of a pipeline without objects', () => {
    expect(render({ repoUrl: REPOSITORY }, [samplePipeline('empty', 'llm', [])])).toEqual({});
  });

  test('hold no YAML anchors when written by the writer of cdk8s', () => {
    const [file] = GitOps.argoCd({ repoUrl: REPOSITORY })._render([QWEN], (objects) =>
      Yaml.stringify(...objects),
    );
    expect(file.content).not.toMatch(/[&*]a\d/);
    expect(file.content).toContain('targetRevision: HEAD\n');
  });
});

describe('ApplicationSet', () => {
  const props = { repoUrl: REPOSITORY, mode: ArgoCdMode.applicationSet('models') };

  test('with one namespace takes every folder of the output but gitops', () => {
    expect(render(props, [QWEN, LLAMA])).toEqual({
      'gitops/argocd/applicationset.yaml': [
        {
          apiVersion: 'argoproj.io/v1alpha1',
          kind: 'ApplicationSet',
          metadata: {
            name: 'models',
            namespace: 'argocd',
            labels: { 'app.kubernetes.io/managed-by': 'cdk8s-llm' },
          },
          spec: {
            goTemplate: true,
            goTemplateOptions: ['missingkey=error'],
            generators: [
              {
                git: {
                  repoURL: REPOSITORY,
                  revision: 'HEAD',
                  directories: [{ path: 'dist/*' }, { path: 'dist/gitops', exclude: true }],
                  values: { namespace: 'llm' },
                },
              },
            ],
            template: {
              metadata: {
                name: '{{.path.basename}}',
                labels: { 'app.kubernetes.io/managed-by': 'cdk8s-llm' },
              },
              spec: {
                project: 'default',
                source: {
                  repoURL: REPOSITORY,
                  targetRevision: 'HEAD',
                  path: '{{.path.path}}',
                  directory: { recurse: true },
                },
                destination: { server: 'https://kubernetes.default.svc', namespace: '{{.values.namespace}}' },
                syncPolicy: SYNC_POLICY,
              },
            },
            syncPolicy: { preserveResourcesOnDeletion: true },
          },
        },
      ],
    });
  });

  test('with several namespaces lists the folders, one generator a namespace', () => {
    const [set] = render(props, [QWEN, OTHER, LLAMA])['gitops/argocd/applicationset.yaml'];
    expect(
      set.spec.generators.map((generator: Untyped) => [generator.git.values, generator.git.directories]),
    ).toEqual([
      [{ namespace: 'llm' }, [{ path: 'dist/qwen3-1.7b' }, { path: 'dist/llama' }]],
      [{ namespace: 'team-b' }, [{ path: 'dist/other' }]],
    ]);
  });

  test("lists the folders in the repository's root, where others may lie", () => {
    const [set] = render({ ...props, path: '' }, [QWEN, LLAMA])['gitops/argocd/applicationset.yaml'];
    expect(set.spec.generators).toHaveLength(1);
    expect(set.spec.generators[0].git.directories).toEqual([{ path: 'qwen3-1.7b' }, { path: 'llama' }]);
  });

  test('lets the controller add the finalizer only when asked to', () => {
    const [set] = render({ ...props, cascadeDelete: true }, [QWEN])['gitops/argocd/applicationset.yaml'];
    expect(set.spec.syncPolicy).toEqual({ preserveResourcesOnDeletion: false });
  });

  test('makes the same Applications as the other mode', () => {
    const [set] = render(props, [QWEN])['gitops/argocd/applicationset.yaml'];
    const [application] = render({ repoUrl: REPOSITORY }, [QWEN])['gitops/argocd/qwen3-1.7b.yaml'];
    const filled = JSON.stringify(set.spec.template)
      .replaceAll('{{.path.basename}}', 'qwen3-1.7b')
      .replaceAll('{{.path.path}}', 'dist/qwen3-1.7b')
      .replaceAll('{{.values.namespace}}', set.spec.generators[0].git.values.namespace);
    const made = JSON.parse(filled);
    expect(made.spec).toEqual(application.spec);
    expect(made.metadata.name).toBe(application.metadata.name);
  });
});

describe('refuses', () => {
  test.each<[string, Partial<ArgoCdProps>, RegExp]>([
    [
      'no repository',
      { repoUrl: '' },
      /GitOps\.argoCd: 'repoUrl' is ''; allowed: the address of a Git repository/,
    ],
    ['a folder as repository', { repoUrl: '../models' }, /'repoUrl' is '\.\.\/models'/],
    ['an absolute path', { path: '/dist' }, /'path' is '\/dist'; allowed: a path from the repository's root/],
    ['a path upwards', { path: 'a/../../dist' }, /'path' is 'a\/\.\.\/\.\.\/dist'/],
    ['a path with a pattern', { path: 'dist/*' }, /'path' is 'dist\/\*'/],
    ['a path with an empty part', { path: 'a//b' }, /'path' is 'a\/\/b'/],
    ['an empty revision', { targetRevision: '' }, /'targetRevision' is ''; allowed: a branch, tag or commit/],
    ['a revision with a space', { targetRevision: 'a b' }, /'targetRevision' is 'a b'/],
    ['a project that is no name', { project: 'My Project' }, /'project' is 'My Project'/],
    ['a namespace that is no name', { argoNamespace: 'argo.cd' }, /'argoNamespace' is 'argo\.cd'/],
  ])('%s', (_, props, message) => {
    expect(() => GitOps.argoCd({ repoUrl: REPOSITORY, ...props })).toThrow(message);
  });

  test('a password in the address, without repeating it', () => {
    const secret = 'hunter2';
    for (const repoUrl of [
      `https://me:${secret}@git.example.com/models.git`,
      `https://${secret}@git.example.com/models.git`,
      `ssh://git:${secret}@git.example.com/models.git`,
    ]) {
      let message = '';
      try {
        GitOps.argoCd({ repoUrl });
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).toContain("'repoUrl'");
      expect(message).toContain('Secret of Argo CD');
      expect(message).not.toContain(secret);
    }
  });

  test('destinations and names that cannot be', () => {
    expect(() => ArgoCdDestination.server('10.0.0.1')).toThrow(/'url' is '10\.0\.0\.1'; allowed: an https:/);
    expect(() => ArgoCdDestination.cluster(' ')).toThrow(/'name' is ' '; allowed: the name of a cluster/);
    expect(() => ArgoCdMode.applicationSet('My Models')).toThrow(/'name' is 'My Models'/);
    const nothing = null as never;
    expect(() => ArgoCdDestination.cluster(nothing)).toThrow(
      /'name' is null; allowed: the name of a cluster/,
    );
    expect(() => ArgoCdMode.applicationSet(nothing)).toThrow(/applicationSet: 'name' is null/);
    expect(() => GitOps.argoCd(nothing)).toThrow(/GitOps.argoCd: 'props' is null; allowed: an object/);
    expect(() => GitOps.argoCd({ repoUrl: REPOSITORY, path: 5 as never })).toThrow(/'path' is 5/);
  });

  test('nothing that is common', () => {
    for (const repoUrl of [
      'https://git.example.com/org/models.git',
      'ssh://git@git.example.com:2222/org/models.git',
      'git@git.example.com:org/models.git',
    ]) {
      for (const targetRevision of ['main', 'feature/x', 'v1.2.3', '0123abcd', undefined]) {
        expect(() => GitOps.argoCd({ repoUrl, targetRevision, path: 'a/b-c/dist_1.0' })).not.toThrow();
      }
    }
  });
});
