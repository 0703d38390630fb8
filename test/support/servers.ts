import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { Artifact, PhasedApp, Pipeline } from '../../src';
import { InferenceServer } from '../../src/constructs/inference-server';
import type { InferenceServerProps } from '../../src/constructs/inference-server-props';
import { ServerProbe } from '../../src/serving/server-probe';
import type { KubeObject } from '../../src/validation/kube-object';
import { cache, sharedClaim } from './models';
import { objectsOf, violationsOf } from './objects';

/** A pipeline of an app for a version of Kubernetes. */
export function pipelineFor(kubernetesVersion?: string): Pipeline {
  return new PhasedApp({ kubernetesVersion }).pipeline('qwen', { namespace: 'llm' });
}

/** A model in a claim that all nodes can mount, as most servers have it. */
export function sharedModel(pipeline: Pipeline): Artifact {
  return cache(pipeline.download, { store: sharedClaim() }).artifact;
}

/** What any engine that is asked by HTTP must be told. */
export const ENGINE = {
  engine: 'acme',
  image: 'registry.example.com/acme:v1.2.3',
  command: ['acme', 'serve'],
  containerPort: 8000,
  memory: Size.gibibytes(8),
};

export function inferenceServer(
  scope: Construct,
  props: Partial<InferenceServerProps> & Pick<InferenceServerProps, 'model'>,
  id = 'chat',
): InferenceServer {
  return new InferenceServer(scope, id, { ...ENGINE, readiness: ServerProbe.http('/health'), ...props });
}

/** The objects of a pipeline, after the checks that `synth()` runs have passed. */
export function checkedObjects(pipeline: Pipeline, kubernetesVersion = '1.31'): KubeObject[] {
  const objects = objectsOf(...pipeline._phases().map(({ chart }) => chart));
  const violations = violationsOf(objects, kubernetesVersion);
  if (violations !== '') throw new Error(violations);
  return objects;
}

/** The objects of a pipeline with one inference server in it. */
export function served(
  props: Partial<InferenceServerProps> | ((pipeline: Pipeline) => Partial<InferenceServerProps>) = {},
  kubernetesVersion?: string,
): KubeObject[] {
  const pipeline = pipelineFor(kubernetesVersion);
  const given = typeof props === 'function' ? props(pipeline) : props;
  inferenceServer(pipeline.serve, { model: given.model ?? sharedModel(pipeline), ...given });
  return checkedObjects(pipeline, kubernetesVersion);
}
