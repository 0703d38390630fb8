export * from './artifact/artifact';
export {
  ClaimStoreProps,
  ExistingClaimOptions,
  ModelStore,
  S3CsiProps,
  S3StoreProps,
} from './artifact/model-store';
export * from './artifact/format';
export { ModelSource, ParsedSourceOptions } from './artifact/model-source';
export { HuggingFaceSourceOptions, HuggingFaceSourceProps } from './artifact/sources/hugging-face';
export { SourceProof } from './artifact/sources/source-spec';
export * from './constructs/dllama-conversion';
export { DllamaConverter, UpstreamConverterProps } from './constructs/dllama-converter';
export * from './constructs/dllama-topology';
export * from './constructs/dllama-topology-props';
export * from './constructs/model-cache';
export { FloatType } from './engines/dllama/float-type';
export * from './engines/dllama/published-models';
export * from './engines/model-facts';
export { GitOps } from './phases/gitops/gitops';
export { ArgoCdDestination, ArgoCdMode, ArgoCdProps } from './phases/gitops/argocd';
export { FluxProps, FluxSourceRef } from './phases/gitops/flux';
export * from './phases/phase';
export * from './phases/phased-app';
export * from './phases/pipeline';
export { JobOptions } from './pod/job-options';
export { NetworkPeer } from './pod/network-peer';
export { Placement, Toleration } from './pod/pod-spec';
export { LlmValidation, LlmValidationProps } from './validation/plugin';
