import * as fs from 'node:fs';
import * as path from 'node:path';
import { MANAGED_BY } from '../pod/metadata';
import { StaleFiles } from '../phases/synth/stale-files';
import { unifiedDiff } from './diff';
import { usageError } from './exit-codes';

/** A file of the output that is not as it was. @internal */
export interface Change {
  /** From the output folder, with `/`. */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
  readonly mode: number;
}

/** What a synth would change in an output folder. @internal */
export class OutputChanges {
  public readonly changes: readonly Change[];
  /** How many files stay as they are. */
  public readonly unchanged: number;
  /** Pipelines that are in the folder and in the synth no more. */
  public readonly gonePipelines: readonly string[];

  /**
   * @param made a folder with all that was synthesized
   * @param outdir the output folder, which need not be there
   * @param shown the output folder, as a message names it
   */
  constructor(
    made: string,
    private readonly outdir: string,
    private readonly shown: string,
  ) {
    const files = filesIn(made);
    const written = files.map((file) => {
      const { mode } = fs.statSync(path.join(made, file));
      return {
        path: file,
        before: textOf(path.join(outdir, file)),
        after: textOf(path.join(made, file)),
        mode,
      };
    });
    const stale = new StaleFiles(outdir, new Set(files.map((file) => path.join(outdir, file))), new Set())
      .find()
      .map((file) => ({ path: relative(outdir, file), before: textOf(file), mode: 0 }));
    const changed = written.filter(({ before, after }) => before !== after);
    this.changes = [...changed, ...stale];
    this.unchanged = files.length - changed.length;
    const pipelines = new Set(files.map(pipelineOf));
    this.gonePipelines = [...new Set(stale.map(({ path: file }) => pipelineOf(file)))].filter(
      (name) => name !== 'gitops' && !pipelines.has(name),
    );
  }

  /** As `diff -u` would show it. */
  public diff(): string {
    return this.changes
      .map(({ path: file, before, after }) => unifiedDiff(path.join(this.shown, file), before, after))
      .join('');
  }

  /** @throws when a file that somebody else wrote would be replaced */
  public checkForeign(): void {
    const foreign = this.changes.find(
      ({ path: file, before }) =>
        before !== undefined && !file.startsWith('gitops/') && !before.includes(MANAGED_BY),
    );
    if (foreign) {
      throw usageError(
        `${path.join(this.shown, foreign.path)} was not written by cdk8s-llm, and would be replaced. ` +
          'Move it away, or name another folder by --output.',
      );
    }
  }

  /** Writes them; removes what is stale, and the folders that are empty then. */
  public apply(): void {
    for (const { path: name, after, mode } of this.changes) {
      if (after === undefined) continue;
      const file = path.join(this.outdir, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, after);
      // A file that was there keeps its mode when it is written.
      if ((mode & 0o111) !== 0) fs.chmodSync(file, mode);
    }
    for (const { path: name, after } of this.changes) {
      if (after === undefined) this.remove(path.join(this.outdir, name));
    }
  }

  private remove(file: string): void {
    fs.rmSync(file);
    for (let folder = path.dirname(file); folder !== this.outdir; folder = path.dirname(folder)) {
      if (fs.readdirSync(folder).length > 0) return;
      fs.rmdirSync(folder);
    }
  }
}

function pipelineOf(file: string): string {
  return file.split('/')[0];
}

function textOf(file: string): string | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

function filesIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

function relative(folder: string, file: string): string {
  return path.relative(folder, file).split(path.sep).join('/');
}
