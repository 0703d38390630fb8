import type { IConfigMap, ISecret } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import {
  checkAddress,
  checkKind,
  checkList,
  checkObjectName,
  checkPort,
  checkPositiveInteger,
} from './checks';
import { InputError } from './input-error';
import { portOf } from './network';
import { checkPlacement } from './placement';
import { Placement } from './pod-spec';
import { secretNames } from './secret-env';

/** How pods reach what is outside of the cluster, and by which Secrets their images are pulled. */
export interface OutsideOptions {
  /**
   * The Secrets by which the images are pulled.
   *
   * @default - those of the namespace's default service account
   */
  readonly imagePullSecrets?: ISecret[];

  /**
   * The proxy through which the pods reach https addresses: `http://proxy.example.com:3128`. Addresses that end
   * in `.svc` or `.cluster.local` are reached directly.
   *
   * @default - none
   */
  readonly httpsProxy?: string;

  /**
   * The proxy through which the pods reach http addresses, those without TLS. Names without a dot are not known to
   * be in the cluster: write them with `.svc`, or name them in `noProxy`.
   *
   * @default - none; they are reached directly
   */
  readonly httpProxy?: string;

  /**
   * Further hosts that are reached without a proxy; `.example.com` stands for all below one.
   *
   * @default - those in the cluster alone
   */
  readonly noProxy?: string[];

  /**
   * The ConfigMap that holds, under the key `ca.crt`, all certificate authorities that the pods are to
   * trust: private ones, and public ones where they reach public addresses too.
   *
   * @default - those of the image
   */
  readonly caConfigMap?: IConfigMap;

  /**
   * Further TCP ports that the pods may reach. The ports of their addresses are open; but a NetworkPolicy sees the
   * port of the pod behind a Service, so where that is another one (80 before 9000, say) name it here.
   *
   * @default - none
   */
  readonly egressPorts?: number[];
}

/** What every Job can be told. */
export interface JobOptions extends OutsideOptions {
  /**
   * Where the Job may run.
   *
   * @default - anywhere that the stores can be mounted
   */
  readonly placement?: Placement;

  /**
   * The PriorityClass of the Job's pods.
   *
   * @default - the cluster's
   */
  readonly priorityClassName?: string;

  /**
   * How often Kubernetes starts the Job again after a failure that a retry can cure. What is done is kept.
   *
   * @default - 10 for a download, 5 for a conversion, 6 for an eviction, 2 for a smoke test
   */
  readonly backoffLimit?: number;

  /**
   * Raise it to run a failed Job again unchanged.
   *
   * @default 1
   */
  readonly attempt?: number;
}

/** The options with every default applied. @internal */
export interface ResolvedJobOptions extends ResolvedOutsideOptions {
  readonly placement: Placement;
  readonly priorityClassName?: string;
  readonly backoffLimit: number;
  readonly attempt: number;
}

/** Likewise. @internal */
export interface ResolvedOutsideOptions {
  readonly imagePullSecrets: string[];
  readonly httpsProxy?: string;
  readonly httpProxy?: string;
  readonly noProxy: string[];
  readonly caConfigMap?: string;
  /** The ports that the options ask for. */
  readonly ports: number[];
}

/** A ConfigMap's name in its place would be taken for none. */
function checkConfigMap(scope: Construct, configMap: IConfigMap): IConfigMap {
  return checkKind(scope, 'caConfigMap', configMap, ({ name }) => typeof name === 'string' && name !== '', {
    allowed: 'a ConfigMap of cdk8s-plus',
    advice: "Name one that exists: ConfigMap.fromConfigMapName(scope, 'id', 'its-name').",
  });
}

/** Of the forms that tools know, those that all of them know. */
function checkNoProxy(scope: Construct, noProxy: string[], proxy: string | undefined): void {
  const odd = noProxy.find((host) => !/^\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host));
  if (odd !== undefined) {
    throw new InputError(scope, 'noProxy', odd, {
      allowed: "the name or the address of a host, without scheme, port or path, or '.example.com'",
    });
  }
  if (noProxy.length > 0 && proxy === undefined) {
    throw new InputError(scope, 'noProxy', noProxy, { allowed: 'nothing, as there is no proxy' });
  }
}

/** The options by the names that users know them by. @internal */
export function optionsByName({
  ports: egressPorts,
  ...others
}: ResolvedJobOptions): Record<string, unknown> {
  return { ...others, egressPorts };
}

export function resolveJobOptions(
  scope: Construct,
  options: JobOptions,
  defaults: { readonly backoffLimit: number },
): ResolvedJobOptions {
  const outside = resolveOutsideOptions(scope, options);
  return {
    placement: checkPlacement(scope, 'placement', options.placement),
    priorityClassName:
      options.priorityClassName === undefined
        ? undefined
        : checkObjectName(scope, 'priorityClassName', options.priorityClassName),
    backoffLimit: checkPositiveInteger(
      scope,
      'backoffLimit',
      options.backoffLimit ?? defaults.backoffLimit,
      0,
    ),
    attempt: checkPositiveInteger(scope, 'attempt', options.attempt ?? 1),
    ...outside,
  };
}

/** @internal */
export function resolveOutsideOptions(scope: Construct, options: OutsideOptions): ResolvedOutsideOptions {
  const { httpsProxy, httpProxy } = options;
  const noProxy = checkList(scope, 'noProxy', options.noProxy);
  const egressPorts = checkList(scope, 'egressPorts', options.egressPorts);
  if (httpsProxy !== undefined) checkAddress(scope, 'httpsProxy', httpsProxy);
  if (httpProxy !== undefined) checkAddress(scope, 'httpProxy', httpProxy);
  checkNoProxy(scope, noProxy, httpsProxy ?? httpProxy);
  egressPorts.forEach((port) => checkPort(scope, 'egressPorts', port));
  return {
    imagePullSecrets: secretNames(scope, 'imagePullSecrets', options.imagePullSecrets),
    httpsProxy,
    httpProxy,
    noProxy,
    caConfigMap: options.caConfigMap && checkConfigMap(scope, options.caConfigMap).name,
    ports: [...egressPorts, ...[httpsProxy, httpProxy].flatMap((proxy) => (proxy ? [portOf(proxy)] : []))],
  };
}
