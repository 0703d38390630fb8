import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { readAnswers } from '../migrate/answers';
import { evaluate, makePlan } from '../migrate/make';
import type { ObjectExpression, Plan } from '../migrate/plan';
import { planOf } from '../migrate/read-plan';
import { MigrationError, warningLines } from '../migrate/translation';
import { PhasedApp, PhasedAppProps } from '../phases/phased-app';
import type { Arguments } from './arguments';
import { EXIT, ExitError, usageError } from './exit-codes';
import { readFiles } from './files';
import type { Io } from './io';
import type { Progress } from './progress';

/**
 * What the resources of a command line become. What is not taken as it was written is told on standard error.
 *
 * @throws when no file is named, and all that reading resources finds wrong or has to ask
 * @internal
 */
export async function planFrom(args: Arguments, io: Io, progress: Progress): Promise<Plan> {
  const named = [...args.values('file'), ...args.operands];
  if (named.length === 0) throw usageError("no resources are named; name their files by '-f FILE'.");
  const files = await readFiles(named, io, (name, done, of) => progress.report(`Reading ${name}`, done, of));
  progress.clear();
  try {
    const plan = planOf(files, { namespace: args.value('namespace'), answers: await answersFrom(args, io) });
    warningLines(plan.warnings).forEach((line) => io.stderr.write(`warning: ${line}\n`));
    return plan;
  } catch (error) {
    throw error instanceof MigrationError ? refusal(error) : inputError(error);
  }
}

/** Those of `--answer` win over those of a file. */
async function answersFrom(args: Arguments, io: Io): Promise<Record<string, string>> {
  const file = args.value('answers');
  const ofFile = file === undefined ? {} : readAnswers((await readFiles([file], io))[0]);
  const given = args.values('answer').map((text) => {
    const [, question, answer] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (question === undefined) throw usageError(`--answer is '${text}'; allowed: QUESTION=ANSWER.`);
    return [question, answer];
  });
  return { ...ofFile, ...(Object.fromEntries(given) as Record<string, string>) };
}

function refusal({ problems, questions }: MigrationError): ExitError {
  const lines = [...problems, ...questions].map(({ message }) => `  ${message}`);
  const answers = questions.map(({ id, command }) => `  ${id}: ''  # ${command}`);
  const howTo =
    questions.length === 0
      ? []
      : ['Answer each by --answer QUESTION=ANSWER, or all in a YAML file that --answers names:', ...answers];
  const counts = [count(problems.length, 'problem'), count(questions.length, 'question')].filter(
    (text) => text,
  );
  return new ExitError(
    problems.length > 0 ? EXIT.FINDINGS : EXIT.QUESTIONS,
    [`${counts.join(' and ')}; nothing is written.`, ...lines, ...howTo].join('\n'),
  );
}

function count(number: number, what: string): string {
  return number === 0 ? '' : `${number} ${what}${number === 1 ? '' : 's'}`;
}

/**
 * Carries out a plan in a folder that is there until `use` ends.
 *
 * @param app what `PhasedApp` is told
 * @throws when a construct refuses what it is given, or what is made breaks a rule
 * @internal
 */
export function withSynthesized<T>(plan: Plan, app: ObjectExpression, use: (folder: string) => T): T {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cdk8s-llm-'));
  try {
    synthesize(plan, app, folder);
    return use(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function synthesize(plan: Plan, props: ObjectExpression, folder: string): void {
  // By this the command line of cdk8s names its own output folder, which comes first.
  const { CDK8S_OUTDIR: outdir } = process.env;
  delete process.env.CDK8S_OUTDIR;
  try {
    const app = new PhasedApp({ ...(evaluate(props, new Map()) as PhasedAppProps), outdir: folder });
    makePlan(app, plan);
    app.synth();
  } catch (error) {
    throw inputError(error);
  } finally {
    if (outdir !== undefined) process.env.CDK8S_OUTDIR = outdir;
  }
}

/** What a construct or a rule says of the input is for the person who wrote it; all else is a defect of ours. */
function inputError(error: unknown): unknown {
  const isOfInput = error instanceof Error && ['Error', 'InputError'].includes(error.name);
  return isOfInput ? new ExitError(EXIT.FINDINGS, `${error.message}\nNothing is written.`) : error;
}
