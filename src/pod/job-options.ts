import type { IConfigMap, ISecret } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { checkAddress, checkKind, checkPort, checkPositiveInteger } from './checks';
import { portOf } from './network';
import { checkPlacement } from './placement';
import { Placement } from './pod-spec';
import { secretNames } from './secret-env';

/** What every Job can be told. */
export interface JobOptions {
  /**
   * Where the Job may run.
   *
   * @default - anywhere that the stores can be mounted
   */
  readonly placement?: Placement;

  /**
   * How often Kubernetes starts the Job again after a failure that a retry can cure. What is done is kept.
   *
   * @default - 10 for a download, 5 for a conversion
   */
  readonly backoffLimit?: number;

  /**
   * Raise it to run a failed Job again unchanged.
   *
   * @default 1
   */
  readonly attempt?: number;

  /**
   * The Secrets by which the images are pulled.
   *
   * @default - those of the namespace's default service account
   */
  readonly imagePullSecrets?: ISecret[];

  /**
   * The proxy through which the Job reaches https addresses: `http://proxy.example.com:3128`. Addresses that end
   * in `.svc` or `.cluster.local` are reached directly.
   *
   * @default - none
   */
  readonly httpsProxy?: string;

  /**
   * The ConfigMap that holds, under the key `ca.crt`, all certificate authorities that the Job is to trust:
   * private ones, and public ones where it reaches public addresses too.
   *
   * @default - those of the image
   */
  readonly caConfigMap?: IConfigMap;

  /**
   * Further TCP ports that the Job may reach. The ports of its addresses are open; but a NetworkPolicy sees the
   * port of the pod behind a Service, so where that is another one (80 before 9000, say) name it here.
   *
   * @default - none
   */
  readonly egressPorts?: number[];
}

/** The options with every default applied. @internal */
export interface ResolvedJobOptions {
  readonly placement: Placement;
  readonly backoffLimit: number;
  readonly attempt: number;
  readonly imagePullSecrets: string[];
  readonly httpsProxy?: string;
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

export function resolveJobOptions(
  scope: Construct,
  options: JobOptions,
  defaults: { readonly backoffLimit: number },
): ResolvedJobOptions {
  const { httpsProxy, egressPorts = [] } = options;
  if (httpsProxy !== undefined) checkAddress(scope, 'httpsProxy', httpsProxy);
  egressPorts.forEach((port) => checkPort(scope, 'egressPorts', port));
  return {
    placement: checkPlacement(scope, 'placement', options.placement),
    backoffLimit: checkPositiveInteger(
      scope,
      'backoffLimit',
      options.backoffLimit ?? defaults.backoffLimit,
      0,
    ),
    attempt: checkPositiveInteger(scope, 'attempt', options.attempt ?? 1),
    imagePullSecrets: secretNames(scope, 'imagePullSecrets', options.imagePullSecrets),
    httpsProxy,
    caConfigMap: options.caConfigMap && checkConfigMap(scope, options.caConfigMap).name,
    ports: [...egressPorts, ...(httpsProxy ? [portOf(httpsProxy)] : [])],
  };
}
