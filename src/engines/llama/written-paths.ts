import { posix } from 'node:path';

/** Where a server may write: the root file system is read-only. @internal */
export const LLAMA_WRITABLE = '/tmp';

/** What a flag writes to, and what must be there already. */
const WRITTEN: Readonly<Record<string, 'file' | 'folder' | 'new folder'>> = {
  '--log-file': 'file',
  '--log-prompts-dir': 'new folder',
  '--lookup-cache-dynamic': 'file',
  '-lcd': 'file',
  '--slot-save-path': 'folder',
};

const ALLOWED = {
  file: `a file in ${LLAMA_WRITABLE}: '${LLAMA_WRITABLE}/name'`,
  folder: `'${LLAMA_WRITABLE}'`,
  'new folder': `a folder in ${LLAMA_WRITABLE}: '${LLAMA_WRITABLE}/name'`,
};

/**
 * The first of the arguments by which llama-server would write where it cannot. Of these it ends at once for
 * `--slot-save-path` alone; the others it forgets without a word (b11669). It makes the folder of `--log-prompts-dir`,
 * and no other.
 *
 * @returns the flag with its path, and what is allowed
 * @internal
 */
export function unwritablePath(args: readonly string[]): { given: string; allowed: string } | undefined {
  for (const [index, arg] of args.entries()) {
    const flag = arg.startsWith('--') ? arg.replace(/_/g, '-') : arg;
    const kind = Object.hasOwn(WRITTEN, flag) ? WRITTEN[flag] : undefined;
    const given = args[index + 1];
    if (kind !== undefined && given !== undefined && !canWrite(kind, given)) {
      return { given: `${arg} ${given}`, allowed: `${arg} and ${ALLOWED[kind]}` };
    }
  }
  return undefined;
}

function canWrite(kind: keyof typeof ALLOWED, given: string): boolean {
  const path = posix.normalize(given).replace(/(.)\/$/, '$1');
  switch (kind) {
    case 'file':
      return posix.dirname(path) === LLAMA_WRITABLE && !given.endsWith('/');
    case 'folder':
      return path === LLAMA_WRITABLE;
    case 'new folder':
      return `${path}/`.startsWith(`${LLAMA_WRITABLE}/`);
  }
}
