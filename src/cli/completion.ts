import type { CommandSpec, OptionSpec } from './command';
import { COMMANDS } from './commands';
import type { Run } from './command';
import { EXIT } from './exit-codes';

/** `cdk8s-llm completion` @internal */
export const completion: Run = (args, io) => {
  const script = { bash, zsh, fish }[args.operands[0]] ?? bash;
  io.stdout.write(script());
  return Promise.resolve(EXIT.OK);
};

/** What a value or an operand is completed by. */
interface Completable {
  readonly choices?: readonly string[];
  readonly completes?: 'files' | 'folders';
}

const NAMES = COMMANDS.map(({ name }) => name);
const PROGRAM_OPTIONS = ['--help', '--version'];

function optionWords({ options }: CommandSpec): string[] {
  return options.flatMap(({ name, short }) => [`--${name}`, ...(short ? [`-${short}`] : [])]);
}

/** For the bash of macOS too, which is of version 3. */
function bash(): string {
  const reply = ({ choices, completes }: Completable) => {
    if (choices) return `COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$word"))`;
    if (completes) return `_cdk8s_llm_paths ${completes === 'folders' ? '-d' : '-f'} "$word"`;
    return 'COMPREPLY=()';
  };
  const values = COMMANDS.flatMap((command) =>
    command.options
      .filter(({ value }) => value)
      .map((option) => {
        const names = [`--${option.name}`, ...(option.short ? [`-${option.short}`] : [])];
        return `    ${names.map((name) => `${command.name}:${name}`).join('|')}) ${reply(option)}; return ;;\n`;
      }),
  );
  const commands = COMMANDS.map(
    (command) => `    ${command.name})
      case $word in
        -*) COMPREPLY=($(compgen -W '${optionWords(command).join(' ')}' -- "$word")) ;;
        *) ${reply(command.operand ?? {})} ;;
      esac ;;
`,
  );
  return `# bash completion of cdk8s-llm
_cdk8s_llm_paths() {
  local path
  COMPREPLY=()
  compopt -o filenames 2>/dev/null
  while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen "$1" -- "$2")
}

_cdk8s_llm() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${[...NAMES, ...PROGRAM_OPTIONS].join(' ')}' -- "$word"))
    return
  fi
  case $command:$before in
${values.join('')}  esac
  case $command in
    help) COMPREPLY=($(compgen -W '${NAMES.join(' ')}' -- "$word")) ;;
${commands.join('')}  esac
}
complete -F _cdk8s_llm cdk8s-llm
`;
}

function zsh(): string {
  const action = ({ choices, completes }: Completable) => {
    if (choices) return `(${choices.join(' ')})`;
    return completes === 'folders' ? '_files -/' : completes === 'files' ? '_files' : '';
  };
  const option = (spec: OptionSpec) => {
    const { name, short, value, multiple, description } = spec;
    const names = short ? `{-${short},--${name}}` : `--${name}`;
    const exclusive = multiple ? `'*'` : short ? `'(-${short} --${name})'` : '';
    const argument = value ? `:${value}:${action(spec)}` : '';
    return `${exclusive}${names}${zshQuoted(`[${description.replace(/[[\]]/g, '\\$&')}]${argument}`)}`;
  };
  const commands = COMMANDS.map(({ name, options, operand }) => {
    const specs = [
      ...options.map(option),
      ...(operand ? [zshQuoted(`${operand.multiple ? '*' : '1'}:${operand.name}:${action(operand)}`)] : []),
    ];
    return `    ${name}) _arguments -s ${specs.map((spec) => `\\\n      ${spec}`).join(' ')} ;;\n`;
  });
  const list = COMMANDS.map(({ name, summary }) => `      ${zshQuoted(`${name}:${summary}`)}\n`);
  return `#compdef cdk8s-llm
# zsh completion of cdk8s-llm
_cdk8s_llm() {
  if (( CURRENT == 2 )); then
    local -a commands
    commands=(
${list.join('')}    )
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.join('')}  esac
}
compdef _cdk8s_llm cdk8s-llm
`;
}

function zshQuoted(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}

function fish(): string {
  const line = (...words: string[]) => `complete -c cdk8s-llm ${words.join(' ')}\n`;
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const first = `-n ${quoted('__fish_is_nth_token 1')}`;
  const of = (name: string) => `-n ${quoted(`__fish_seen_subcommand_from ${name}`)}`;
  const argument = ({ choices, completes }: Completable) => {
    if (choices) return ['-f', '-a', quoted(choices.join(' '))];
    if (completes === 'folders') return ['-f', '-a', quoted('(__fish_complete_directories)')];
    return completes === 'files' ? ['-F'] : ['-f'];
  };
  return [
    '# fish completion of cdk8s-llm\n',
    line('-f'),
    ...COMMANDS.map(({ name, summary }) => line(first, '-a', name, '-d', quoted(summary))),
    line(first, '-l', 'version', '-s', 'V', '-d', quoted('the version of cdk8s-llm')),
    ...COMMANDS.flatMap(({ name, options, operand }) => [
      ...(operand ? [line(of(name), ...argument(operand))] : []),
      ...options.map((option) =>
        line(
          of(name),
          ...['-l', option.name],
          ...(option.short ? ['-s', option.short] : []),
          ...(option.value ? ['-r', ...argument(option)] : []),
          ...['-d', quoted(option.description)],
        ),
      ),
    ]),
  ].join('');
}
