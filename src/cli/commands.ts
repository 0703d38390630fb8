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
/** All commands, in the order in which a person meets them. @internal */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'check',
    summary: 'checks YAML against the schemas of Kubernetes and our rules',
    description: `Checks YAML, whoever wrote it, against the schemas of its kinds and the rules of cdk8s-llm, and says of each
finding where it is, what is wrong, why it matters and what to do. All files are taken as what is applied together.`,
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
    description: `Prints what the README.md of the output tells, as Markdown: the pipelines drawn, and their artifacts, claims, GPUs,
endpoints, images, secrets and network openings in tables. Nothing is written.`,
    operand: { name: 'DIR', isRequired: true, completes: 'folders' },
    options: [KUBERNETES_VERSION, QUIET, HELP],
    examples: [
      ['What is in a folder that was synthesized', 'cdk8s-llm plan dist'],
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
