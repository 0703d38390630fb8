import type { Construct } from 'constructs';
import { checkoutOnPod } from '../checkout/on-pod';
import { waitsForRequests } from '../engines/vllm/command';
import { REFUSED_ENVIRONMENT } from '../engines/vllm/environment';
import { VLLM_FLAGS } from '../engines/vllm/flag-table';
import { defaultVllmImage, deviceOfImage, VllmDevice } from '../engines/vllm/images';
import { vllmMetrics } from '../engines/vllm/metrics';
import { atLeastVersion, compareVersions, isVersion, versionOfImage } from '../engines/vllm/version';
import { checkImage } from '../pod/image';
import { InputError } from '../pod/input-error';
import { checkSecretValue } from '../pod/secret-env';
import { drainCommand, drainFiles } from '../serving/drain-program';
import type { EngineSpec } from '../serving/engine-spec';
import type { GroupSpec } from '../serving/group';
import { groupFiles } from '../serving/group-program';
import { mountArtifacts } from '../serving/mounted-artifacts';
import { apiKeyPurpose } from '../serving/server-env';
import { serverOwner } from '../serving/server-spec';
import { chatTemplateFiles } from './chat-template';
import { checkKinds } from './vllm-server-checks';
import { checkedArguments, commandOf, PORT, TEMPLATE } from './vllm-server-command';
import { environment } from './vllm-server-environment';
import { network, resolveGroup } from './vllm-server-group';
import { checkDevices } from './vllm-server-devices';
import { checkLayout, checkMemory, deviceOf, resolveLayout, VllmLayout } from './vllm-server-layout';
import { checkAdapters, checkModelNames, rolesOf } from './vllm-server-model';
import type { VllmServerProps } from './vllm-server-props';
import { resources, sharedMemory, writable } from './vllm-server-resources';

/** What the engine calls itself: the name of its containers too. */
const VLLM = 'vllm';

/** From the start of the process to its first answer, beside the reading: compiling, capturing graphs. */
const STARTUP_SECONDS = 900;

/** The first start on a TPU compiles for 20 to 30 minutes (vLLM, docs/getting_started/installation/google_tpu.md). */
const TPU_STARTUP_SECONDS = 2400;

/** What a process takes to end its workers, after its last request. */
const SHUTDOWN_SECONDS = 20;

/** A server of vLLM with every default applied. @internal */
export interface VllmServerSpec {
  readonly engine: EngineSpec;
  readonly version: string;
  readonly layout: VllmLayout;
  /** Of several nodes alone. */
  readonly group?: GroupSpec;
}

/** @throws when a value cannot be used with the version, the model or another value @internal */
export function resolveVllmServer(scope: Construct, props: VllmServerProps): VllmServerSpec {
  const owner = serverOwner(scope, VLLM);
  checkKinds(scope, props);
  const device = deviceOf(props);
  const image = resolveImage(scope, props, device);
  const version = resolveVersion(scope, props, image);
  const prepared = props.checkout ? [checkoutOnPod(owner, props.checkout._spec, image)] : [];
  checkDevices(scope, props);
  const layout = resolveLayout(scope, props);
  checkLayout(scope, props, layout);
  const adapters = checkAdapters(scope, props.adapters);
  const artifacts = mountArtifacts(owner, rolesOf(props, adapters));
  const servedModelNames = checkModelNames(scope, props, adapters);
  const command = commandOf(scope, props, { version, layout, artifacts, servedModelNames, adapters });
  const args = checkedArguments(scope, props, command);
  checkMemory(scope, props, layout, version);
  const apiKey = props.apiKey === undefined ? undefined : checkSecretValue(scope, 'apiKey', props.apiKey);
  const group = resolveGroup(scope, props, { version, layout, artifacts, args });
  const metrics = props.extraArgs?.includes('--disable-log-stats') ? undefined : vllmMetrics(version);
  const counted = [metrics?.running, metrics?.waiting].filter((gauge) => gauge !== undefined);
  const polled = !waitsForRequests(version) && counted.length > 0;

  return {
    version,
    layout,
    group,
    engine: {
      owner,
      engine: VLLM,
      image,
      command: ['vllm', 'serve'],
      args,
      env: [
        ...environment(scope, props, { device, version, layout, apiKey }),
        ...prepared.flatMap(({ env }) => Object.entries(env).map(([name, value]) => ({ name, value }))),
      ],
      preparations: prepared,
      refusedEnv: REFUSED_ENVIRONMENT,
      port: PORT,
      artifacts,
      probes: {
        // Nothing listens while the model is loaded.
        startup: { action: HEALTH },
        readiness: { action: HEALTH },
        // 503 says that the engine is dead. It answers slowly, but it answers, while it computes.
        liveness: { action: HEALTH, timeoutSeconds: 10, failureThreshold: 6 },
      },
      healthPath: '/health',
      writable: writable(scope, props, owner),
      sharedMemory: sharedMemory(scope, props, device, layout),
      files: [
        ...chatTemplateFiles(props.chatTemplate, TEMPLATE),
        ...(group?.multiNode.kind === 'stateful-sets' ? [groupFiles(owner)] : []),
        ...(polled ? [drainFiles()] : []),
      ],
      resources: resources(props, { device, version, layout, artifacts }),
      startupSeconds: device === 'tpu' ? TPU_STARTUP_SECONDS : STARTUP_SECONDS,
      shutdownSeconds: SHUTDOWN_SECONDS,
      drains: waitsForRequests(version),
      preStop: polled ? (seconds) => drainCommand(PORT, seconds, counted) : undefined,
      metrics,
      modelNames: [...servedModelNames, ...adapters.map(({ name }) => name)],
      apiKey,
      network: network(owner, props, layout),
      secretPurposes: apiKey && [apiKeyPurpose(owner, apiKey)],
      groupedBy: group?.multiNode.kind,
    },
  };
}

const HEALTH = { httpGet: { path: '/health', port: 'http' } };

const NAMES: Record<VllmDevice, string> = {
  cpu: 'CPUs',
  nvidia: 'GPUs of NVIDIA',
  amd: 'GPUs of AMD',
  intel: 'GPUs of Intel',
  gaudi: 'Gaudi',
  tpu: 'TPUs',
  other: 'other devices',
};

function resolveImage(scope: Construct, { image, checkout }: VllmServerProps, device: VllmDevice): string {
  if (checkout !== undefined && image !== undefined) {
    throw new InputError(scope, 'image', image, {
      allowed: 'nothing, as the checkout says which image it is applied to',
      advice: "Another is named there: VllmCheckout.fromDirectory('../vllm', { image }).",
    });
  }
  const chosen = checkout?.image ?? image ?? defaultVllmImage(device);
  if (chosen !== undefined) {
    const built = deviceOfImage(chosen);
    if (built !== undefined && built !== device && device !== 'other') {
      throw new InputError(scope, 'image', chosen, {
        allowed: `an image of vLLM for ${NAMES[device]}; this one is for ${NAMES[built]}`,
        advice: 'Leave it out to have the one of the vLLM project for the accelerator.',
      });
    }
    return checkImage(scope, 'image', chosen);
  }
  throw new InputError(scope, 'image', undefined, {
    allowed: `an image of vLLM for these devices, as the vLLM project publishes none`,
    advice:
      device === 'gaudi'
        ? 'Intel publishes them at vault.habana.ai/gaudi-docker, with vLLM and its plugin for Gaudi.'
        : 'Name the image of their vendor.',
  });
}

function resolveVersion(scope: Construct, props: VllmServerProps, image: string): string {
  const told = versionOfImage(image);
  const version = props.version ?? told;
  if (version === undefined) {
    throw new InputError(scope, 'version', undefined, {
      allowed: `the version of vLLM in ${image}, which its tag does not tell`,
      advice: "Give it, for instance version: '0.19.0': which flags there are depends on it.",
    });
  }
  if (!isVersion(version)) {
    throw new InputError(scope, 'version', version, {
      allowed: "a version of vLLM: '0.19.0', '0.8.5.post1'",
    });
  }
  if (!atLeastVersion(version, VLLM_FLAGS.oldest)) {
    throw new InputError(scope, 'version', version, { allowed: `${VLLM_FLAGS.oldest} or newer` });
  }
  if (told !== undefined && certain(image) && compareVersions(version, told) !== 0) {
    throw new InputError(scope, 'version', version, {
      allowed: `${told}, as the name of the image says`,
      advice:
        'Leave it out: its flags would be those of another version, which the image may not start with.',
    });
  }
  return version.replace(/^v/, '');
}

/** Whether the version in the name is vLLM's own: in `registry.example.com/chat:1.2.0` it is somebody else's. */
function certain(image: string): boolean {
  return /vllm/.test(image.slice(image.lastIndexOf('/') + 1));
}
