import { Size } from 'cdk8s';
import { Artifact } from '../artifact/artifact';
import { hasMarker, StoreVolume } from '../artifact/stores/store-volume';
import { ContainerSpec, storeMount } from './pod-spec';
import { programPath } from './programs';
import { storeFolder } from './store-folder';

/** The program of the guard. */
export const GUARD_PROGRAM = 'guard.py';

/** How a pod runs one of the Python programs. */
export function python(program: string): string[] {
  return ['python3', '-u', programPath(program)];
}

/** The folder of an artifact as its pods see it. */
export function artifactFolder(artifact: Artifact, volumeName?: string): string {
  return `${storeFolder(volumeName)}/${artifact.path}`;
}

/** An artifact that a pod waits for, by the volume through which it reads it. */
export interface GuardedArtifact {
  readonly artifact: Artifact;
  readonly volume: StoreVolume;
  /** The pod's volume. @default - that of the first store */
  readonly volumeName?: string;
}

/** The guard of a pod that reads one artifact. */
export function guards(
  artifact: Artifact,
  volume: StoreVolume,
  image: string,
  hosts: string[] = [],
): ContainerSpec[] {
  return guard([{ artifact, volume }], image, hosts);
}

/**
 * The init container by which a consumer waits for artifacts, whatever order things were applied in. It polls and
 * never exits in vain, because each exit would only add to the back-off. None where there is nothing to wait for.
 *
 * @param hosts names that must resolve before the pod goes on; they are looked up and never connected to
 */
export function guard(
  artifacts: readonly GuardedArtifact[],
  image: string,
  hosts: string[] = [],
): ContainerSpec[] {
  const awaited = artifacts.filter(({ volume }) => hasMarker(volume));
  if (awaited.length === 0 && hosts.length === 0) return [];
  // An artifact that is two things to its reader is waited for once.
  const keys = new Map(
    awaited.map(({ artifact, volumeName }) => [artifactFolder(artifact, volumeName), artifact.key]),
  );
  const mounts = new Map(
    awaited.map(({ volume, volumeName }) => [volumeName, storeMount('read', volume, volumeName)]),
  );
  return [
    {
      name: 'await-model',
      image,
      command: python(GUARD_PROGRAM),
      args: [
        ...[...keys].flatMap(([folder, key]) => [`--key=${key}`, `--dir=${folder}`]),
        ...hosts.map((host) => `--resolve=${host}`),
      ],
      mounts: [...mounts.values()],
      resources: { cpu: '100m', memory: Size.mebibytes(64), storage: Size.mebibytes(32) },
    },
  ];
}
