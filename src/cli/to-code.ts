import * as fs from 'node:fs';
import * as path from 'node:path';
import { printCode } from '../migrate/print-code';
import { appFrom } from './app-options';
import type { Run } from './command';
import { EXIT, usageError } from './exit-codes';
import { planFrom, withSynthesized } from './migrated';
import { Progress } from './progress';

/** `cdk8s-llm to-code` @internal */
export const toCode: Run = async (args, io) => {
  const app = appFrom(args);
  const quiet = args.has('quiet');
  const progress = new Progress(io, quiet);
  const plan = await planFrom(args, io, progress);
  progress.report('Synthesizing');
  // Code that refuses its own values would be found out too late.
  withSynthesized(plan, app, () => progress.clear());
  const code = printCode(plan, { app });
  const shown = args.value('output');
  if (shown === undefined) {
    io.stdout.write(code);
    return EXIT.OK;
  }
  const file = path.resolve(io.cwd, shown);
  if (fs.statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw usageError(`${shown} is a folder; name a file to write by '-o FILE'.`);
  }
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') !== code) {
    throw usageError(
      `${shown} is there already, and may have changes of yours. Name another file, or remove it.`,
    );
  }
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, code);
  if (!quiet) io.stderr.write(`${shown} is written; 'npx tsx ${shown}' writes the YAML to dist.\n`);
  return EXIT.OK;
};
