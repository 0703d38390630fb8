/** A plan as the TypeScript that a person would have written, laid out as prettier would (80 columns, single quotes). */
import {
  ConstructStatement,
  formatWarning,
  object,
  ObjectExpression,
  PipelinePlan,
  Plan,
  referredVariables,
  Statement,
} from './plan';
import { importLines } from './print-imports';
import { callText, printExpression, WIDTH } from './print-expression';

/** What a program says besides its plan. @internal */
export interface PrintOptions {
  /** What `PhasedApp` is told. @default - nothing */
  readonly app?: ObjectExpression;
}

/**
 * The whole program. Run, it gives the same files as carrying out the plan.
 *
 * @internal
 */
export function printCode(plan: Plan, { app = object({}) }: PrintOptions = {}): string {
  const referred = referredVariables(plan);
  const blocks = [
    ...header(plan),
    importLines(plan, app),
    `${assignment('app', callText('new PhasedApp', app.members.length > 0 ? [app] : [], `const app = `.length))}\n`,
    ...plan.pipelines.map((pipeline) => pipelineText(pipeline, referred)),
    'app.synth();\n',
  ];
  return blocks.join('\n');
}

/** What is said of no statement: for instance of resources that nothing is made of. */
function header({ pipelines, warnings }: Plan): string[] {
  const told = new Set(pipelines.flatMap(({ statements }) => statements.flatMap(({ comments }) => comments)));
  const others = warnings.filter(({ field, message }) => !told.has(`${field}: ${message}`));
  return others.length > 0 ? [comment(others.map(formatWarning))] : [];
}

function pipelineText(pipeline: PipelinePlan, referred: ReadonlySet<string>): string {
  const { variable, name, namespace, origins, statements } = pipeline;
  const declared = referred.has(variable) || statements.some(({ kind }) => kind === 'construct');
  const start = declared ? `const ${variable} = ` : '';
  const args = [literalOf(name), object({ namespace: literalOf(namespace) })];
  const made = `${start}${callText('app.pipeline', args, start.length)};\n`;
  return [
    `${comment(origins)}${made}`,
    ...statements.map((statement) => statementText(statement, variable, referred.has(statement.variable))),
  ].join('\n');
}

function literalOf(value: string) {
  return { kind: 'literal', value } as const;
}

/** A constant that nothing refers to is left out, unless it makes something; what is said of it stays. */
function statementText(statement: Statement, pipeline: string, isReferred: boolean): string {
  const said = comment(statement.comments);
  const start = isReferred ? `const ${statement.variable} = ` : '';
  if (statement.kind === 'construct') {
    return `${said}${start}${constructText(statement, pipeline, start.length)};\n`;
  }
  if (!isReferred && statement.value.kind !== 'call') return said;
  const { text, isMovable } = printExpression(statement.value, 0, start.length);
  return isMovable && start !== '' ? `${said}${start.trimEnd()}\n  ${text};\n` : `${said}${start}${text};\n`;
}

function constructText(statement: ConstructStatement, pipeline: string, column: number): string {
  const { class: name, phase, id, props } = statement;
  const args = [{ kind: 'ref', to: pipeline, property: phase } as const, literalOf(id), props];
  return callText(`new ${name}`, args, column);
}

function assignment(variable: string, value: string): string {
  return `const ${variable} = ${value};`;
}

/** Lines of `//`, each paragraph begun anew, none longer than a line of code. */
function comment(paragraphs: readonly string[]): string {
  return paragraphs
    .flatMap((paragraph) => paragraph.split(/\r?\n|[\u2028\u2029]/))
    .flatMap((paragraph) => wrapped(paragraph))
    .map((line) => `// ${line}`.trimEnd() + '\n')
    .join('');
}

function wrapped(paragraph: string): string[] {
  const lines = [''];
  for (const word of paragraph.split(' ')) {
    const last = lines[lines.length - 1];
    if (last === '') lines[lines.length - 1] = word;
    else if (`// ${last} ${word}`.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
