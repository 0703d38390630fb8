import { COMMANDS } from './commands';
import type { CommandSpec, OptionSpec } from './command';
import { EXIT_CODES } from './exit-codes';

/** Columns of a help text: a terminal of that many, or of more. */
const WIDTH = 100;

/** `cdk8s-llm --help` @internal */
export function programHelp(): string {
  const commands = COMMANDS.map(({ name, summary }) => [name, summary] as const);
  return `Models on Kubernetes as plain YAML: renders, explains and checks it.

Usage: cdk8s-llm <command> [options]

Commands:
${columns(commands)}
Options:
${columns([
  ['-h, --help', 'this text, or that of a command'],
  ['-V, --version', 'the version of cdk8s-llm'],
])}
${exitCodes()}
'cdk8s-llm <command> --help' tells more, with examples.
`;
}

/** `cdk8s-llm check --help` @internal */
export function commandHelp(command: CommandSpec): string {
  const options = command.options.map((option) => [optionUsage(option), option.description] as const);
  return `${wrap(command.description, WIDTH).join('\n')}

Usage: ${usage(command)}

Options:
${columns(options)}
Examples:
${command.examples.map(([purpose, line]) => `  # ${purpose}\n  ${line}\n`).join('')}
${exitCodes()}`;
}

function usage({ name, synopsis, operand, options }: CommandSpec): string {
  if (synopsis !== undefined) return `cdk8s-llm ${name} ${synopsis}`;
  const words = ['cdk8s-llm', name, ...(options.length > 0 ? ['[options]'] : [])];
  if (operand) {
    const text = `${operand.choices?.join('|') ?? operand.name}${operand.multiple ? '...' : ''}`;
    words.push(operand.isRequired ? text : `[${text}]`);
  }
  return words.join(' ');
}

function optionUsage({ name, short, value }: OptionSpec): string {
  return `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`;
}

function exitCodes(): string {
  return `Exit codes:\n${columns(EXIT_CODES.map(([code, meaning]) => [String(code), meaning]))}`;
}

/** Two columns, the second where the longest of the first ends; a long line goes on below its column. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([first]) => first.length)) + 2;
  const rest = WIDTH - width - 2;
  return rows
    .map(([first, second]) => {
      const [line = '', ...more] = wrap(second, rest);
      const below = more.map((text) => `${' '.repeat(width + 2)}${text}\n`).join('');
      return `  ${first.padEnd(width)}${line}\n${below}`;
    })
    .join('');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}
