import type { PlanBuilder } from '../plan-builder';
import type { Resources } from '../read-resources';
import type { Translation } from '../translation';
import { DynamoClaims } from './dynamo-claims';
import { GraphSpec, translateGraph } from './dynamo-graph';
import { DynamoModelSpec, translateModel } from './dynamo-model';

/** Models, and the services that serve them. @internal */
export function translateDynamo(resources: Resources, translation: Translation, plan: PlanBuilder): void {
  const graphs = resources.of<GraphSpec>('dynamo-graph-deployment.json');
  const given = resources.of<DynamoModelSpec>('dynamo-model.json');
  const claims = new DynamoClaims(given, graphs);
  const models = given.map((resource) => translateModel(resource, translation.of(resource), plan, claims));
  for (const graph of graphs) translateGraph(graph, models, translation);
}
