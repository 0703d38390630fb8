import { Accelerator, DllamaConversion, NetworkPeer, Pipeline } from '../../../src';
import { VllmServer } from '../../../src/constructs/vllm-server';
import type { VllmServerProps } from '../../../src/constructs/vllm-server-props';
import { Monitoring } from '../../../src/serving/monitoring';
import type { PrometheusMonitoringProps } from '../../../src/serving/watch/prometheus';
import type { KubeObject } from '../../../src/validation/kube-object';
import { cache, sharedClaim, topology } from '../../support/models';
import { the, Untyped } from '../../support/objects';
import { checkedObjects, pipelineFor } from '../../support/servers';

export const PROMETHEUS = NetworkPeer.podsOfNamespace('monitoring', {
  'app.kubernetes.io/name': 'prometheus',
});

export function monitoring(props: PrometheusMonitoringProps = {}): Monitoring {
  return Monitoring.prometheus({ from: [PROMETHEUS], ...props });
}

export function vllm(pipeline: Pipeline, props: Partial<VllmServerProps> = {}, id = 'chat'): VllmServer {
  return new VllmServer(pipeline.serve, id, {
    model: props.model ?? cache(pipeline.download, { store: sharedClaim() }, `weights-${id}`).artifact,
    accelerator: Accelerator.nvidia({ count: 1 }),
    monitoring: monitoring(),
    ...props,
  });
}

/** A pipeline with one server of vLLM. */
export function watchedVllm(props: Partial<VllmServerProps> = {}): KubeObject[] {
  const pipeline = pipelineFor();
  vllm(pipeline, props);
  return checkedObjects(pipeline);
}

/** A pipeline of distributed-llama, with a server of vLLM beside it, from download to test. */
export function watchedPipeline(kubernetesVersion?: string): KubeObject[] {
  const pipeline = pipelineFor(kubernetesVersion);
  const watch = monitoring();
  const weights = cache(pipeline.download, { store: sharedClaim() });
  const { artifact } = new DllamaConversion(pipeline.convert, 'q40', { model: weights.artifact });
  topology(pipeline.serve, { model: artifact, monitoring: watch });
  vllm(pipeline, { model: weights.artifact, monitoring: watch, smokeTest: {} }, 'fast');
  return checkedObjects(pipeline, kubernetesVersion);
}

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Record<string, string>;
  readonly annotations: { readonly summary: string; readonly description: string };
}

export function groupsOf(objects: KubeObject[], name: string): { name: string; rules: Rule[] }[] {
  return the(objects, 'PrometheusRule', name).spec.groups as { name: string; rules: Rule[] }[];
}

export function rulesOf(objects: KubeObject[], name: string): Record<string, Rule> {
  const rules = groupsOf(objects, name).flatMap((group) => group.rules);
  return Object.fromEntries(rules.map((rule) => [rule.alert, rule]));
}

/** The dashboard of a pipeline, as Grafana reads it. */
export function dashboardOf(objects: KubeObject[]): Untyped {
  const { data } = the(objects, 'ConfigMap', /dashboard$/) as unknown as { data: Record<string, string> };
  const texts = Object.values(data);
  expect(texts).toHaveLength(1);
  return JSON.parse(texts[0]);
}

export function panelOf(objects: KubeObject[], title: string): Untyped {
  return (dashboardOf(objects).panels as Untyped[]).find((panel) => panel.title === title);
}

/** The expressions of a panel. */
export function asked(objects: KubeObject[], title: string): string[] {
  return ((panelOf(objects, title)?.targets ?? []) as Untyped[]).map(({ expr }) => expr as string);
}
