/**
 * Files of earlier runs that the present one does not write.
 *
 * A run keeps no list of its files: it would lie in a folder that a GitOps tool reads, or be one more file to
 * merge. A file is taken for ours, and removed, if all of this holds:
 *
 * - it lies where we put files: `<pipeline>/<10-download>/` and its like, or `gitops/<tool>/`,
 * - in a phase's folder, its name ends as ours do: `.k8s.yaml`,
 * - it says `cdk8s-llm`, as our labels and headers do.
 *
 * So whatever a person adds to the output folder stays. (`cdk8s synth` empties the whole folder beforehand.)
 */

import * as fs from 'node:fs';
import * as path from 'node:path';
import { MANAGED_BY } from '../../pod/metadata';
import { PHASES, phaseFolder } from '../phase';

const GITOPS_FOLDERS = ['argocd', 'flux', 'kubectl'];
const PHASE_FOLDERS = PHASES.map(phaseFolder);

/** A folder of ours, and the folders in it whose files may be. */
interface Places {
  readonly folder: string;
  readonly inner: readonly string[];
  readonly isOurName: (file: string) => boolean;
}

/** @internal */
export class StaleFiles {
  /**
   * @param outdir - the output folder
   * @param written - absolute paths of the files that this run has written
   * @param created - absolute paths of folders that this run has made: nothing in them is older
   */
  constructor(
    private readonly outdir: string,
    private readonly written: ReadonlySet<string>,
    private readonly created: ReadonlySet<string>,
  ) {}

  /** Absolute paths of them. */
  public find(): string[] {
    return this.folders().flatMap(({ inner, isOurName }) =>
      inner.flatMap((folder) => this.filesOf(folder, isOurName)),
    );
  }

  /** Removes them, and the folders that are empty then. */
  public remove(): void {
    for (const { folder, inner, isOurName } of this.folders()) {
      let emptied = false;
      for (const each of inner) {
        this.filesOf(each, isOurName).forEach((file) => fs.rmSync(file));
        emptied = removeIfEmpty(each) || emptied;
      }
      if (emptied) removeIfEmpty(folder);
    }
  }

  /** The folders that we make, with those in them that hold our files. */
  private folders(): Places[] {
    return this.olderFolders(this.outdir).map((name) => {
      const folder = path.join(this.outdir, name);
      const isGitOps = name === 'gitops';
      const ours = isGitOps ? GITOPS_FOLDERS : PHASE_FOLDERS;
      return {
        folder,
        inner: this.olderFolders(folder)
          .filter((each) => ours.includes(each))
          .map((each) => path.join(folder, each)),
        isOurName: (file) => isGitOps || file.endsWith('.k8s.yaml'),
      };
    });
  }

  private filesOf(folder: string, isOurName: (file: string) => boolean): string[] {
    return fs
      .readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && isOurName(entry.name))
      .map(({ name }) => path.join(folder, name))
      .filter((file) => !this.written.has(file) && saysOurName(file));
  }

  /** Names of the folders in a folder that are older than this run. */
  private olderFolders(folder: string): string[] {
    if (this.created.has(folder) || !fs.existsSync(folder)) return [];
    return fs
      .readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !this.created.has(path.join(folder, entry.name)))
      .map((entry) => entry.name);
  }
}

function saysOurName(file: string): boolean {
  return fs.readFileSync(file, 'utf8').includes(MANAGED_BY);
}

function removeIfEmpty(folder: string): boolean {
  if (fs.readdirSync(folder).length > 0) return false;
  fs.rmdirSync(folder);
  return true;
}
