/** All that a plan can name, and where code imports it from. */
import { Duration, Size } from 'cdk8s';
import { PersistentVolumeAccessMode, PersistentVolumeReclaimPolicy, Secret } from 'cdk8s-plus-28';
import { ModelSource } from '../artifact/model-source';
import { ModelStore } from '../artifact/model-store';
import { DllamaConversion } from '../constructs/dllama-conversion';
import { DllamaConverter } from '../constructs/dllama-converter';
import { DllamaTopology } from '../constructs/dllama-topology';
import { DllamaChatTemplate } from '../constructs/dllama-topology-props';
import { FineTune } from '../constructs/fine-tune';
import { FineTunePreset } from '../constructs/fine-tune-preset';
import { FineTuneResult } from '../constructs/fine-tune-result';
import { LlamaServer } from '../constructs/llama-server';
import { ModelCache } from '../constructs/model-cache';
import { NodeCache } from '../constructs/node-cache';
import { VllmCheckout } from '../constructs/vllm-checkout';
import { VllmRun } from '../constructs/vllm-run';
import { VllmRunServer } from '../constructs/vllm-run-server';
import { VllmServer } from '../constructs/vllm-server';
import { ArtifactFormat } from '../artifact/format';
import { FloatType } from '../engines/dllama/float-type';
import { ModelFacts } from '../engines/model-facts';
import { Accelerator } from '../pod/accelerator/accelerator';
import { NetworkPeer } from '../pod/network-peer';
import { FluxSourceRef } from '../phases/gitops/flux';
import { GitOps } from '../phases/gitops/gitops';
import { Route } from '../serving/route';

/** The packages that code imports from. @internal */
export type ModuleName = 'cdk8s' | 'cdk8s-plus-28' | 'cdk8s-llm';

/** Classes whose static functions may be called. @internal */
export const STATICS = {
  Accelerator: { module: 'cdk8s-llm', class: Accelerator },
  DllamaConverter: { module: 'cdk8s-llm', class: DllamaConverter },
  Duration: { module: 'cdk8s', class: Duration },
  FluxSourceRef: { module: 'cdk8s-llm', class: FluxSourceRef },
  GitOps: { module: 'cdk8s-llm', class: GitOps },
  FineTunePreset: { module: 'cdk8s-llm', class: FineTunePreset },
  ModelFacts: { module: 'cdk8s-llm', class: ModelFacts },
  ModelSource: { module: 'cdk8s-llm', class: ModelSource },
  ModelStore: { module: 'cdk8s-llm', class: ModelStore },
  NetworkPeer: { module: 'cdk8s-llm', class: NetworkPeer },
  Route: { module: 'cdk8s-llm', class: Route },
  Secret: { module: 'cdk8s-plus-28', class: Secret },
  Size: { module: 'cdk8s', class: Size },
  VllmCheckout: { module: 'cdk8s-llm', class: VllmCheckout },
} as const satisfies Record<string, { module: ModuleName; class: unknown }>;

/** Constructs, all of them from cdk8s-llm. @internal */
export const CLASSES = {
  DllamaConversion,
  DllamaTopology,
  FineTune,
  LlamaServer,
  ModelCache,
  NodeCache,
  VllmRun,
  VllmRunServer,
  VllmServer,
} as const;

/** @internal */
export const ENUMS = {
  ArtifactFormat: { module: 'cdk8s-llm', members: ArtifactFormat },
  DllamaChatTemplate: { module: 'cdk8s-llm', members: DllamaChatTemplate },
  FineTuneResult: { module: 'cdk8s-llm', members: FineTuneResult },
  FloatType: { module: 'cdk8s-llm', members: FloatType },
  PersistentVolumeAccessMode: { module: 'cdk8s-plus-28', members: PersistentVolumeAccessMode },
  PersistentVolumeReclaimPolicy: { module: 'cdk8s-plus-28', members: PersistentVolumeReclaimPolicy },
} as const satisfies Record<string, { module: ModuleName; members: Readonly<Record<string, string>> }>;

/** What a plan asks of constructs that it has made. @internal */
export type MethodName = keyof Pick<NodeCache, 'repository' | 'artifact'>;

type Statics = typeof STATICS;

/** As code calls them: `ModelSource.huggingFace`. @internal */
export type CalleeName = {
  [Name in keyof Statics]: `${Name}.${Exclude<keyof Statics[Name]['class'] & string, 'prototype'>}`;
}[keyof Statics];
/** @internal */
export type ClassName = keyof typeof CLASSES;
/** @internal */
export type EnumName = keyof typeof ENUMS;
