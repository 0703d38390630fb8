/**
 * What resources become: a program as plain data. `make.ts` carries it out, `print-code.ts` writes it as the
 * TypeScript that a person would have written; as both take every step from here, both give the same bytes.
 *
 * Steps are carried out and written in the order of `pipelines` and, in each, of `statements`. A name is used only
 * after the statement that gives it.
 */
import type { CalleeName, ClassName, EnumName, MethodName } from './vocabulary';

/** A whole program: `const app = new PhasedApp()`, then its pipelines. @internal */
export interface Plan {
  readonly pipelines: readonly PipelinePlan[];
  /** What a person has to know of it, in the order of the resources. */
  readonly warnings: readonly Warning[];
}

/** `const <variable> = app.pipeline('<name>', { namespace: '<namespace>' })`, and what is in it. @internal */
export interface PipelinePlan {
  /** The variable that holds it: an identifier, which no other pipeline or statement of the plan has. */
  readonly variable: string;
  readonly name: string;
  readonly namespace: string;
  /** The resources that it was made of, for people: `Model default/qwen (models.yaml, document 1)`. */
  readonly origins: readonly string[];
  readonly statements: readonly Statement[];
}

/** One step. @internal */
export type Statement = ConstantStatement | ConstructStatement;

interface CommonOfStatements {
  /** The variable: an identifier, which no other pipeline or statement of the plan has. */
  readonly variable: string;
  /** What a reader of the code has to know of it, without `//`: those warnings that are of this statement. */
  readonly comments: readonly string[];
}

/** `const <variable> = <value>` @internal */
export interface ConstantStatement extends CommonOfStatements {
  readonly kind: 'constant';
  readonly value: Expression;
}

/**
 * `const <variable> = new <class>(<pipeline>.<phase>, '<id>', <props>)`, or without `const` where nothing refers to it
 * (`referredVariables` tells).
 *
 * @internal
 */
export interface ConstructStatement extends CommonOfStatements {
  readonly kind: 'construct';
  readonly class: ClassName;
  /** Which chart of the pipeline it is put into. */
  readonly phase: PhaseProperty;
  readonly id: string;
  readonly props: ObjectExpression;
}

/** The property of a `Pipeline` that is the chart of a phase. @internal */
export type PhaseProperty = 'download' | 'tune' | 'convert' | 'serve' | 'verify';

/** A value. @internal */
export type Expression =
  | LiteralExpression
  | ListExpression
  | ObjectExpression
  | CallExpression
  | MethodExpression
  | EnumExpression
  | RefExpression;

/** `'text'`, `8`, `true` @internal */
export interface LiteralExpression {
  readonly kind: 'literal';
  readonly value: string | number | boolean;
}

/** `[a, b]` @internal */
export interface ListExpression {
  readonly kind: 'list';
  readonly items: readonly Expression[];
}

/** `{ name: a, 'other-name': b }`, in this order. Where a name is no identifier, code has it in quotes. @internal */
export interface ObjectExpression {
  readonly kind: 'object';
  readonly members: readonly Member[];
}

/** A property and its value. @internal */
export interface Member {
  readonly name: string;
  readonly value: Expression;
}

/** `ModelSource.huggingFace('org/name', { ... })` @internal */
export interface CallExpression {
  readonly kind: 'call';
  /** What is called, `<class>.<function>`: vocabulary.ts tells the module that exports the class. */
  readonly callee: CalleeName;
  readonly args: readonly Expression[];
}

/** `nodes.repository('vllm')`: of what a variable of the plan holds. @internal */
export interface MethodExpression {
  readonly kind: 'method';
  /** The variable. */
  readonly of: string;
  readonly method: MethodName;
  readonly args: readonly Expression[];
}

/** `FloatType.Q40` @internal */
export interface EnumExpression {
  readonly kind: 'enum';
  readonly enum: EnumName;
  readonly member: string;
}

/** `weights`, or `weights.artifact`: a variable of the plan, or a property of it. @internal */
export interface RefExpression {
  readonly kind: 'ref';
  readonly to: string;
  readonly property?: string;
}

/** What a person has to know: one for each field whose meaning is not taken as it was written. @internal */
export interface Warning {
  readonly file: string;
  /** Which document of the file, from 1. */
  readonly document: number;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** `spec.conversion.weightsFloatType` */
  readonly field: string;
  /** What was given, what is done, and why: one or more whole sentences. */
  readonly message: string;
}

/** `models.yaml, document 1: Model default/qwen, spec.pv: ...` @internal */
export function formatWarning({ file, document, kind, namespace, name, field, message }: Warning): string {
  return `${file}, document ${document}: ${kind} ${namespace}/${name}, ${field}: ${message}`;
}

/** The variables that statements of the plan use. @internal */
export function referredVariables(plan: Plan): ReadonlySet<string> {
  const variables = new Set<string>();
  const visit = (expression: Expression): void => {
    switch (expression.kind) {
      case 'ref':
        variables.add(expression.to);
        break;
      case 'list':
        expression.items.forEach(visit);
        break;
      case 'object':
        expression.members.forEach(({ value }) => visit(value));
        break;
      case 'method':
        variables.add(expression.of);
        expression.args.forEach(visit);
        break;
      case 'call':
        expression.args.forEach(visit);
    }
  };
  for (const { statements } of plan.pipelines) {
    for (const statement of statements)
      visit(statement.kind === 'constant' ? statement.value : statement.props);
  }
  return variables;
}

/** @internal */
export function literal(value: string | number | boolean): LiteralExpression {
  return { kind: 'literal', value };
}

/** @internal */
export function list(items: readonly Expression[]): ListExpression {
  return { kind: 'list', items };
}

/** The properties that have a value, in the order given. @internal */
export function object(properties: Readonly<Record<string, Expression | undefined>>): ObjectExpression {
  return {
    kind: 'object',
    members: Object.entries(properties).flatMap(([name, value]) =>
      value === undefined ? [] : [{ name, value }],
    ),
  };
}

/** @internal */
export function call(callee: CalleeName, ...args: readonly Expression[]): CallExpression {
  return { kind: 'call', callee, args };
}

/** @internal */
export function method(of: string, name: MethodName, ...args: readonly Expression[]): MethodExpression {
  return { kind: 'method', of, method: name, args };
}

/** @internal */
export function member(enumName: EnumName, name: string): EnumExpression {
  return { kind: 'enum', enum: enumName, member: name };
}

/** @internal */
export function ref(to: string, property?: string): RefExpression {
  return { kind: 'ref', to, ...(property === undefined ? {} : { property }) };
}
