import type { Plan } from './plan';
import { PlanBuilder } from './plan-builder';
import { InputText, readResources } from './read-resources';
import { translateAiOperator } from './systems/ai-operator';
import { translateCanhazgpu } from './systems/canhazgpu';
import { translateDynamo } from './systems/dynamo';
import { translateKoldun } from './systems/koldun';
import { translateModelServe } from './systems/model-serve';
import { Placed, Translation } from './translation';

/** What reading resources is told. @internal */
export interface PlanOptions {
  /** Of resources that name none. @default default */
  readonly namespace?: string;
  /** By the ids of the questions. @default - none */
  readonly answers?: Readonly<Record<string, string>>;
}

/**
 * The plan of all resources in some files, which may refer to each other.
 *
 * @throws MigrationError with all that is wrong and all that has to be answered, at once
 * @internal
 */
export function planOf(files: readonly InputText[], { namespace, answers = {} }: PlanOptions = {}): Plan {
  const translation = new Translation(answers);
  const plan = new PlanBuilder();
  const resources = readResources(files, namespace, translation);
  for (const translate of [
    translateKoldun,
    translateModelServe,
    translateDynamo,
    translateAiOperator,
    translateCanhazgpu,
  ])
    translate(resources, translation, plan);
  translation.finish(inOrder(files));
  return { pipelines: plan.build(), warnings: [...translation.warnings].sort(inOrder(files)) };
}

/** As a person goes through the files, whatever system is translated first. */
function inOrder(files: readonly InputText[]): (a: Placed, b: Placed) => number {
  const order = new Map(files.map(({ name }, index) => [name, index]));
  return (a, b) => order.get(a.file)! - order.get(b.file)! || a.document - b.document;
}
