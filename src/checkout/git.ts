import { spawnSync } from 'node:child_process';
import { InputError } from '../pod/input-error';

/** A listing of a large repository, or the base of many files. */
const MOST_OUTPUT = 512 * 1024 * 1024;

/**
 * The program `git` in one folder. It only reads: no fetch, no lock, no index written, no program of the user's
 * configuration started.
 *
 * @internal
 */
export class Git {
  constructor(
    private readonly where: string,
    private readonly folder: string,
  ) {}

  /**
   * What git prints, as text.
   *
   * @throws when git ends with an error, which is repeated
   */
  public text(...args: string[]): string {
    return this.run(args).toString('utf8');
  }

  /** What git prints without the line feed at its end; undefined where it ends with an error. */
  public line(...args: string[]): string | undefined {
    const { status, stdout } = this.spawn(args);
    return status === 0 ? stdout.toString('utf8').replace(/\n$/, '') : undefined;
  }

  /**
   * The records of a `-z` listing.
   *
   * @throws when git ends with an error, or a path is no UTF-8, which no YAML could hold
   */
  public records(...args: string[]): string[] {
    const listing = this.run(args);
    const text = listing.toString('utf8');
    if (!Buffer.from(text).equals(listing)) {
      const odd = text.split('\0').find((record) => record.includes('\ufffd'));
      throw new InputError(this.where, 'path of a file', odd, {
        allowed: 'a path in UTF-8',
        advice: 'Rename the file.',
      });
    }
    return text.split('\0').filter((record) => record !== '');
  }

  /** The contents of blobs, in their order. */
  public blobs(ids: readonly string[]): Uint8Array[] {
    if (ids.length === 0) return [];
    const output = this.run(['cat-file', '--batch'], `${ids.join('\n')}\n`);
    let at = 0;
    return ids.map((id) => {
      const end = output.indexOf(0x0a, at);
      const [, type, size] = output.toString('utf8', at, end).split(' ');
      if (type !== 'blob') {
        throw new InputError(this.where, 'object', id, {
          allowed: 'one that the repository holds',
          advice: 'The clone is partial or damaged: `git fetch --refetch` brings what is missing.',
        });
      }
      const content = output.subarray(end + 1, end + 1 + Number(size));
      at = end + 1 + Number(size) + 1;
      return content;
    });
  }

  private run(args: readonly string[], input?: string): Buffer {
    const { status, stdout, stderr } = this.spawn(args, input);
    if (status === 0) return stdout;
    throw new InputError(this.where, `git ${args[0]}`, stderr.toString('utf8').trim(), {
      allowed: 'a command that git can do here',
      advice: `Try it: git -C ${this.folder} ${args.join(' ')}`,
    });
  }

  private spawn(args: readonly string[], input?: string): { status: number; stdout: Buffer; stderr: Buffer } {
    const { error, status, stdout, stderr } = spawnSync('git', [...QUIET, ...args], {
      cwd: this.folder,
      env: environment(),
      input: input ?? '',
      maxBuffer: MOST_OUTPUT,
    });
    if (error) {
      throw new InputError(this.where, 'git', error.message, {
        allowed: 'the program git, in the PATH of what synthesizes',
        advice: 'Install it: the changes of a checkout are read by it.',
      });
    }
    // Without a status a signal ended it.
    return { status: status ?? 1, stdout, stderr };
  }
}

/** A file system monitor is a program that the user's configuration names; promised objects would be fetched. */
const QUIET = ['--no-pager', '--no-optional-locks', '-c', 'core.fsmonitor=false'];

/** In a hook of git's, variables point at another repository and its half-made index. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('GIT_') || name.startsWith('GIT_CONFIG'),
  );
  return { ...Object.fromEntries(own), LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_NO_LAZY_FETCH: '1' };
}
