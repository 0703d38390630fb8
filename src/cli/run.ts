import { nearest } from '../validation/suggest';
import { notAllowed, parseArguments } from './arguments';
import { COMMANDS } from './commands';
import type { CommandSpec } from './command';
import { EXIT, ExitError, usageError } from './exit-codes';
import { commandHelp, programHelp } from './help';
import type { Io } from './io';
import { packageVersion } from './version';

/**
 * Runs a command line.
 *
 * @param argv what follows the program's name
 * @returns the exit code
 * @internal
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let program = 'cdk8s-llm';
  try {
    const [first, ...rest] = argv;
    if (first === undefined) {
      io.stderr.write(programHelp());
      return EXIT.USAGE;
    }
    if (first === '--version' || first === '-V') return printVersion(io);
    if (first === '--help' || first === '-h' || first === 'help') return printHelp(rest[0], io);
    const command = commandOf(first);
    program += ` ${command.name}`;
    // Whatever else is on the line: who asks for help does not know the rest yet.
    if (rest.includes('--help') || rest.includes('-h')) return printHelp(command.name, io);
    return await command.load()(parseArguments(rest, command), io);
  } catch (error) {
    if (error instanceof ExitError) {
      io.stderr.write(`${program}: ${error.message}\n`);
      return error.code;
    }
    if (isOfFileSystem(error)) {
      io.stderr.write(`${program}: ${error.message}.\n`);
      return EXIT.USAGE;
    }
    const { stack } = error as Error;
    io.stderr.write(`${program}: a defect of this program. Please report it with what follows.\n${stack}\n`);
    return EXIT.DEFECT;
  }
}

/** A disk that is full, a folder that may not be written to: nothing that is wrong with this program. */
function isOfFileSystem(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'syscall' in error && 'path' in error;
}

function printVersion(io: Io): number {
  io.stdout.write(`${packageVersion()}\n`);
  return EXIT.OK;
}

function printHelp(name: string | undefined, io: Io): number {
  io.stdout.write(name === undefined ? programHelp() : commandHelp(commandOf(name)));
  return EXIT.OK;
}

function commandOf(given: string): CommandSpec {
  const command = COMMANDS.find(({ name }) => name === given);
  if (command) return command;
  const names = COMMANDS.map(({ name }) => name);
  if (!given.startsWith('-')) throw usageError(notAllowed('the command', given, names));
  const meant = nearest(given, ['--help', '--version']);
  const hint = meant === undefined ? 'A command comes first.' : `Did you mean ${meant}?`;
  throw usageError(`unknown option ${given}. ${hint} 'cdk8s-llm --help' lists the commands.`);
}
