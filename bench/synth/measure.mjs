// Runs a command in a process of its own and tells what it took.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RUSAGE = fileURLToPath(new URL('rusage.py', import.meta.url));

/** CPU seconds above which one run will do: the longer, the less it matters what else the machine does. */
const LONG = 60;

/**
 * The run of a command that took the least CPU: what else the machine does only ever adds to it.
 *
 * @param limit - CPU seconds after which the command is ended
 * @param before - called before each run
 * @returns {{cpu: number, wall: number, peak: number, overLimit: boolean}} seconds and bytes
 */
export function measure(command, { runs = 1, limit = 600, before = () => {} } = {}) {
  let best;
  for (let run = 0; run < runs; run++) {
    before();
    const result = JSON.parse(
      execFileSync('python3', [RUSAGE, String(limit), ...command], { encoding: 'utf8' }),
    );
    if (result.overLimit) return result;
    if (result.failed) throw new Error(`failed: ${command.join(' ')}`);
    if (!best || result.cpu < best.cpu) best = result;
    if (result.cpu > LONG) break;
  }
  return best;
}
