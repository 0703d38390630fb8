import { Construct } from 'constructs';
import { checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { NetworkPeer } from '../pod/network-peer';
import { IModelServer, targetOf } from '../serving/model-server';
import { renderSmokeTest } from '../serving/smoke-test';
import type { SmokeTestOptions } from '../serving/smoke-test-options';
import { resolveSmokeTest, SmokeTestSubject } from '../serving/smoke-test-spec';

/** What a `SmokeTest` is told. */
export interface SmokeTestProps extends SmokeTestOptions {
  /**
   * The server that is asked. Give this or `endpoint`.
   *
   * @default - `endpoint`
   */
  readonly server?: IModelServer;

  /**
   * The address that is asked, with its `/v1`: that of a route, for instance, with all that stands before the server.
   * Give this or `server`.
   *
   * @default - `server`
   */
  readonly endpoint?: string;

  /**
   * Who is behind the endpoint, for the NetworkPolicy of the test. A policy sees the ports of pods: where that of the
   * pods behind a Service is another one, name it in `egressPorts`.
   *
   * @default - any address, at the endpoint's port
   */
  readonly to?: NetworkPeer[];
}

/**
 * A Job that asks an endpoint a question, as a client would: it waits until the endpoint answers, checks the name of the
 * model, an answer and a streamed answer, and leaves in the termination message of its pod how fast they came:
 * `timeToFirstToken`, in seconds, and `tokensPerSecond`. In the verify phase it is the last gate of a promotion.
 *
 * A server that changes is tested again: the Job's name follows from what its pods run. It asks the pods of that version
 * by a Service of its own, so that those of the version before, which may still run, cannot answer for them; but a server
 * that requests start (`Scaling.kedaHttp`) is asked by what starts it, whichever pods answer. One that only an address is
 * known of is tested again when `attempt` is raised.
 *
 * It waits for the first pod that is ready, which may wait for its model in turn, so it may be applied before anything is
 * there (`readyTimeout`). Nothing of that is known of an address: where all is applied at once, give it a `timeout` in which
 * the model is made and the server starts.
 *
 * Servers have it as a property, `smokeTest`; this construct is for several tests of one server, and for addresses.
 *
 * @example
 *
 * new SmokeTest(pipeline.verify, 'french', {
 *   server: chat,
 *   prompt: 'Wie heißt die Hauptstadt Frankreichs?',
 *   expect: 'Paris',
 *   maxTimeToFirstToken: Duration.seconds(5),
 * });
 *
 * // All the way: DNS, TLS, gateway, route.
 * new SmokeTest(pipeline.verify, 'route', { endpoint: 'https://llm.example.com/qwen/v1', model: 'qwen3-1.7b' });
 */
export class SmokeTest extends Construct {
  /** @throws when there is neither a server nor an endpoint or both, when a value cannot be used or has no effect */
  constructor(scope: Construct, id: string, props: SmokeTestProps) {
    super(scope, id);
    checkProps(this, props ?? {});
    const { server, endpoint, to, ...options } = props ?? {};
    renderSmokeTest(resolveSmokeTest(this, options, subjectOf(this, { server, endpoint, to })));
  }
}

function subjectOf(
  scope: Construct,
  { server, endpoint, to }: Pick<SmokeTestProps, 'server' | 'endpoint' | 'to'>,
): SmokeTestSubject {
  if ((server === undefined) === (endpoint === undefined)) {
    throw new InputError(scope, 'server', server && 'given together with endpoint', {
      allowed: 'either server or endpoint',
    });
  }
  if (server !== undefined && to !== undefined) {
    throw new InputError(scope, 'to', 'given', { allowed: 'nothing: the pods of the server are known' });
  }
  return server !== undefined ? { server: targetOf(scope, 'server', server) } : { endpoint: endpoint!, to };
}
