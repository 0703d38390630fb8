import { Size } from 'cdk8s';
import type { Artifact } from '../artifact/artifact';
import { lookContainer } from '../artifact/look';
import { s3Args, s3Env } from '../artifact/s3-access';
import type { S3StoreProps } from '../artifact/stores/s3-store';
import type { StoreVolume } from '../artifact/stores/store-volume';
import { artifactFolder, python } from '../pod/guard';
import type { ResolvedJobOptions } from '../pod/job-options';
import { outsideEnv, outsideMounts } from '../pod/outside';
import type { Owner } from '../pod/owner';
import { ContainerSpec, storePodVolume } from '../pod/pod-spec';
import { bytesOf, bytesQuantity } from '../pod/quantity';

/**
 * Where a converter writes: to the model's own volume, to another one, or to a disk from which S3 is filled.
 *
 * @internal
 */
export type ConversionOutput =
  | { readonly kind: 'same' }
  | { readonly kind: 'volume'; readonly volume: StoreVolume }
  | { readonly kind: 's3'; readonly s3: S3StoreProps; readonly scratch: Size };

/** The log files of a container that converts or uploads. @internal */
export const CONVERSION_LOGS = Size.mebibytes(64);

const OUTPUT_FOLDER = '/output';

/** The pod's volume, where the output is not that of the model. */
const OUTPUT_VOLUME = 'output';

/**
 * @param scratch what passes through the disk of a pod that fills a bucket; asked only there
 * @internal
 */
export function resolveConversionOutput(
  owner: Owner,
  model: Artifact,
  { store }: Artifact,
  scratch: () => Size,
): ConversionOutput {
  if (store._spec.kind === 's3') {
    const size = scratch();
    return { kind: 's3', s3: store._spec.s3, scratch: size };
  }
  const volume = store._volume(owner);
  return store._place(owner) === model.store._place(owner) ? { kind: 'same' } : { kind: 'volume', volume };
}

/** The folder of the converted files as the converter sees it. @internal */
export function outputFolder(output: ConversionOutput, artifact: Artifact): string {
  return output.kind === 'same' ? artifactFolder(artifact) : `${OUTPUT_FOLDER}/${artifact.path}`;
}

/** @internal */
export function outputMounts(output: ConversionOutput): Record<string, unknown>[] {
  return output.kind === 'same' ? [] : [{ name: OUTPUT_VOLUME, mountPath: OUTPUT_FOLDER }];
}

/** @internal */
export function outputVolumes(output: ConversionOutput): Record<string, unknown>[] {
  switch (output.kind) {
    case 'same':
      return [];
    case 'volume':
      return [{ ...storePodVolume(output.volume), name: OUTPUT_VOLUME }];
    case 's3':
      return [{ name: OUTPUT_VOLUME, emptyDir: { sizeLimit: bytesQuantity(output.scratch) } }];
  }
}

/** What the output takes of the pod's own disk, in bytes. @internal */
export function outputScratch(output: ConversionOutput): number {
  return output.kind === 's3' ? bytesOf(output.scratch) : 0;
}

/** What fills a bucket from the disk that a converter has written to. @internal */
export interface BucketFilling {
  readonly artifact: Artifact;
  readonly image: string;
  readonly s3: S3StoreProps;
  readonly options: ResolvedJobOptions;
}

/** Looks before anything is converted whether the bucket has the artifact already. @internal */
export function lookIntoBucket({ artifact, image, s3, options }: BucketFilling): ContainerSpec {
  return lookContainer({
    image,
    key: artifact.key,
    note: `${OUTPUT_FOLDER}/${artifact.path}`,
    placeArgs: s3Args(s3, artifact.path),
    env: [...s3Env(s3), ...outsideEnv(options)],
    mounts: [{ name: OUTPUT_VOLUME, mountPath: OUTPUT_FOLDER }, ...outsideMounts(options)],
  });
}

/** Stores in the bucket what was converted. @internal */
export function uploadIntoBucket({ artifact, image, s3, options }: BucketFilling): ContainerSpec {
  return {
    name: 'upload',
    image,
    command: python('put.py'),
    args: [`--key=${artifact.key}`, `--dir=${OUTPUT_FOLDER}/${artifact.path}`, ...s3Args(s3, artifact.path)],
    env: [...s3Env(s3), ...outsideEnv(options)],
    mounts: [{ name: OUTPUT_VOLUME, mountPath: OUTPUT_FOLDER, readOnly: true }, ...outsideMounts(options)],
    resources: { cpu: '500m', cpuLimit: '2', memory: Size.mebibytes(256), storage: CONVERSION_LOGS },
  };
}
