import type { Construct } from 'constructs';
import { checkArtifact } from '../artifact/artifact';
import { waitsForRequests } from '../engines/vllm/command';
import { REFUSED_ENVIRONMENT } from '../engines/vllm/environment';
import { VLLM_FLAGS } from '../engines/vllm/flag-table';
import { defaultVllmImage, VllmDevice } from '../engines/vllm/images';
import { vllmMetrics } from '../engines/vllm/metrics';
import { atLeastVersion, isVersion, versionOfImage } from '../engines/vllm/version';
import { checkImage } from '../pod/image';
import { InputError } from '../pod/input-error';
import type { EngineSpec } from '../serving/engine-spec';
import type { GroupSpec } from '../serving/group';
import { groupFiles } from '../serving/group-program';
import { mountArtifacts } from '../serving/mounted-artifacts';
import { checkSecretValue } from '../serving/server-env';
import { serverOwner } from '../serving/server-spec';
import { templateFiles } from './vllm-server-chat-template';
import { checkedArguments, commandOf, PORT } from './vllm-server-command';
import { environment } from './vllm-server-environment';
import { network, resolveGroup } from './vllm-server-group';
import { checkLayout, deviceOf, resolveLayout, VllmLayout } from './vllm-server-layout';
import { checkAdapters, checkModelNames, rolesOf } from './vllm-server-model';
import type { VllmServerProps } from './vllm-server-props';
import { resources, sharedMemory, writable } from './vllm-server-resources';

/** What the engine calls itself: the name of its containers too. */
const VLLM = 'vllm';

/** From the start of the process to its first answer, beside the reading: compiling, capturing graphs. */
const STARTUP_SECONDS = 900;

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
  checkArtifact(scope, props.model);
  const device = deviceOf(props);
  const image = resolveImage(scope, props, device);
  const version = resolveVersion(scope, props, image);
  const layout = resolveLayout(scope, props);
  checkLayout(scope, props, layout, version);
  const adapters = checkAdapters(scope, props.adapters);
  const artifacts = mountArtifacts(owner, rolesOf(props, adapters));
  const servedModelNames = checkModelNames(scope, props, adapters);
  const command = commandOf(scope, props, { version, layout, artifacts, servedModelNames, adapters });
  const args = checkedArguments(scope, props, command);
  const apiKey = props.apiKey && checkSecretValue(scope, 'apiKey', props.apiKey);
  const group = resolveGroup(scope, props, { version, layout, artifacts, args });

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
      env: environment(scope, props, { device, version, layout, apiKey }),
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
        ...templateFiles(props),
        ...(group?.multiNode.kind === 'stateful-sets' ? [groupFiles(owner)] : []),
      ],
      resources: resources(props, device, layout, artifacts),
      startupSeconds: STARTUP_SECONDS,
      shutdownSeconds: SHUTDOWN_SECONDS,
      drains: waitsForRequests(version),
      metrics: props.extraArgs?.includes('--disable-log-stats') ? undefined : vllmMetrics(version),
      modelNames: [...servedModelNames, ...adapters.map(({ name }) => name)],
      apiKey,
      network: network(owner, props, layout),
      secretPurposes: apiKey ? [`${apiKey.secret}/${apiKey.key}=the API key of ${owner.name}`] : [],
      podsPerReplica: layout.nodes,
    },
  };
}

const HEALTH = { httpGet: { path: '/health', port: 'http' } };

function resolveImage(scope: Construct, { image }: VllmServerProps, device: VllmDevice): string {
  const chosen = image ?? defaultVllmImage(device);
  if (chosen !== undefined) return checkImage(scope, 'image', chosen);
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
  return version.replace(/^v/, '');
}
