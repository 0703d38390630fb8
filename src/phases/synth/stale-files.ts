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

  /** Removes them, and the folders that are empty then. */
  public remove(): void {
    for (const name of this.olderFolders(this.outdir)) {
      if (name === 'gitops') this.removeFrom(name, GITOPS_FOLDERS, () => true);
      else this.removeFrom(name, PHASE_FOLDERS, (file) => file.endsWith('.k8s.yaml'));
    }
  }

  /** Removes our files with such a name from some folders of a folder. */
  private removeFrom(parent: string, ours: readonly string[], isOurName: (file: string) => boolean): void {
    const folder = path.join(this.outdir, parent);
    let emptied = false;
    for (const name of this.olderFolders(folder).filter((each) => ours.includes(each))) {
      const inner = path.join(folder, name);
      for (const entry of fs.readdirSync(inner, { withFileTypes: true })) {
        const file = path.join(inner, entry.name);
        if (entry.isFile() && isOurName(entry.name) && !this.written.has(file) && saysOurName(file))
          fs.rmSync(file);
      }
      emptied = removeIfEmpty(inner) || emptied;
    }
    if (emptied) removeIfEmpty(folder);
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
