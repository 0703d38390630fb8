import type { CommandSpec, OptionSpec, Run } from './command';

/* eslint-disable @typescript-eslint/no-require-imports -- each command is loaded when it runs, so that help is quick */

const HELP: OptionSpec = { name: 'help', short: 'h', description: 'this text' };
const QUIET: OptionSpec = {
  name: 'quiet',
  short: 'q',
  description: 'no progress and no summary (as in CI and with NO_COLOR, where there is no progress)',
};
const KUBERNETES_VERSION: OptionSpec = {
  name: 'kubernetes-version',
  value: '1.N',
  description: 'the oldest Kubernetes version among the clusters that apply the files (default 1.31)',
};
const RESOURCES: readonly OptionSpec[] = [
  {
    name: 'file',
    short: 'f',
    value: 'FILE',
    multiple: true,
    completes: 'files',
    description: "resources: a YAML file, a folder of such files, or '-' for standard input; may be repeated",
  },
  {
    name: 'namespace',
    short: 'n',
    value: 'NAME',
    description: 'the namespace of resources that name none (default default)',
  },
  {
    name: 'answer',
    value: 'QUESTION=ANSWER',
    multiple: true,
    description: 'what no resource says, by the name of the question that was asked; may be repeated',
  },
  {
    name: 'answers',
    value: 'FILE',
    completes: 'files',
    description: 'a YAML file of such answers',
  },
];
/** What the app is told besides the resources: its properties in code. */
const APP: readonly OptionSpec[] = [
  KUBERNETES_VERSION,
  {
    name: 'gitops',
    value: 'TOOL',
    choices: ['argocd', 'flux', 'kubectl'],
    multiple: true,
    description: 'writes what points this tool at the files; may be repeated',
  },
  {
    name: 'repo-url',
    value: 'URL',
    description: 'for Argo CD: the Git repository that the files are committed to',
  },
  {
    name: 'repo-path',
    value: 'PATH',
    description: "for Argo CD and Flux: the files' folder in that repository (default dist)",
  },
  {
    name: 'flux-source',
    value: 'NAME',
    description: 'for Flux: the GitRepository of the cluster (default flux-system)',
  },
];
const MORE_FILES = { name: 'FILE', isRequired: false, multiple: true, completes: 'files' } as const;
const SYSTEMS =
  'Koldun (Model, Dllama, Root, Worker), AI Operator (Job), Dynamo (DynamoModel, ' +
  'DynamoGraphDeployment), k8shazgpu (CachePlan, annotated ResourceClaims) and ModelServe';

/** All commands, in the order in which a person meets them. @internal */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'render',
    summary: "writes the YAML of other systems' resources, as they are",
    description:
      `Writes plain YAML for the resources of ${SYSTEMS}: a folder for each pipeline and phase, and a ` +
      'README.md that explains them. Nothing is written before all is checked; no file that somebody ' +
      'else wrote is replaced or removed.',
    synopsis: '-f FILE... -o DIR [options]',
    operand: MORE_FILES,
    options: [
      ...RESOURCES,
      {
        name: 'output',
        short: 'o',
        value: 'DIR',
        completes: 'folders',
        description: 'the folder to write to',
      },
      { name: 'diff', description: 'shows what would change, and writes nothing' },
      {
        name: 'prune',
        description:
          'removes pipelines of the folder that the resources do not make; without it they are an error',
      },
      ...APP,
      QUIET,
      HELP,
    ],
    examples: [
      ['The YAML of a file', 'cdk8s-llm render -f models.yaml -o dist'],
      ['What would change', 'cdk8s-llm render -f models.yaml -o dist --diff'],
      [
        'For Argo CD',
        'cdk8s-llm render -f models.yaml -o dist --gitops argocd --repo-url https://git.example.com/models',
      ],
      ['From a cluster', 'kubectl get models,dllamas -A -o yaml | cdk8s-llm render -f - -o dist'],
      ['With what the file does not say', 'cdk8s-llm render -f models.yaml --answers answers.yaml -o dist'],
    ],
    load: () => (require('./render') as { render: Run }).render,
  },
  {
    name: 'to-code',
    summary: "writes other systems' resources as the TypeScript that gives the same YAML",
    description:
      `Writes the resources of ${SYSTEMS} as a TypeScript program, as a person would have written it. ` +
      'Run, it gives the same files as render.',
    synopsis: '-f FILE... [-o FILE] [options]',
    operand: MORE_FILES,
    options: [
      ...RESOURCES,
      {
        name: 'output',
        short: 'o',
        value: 'FILE',
        completes: 'files',
        description: 'the file to write, which must not be there yet (default standard output)',
      },
      ...APP,
      QUIET,
      HELP,
    ],
    examples: [
      ['To standard output', 'cdk8s-llm to-code -f models.yaml'],
      ['A program, and its YAML', 'cdk8s-llm to-code -f models.yaml -o main.ts && npx tsx main.ts'],
    ],
    load: () => (require('./to-code') as { toCode: Run }).toCode,
  },
  {
    name: 'check',
    summary: 'checks YAML against the schemas of Kubernetes and our rules',
    description:
      'Checks YAML, whoever wrote it, against the schemas of its kinds and the rules of cdk8s-llm, and ' +
      'says of each finding where it is, what is wrong, why it matters and what to do. All files are ' +
      'taken as what is applied together.',
    operand: { name: 'DIR', isRequired: true, multiple: true, completes: 'files' },
    options: [
      {
        name: 'format',
        value: 'FORMAT',
        choices: ['text', 'json', 'sarif'],
        description: 'text for eyes, json for scripts, sarif (2.1.0) for code scanning (default text)',
      },
      KUBERNETES_VERSION,
      {
        name: 'foreign-rules',
        value: 'WHICH',
        choices: ['all', 'essential'],
        description:
          'which rules hold for objects that cdk8s-llm did not make: all, or essential, without its house style ' +
          '(default all)',
      },
      QUIET,
      HELP,
    ],
    examples: [
      ['What a synth has written', 'cdk8s-llm check dist'],
      ['What Helm writes', 'helm template my-chart | cdk8s-llm check - --foreign-rules essential'],
      ['For code scanning', 'cdk8s-llm check dist --format sarif > cdk8s-llm.sarif'],
    ],
    load: () => (require('./check') as { check: Run }).check,
  },
  {
    name: 'plan',
    summary: 'draws the pipelines, and lists their artifacts, claims, GPUs, images and secrets',
    description:
      'Prints what the README.md of the output tells, as Markdown: the pipelines drawn, and their ' +
      'artifacts, claims, GPUs, endpoints, images, secrets and network openings in tables. Nothing is ' +
      'written.',
    synopsis: '(DIR | -f FILE...) [options]',
    operand: { name: 'DIR', isRequired: false, completes: 'folders' },
    options: [...RESOURCES, KUBERNETES_VERSION, QUIET, HELP],
    examples: [
      ['What is in a folder that was synthesized', 'cdk8s-llm plan dist'],
      ['What resources would become', 'cdk8s-llm plan -f models.yaml'],
      ['One pipeline of it', 'cdk8s-llm plan dist/qwen3-1.7b'],
    ],
    load: () => (require('./plan') as { plan: Run }).plan,
  },
  {
    name: 'completion',
    summary: 'prints the completion of a shell',
    description: 'Prints the script by which a shell completes command lines of cdk8s-llm.',
    operand: { name: 'SHELL', isRequired: true, choices: ['bash', 'zsh', 'fish'] },
    options: [HELP],
    examples: [
      ['bash: in ~/.bashrc', 'source <(cdk8s-llm completion bash)'],
      ['zsh: in ~/.zshrc, after compinit', 'source <(cdk8s-llm completion zsh)'],
      ['fish', 'cdk8s-llm completion fish > ~/.config/fish/completions/cdk8s-llm.fish'],
    ],
    load: () => (require('./completion') as { completion: Run }).completion,
  },
];
