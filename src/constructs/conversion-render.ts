import { artifactAnnotations } from '../artifact/annotations';
import type { Artifact } from '../artifact/artifact';
import { LOOK_PROGRAM } from '../artifact/look';
import { s3Ports, s3SecretPurpose } from '../artifact/s3-access';
import { describeVolume, StoreVolume } from '../artifact/stores/store-volume';
import { GUARD_PROGRAM } from '../pod/guard';
import { addJob } from '../pod/job';
import type { ResolvedJobOptions } from '../pod/job-options';
import { ANNOTATION } from '../pod/metadata';
import { addNetworkPolicy } from '../pod/network';
import { NO_DEVICES_ENV } from '../pod/no-devices';
import { outsideVolumes } from '../pod/outside';
import type { Owner } from '../pod/owner';
import {
  ContainerSpec,
  Placement,
  renderPod,
  storeAnnotations,
  storeLabels,
  storeMount,
} from '../pod/pod-spec';
import { Programs } from '../pod/programs';
import type { MountedArtifacts } from '../serving/mounted-artifacts';
import {
  ConversionOutput,
  lookIntoBucket,
  outputMounts,
  outputVolumes,
  uploadIntoBucket,
} from './conversion-output';

/** A Job that makes an artifact of others, as plain data. @internal */
export interface ConversionJob {
  readonly owner: Owner;
  /** What it makes. */
  readonly artifact: Artifact;
  /** What it reads; the first is the model. */
  readonly inputs: MountedArtifacts;
  readonly output: ConversionOutput;
  readonly image: string;
  /** Whether the image may be made for GPUs, of which it needs none. @default false */
  readonly mayAskForDevices?: boolean;
  readonly options: ResolvedJobOptions;
  /** Where it may run, its stores included. */
  readonly placement: Placement;
  /** The programs that the containers name. */
  readonly programs: readonly string[];
  /** What has to be done before the artifact is made. */
  readonly preparation: ContainerSpec[];
  /** The container that makes the artifact. */
  readonly convert: ContainerSpec;
  /** The pod's volumes besides those of stores, output and programs. */
  readonly volumes: Record<string, unknown>[];
  /** The TCP ports that preparation and converter have to reach. */
  readonly ports: readonly number[];
}

/** The volumes of all stores that a conversion mounts. @internal */
export function conversionStores(inputs: MountedArtifacts, output: ConversionOutput): StoreVolume[] {
  if (output.kind !== 'volume') return inputs.volumes;
  const known = new Set(inputs.volumes.map(describeVolume));
  return known.has(describeVolume(output.volume)) ? inputs.volumes : [...inputs.volumes, output.volume];
}

/** The mounts of the container that converts: of all that it reads, and of where it writes. @internal */
export function conversionMounts(
  inputs: MountedArtifacts,
  output: ConversionOutput,
): Record<string, unknown>[] {
  const [model, ...others] = inputs.mounts;
  return [
    output.kind === 'same' ? storeMount('write', inputs.volumes[0]) : model,
    ...others,
    ...outputMounts(output),
  ];
}

/** Adds the Job, its NetworkPolicy and its programs. @internal */
export function renderConversion(job: ConversionJob): void {
  const { owner, artifact, inputs, output, image, options, convert } = job;
  const bucket = output.kind === 's3' ? { artifact, image, s3: output.s3, options } : undefined;
  const programs = new Programs(owner, [
    GUARD_PROGRAM,
    ...job.programs,
    ...(bucket ? [LOOK_PROGRAM, 'put.py', 'bucket.py'] : []),
  ]);
  const stores = conversionStores(inputs, output);
  const inImage = (each: ContainerSpec): ContainerSpec =>
    job.mayAskForDevices ? { ...each, env: [...(each.env ?? []), ...NO_DEVICES_ENV] } : each;
  addJob(owner, {
    component: 'convert',
    options,
    annotations: {
      ...inputs.annotations,
      ...artifactAnnotations(artifact),
      ...storeAnnotations(stores),
      [ANNOTATION.secrets]: bucket && s3SecretPurpose(bucket.s3),
    },
    podLabels: storeLabels(stores),
    pod: renderPod({
      placement: job.placement,
      serviceAccountName: bucket?.s3.serviceAccount?.name,
      imagePullSecrets: options.imagePullSecrets,
      stores,
      initContainers: [
        ...inputs.guards(image),
        ...(bucket ? [lookIntoBucket(bucket)] : []),
        ...job.preparation,
        ...(bucket ? [convert] : []),
      ].map(inImage),
      containers: [inImage(bucket ? uploadIntoBucket(bucket) : convert)],
      volumes: [
        ...inputs.podVolumes,
        ...outputVolumes(output),
        ...job.volumes,
        ...outsideVolumes(options),
        programs.volume(),
      ],
    }),
  });
  const endpoints = [...job.ports, ...(bucket ? s3Ports(bucket.s3) : []), ...options.ports];
  addNetworkPolicy(owner, {
    component: 'convert',
    ingress: [],
    egress: endpoints.length ? [{ ports: [...new Set(endpoints)] }] : [],
    dns: endpoints.length > 0,
  });
  programs.add();
}
