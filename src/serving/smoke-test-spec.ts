import { ApiObject, Duration } from 'cdk8s';
import type { Construct } from 'constructs';
import { Phase } from '../phases/phase';
import { checkAddress, checkKind, checkPositiveInteger } from '../pod/checks';
import { checkImage, PYTHON_IMAGE } from '../pod/image';
import { InputError } from '../pod/input-error';
import { JobOptions, ResolvedJobOptions, resolveJobOptions } from '../pod/job-options';
import { LABEL } from '../pod/metadata';
import { Opening, Peer, portOf } from '../pod/network';
import type { NetworkPeer } from '../pod/network-peer';
import { Owner, ownerOf } from '../pod/owner';
import { checkSecretValue } from '../pod/secret-env';
import { checkSeconds } from './checks';
import { checkPeers } from './server-checks';
import { apiKeyPurpose } from './server-env';
import type { ServerTarget } from './server-target';
import { SmokeTestApi, SmokeTestOptions } from './smoke-test-options';

/** What a gateway may need to learn of a route. */
const ROUTE_SECONDS = 120;

/** How long a server may wait for its model: as long as apply.sh waits for the Jobs that make it. */
const READY_TIMEOUT = Duration.days(1);

/** What a retry of the Job takes besides its program: the pause before it, a node for its pod, an image. */
const RETRY_SECONDS = 900;

/** Whom a smoke test asks. @internal */
export type SmokeTestSubject =
  { readonly server: ServerTarget } | { readonly endpoint: string; readonly to?: NetworkPeer[] };

/** A smoke test with every default applied. @internal */
export interface SmokeTestSpec {
  readonly owner: Owner;
  /** Of the API, with its `/v1`. */
  readonly endpoint: string;
  /** By which a proxy before the server knows it. */
  readonly host?: string;
  readonly api: SmokeTestApi;
  readonly model?: string;
  readonly prompt?: string;
  readonly expect?: string;
  readonly maxTokens?: number;
  readonly maxFirstTokenMs?: number;
  /** How long there may be no pod that is ready. Undefined where no pods are known. */
  readonly readySeconds?: number;
  /** How long the endpoint may not answer, while there is one. */
  readonly waitSeconds: number;
  /** How long the endpoint may not be known: 404 of a gateway, which a server itself means. */
  readonly routeSeconds: number;
  readonly answerSeconds: number;
  readonly apiKey?: { readonly secret: string; readonly key: string };
  /** A line of the annotation that the README is made from. */
  readonly apiKeyPurpose?: string;
  readonly image: string;
  readonly options: ResolvedJobOptions;
  /** Whom the Job's pods reach. */
  readonly egress: Opening[];
  /** The server's pods, which let those of the Job in. */
  readonly admittedBy?: { readonly selector: Record<string, string>; readonly port: number };
  /** Of the Job, with all retries. Undefined where it needs no bound, as its program ends soon. */
  readonly deadlineSeconds?: number;
  /** The headless Service that names the pods of the version which is to be tested, and no older ones. */
  readonly tested?: {
    readonly name: string;
    /** Known in the cluster while one of the pods is ready. */
    readonly host: string;
    readonly selector: Record<string, string>;
    readonly port: number;
  };
  /** Changes with the server's pods: another one is another test. */
  readonly revision?: string;
  readonly provenance: Record<string, string | undefined>;
}

/** @throws when a value cannot be used, or would have no effect @internal */
export function resolveSmokeTest(
  scope: Construct,
  options: SmokeTestOptions,
  subject: SmokeTestSubject,
): SmokeTestSpec {
  const owner = ownerOf(scope, 'smoke-test', Phase.VERIFY, [Phase.VERIFY]);
  const server = 'server' in subject ? subject.server : undefined;
  const api = checkApi(scope, options, server);
  const job = resolveJobOptions(scope, options, { backoffLimit: 2 });
  const apiKey = options.apiKey ? checkSecretValue(scope, 'apiKey', options.apiKey) : server?.apiKey;
  const { maxTimeToFirstToken, timeout, answerTimeout = Duration.minutes(15) } = options;
  const readySeconds = checkReady(scope, options, server);
  const waitSeconds = timeout
    ? checkSeconds(scope.node.path, 'timeout', timeout)
    : // A pod that was ready may have to start again.
      server
      ? server.startupSeconds + 600
      : 1800;
  const answerSeconds = checkSeconds(scope.node.path, 'answerTimeout', answerTimeout);
  return {
    owner,
    ...('server' in subject
      ? ofServer(scope, owner, subject.server, options)
      : ofAddress(scope, subject, job)),
    api,
    model: checkText(scope, 'model', options.model) ?? server?.modelNames[0],
    prompt: checkText(scope, 'prompt', options.prompt),
    expect: checkText(scope, 'expect', options.expect),
    maxTokens:
      options.maxTokens === undefined
        ? undefined
        : checkPositiveInteger(scope, 'maxTokens', options.maxTokens),
    maxFirstTokenMs: maxTimeToFirstToken && milliseconds(scope, 'maxTimeToFirstToken', maxTimeToFirstToken),
    readySeconds,
    waitSeconds,
    answerSeconds,
    deadlineSeconds:
      readySeconds && readySeconds + (job.backoffLimit + 1) * (waitSeconds + answerSeconds + RETRY_SECONDS),
    apiKey,
    apiKeyPurpose: apiKey && purposeOf(apiKey, server),
    image: checkImage(scope, 'image', options.image ?? PYTHON_IMAGE),
    options: job,
    provenance: server?.provenance ?? {},
  };
}

/** Of a server's own key the server says the same, which the README then has once. */
function purposeOf(apiKey: { secret: string; key: string }, server: ServerTarget | undefined): string {
  return server
    ? apiKeyPurpose(server.owner, apiKey)
    : `${apiKey.secret}/${apiKey.key}=ask the server (API key)`;
}

type Reached = Pick<
  SmokeTestSpec,
  'routeSeconds' | 'endpoint' | 'host' | 'egress' | 'admittedBy' | 'tested' | 'revision'
>;

/** What leads out of the cluster: a server is asked within it. */
const OUTSIDE: (keyof JobOptions)[] = ['httpsProxy', 'httpProxy', 'noProxy', 'caConfigMap', 'egressPorts'];

function ofServer(scope: Construct, owner: Owner, server: ServerTarget, options: SmokeTestOptions): Reached {
  const { entrance, selector, container, revision } = server;
  const { namespace } = server.owner;
  if (namespace !== owner.namespace) {
    throw new InputError(scope, 'server', `a server in namespace ${namespace}`, {
      allowed: `one in namespace ${owner.namespace}, which the test is in`,
      advice: 'Its NetworkPolicy lets the pods of the test in by their labels.',
    });
  }
  const useless = OUTSIDE.find((option) => options[option] !== undefined);
  if (useless) {
    throw new InputError(scope, useless, 'given', {
      allowed: 'nothing: the server is asked within the cluster, without a proxy and without TLS',
      advice: "To test the way from outside, give a SmokeTest its address: { endpoint: 'https://...' }.",
    });
  }
  if (!entrance && endsWhenIdle(server)) {
    throw new InputError(scope, 'smokeTest', 'given', {
      allowed: 'nothing for a server of which no copy may run: asking it does not start it',
      advice:
        'Scale it by Scaling.kedaHttp, by which a request starts it, or with min 1; or give a SmokeTest the address of ' +
        'what starts it: { endpoint }.',
    });
  }
  // While a new version is rolled out, the pods of the one before answer at the server's own Service. A name of its own
  // for each version, as a Service that is changed leads to the old pods for a moment more.
  const name = `${owner.name}-${revision}`;
  const tested = {
    name,
    host: `${name}.${namespace}.svc`,
    selector: { ...selector, [LABEL.podRevision]: revision },
    port: container.port,
  };
  if (entrance) {
    // A server that does not run is started by what stands before it, which does not ask for a version.
    return {
      endpoint: `http://${entrance.service}.${entrance.namespace}.svc:${entrance.port}/v1`,
      host: entrance.host,
      routeSeconds: ROUTE_SECONDS,
      // A policy sees the port of the pods behind its Service, which their installation alone knows.
      egress: [{ peers: [namespacePeer(entrance.namespace)], ports: [] }],
      tested,
      revision,
    };
  }
  return {
    endpoint: `http://${tested.host}:${tested.port}/v1`,
    routeSeconds: 1,
    egress: [{ peers: [{ podSelector: { matchLabels: tested.selector } }], ports: [tested.port] }],
    admittedBy: { selector, port: container.port },
    tested,
    revision,
  };
}

/** Whether KEDA may end its last copy. */
function endsWhenIdle({ owner }: ServerTarget): boolean {
  return owner.scope.node
    .findAll()
    .filter((each): each is ApiObject => ApiObject.isApiObject(each) && each.kind === 'ScaledObject')
    .some((each) => (each.toJson() as { spec: { minReplicaCount?: number } }).spec.minReplicaCount === 0);
}

function namespacePeer(name: string): Peer {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } };
}

function ofAddress(
  scope: Construct,
  { endpoint, to }: { readonly endpoint: string; readonly to?: NetworkPeer[] },
  { ports }: ResolvedJobOptions,
): Reached {
  const address = checkAddress(scope, 'endpoint', endpoint, { path: true }).replace(/\/+$/, '');
  const peers = to === undefined ? undefined : checkPeers(scope, 'to', to);
  if (peers?.length === 0) {
    throw new InputError(scope, 'to', 'an empty list', {
      allowed: 'one NetworkPeer or more',
      advice: 'The test could reach nobody. Leave it out for any address.',
    });
  }
  return {
    endpoint: address,
    routeSeconds: ROUTE_SECONDS,
    egress: [
      {
        ...(peers ? { peers: peers.map(({ _peer }) => _peer) } : {}),
        ports: [...new Set([portOf(address), ...ports])],
      },
    ],
  };
}

/** How long no pod of a server may be ready, in seconds. */
function checkReady(
  scope: Construct,
  { readyTimeout }: SmokeTestOptions,
  server: ServerTarget | undefined,
): number | undefined {
  if (server) return checkSeconds(scope.node.path, 'readyTimeout', readyTimeout ?? READY_TIMEOUT);
  if (readyTimeout === undefined) return undefined;
  throw new InputError(scope, 'readyTimeout', 'given', {
    allowed: 'nothing: of an address no pods are known',
    advice: 'Give timeout, which begins at once.',
  });
}

function checkApi(
  scope: Construct,
  options: SmokeTestOptions,
  server: ServerTarget | undefined,
): SmokeTestApi {
  const given = options.api ?? server?.api ?? SmokeTestApi.CHAT;
  const api = Object.values(SmokeTestApi).find((each) => each === given);
  if (!api) throw new InputError(scope, 'api', given, { allowed: Object.values(SmokeTestApi).join(', ') });
  if (api === SmokeTestApi.CHAT || api === SmokeTestApi.COMPLETION) return api;
  const useless = (['expect', 'maxTokens', 'maxTimeToFirstToken'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (useless) {
    throw new InputError(scope, useless, 'given', {
      allowed: `nothing: the server is asked for ${api}, and no text`,
    });
  }
  return api;
}

function checkText(scope: Construct, field: string, text: string | undefined): string | undefined {
  if (text === undefined || (typeof text === 'string' && text.trim() !== '')) return text;
  throw new InputError(scope, field, text, { allowed: 'a text that is not empty' });
}

function milliseconds(scope: Construct, field: string, duration: Duration): number {
  checkKind(scope, field, duration, (given) => typeof given.toMilliseconds === 'function', {
    allowed: 'a Duration',
    advice: "A Duration is made by cdk8s: import { Duration } from 'cdk8s'.",
  });
  return checkPositiveInteger(scope, `${field} in milliseconds`, duration.toMilliseconds());
}
