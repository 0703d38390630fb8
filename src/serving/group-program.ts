import { Programs, PROGRAMS_FOLDER, programPath, withImports } from '../pod/programs';
import type { Owner } from '../pod/owner';
import type { EngineFile } from './engine-spec';

const PROGRAM = 'group.py';

/** Where the leader's program listens. */
const PORT = 29400;

/** The program that keeps the pods of a group together, where no controller does. @internal */
export function groupPrograms(owner: Owner): Programs {
  return new Programs(owner, [PROGRAM], 'group');
}

/** The program as files of the engine's container. @internal */
export function groupFiles(owner: Owner): EngineFile {
  return {
    name: 'group',
    folder: PROGRAMS_FOLDER,
    configMap: groupPrograms(owner).name,
    items: withImports([PROGRAM]).map((file) => ({ key: file, path: file })),
  };
}

/**
 * The command of a leader.
 *
 * @param id tells groups of two versions apart
 * @param command the server's, with all arguments
 * @internal
 */
export function leaderCommand(id: string, nodes: number, command: readonly string[]): string[] {
  return [...program('leader', id), '--size', String(nodes), '--', ...command];
}

/** The command of a worker. @internal */
export function workerCommand(
  id: string,
  leader: string,
  rank: string,
  command: readonly string[],
): string[] {
  return [...program('worker', id), '--leader', leader, '--rank', rank, '--', ...command];
}

function program(role: string, id: string): string[] {
  return ['python3', programPath(PROGRAM), role, '--port', String(PORT), '--id', id];
}
