import { Size } from 'cdk8s';
import { artifactAnnotations } from '../artifact/annotations';
import { LOOK_PROGRAM, lookContainer } from '../artifact/look';
import { s3Args, s3Env, s3Ports, s3SecretPurpose } from '../artifact/s3-access';
import type { S3StoreProps } from '../artifact/stores/s3-store';
import { hasMarker } from '../artifact/stores/store-volume';
import { python, GUARD_PROGRAM } from '../pod/guard';
import { addJob } from '../pod/job';
import { ANNOTATION, annotationLines } from '../pod/metadata';
import { addNetworkPolicy, Opening } from '../pod/network';
import { outsideEnv, outsideMounts, outsideVolumes } from '../pod/outside';
import { addObject, selectorLabels, standardLabels } from '../pod/owner';
import { ContainerSpec, renderPod, storeAnnotations, storeLabels, storePodVolume } from '../pod/pod-spec';
import { Programs } from '../pod/programs';
import { bytesOf, bytesQuantity, mebibytesFor } from '../pod/quantity';
import { POD_USER } from '../pod/security';
import type { EngineSpec } from '../serving/engine-spec';
import { renderEnv, secretPurposes } from '../serving/server-env';
import { addTexts, mountsOf, volumesOf } from '../serving/server-volumes';
import { nodesService } from './fine-tune-environment';
import { FineTuneSpec, FineTuneVolumes, gatheredBytes, outputFolderOf, workFolderOf } from './fine-tune-spec';
import { CONFIG_FOLDER, OUTPUT_FOLDER, SCRATCH_FOLDER } from './fine-tune-trainer';

/** The part of the pods, and the container of the trainer. */
const COMPONENT = 'train';

/** Why it may be queued, for the check and for the README that is synthesized. */
const WHO_WAITS =
  "kubectl's script waits for its end, and Argo CD with the health check of gitops/argocd/job-health.patch; GitOps.flux " +
  'refuses it';

/** The log files of a container. */
const LOGS = Size.mebibytes(256);

const TRAIN_PROGRAM = 'tune.py';
const PUBLISH_PROGRAM = 'tuned.py';

type Spec = FineTuneSpec & FineTuneVolumes;

/** Adds the Job, its NetworkPolicy, its programs and files, and the Service by which several nodes meet. @internal */
export function renderFineTune(spec: Spec): void {
  const { owner, artifact, inputs, output, stores, devices, options, task } = spec;
  const bucket = output.kind === 's3' ? output.s3 : undefined;
  const programs = new Programs(owner, [
    GUARD_PROGRAM,
    TRAIN_PROGRAM,
    PUBLISH_PROGRAM,
    ...(spec.command.programs ?? []),
    ...(bucket ? [LOOK_PROGRAM, 'put.py', 'bucket.py'] : []),
  ]);
  const own = ownVolumes(spec);
  const claims = devices?.podClaims ?? [];
  addJob(owner, {
    component: COMPONENT,
    options,
    queue: spec.queueName === undefined ? undefined : { name: spec.queueName, excuse: WHO_WAITS },
    more: {
      ...(spec.deadlineSeconds ? { activeDeadlineSeconds: spec.deadlineSeconds } : {}),
      ...(task.nodes > 1
        ? { completionMode: 'Indexed', completions: task.nodes, parallelism: task.nodes }
        : {}),
    },
    annotations: {
      ...inputs.annotations,
      ...artifactAnnotations(artifact),
      ...storeAnnotations(stores),
      [ANNOTATION.podSecurityOptOut]: optOuts(spec),
      [ANNOTATION.skipChecks]: annotationLines([
        storeAnnotations(stores)[ANNOTATION.skipChecks],
        ...(devices?.skipChecks ?? []),
      ]),
      [ANNOTATION.secrets]: purposes(spec, bucket),
    },
    podLabels: storeLabels(stores),
    pod: renderPod({
      placement: spec.placement,
      serviceAccountName: bucket?.serviceAccount?.name,
      imagePullSecrets: options.imagePullSecrets,
      stores,
      nodeAffinity: devices?.nodeAffinity,
      user: { user: POD_USER, group: POD_USER, supplementalGroups: devices?.supplementalGroups },
      more: {
        ...(devices?.runtimeClassName ? { runtimeClassName: devices.runtimeClassName } : {}),
        ...(claims.length ? { resourceClaims: claims } : {}),
        ...(task.nodes > 1 ? { subdomain: nodesService(owner) } : {}),
        terminationGracePeriodSeconds: spec.graceSeconds,
      },
      initContainers: [
        ...inputs.guards(spec.programImage),
        ...(bucket ? [look(spec, bucket)] : []),
        trainContainer(spec),
        ...(bucket ? [publishContainer(spec)] : []),
      ],
      containers: [bucket ? upload(spec, bucket) : publishContainer(spec)],
      volumes: [
        ...inputs.podVolumes,
        ...outputVolumes(spec),
        ...volumesOf(owner, own).map((volume) => scratchClaim(spec, volume)),
        ...outsideVolumes(options),
        programs.volume(),
      ],
    }),
  });
  devices?.objects();
  if (task.nodes > 1) addNodesService(spec);
  addNetwork(spec, bucket);
  addTexts(owner, COMPONENT, own.files);
  programs.add();
}

function optOuts({ stores, accelerator }: Spec): string | undefined {
  return annotationLines([
    storeAnnotations(stores)[ANNOTATION.podSecurityOptOut],
    accelerator?.writesRoot
      ? 'readOnlyRootFilesystem: what sets up the devices writes to the root file system of the container'
      : undefined,
  ]);
}

function purposes({ env }: Spec, bucket: S3StoreProps | undefined): string | undefined {
  return annotationLines([
    ...secretPurposes(env),
    ...((bucket && s3SecretPurpose(bucket)) ?? '').split('\n'),
  ]);
}

const SCRATCH_VOLUME = 'scratch';

/** What is the trainer's alone: its disk, /dev/shm, the files of its preset. */
function ownVolumes(spec: Spec): Pick<EngineSpec, 'writable' | 'sharedMemory' | 'files'> {
  const texts = spec.command.files?.(workFolderOf(spec.artifact));
  return {
    writable: [{ name: SCRATCH_VOLUME, path: SCRATCH_FOLDER, size: spec.scratch }],
    sharedMemory: spec.sharedMemory,
    files: texts ? [{ name: 'config', folder: CONFIG_FOLDER, texts }] : [],
  };
}

/** The trainer's disk as a claim that is made with the pod and goes with it, where a storage class is named. */
function scratchClaim(spec: Spec, volume: Record<string, unknown>): Record<string, unknown> {
  const { owner, scratch, scratchStorageClass } = spec;
  if (scratchStorageClass === undefined || volume.name !== SCRATCH_VOLUME) return volume;
  return {
    name: SCRATCH_VOLUME,
    ephemeral: {
      volumeClaimTemplate: {
        metadata: { labels: standardLabels(owner, COMPONENT) },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: scratchStorageClass,
          resources: { requests: { storage: bytesQuantity(scratch) } },
        },
      },
    },
  };
}

function outputVolumes({ output }: Spec): Record<string, unknown>[] {
  if (output.kind === 's3') {
    return [{ name: output.volumeName, emptyDir: { sizeLimit: bytesQuantity(output.scratch) } }];
  }
  return output.own ? [storePodVolume(output.volume, output.volumeName)] : [];
}

function outputMount({ output }: Spec): Record<string, unknown> {
  return { name: output.volumeName, mountPath: OUTPUT_FOLDER };
}

function trainContainer(spec: Spec): ContainerSpec {
  const { artifact, command, devices, options, inputs, output } = spec;
  const { checkpoints, whole, state, words } = command.resume;
  return {
    name: COMPONENT,
    image: spec.image,
    command: python(TRAIN_PROGRAM),
    args: [
      `--key=${artifact.key}`,
      `--dir=${outputFolderOf(artifact)}`,
      ...(checkpoints ? [`--checkpoints=${checkpoints}`] : []),
      ...(whole ? [`--whole=${whole}`] : []),
      ...(state ? [`--state=${state}`] : []),
      ...words.map((word) => `--resume=${word}`),
      '--',
      ...command.words,
    ],
    env: [
      { name: 'OUTPUT_DIR', value: workFolderOf(artifact) },
      ...renderEnv(spec.env),
      ...outsideEnv(options),
    ],
    mounts: [...inputs.mounts, outputMount(spec), ...mountsOf(ownVolumes(spec)), ...outsideMounts(options)],
    resources: {
      cpu: spec.cpu,
      memory: spec.memory,
      // All emptyDirs of the pod count while it runs: past its limit the pod is evicted.
      storage: mebibytesFor(
        bytesOf(LOGS) + (spec.scratchStorageClass ? 0 : bytesOf(spec.scratch)) + gatheredBytes(output),
      ),
      devices: devices?.limits,
      claims: devices?.containerClaims,
    },
    writableRoot: spec.accelerator?.writesRoot,
    // Many trainers write beside where they were started.
    more: { workingDir: SCRATCH_FOLDER },
  };
}

function publishContainer(spec: Spec): ContainerSpec {
  const { artifact, inputs, command, trainer, image, task } = spec;
  return {
    name: 'publish',
    image: spec.programImage,
    command: python(PUBLISH_PROGRAM),
    args: [
      `--key=${artifact.key}`,
      `--dir=${outputFolderOf(artifact)}`,
      `--kind=${spec.result}`,
      ...(command.resultFolders ? [`--folders=${command.resultFolders}`] : []),
      ...inputs.all.map(
        ({ role, artifact: { key }, folder }) => `--parent=${role.replace(/^dataset /, '')}=${key}=${folder}`,
      ),
      ...inputs.all
        .filter(({ volume }) => !hasMarker(volume))
        .map(({ artifact: { key } }) => `--unmarked=${key}`),
      `--origin=trainer=${trainer}`,
      `--origin=image=${image}`,
      `--origin=seed=${task.seed}`,
    ],
    mounts: [...inputs.mounts, outputMount(spec)],
    resources: { cpu: '1', cpuLimit: '2', memory: Size.mebibytes(512), storage: LOGS },
  };
}

function look(spec: Spec, bucket: S3StoreProps): ContainerSpec {
  const { artifact, options } = spec;
  return lookContainer({
    image: spec.programImage,
    key: artifact.key,
    note: outputFolderOf(artifact),
    placeArgs: s3Args(bucket, artifact.path),
    env: [...s3Env(bucket), ...outsideEnv(options)],
    mounts: [outputMount(spec), ...outsideMounts(options)],
  });
}

function upload(spec: Spec, bucket: S3StoreProps): ContainerSpec {
  const { artifact, options } = spec;
  return {
    name: 'upload',
    image: spec.programImage,
    command: python('put.py'),
    args: [`--key=${artifact.key}`, `--dir=${outputFolderOf(artifact)}`, ...s3Args(bucket, artifact.path)],
    env: [...s3Env(bucket), ...outsideEnv(options)],
    mounts: [{ ...outputMount(spec), readOnly: true }, ...outsideMounts(options)],
    resources: { cpu: '500m', cpuLimit: '2', memory: Size.mebibytes(256), storage: LOGS },
  };
}

/** Names each pod before it is ready: the trainer is an init container, and the others look for the first by its name. */
function addNodesService({ owner }: Spec): void {
  addObject(owner, 'Service-nodes', {
    apiVersion: 'v1',
    kind: 'Service',
    name: nodesService(owner),
    component: COMPONENT,
    body: {
      spec: {
        clusterIP: 'None',
        publishNotReadyAddresses: true,
        selector: selectorLabels(owner, COMPONENT),
      },
    },
  });
}

/** The nodes reach each other on all ports: the libraries choose theirs as they go. */
function addNetwork(spec: Spec, bucket: S3StoreProps | undefined): void {
  const { owner, hub, options, task } = spec;
  const ports = [
    // What the hub stores is at other hosts, whose addresses nobody can list.
    ...(hub ? [443, hub.port] : []),
    ...(bucket ? s3Ports(bucket) : []),
    ...options.ports,
  ];
  const group: Opening[] =
    task.nodes > 1
      ? [{ peers: [{ podSelector: { matchLabels: selectorLabels(owner, COMPONENT) } }], ports: [] }]
      : [];
  addNetworkPolicy(owner, {
    component: COMPONENT,
    ingress: group,
    egress: [...group, ...(ports.length ? [{ ports: [...new Set(ports)] }] : [])],
    dns: ports.length > 0 || task.nodes > 1,
  });
}
