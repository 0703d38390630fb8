import type { PlanBuilder } from '../plan-builder';
import type { Resources } from '../read-resources';
import type { Translation } from '../translation';
import { ModelSpec, translateModel } from './koldun-model';
import { DllamaSpec, RootSpec, translateTopologies, WorkerSpec } from './koldun-topology';

/** Models, and the topologies that serve them. @internal */
export function translateKoldun(resources: Resources, translation: Translation, plan: PlanBuilder): void {
  const models = resources
    .of<ModelSpec>('koldun-model.json')
    .flatMap((resource) => translateModel(resource, translation, plan) ?? []);
  const topologies = {
    dllamas: resources.of<DllamaSpec>('koldun-dllama.json'),
    roots: resources.of<RootSpec>('koldun-root.json'),
    workers: resources.of<WorkerSpec>('koldun-worker.json'),
  };
  translateTopologies(topologies, models, translation, plan);
}
