import type { Construct } from 'constructs';
import type { PhasedApp } from '../phases/phased-app';
import type { Pipeline } from '../phases/pipeline';
import type { Expression, Plan } from './plan';
import { CLASSES, ENUMS, STATICS } from './vocabulary';

/**
 * Carries out a plan.
 *
 * @throws whatever the constructs do
 * @returns the pipelines, in the order of the plan
 * @internal
 */
export function makePlan(app: PhasedApp, plan: Plan): Pipeline[] {
  const variables = new Map<string, unknown>();
  return plan.pipelines.map(({ variable, name, namespace, statements }) => {
    const pipeline = app.pipeline(name, { namespace });
    variables.set(variable, pipeline);
    for (const statement of statements) {
      variables.set(
        statement.variable,
        statement.kind === 'constant'
          ? evaluate(statement.value, variables)
          : new (CLASSES[statement.class] as ConstructClass)(
              pipeline[statement.phase],
              statement.id,
              evaluate(statement.props, variables),
            ),
      );
    }
    return pipeline;
  });
}

/** Any of the table: its properties are what the plan says, which the construct checks. */
type ConstructClass = new (scope: Construct, id: string, props: unknown) => Construct;

type Functions = Readonly<Record<string, (...args: unknown[]) => unknown>>;

/**
 * The value of an expression.
 *
 * @param variables by their names: those that it refers to
 * @internal
 */
export function evaluate(expression: Expression, variables: ReadonlyMap<string, unknown>): unknown {
  const valueOf = (part: Expression) => evaluate(part, variables);
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'list':
      return expression.items.map(valueOf);
    case 'object':
      return Object.fromEntries(expression.members.map(({ name, value }) => [name, valueOf(value)]));
    case 'enum':
      return (ENUMS[expression.enum].members as Readonly<Record<string, string>>)[expression.member];
    case 'call': {
      const [name, method] = expression.callee.split('.') as [keyof typeof STATICS, string];
      const holder = STATICS[name].class as unknown as Functions;
      return holder[method](...expression.args.map(valueOf));
    }
    case 'method': {
      const holder = variables.get(expression.of) as Functions;
      return holder[expression.method](...expression.args.map(valueOf));
    }
    case 'ref': {
      const value = variables.get(expression.to);
      return expression.property === undefined
        ? value
        : (value as Readonly<Record<string, unknown>>)[expression.property];
    }
  }
}
