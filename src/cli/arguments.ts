import { parseArgs } from 'node:util';
import { nearest } from '../validation/suggest';
import type { CommandSpec, OptionSpec } from './command';
import { usageError } from './exit-codes';

/** A command line that fits its command. @internal */
export class Arguments {
  constructor(
    public readonly operands: readonly string[],
    private readonly options: ReadonlyMap<string, readonly string[]>,
  ) {}

  /** Whether an option without a value is given. */
  public has(option: string): boolean {
    return this.options.has(option);
  }

  public value(option: string): string | undefined {
    return this.options.get(option)?.[0];
  }

  public values(option: string): readonly string[] {
    return this.options.get(option) ?? [];
  }
}

/**
 * Reads the command line of a command.
 *
 * @param given what follows the command's name
 * @throws when an option is unknown, lacks its value or has one that it cannot have, or operands are too many
 * @internal
 */
export function parseArguments(given: readonly string[], { name, options, operand }: CommandSpec): Arguments {
  // Not by its own strict mode, whose messages do not say what was probably meant.
  const { tokens } = parseArgs({
    args: [...given],
    options: Object.fromEntries(options.map((option) => [option.name, configOf(option)])),
    strict: false,
    tokens: true,
  });
  const operands: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const option = options.find((each) => each.name === token.name);
    if (!option) throw unknownOption(token.rawName, name, options);
    const others = values.get(option.name) ?? [];
    if (others.length > 0 && option.value && !option.multiple) {
      throw usageError(`${token.rawName} is given twice; give it once.`);
    }
    values.set(option.name, [...others, valueOf(option, token.rawName, token.value, token.inlineValue)]);
  }
  checkOperands(operands, name, operand);
  return new Arguments(operands, values);
}

function configOf({ short, value }: OptionSpec) {
  return { type: value ? 'string' : 'boolean', ...(short ? { short } : {}) } as const;
}

function unknownOption(given: string, command: string, options: readonly OptionSpec[]): Error {
  const known = options.flatMap(({ name, short }) => [`--${name}`, ...(short ? [`-${short}`] : [])]);
  const meant = given.startsWith('--') ? nearest(given, known) : undefined;
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  return usageError(`unknown option ${given}.${hint} 'cdk8s-llm ${command} --help' lists all.`);
}

function valueOf(option: OptionSpec, rawName: string, value: string | undefined, isInline?: boolean): string {
  if (!option.value) {
    if (value !== undefined) throw usageError(`${rawName} takes no value; leave out '=${value}'.`);
    return '';
  }
  // `--output --diff` forgets a value; a file of such a name is given by `=`. A sole `-` is standard input.
  const isForgotten = value === undefined || value === '' || (!isInline && /^-./.test(value));
  if (isForgotten) throw usageError(`${rawName} needs a value: ${rawName} ${option.value}.`);
  if (option.choices && !option.choices.includes(value)) {
    throw usageError(notAllowed(rawName, value, option.choices));
  }
  return value;
}

function checkOperands(operands: readonly string[], command: string, operand: CommandSpec['operand']): void {
  const most = operand ? (operand.multiple ? Infinity : 1) : 0;
  if (operands.length > most) {
    throw usageError(
      `${operands[most]} is not expected here; 'cdk8s-llm ${command} --help' tells what the command takes.`,
    );
  }
  if (operand?.isRequired && operands.length === 0) {
    throw usageError(`${operand.name} is missing; 'cdk8s-llm ${command} --help' has examples.`);
  }
  const wrong = operand?.choices && operands.find((given) => !operand.choices?.includes(given));
  if (wrong !== undefined) throw usageError(notAllowed(operand!.name, wrong, operand!.choices!));
}

/** `--format is 'sraif'; allowed: text, json, sarif. Did you mean sarif?` @internal */
export function notAllowed(what: string, given: string, allowed: readonly string[]): string {
  const meant = nearest(given, allowed);
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  return `${what} is '${given}'; allowed: ${allowed.join(', ')}.${hint}`;
}
