import { Duration, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type { EngineMetrics } from '../engines/engine-metrics';
import {
  checkFlag,
  checkKind,
  checkList,
  checkNamed,
  checkOptions,
  checkPositiveInteger,
  checkProps,
  checkSize,
} from '../pod/checks';
import { checkImage } from '../pod/image';
import { InputError } from '../pod/input-error';
import { bytesOf, bytesQuantity } from '../pod/quantity';
import type { Owner } from '../pod/owner';
import { checkSecretValue } from '../pod/secret-env';
import { POD_USER } from '../pod/security';
import type {
  EngineFile,
  EnginePort,
  EngineProbes,
  EngineUser,
  EngineVariable,
  WritableFolder,
} from '../serving/engine-spec';
import { checkSeconds } from '../serving/checks';
import { folderVariables, resolveRoles } from '../serving/artifact-roles';
import { checkReferences, checkWords } from '../serving/command-line';
import { ArtifactRole, MountedArtifacts, mountArtifacts } from '../serving/mounted-artifacts';
import { apiKeyPurpose } from '../serving/server-env';
import type { Preparation } from '../serving/preparation';
import { engineProbe, ServerProbe } from '../serving/server-probe';
import { resolveServer, serverOwner, ServerSpec } from '../serving/server-spec';
import type { InferenceServerProps, ServerMetrics, ServerPort } from './inference-server-props';

const CONFIG_FOLDER = '/etc/cdk8s-llm/config';

const HOME = '/home/server';

/** By default the kubelet keeps five files of 10 MiB, which count as ephemeral storage. */
const LEAST_LOGS = Size.mebibytes(50);

/** Two minutes of failures: a server that is busy for a moment is not dead. */
const PATIENT_FAILURES = 12;

/**
 * What an engine is told so that it writes where it may and asks no hub, unless the user says otherwise.
 */
const DEFAULT_ENV: Record<string, string> = {
  HOME,
  // For what looks up the name of its user, which is in no /etc/passwd.
  USER: 'server',
  LOGNAME: 'server',
  XDG_CACHE_HOME: `${HOME}/.cache`,
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
};

/**
 * @param app what the server is, for `app.kubernetes.io/name`
 * @param preparations what is done in each pod before the engine starts
 * @param further artifacts besides those of the props, which need no model to be there
 * @throws when a value cannot be used
 */
export function resolveInferenceServer(
  scope: Construct,
  props: InferenceServerProps,
  app = 'inference-server',
  preparations: (owner: Owner, artifacts: MountedArtifacts) => Preparation[] = () => [],
  further: readonly ArtifactRole[] = [],
): ServerSpec {
  checkProps(scope, props);
  checkNamed(scope, 'env', props.env);
  checkNamed(scope, 'secretEnv', props.secretEnv);
  const owner = serverOwner(scope, app);
  const engine = checkEngine(scope, props.engine);
  const ports = resolvePorts(scope, props);
  const numbers = {
    http: props.containerPort,
    ...Object.fromEntries(ports.map(({ name, port }) => [name, port])),
  };
  const artifacts = mountArtifacts(owner, [...resolveRoles(scope, props), ...further]);
  const apiKey = props.apiKey === undefined ? undefined : checkSecretValue(scope, 'apiKey', props.apiKey);
  const files = resolveFiles(scope, props);
  const env = resolveVariables(props, artifacts, { apiKey, hasFiles: files.length > 0 });
  const commandLine = {
    command: checkWords(scope, 'command', props.command, 1),
    args: checkWords(scope, 'args', props.args ?? [], 0),
  };
  checkReferences(scope, props, env, commandLine);
  return resolveServer(scope, props, {
    owner,
    engine,
    image: checkImage(scope, 'image', props.image),
    ...commandLine,
    env,
    port: props.containerPort,
    ports,
    artifacts,
    probes: resolveProbes(scope, props, numbers),
    healthPath: resolveHealthPath(scope, props),
    writable: resolveWritable(scope, props),
    sharedMemory:
      props.sharedMemory === undefined ? undefined : checkSize(scope, 'sharedMemory', props.sharedMemory),
    files,
    resources: {
      cpu: '4',
      memoryAdvice:
        'On CPUs the weights are in it; with devices it is what the engine needs beside them. /dev/shm counts in it.',
      logs: resolveLogs(scope, props),
    },
    user: resolveUser(scope, props),
    startupSeconds: checkSeconds(scope, 'engineStartup', props.engineStartup ?? Duration.minutes(10)),
    drains: checkFlag(scope, 'drains', props.drains) ?? false,
    shutdownSeconds: checkSeconds(scope, 'shutdownTimeout', props.shutdownTimeout ?? Duration.seconds(15)),
    metrics: resolveMetrics(scope, props, numbers),
    modelNames: checkWords(scope, 'modelNames', props.modelNames ?? [], 0),
    apiKey,
    secretPurposes: apiKey && [apiKeyPurpose(owner, apiKey)],
    preparations: preparations(owner, artifacts),
  });
}

function checkEngine(scope: Construct, engine: string): string {
  if (
    typeof engine === 'string' &&
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(engine) &&
    engine !== 'await-model'
  )
    return engine;
  throw new InputError(scope, 'engine', engine, {
    allowed: "what a container can be called: at most 63 lower-case letters, digits and '-'",
  });
}

const PORT: Record<keyof ServerPort, true> = {
  name: true,
  containerPort: true,
  servicePort: true,
  appProtocol: true,
};

function resolvePorts(scope: Construct, props: InferenceServerProps): EnginePort[] {
  checkContainerPort(scope, 'containerPort', props.containerPort);
  const names = new Set(['http']);
  const numbers = new Set([props.containerPort]);
  const services = new Set([props.port ?? 8080]);
  return checkList(scope, 'ports', props.ports).map((given: ServerPort, index) => {
    const field = `ports[${index}]`;
    const { name, containerPort, servicePort, appProtocol } = checkOptions(scope, field, given, PORT);
    if (
      typeof name !== 'string' ||
      !/^(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/.test(name) ||
      name.includes('--') ||
      names.has(name)
    ) {
      throw new InputError(scope, `${field}.name`, name, {
        allowed:
          "a name of its own of at most 15 lower-case letters, digits and single '-', with a letter; not 'http'",
      });
    }
    checkContainerPort(scope, `${field}.containerPort`, containerPort);
    if (numbers.has(containerPort)) {
      throw new InputError(scope, `${field}.containerPort`, containerPort, { allowed: 'a port of its own' });
    }
    if (servicePort !== undefined && (!isPort(servicePort, 1) || services.has(servicePort))) {
      throw new InputError(scope, `${field}.servicePort`, servicePort, { allowed: '1 to 65535, each once' });
    }
    if (appProtocol !== undefined && servicePort === undefined) {
      throw new InputError(scope, `${field}.appProtocol`, appProtocol, {
        allowed: 'nothing, as the port is not in the Service: there is no servicePort',
      });
    }
    names.add(name);
    numbers.add(containerPort);
    if (servicePort !== undefined) services.add(servicePort);
    return { name, port: containerPort, servicePort, appProtocol };
  });
}

/** All capabilities are dropped, so that nothing can listen at a lower one. */
function checkContainerPort(scope: Construct, field: string, port: number): void {
  if (!isPort(port, 1024)) throw new InputError(scope, field, port, { allowed: '1024 to 65535' });
}

function isPort(port: unknown, least: number): boolean {
  return Number.isInteger(port) && (port as number) >= least && (port as number) <= 65535;
}

function resolveVariables(
  { env = {}, secretEnv = {} }: InferenceServerProps,
  artifacts: MountedArtifacts,
  { apiKey, hasFiles }: { apiKey?: { secret: string; key: string }; hasFiles: boolean },
): EngineVariable[] {
  return [
    ...folderVariables(artifacts),
    ...(hasFiles ? [{ name: 'CONFIG_DIR', value: CONFIG_FOLDER }] : []),
    ...(apiKey ? [{ name: 'API_KEY', ...apiKey }] : []),
    ...Object.entries(DEFAULT_ENV)
      .filter(([name]) => !(name in env) && !(name in secretEnv))
      .map(([name, value]) => ({ name, value })),
  ];
}

function resolveProbes(
  scope: Construct,
  props: InferenceServerProps,
  ports: Record<string, number>,
): EngineProbes {
  const probe = (field: 'readiness' | 'liveness' | 'startup', given: ServerProbe) => {
    const { _spec } = checkKind(scope, field, given, ({ _spec: spec }) => typeof spec?.ask === 'object', {
      allowed: 'a ServerProbe',
      advice: "Make one: ServerProbe.http('/health').",
    });
    return engineProbe(scope.node.path, field, _spec, ports);
  };
  const readiness = probe('readiness', props.readiness);
  const liveness = props.liveness === undefined ? undefined : probe('liveness', props.liveness);
  if (liveness?.failureThreshold === 1) {
    throw new InputError(scope, 'liveness.failures', 1, {
      allowed: '2 or more',
      advice: 'What fails once or for a moment is a busy server, not a dead one.',
    });
  }
  if (props.startup?._spec?.failures !== undefined) {
    throw new InputError(scope, 'startup.failures', props.startup._spec.failures, {
      allowed: 'nothing: the number follows from startupTimeout, or from the size of the model',
    });
  }
  return {
    readiness,
    startup:
      props.startup !== undefined
        ? probe('startup', props.startup)
        : { ...readiness, failureThreshold: undefined },
    liveness: {
      ...(liveness ?? readiness),
      failureThreshold: liveness?.failureThreshold ?? PATIENT_FAILURES,
    },
  };
}

function resolveHealthPath(scope: Construct, { healthPath, readiness }: InferenceServerProps): string {
  if (healthPath === undefined) {
    const { ask, port } = readiness._spec;
    return ask.by === 'http' && port === 'http' ? ask.path : '/';
  }
  if (typeof healthPath === 'string' && /^\/\S*$/.test(healthPath)) return healthPath;
  throw new InputError(scope, 'healthPath', healthPath, { allowed: "a path that begins with '/'" });
}

function resolveWritable(scope: Construct, props: InferenceServerProps): WritableFolder[] {
  const given = checkNamed(scope, 'writableFolders', props.writableFolders);
  const own = props.env?.HOME;
  // What is no text is refused with the rest of the environment.
  const home = typeof own === 'string' ? own : HOME;
  const folders = {
    ...(coversAny(given, '/tmp') ? {} : { '/tmp': Size.gibibytes(1) }),
    ...(coversAny(given, home) || home.startsWith('/tmp/') ? {} : { [home]: Size.gibibytes(1) }),
    ...given,
  };
  const fieldOf = (path: string) =>
    Object.hasOwn(given, path) ? 'writableFolders' : path === own ? 'env.HOME' : undefined;
  return Object.entries(folders).map(([path, size], index) => ({
    name: `writable-${index}`,
    path,
    field: fieldOf(path),
    size: checkSize(scope, `writableFolders.${path}`, size),
  }));
}

function resolveLogs(scope: Construct, { ephemeralStorage }: InferenceServerProps): Size | undefined {
  if (ephemeralStorage === undefined) return undefined;
  const given = checkSize(scope, 'ephemeralStorage', ephemeralStorage);
  if (bytesOf(given) >= bytesOf(LEAST_LOGS)) return given;
  throw new InputError(scope, 'ephemeralStorage', bytesQuantity(given), {
    allowed: `${bytesQuantity(LEAST_LOGS)} or more, which the kubelet keeps of a container's log`,
    advice: 'It comes on top of the writable folders: a pod that writes more than all that is evicted.',
  });
}

/** Whether a folder is one of the given, or below one. */
function coversAny(given: Record<string, Size>, folder: string): boolean {
  return Object.keys(given).some((path) => folder === path || folder.startsWith(`${path}/`));
}

function resolveFiles(scope: Construct, { configFiles }: InferenceServerProps): EngineFile[] {
  const texts = checkNamed(scope, 'configFiles', configFiles);
  for (const [name, text] of Object.entries(texts)) {
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(name) || name.startsWith('..')) {
      throw new InputError(scope, 'name in configFiles', name, {
        allowed: "a file name of letters, digits, '-', '_' and '.'",
      });
    }
    if (typeof text !== 'string') {
      throw new InputError(scope, `configFiles.${name}`, typeof text, { allowed: 'the text of the file' });
    }
  }
  return Object.keys(texts).length ? [{ name: 'config', folder: CONFIG_FOLDER, texts }] : [];
}

function resolveUser(
  scope: Construct,
  { runAsUser, runAsGroup }: InferenceServerProps,
): EngineUser | undefined {
  if (runAsUser === undefined && runAsGroup === undefined) return undefined;
  if (runAsUser === 0) {
    throw new InputError(scope, 'runAsUser', 0, {
      allowed: 'any but root',
      advice: 'Pod Security restricted lets no container run as root: use an image that can do without.',
    });
  }
  return {
    user: checkPositiveInteger(scope, 'runAsUser', runAsUser ?? POD_USER),
    group: checkPositiveInteger(scope, 'runAsGroup', runAsGroup ?? POD_USER, 0),
  };
}

const METRICS: Record<keyof ServerMetrics, true> = {
  path: true,
  port: true,
  running: true,
  waiting: true,
  kvCacheUsage: true,
  promptTokens: true,
  generatedTokens: true,
  succeeded: true,
  timeToFirstToken: true,
  timePerOutputToken: true,
  requestSeconds: true,
  modelLabel: true,
};

function resolveMetrics(
  scope: Construct,
  { metrics }: InferenceServerProps,
  ports: Record<string, number>,
): EngineMetrics | undefined {
  if (metrics === undefined) return undefined;
  const { path = '/metrics', port = 'http', ...names } = checkOptions(scope, 'metrics', metrics, METRICS);
  if (typeof path !== 'string' || !/^\/\S*$/.test(path)) {
    throw new InputError(scope, 'metrics.path', path, { allowed: "a path that begins with '/'" });
  }
  if (ports[port] === undefined) {
    throw new InputError(scope, 'metrics.port', port, { allowed: Object.keys(ports).join(', ') });
  }
  for (const [field, name] of Object.entries(names)) {
    if (name !== undefined && !(typeof name === 'string' && /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name))) {
      throw new InputError(scope, `metrics.${field}`, name, {
        allowed: 'the name of a Prometheus metric or label',
      });
    }
  }
  return { path, port, ...names };
}
