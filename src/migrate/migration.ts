import * as fs from 'node:fs';
import type { PhasedApp } from '../phases/phased-app';
import type { Pipeline } from '../phases/pipeline';
import { checkKind, checkNamed, checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { readAnswers } from './answers';
import { makePlan } from './make';
import type { InputText } from './read-resources';
import { planOf } from './read-plan';
import { warningLines } from './translation';

/** What a migration is told besides the files. */
export interface MigrationOptions {
  /**
   * The namespace of resources that name none.
   *
   * @default default - where kubectl would put them
   */
  readonly namespace?: string;

  /**
   * What no resource says, by the names that the error gives the questions:
   * `{ 'Model/llm/qwen/revision': '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e' }`.
   *
   * @default - none
   */
  readonly answers?: { [question: string]: string };

  /**
   * A YAML file of such answers, which `answers` win over. The error that asks shows what to write into it.
   *
   * @default - none
   */
  readonly answersFile?: string;
}

/**
 * Resources of other systems as pipelines of an app: those of Koldun, AI Operator, DynamoModel, k8shazgpu and
 * ModelServe, as they are. docs/migrate.md says what becomes of each of their fields.
 *
 * Where the original's meaning is a defect, what was meant is done, and `warnings` says so. What cannot be known is
 * asked: an error lists all questions with the commands that answer them, and takes the answers by `answers` or
 * `answersFile`.
 *
 * @example
 *
 * const app = new PhasedApp();
 * Migration.load(app, 'models.yaml', { answersFile: 'answers.yaml' });
 * app.synth();
 */
export class Migration {
  /**
   * Makes the pipelines of all resources in a file.
   *
   * @param app gets the pipelines
   * @param file YAML, with one document or several, as `kubectl get -o yaml` prints it
   * @throws when the file cannot be read, when a resource does not fit its schema, with all that is wrong; when
   * something has to be answered, with all questions; and whatever the constructs do
   */
  public static load(app: PhasedApp, file: string, options: MigrationOptions = {}): Migration {
    return Migration.loadAll(app, [file], options);
  }

  /**
   * Makes the pipelines of all resources in several files, which may refer to each other.
   *
   * @throws as `load` does
   */
  public static loadAll(app: PhasedApp, files: string[], options: MigrationOptions = {}): Migration {
    checkProps(WHERE, options);
    checkKind(WHERE, 'app', app, (given) => typeof given.pipeline === 'function', { allowed: 'a PhasedApp' });
    checkKind(WHERE, 'files', files, (given) => Array.isArray(given), {
      allowed: 'a list of paths of files',
    });
    const { namespace, answersFile } = options;
    const answers = {
      ...(answersFile === undefined ? {} : readAnswers(readText('answersFile', answersFile))),
      ...checkNamed(WHERE, 'answers', options.answers),
    };
    const plan = planOf(
      files.map((file) => readText('file', file)),
      { namespace, answers },
    );
    return new Migration(makePlan(app, plan), warningLines(plan.warnings));
  }

  /** The pipelines, in the order of the resources. */
  public readonly pipelines: Pipeline[];

  /** What is not taken as it was written, and why: a line for each field. */
  public readonly warnings: string[];

  private constructor(pipelines: Pipeline[], warnings: string[]) {
    this.pipelines = pipelines;
    this.warnings = warnings;
  }
}

const WHERE = 'Migration.load';

/** @throws when the file cannot be read */
function readText(field: string, file: string): InputText {
  checkKind(WHERE, field, file, (given) => typeof given === 'string', { allowed: 'the path of a file' });
  try {
    return { name: file, text: fs.readFileSync(file, 'utf8') };
  } catch (error) {
    throw new InputError(WHERE, field, file, {
      allowed: 'the path of a file that can be read',
      advice: (error as Error).message,
    });
  }
}
