import * as fs from 'node:fs';
import * as path from 'node:path';
import { StaleFiles } from './stale-files';

/**
 * Writes the files of one synthesis, and removes those of earlier ones that are no longer made: a pipeline or
 * a phase that is gone from the program shall be gone from the cluster.
 *
 * An output folder belongs to one app: what another one left there is taken for stale. `StaleFiles` tells what
 * is never touched.
 *
 * @internal
 */
export class OutputWriter {
  /** Absolute paths of the files written. */
  private readonly written = new Set<string>();
  /** Folders that exist. */
  private readonly folders = new Set<string>();
  /** The topmost folders that did not exist before: nothing in them is stale. */
  private readonly created = new Set<string>();

  /** @param outdir - the output folder, made when the first file is written */
  constructor(private readonly outdir: string) {}

  /**
   * Writes a file, and the folders around it.
   *
   * @param relativePath - its place in the output folder, with `/`
   * @param content - its text, written as UTF-8
   * @param mode - its permissions, for instance 0o755; by default what the process gives to new files
   * @throws when the path leads out of the output folder, or was written before
   */
  public write(relativePath: string, content: string, mode?: number): void {
    if (path.isAbsolute(relativePath) || relativePath.split(/[\\/]/).includes('..')) {
      throw new Error(`${relativePath}: leads out of the output folder; give a path within it.`);
    }
    const file = path.join(this.outdir, relativePath);
    if (this.written.has(file)) {
      throw new Error(
        `${relativePath}: is written twice, and one would replace the other; give them two names.`,
      );
    }
    this.makeFolder(path.dirname(file));
    fs.writeFileSync(file, content);
    // A file that exists keeps its mode when it is written, and a new one's is cut by the process' umask.
    if (mode !== undefined) fs.chmodSync(file, mode);
    this.written.add(file);
  }

  /** Removes what earlier runs have written and this one has not. */
  public finish(): void {
    new StaleFiles(this.outdir, this.written, this.created).remove();
  }

  private makeFolder(folder: string): void {
    if (this.folders.has(folder)) return;
    const created = fs.mkdirSync(folder, { recursive: true });
    if (created !== undefined) this.created.add(created);
    this.folders.add(folder);
  }
}
