import * as fs from 'node:fs';
import * as path from 'node:path';
import { appFrom } from './app-options';
import type { Run } from './command';
import { EXIT, usageError } from './exit-codes';
import { hasColour } from './io';
import { planFrom, withSynthesized } from './migrated';
import { OutputChanges } from './output-changes';
import { Progress } from './progress';

/** `cdk8s-llm render` @internal */
export const render: Run = async (args, io) => {
  const shown = args.value('output');
  if (shown === undefined) throw usageError("no output folder is named; name it by '-o DIR'.");
  const outdir = path.resolve(io.cwd, shown);
  if (fs.statSync(outdir, { throwIfNoEntry: false })?.isFile()) {
    throw usageError(`${shown} is a file; name a folder to write to by '-o DIR'.`);
  }
  const app = appFrom(args);
  const quiet = args.has('quiet');
  const progress = new Progress(io, quiet);
  const plan = await planFrom(args, io, progress);
  progress.report('Synthesizing');
  return withSynthesized(plan, app, (folder) => {
    const changes = new OutputChanges(folder, outdir, shown);
    progress.clear();
    if (args.has('diff')) {
      const text = changes.diff();
      io.stdout.write(hasColour(io.stdout, io) ? coloured(text) : text);
    }
    changes.checkForeign();
    if (changes.gonePipelines.length > 0 && !args.has('prune')) throw goneError(shown, changes.gonePipelines);
    if (args.has('diff')) return changes.changes.length > 0 ? EXIT.DIFFERENT : EXIT.OK;
    changes.apply();
    if (!quiet) io.stderr.write(summary(shown, changes));
    return EXIT.OK;
  });
};

/** Another command may have written them to the same folder: they are not removed unless that is said. */
function goneError(shown: string, pipelines: readonly string[]): Error {
  return usageError(
    `${shown} has pipelines that these resources do not make: ${pipelines.join(', ')}. ` +
      'Name their files by -f too, write to another folder, or remove them by --prune.',
  );
}

/** `out: 2 files new, 1 changed, 1 removed, 3 as they were` */
function summary(shown: string, { changes, unchanged }: OutputChanges): string {
  const count = (isWanted: (change: OutputChanges['changes'][number]) => boolean) =>
    changes.filter(isWanted).length;
  const parts = [
    [count(({ before }) => before === undefined), 'new'],
    [count(({ before, after }) => before !== undefined && after !== undefined), 'changed'],
    [count(({ after }) => after === undefined), 'removed'],
    [unchanged, 'as before'],
  ] as const;
  const told = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  const removed = changes
    .filter(({ after }) => after === undefined)
    .map(({ path: file }) => `removed ${path.join(shown, file)}\n`);
  return `${removed.join('')}${shown}: files ${told.join(', ')}.\n`;
}

function coloured(diff: string): string {
  return diff.replace(/^(\+|-|@@).*$/gm, (line, mark: string) => {
    const colour = { '+': 32, '-': 31 }[mark] ?? 36;
    return `\x1b[${colour}m${line}\x1b[0m`;
  });
}
