import type { Construct } from 'constructs';
import { checkKind, checkList, checkOptions } from '../pod/checks';
import type { NetworkPeer } from '../pod/network-peer';
import type { Monitoring } from './monitoring';
import type { Route } from './route';
import type { Scaling } from './scaling';
import type { SmokeTestOptions } from './smoke-test-options';

/** Checks of what a server is told of others: programs in plain JavaScript have no types that would stop them. */

/** What is attached to a server is an object with a `_render`, and no plain data. @internal */
export function checkPart<T extends Route | Scaling | Monitoring>(
  scope: Construct,
  field: string,
  part: T,
): T {
  return checkKind(scope, field, part, ({ _render }) => typeof _render === 'function', {
    allowed: 'what a factory of Route, Scaling or Monitoring makes',
  });
}

/** @throws when it is no list of routes @internal */
export function checkRoutes(scope: Construct, routes: Route[] | undefined): Route[] {
  return checkList(scope, 'routes', routes).map((route, index) =>
    checkPart(scope, `routes[${index}]`, route),
  );
}

/** @throws when it is no list of peers @internal */
export function checkPeers(scope: Construct, field: string, peers: NetworkPeer[]): NetworkPeer[] {
  return checkList(scope, field, peers).map((peer, index) =>
    checkKind(scope, `${field}[${index}]`, peer, ({ _peer }) => typeof _peer === 'object', {
      allowed: 'a NetworkPeer',
      advice: 'Make one: NetworkPeer.sameNamespace().',
    }),
  );
}

const SMOKE_TEST: Record<keyof SmokeTestOptions, true> = {
  api: true,
  model: true,
  prompt: true,
  expect: true,
  maxTokens: true,
  readyTimeout: true,
  timeout: true,
  answerTimeout: true,
  maxTimeToFirstToken: true,
  apiKey: true,
  image: true,
  placement: true,
  priorityClassName: true,
  backoffLimit: true,
  attempt: true,
  imagePullSecrets: true,
  httpsProxy: true,
  httpProxy: true,
  noProxy: true,
  caConfigMap: true,
  egressPorts: true,
};

/** @throws when it is no object of options, or has an unknown one, which would have no effect @internal */
export function checkSmokeTest(
  scope: Construct,
  options: SmokeTestOptions | undefined,
): SmokeTestOptions | undefined {
  return options === undefined ? undefined : checkOptions(scope, 'smokeTest', options, SMOKE_TEST);
}
