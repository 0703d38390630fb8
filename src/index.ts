export * from './artifact/artifact';
export * from './artifact/format';
export { ModelSource } from './artifact/model-source';
export { ModelStore } from './artifact/model-store';
export { S3ConnectionProps, S3ServerProps } from './artifact/s3-connection';
export { ClaimSourceOptions, ClaimSourceProps } from './artifact/sources/claim';
export { CustomSourceProps, DownloaderResources } from './artifact/sources/custom';
export { FolderContent } from './artifact/sources/folder-content';
export { FolderManifestPin, FolderPins } from './artifact/sources/folder-pins';
export {
  ArchiveFormat,
  HttpsFile,
  HttpsFilesProps,
  HttpsServerProps,
  HttpsSourceOptions,
  HttpsSourceProps,
} from './artifact/sources/https';
export { HuggingFaceSourceOptions, HuggingFaceSourceProps } from './artifact/sources/hugging-face';
export { NgcSourceOptions, NgcSourceProps } from './artifact/sources/ngc';
export { NodeFolderSourceProps } from './artifact/sources/node-folder';
export { OciSourceProps } from './artifact/sources/oci';
export { OllamaSourceProps } from './artifact/sources/ollama';
export { ParsedHttpsOptions, ParsedNgcOptions, ParsedSourceOptions } from './artifact/sources/parse';
export {
  AzureBlobAccess,
  AzureBlobSourceOptions,
  AzureBlobSourceProps,
  BucketCopyOptions,
  GcsSourceOptions,
  GcsSourceProps,
} from './artifact/sources/rclone';
export { RegistrySourceOptions } from './artifact/sources/registry';
export { S3SourceOptions, S3SourceProps } from './artifact/sources/s3';
export { SourceProof } from './artifact/sources/source-spec';
export { ClaimStoreProps, ExistingClaimOptions } from './artifact/stores/claim-store';
export { ImageVolumeStoreProps } from './artifact/stores/image-store';
export { NodeFolderOptions } from './artifact/stores/node-store';
export { S3CsiProps, S3StoreProps } from './artifact/stores/s3-store';
export { VllmCheckoutOptions } from './checkout/checkout';
export { ChatTemplate } from './constructs/chat-template';
export * from './constructs/dllama-conversion';
export { DllamaConverter, UpstreamConverterProps } from './constructs/dllama-converter';
export * from './constructs/dllama-topology';
export * from './constructs/dllama-topology-props';
export { FineTune } from './constructs/fine-tune';
export { AxolotlProps } from './constructs/fine-tune-axolotl';
export { CheckpointOptions } from './constructs/fine-tune-checkpoints';
export { CommandProps } from './constructs/fine-tune-command';
export { FineTunePreset } from './constructs/fine-tune-preset';
export { FineTuneProps } from './constructs/fine-tune-props';
export { FineTuneResult } from './constructs/fine-tune-result';
export { TorchrunProps } from './constructs/fine-tune-torchrun';
export { TorchtuneProps } from './constructs/fine-tune-torchtune';
export { TrlMethod, TrlProps } from './constructs/fine-tune-trl';
export { GgufConversion } from './constructs/gguf-conversion';
export { GgufConversionProps, ImportanceMatrix } from './constructs/gguf-conversion-props';
export * from './constructs/inference-server';
export * from './constructs/inference-server-props';
export { LlamaServer } from './constructs/llama-server';
export * from './constructs/llama-server-props';
export * from './constructs/model-cache';
export * from './constructs/model-eviction';
export { NodeCache } from './constructs/node-cache';
export * from './constructs/node-cache-item';
export * from './constructs/node-cache-props';
export * from './constructs/shared-devices';
export * from './constructs/smoke-test';
export { VllmCheckout } from './constructs/vllm-checkout';
export { VllmRun } from './constructs/vllm-run';
export { VllmRunProgramProps, VllmRunProps, VllmRunServerProps } from './constructs/vllm-run-props';
export { VllmRunServer } from './constructs/vllm-run-server';
export { VllmServer } from './constructs/vllm-server';
export { KvRole, KvTransfer, NixlProps } from './constructs/vllm-server-kv-transfer';
export {
  CompileCacheProps,
  LoraAdapterProps,
  VllmDtype,
  VllmServerProps,
} from './constructs/vllm-server-props';
export { DraftModelProps, NgramProps, SpeculativeDecoding } from './constructs/vllm-server-speculation';
export { FloatType } from './engines/dllama/float-type';
export * from './engines/dllama/published-models';
export { LlamaBackend } from './engines/llama/backend';
export { CacheType } from './engines/llama/cache-type';
export { GgufType } from './engines/llama/gguf-type';
export { KnownModels } from './engines/known-models';
export * from './engines/model-facts';
export { Migration, MigrationOptions } from './migrate/migration';
export { Mirror, MirrorProps } from './mirror/mirror';
export { GitOps } from './phases/gitops/gitops';
export { ArgoCdDestination, ArgoCdMode, ArgoCdProps } from './phases/gitops/argocd';
export { FluxProps, FluxSourceRef } from './phases/gitops/flux';
export * from './phases/phase';
export * from './phases/phased-app';
export * from './phases/pipeline';
export { Accelerator } from './pod/accelerator/accelerator';
export { AcceleratorProfiles } from './pod/accelerator/accelerator-profiles';
export * from './pod/accelerator/accelerator-props';
export { DeviceSelector } from './pod/accelerator/device-selector';
export * from './pod/accelerator/dra-props';
export { TpuType } from './pod/accelerator/tpu-types';
export { JobOptions, OutsideOptions } from './pod/job-options';
export { NetworkPeer } from './pod/network-peer';
export { Placement, Toleration } from './pod/pod-spec';
export { Monitoring } from './serving/monitoring';
export { Route } from './serving/route';
export { GatewayFilter, GatewayProps, HttpRouteProps } from './serving/routes/http-route';
export {
  EndpointPickerProps,
  InferencePoolRouteProps,
  InferencePoolVersion,
} from './serving/routes/inference-pool';
export { IngressController, IngressRouteProps, IngressTls } from './serving/routes/ingress';
export { CpuScalingProps, CustomScalingProps, HorizontalScalingProps } from './serving/scalers/horizontal';
export { KedaFallback, KedaScalingProps } from './serving/scalers/keda';
export { KedaHttpScalingProps, KedaInterceptorProps } from './serving/scalers/keda-http';
export { KedaCronProps, KedaQueryProps, KedaTrigger } from './serving/scalers/keda-trigger';
export { PrometheusAuthentication, PrometheusProps } from './serving/scalers/prometheus';
export { ObjectMetricProps, ScalingMetric } from './serving/scalers/scaling-metric';
export { Scaling } from './serving/scaling';
export { LeaderWorkerSetOptions, MultiNode } from './serving/group';
export { IModelServer } from './serving/model-server';
export { ServerProbe, ServerProbeOptions } from './serving/server-probe';
export * from './serving/server-props';
export { ServerReach } from './serving/server-reach';
export { ServiceMesh, ServiceMeshOptions } from './serving/service-mesh';
export { SmokeTestApi, SmokeTestOptions } from './serving/smoke-test-options';
export { AlertOptions } from './serving/watch/alert-options';
export { DashboardOptions, PrometheusMonitoringProps, ScrapeKind } from './serving/watch/prometheus';
export { IRule, RuleFinding, RuleObject, RulePod } from './validation/own-rules';
export { LlmValidation, LlmValidationProps } from './validation/plugin';
