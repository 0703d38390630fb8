import type { SecretValue } from 'cdk8s-plus-28';
import { checkAddress, checkKind } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { ANNOTATION } from '../../pod/metadata';
import type { NetworkPeer } from '../../pod/network-peer';
import { addObject, Owner } from '../../pod/owner';
import { checkSecretValue } from '../../pod/secret-env';
import { checkFrom } from '../checks';

/** A Prometheus, or what answers as one: Thanos, Mimir, VictoriaMetrics. */
export interface PrometheusProps {
  /** Its address, without credentials: `http://prometheus.monitoring.svc:9090`. */
  readonly serverAddress: string;

  /**
   * By what KEDA shows who it is.
   *
   * @default - nothing
   */
  readonly authentication?: PrometheusAuthentication;

  /**
   * Headers of each query: `X-Scope-OrgID` for a tenant of Mimir. They are in the YAML, so that headers which show who
   * somebody is are refused: `authentication` is for that.
   *
   * @default - none
   */
  readonly headers?: { [name: string]: string };

  /**
   * Further labels that tell the engine's metrics from those of others: `cluster`, where one Prometheus has the metrics
   * of several.
   *
   * @default - `namespace` and `pod` alone
   */
  readonly matchers?: { [label: string]: string };

  /**
   * Who reads the engine's metrics for it, let in by the server's NetworkPolicy: the pods of Prometheus. Only where the
   * server has no `monitoring`, which says it, and something else tells Prometheus of the server's pods; KEDA takes what
   * Prometheus does not have as 0.
   *
   * @default - who is let in by the server's `monitoring`
   */
  readonly from?: NetworkPeer[];
}

/** By what KEDA shows a Prometheus who it is: keys of Secrets in the namespace of the server. */
export class PrometheusAuthentication {
  /**
   * By a token.
   *
   * @throws when it is no key of a Secret
   */
  public static bearerToken(token: SecretValue): PrometheusAuthentication {
    return new PrometheusAuthentication('bearer', { bearerToken: checked('bearerToken', token) });
  }

  /**
   * By a name and a password.
   *
   * @throws when one is no key of a Secret
   */
  public static basic(username: SecretValue, password: SecretValue): PrometheusAuthentication {
    return new PrometheusAuthentication('basic', {
      username: checked('username', username),
      password: checked('password', password),
    });
  }

  private constructor(
    /** @internal */
    public readonly _mode: string,
    /**
     * By the parameter of KEDA's scaler.
     *
     * @internal
     */
    public readonly _parameters: Record<string, SecretKey>,
  ) {}
}

/** A key of a Secret, by names. @internal */
export interface SecretKey {
  readonly name: string;
  readonly key: string;
}

function checked(field: string, value: SecretValue): SecretKey {
  const { secret, key } = checkSecretValue('PrometheusAuthentication', field, value);
  return { name: secret, key };
}

/** Names of headers whose values are secrets. */
const CREDENTIAL = /authorization|cookie|token|secret|password|credential|api-?_?key|access-?_?key|^x-auth/i;

/** @throws when the address, a header or a label cannot be one @internal */
export function checkPrometheus(where: string, prometheus: PrometheusProps): PrometheusProps {
  checkAddress(where, 'prometheus.serverAddress', prometheus?.serverAddress, { path: true });
  for (const [name, value] of Object.entries(prometheus.headers ?? {})) {
    if (CREDENTIAL.test(name)) {
      throw new InputError(where, 'key in prometheus.headers', name, {
        allowed: 'headers without credentials, as they are in the YAML',
        advice:
          'Give the key of a Secret: authentication: PrometheusAuthentication.bearerToken({ secret, key }), or basic.',
      });
    }
    if (/^[\w-]+$/.test(name) && typeof value === 'string' && /^[^,=\s]+$/.test(value)) continue;
    throw new InputError(where, `prometheus.headers["${name}"]`, value, {
      allowed: "a header's name and a value without ',', '=' and blanks, as KEDA takes them all as one text",
    });
  }
  for (const [label, value] of Object.entries(prometheus.matchers ?? {})) {
    if (/^[a-zA-Z_]\w*$/.test(label) && typeof value === 'string') continue;
    throw new InputError(where, `prometheus.matchers["${label}"]`, value, {
      allowed: "a label of Prometheus and its value: { cluster: 'east' }",
    });
  }
  if (prometheus.from !== undefined) checkFrom(where, prometheus.from, 'prometheus.from');
  if (prometheus.authentication !== undefined) {
    checkKind(
      where,
      'prometheus.authentication',
      prometheus.authentication,
      ({ _mode }) => typeof _mode === 'string',
      { allowed: 'a PrometheusAuthentication' },
    );
  }
  return prometheus;
}

/** What a trigger of KEDA is told of the server that it asks. @internal */
export interface PrometheusTrigger {
  readonly metadata: Record<string, string>;
  readonly authentication: Record<string, unknown>;
}

/** Adds what holds the credentials, if there are any. @internal */
export function addPrometheus(
  owner: Owner,
  component: string,
  prometheus: PrometheusProps,
): PrometheusTrigger {
  const { serverAddress, authentication, headers } = prometheus;
  const metadata = {
    serverAddress,
    ...(headers && Object.keys(headers).length
      ? {
          customHeaders: Object.entries(headers)
            .map(([name, value]) => `${name}=${value}`)
            .join(','),
        }
      : {}),
  };
  if (!authentication) return { metadata, authentication: {} };
  const name = `${owner.name}-prometheus`;
  const parameters = Object.entries(authentication._parameters);
  addObject(owner, 'TriggerAuthentication', {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'TriggerAuthentication',
    name,
    component,
    annotations: {
      [ANNOTATION.secrets]: parameters
        .map(([parameter, secret]) => `${secret.name}/${secret.key}=ask Prometheus (${parameter})`)
        .join('\n'),
    },
    body: {
      spec: { secretTargetRef: parameters.map(([parameter, secret]) => ({ parameter, ...secret })) },
    },
  });
  return {
    metadata: { ...metadata, authModes: authentication._mode },
    authentication: { authenticationRef: { name } },
  };
}
