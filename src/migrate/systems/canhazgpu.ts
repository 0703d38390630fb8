import type { PlanBuilder } from '../plan-builder';
import type { Resources } from '../read-resources';
import type { Translation } from '../translation';
import { CachePlanSpec, translateCachePlan } from './cache-plan';
import { NodeItems } from './node-items';
import { ClaimSpec, translateVllmClaim } from './vllm-claim';

/** What is kept on nodes, and what runs there. @internal */
export function translateCanhazgpu(resources: Resources, translation: Translation, plan: PlanBuilder): void {
  const kept = new NodeItems();
  for (const resource of resources.of<CachePlanSpec>('cache-plan.json'))
    translateCachePlan(resource, translation.of(resource), plan, kept);
  for (const resource of resources.of<ClaimSpec>('vllm-claim.json'))
    translateVllmClaim(resource, translation.of(resource), plan, kept);
}
