import { ArgoCdMode } from '../../../src/phases/gitops/argocd';
import { FluxSourceRef } from '../../../src/phases/gitops/flux';
import { GitOps } from '../../../src/phases/gitops/gitops';
import { PHASES } from '../../../src/phases/phase';
import { samplePipeline } from './sample-pipelines';

const PATH = 'clusters/gpu/dist';

const TOOLS: Record<string, () => GitOps> = {
  argocd: () => GitOps.argoCd({ repoUrl: 'https://git.example.com/m.git', path: PATH }),
  applicationset: () =>
    GitOps.argoCd({
      repoUrl: 'https://git.example.com/m.git',
      path: PATH,
      mode: ArgoCdMode.applicationSet('models'),
    }),
  flux: () => GitOps.flux({ sourceRef: FluxSourceRef.gitRepository('flux-system'), path: PATH }),
  kubectl: () => GitOps.kubectl(),
};

/** Pipelines with all 31 choices of phases, in two namespaces. */
const PIPELINES = Array.from({ length: (1 << PHASES.length) - 1 }, (_, index) => {
  const phases = PHASES.filter((__, bit) => (index + 1) & (1 << bit));
  return samplePipeline(`m${index}.${phases.length}`, index % 2 ? 'llm' : 'team-b', phases);
});

function render(tool: string) {
  return TOOLS[tool]()._render(PIPELINES, (objects) => JSON.stringify(objects));
}

test.each(Object.keys(TOOLS))('%s writes to its own folder below gitops/', (tool) => {
  const folder = tool === 'applicationset' ? 'argocd' : tool;
  const paths = render(tool).map((file) => file.path);
  for (const path of paths) expect(path).toMatch(new RegExp(`^gitops/${folder}/[^/]+$`));
  expect(new Set(paths).size).toBe(paths.length);
});

test('what Flux and kubectl are pointed at are the folders of the phases, each once', () => {
  const folders = PIPELINES.flatMap(({ name, phases }) => phases.map(({ folder }) => `${name}/${folder}`));
  const kustomizations = render('flux').flatMap((file) => JSON.parse(file.content));
  const flux = kustomizations.flatMap(({ spec }) => spec?.path?.replace(`./${PATH}/`, '') ?? []);
  expect(flux).toEqual(folders);
  const steps = render('kubectl').find((file) => file.path.endsWith('steps.txt'))!.content;
  const lines = steps.split('\n').filter((line) => line && !line.startsWith('#'));
  expect(lines.map((line) => line.split(' ')).map(([pipeline, , phase]) => `${pipeline}/${phase}`)).toEqual(
    folders,
  );
});

test('what Argo CD is pointed at are the folders of the pipelines, in either mode', () => {
  const folders = PIPELINES.map(({ name }) => `${PATH}/${name}`);
  const applications = render('argocd').flatMap((file) => JSON.parse(file.content));
  expect(applications.map(({ spec }) => spec.source.path)).toEqual(folders);
  const [set] = JSON.parse(render('applicationset')[0].content);
  const directories = set.spec.generators.flatMap(({ git }: { git: { directories: { path: string }[] } }) =>
    git.directories.map(({ path }) => path),
  );
  expect(directories.sort()).toEqual(folders.sort());
});

test.each(Object.keys(TOOLS))('%s sets nothing that opens a phase too early or loses data', (tool) => {
  for (const { path, content } of render(tool)) {
    if (!path.endsWith('.yaml')) continue;
    expect(content).not.toMatch(
      /ApplyOutOfSyncOnly|Replace=|Force=|PruneLast|finalizer|"force":true|deletionPolicy|targetNamespace|hook/i,
    );
  }
});

test('each tool has a title for people', () => {
  expect(Object.values(TOOLS).map((tool) => tool()._title)).toEqual([
    'Argo CD',
    'Argo CD',
    'Flux',
    'kubectl',
  ]);
});
