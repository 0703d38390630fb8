import { Size } from 'cdk8s';
import { Artifact } from '../artifact/artifact';
import { hasMarker, StoreVolume } from '../artifact/stores/store-volume';
import { ContainerSpec, MODELS_FOLDER, storeMount } from './pod-spec';
import { programPath } from './programs';

/** The program of the guard. */
export const GUARD_PROGRAM = 'guard.py';

/** How a pod runs one of the Python programs. */
export function python(program: string): string[] {
  return ['python3', '-u', programPath(program)];
}

/** The folder of an artifact as its pods see it. */
export function artifactFolder(artifact: Artifact): string {
  return `${MODELS_FOLDER}/${artifact.path}`;
}

/**
 * The init container by which a consumer waits for an artifact, whatever order things were applied in. It
 * polls and never exits in vain, because each exit would only add to the back-off. None where there is nothing to
 * wait for.
 *
 * @param volume the volume by which the pod reads the artifact
 * @param hosts names that must resolve before the pod goes on; they are looked up and never connected to
 */
export function guards(
  artifact: Artifact,
  volume: StoreVolume,
  image: string,
  hosts: string[] = [],
): ContainerSpec[] {
  const waits = hasMarker(volume);
  if (!waits && hosts.length === 0) return [];
  return [
    {
      name: 'await-model',
      image,
      command: python(GUARD_PROGRAM),
      args: [
        ...(waits ? [`--key=${artifact.key}`, `--dir=${artifactFolder(artifact)}`] : []),
        ...hosts.map((host) => `--resolve=${host}`),
      ],
      mounts: waits ? [storeMount('read', volume)] : [],
      resources: { cpu: '100m', memory: Size.mebibytes(64), storage: Size.mebibytes(32) },
    },
  ];
}
