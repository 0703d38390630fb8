import { Duration } from 'cdk8s';
import { checkFlag, checkPositiveInteger } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { checkSeconds, checkStrings } from '../checks';

/**
 * From when on something is worth a person's time. An alert of what the engine does not tell is left out: llama-server,
 * for instance, counts no failed requests and measures no latencies.
 */
export interface AlertOptions {
  /**
   * Whether there are alerts.
   *
   * @default true
   */
  readonly enabled?: boolean;

  /**
   * Labels of all alerts, by which Alertmanager leads them to somebody: `{ team: 'ml' }`.
   *
   * @default - severity, pipeline and server alone
   */
  readonly labels?: { [name: string]: string };

  /**
   * How much longer than a start may take a copy may be not ready.
   *
   * @default 5 minutes
   */
  readonly notReadyAfter?: Duration;

  /**
   * How many requests may wait, for each copy.
   *
   * @default 10
   */
  readonly waitingRequests?: number;

  /**
   * How long more than that may wait.
   *
   * @default 5 minutes
   */
  readonly waitingFor?: Duration;

  /**
   * How full the key-value cache may be for ten minutes, in percent.
   *
   * @default 95
   */
  readonly kvCachePercent?: number;

  /**
   * The time to the first token that 95 of 100 requests may take.
   *
   * @default 30 seconds
   */
  readonly timeToFirstToken?: Duration;

  /**
   * How many of 100 requests the server may fail to answer.
   *
   * @default 5
   */
  readonly errorPercent?: number;

  /**
   * How often a container may be started again within half an hour.
   *
   * @default 3
   */
  readonly restarts?: number;

  /**
   * How much of a claim must be free, in percent.
   *
   * @default 2: a claim of the least size that a download is given has 4 when the model is there
   */
  readonly claimFreePercent?: number;
}

/** With every default applied. @internal */
export interface AlertSpec {
  readonly enabled: boolean;
  readonly labels: Record<string, string>;
  readonly notReadySeconds: number;
  readonly waitingRequests: number;
  readonly waitingSeconds: number;
  readonly kvCachePercent: number;
  readonly firstTokenSeconds: number;
  readonly errorPercent: number;
  readonly restarts: number;
  readonly claimFreePercent: number;
}

/** Labels that alerts have already. */
const OWN_LABELS = ['severity', 'pipeline', 'server', 'namespace', 'alertname'];

/** @throws when a number or a label cannot be used @internal */
export function resolveAlerts(where: string, options: AlertOptions = {}): AlertSpec {
  const seconds = (field: 'notReadyAfter' | 'waitingFor' | 'timeToFirstToken', by: Duration) =>
    checkSeconds(where, `alerts.${field}`, options[field] ?? by);
  const whole = (field: 'waitingRequests' | 'restarts', by: number) =>
    checkPositiveInteger(where, `alerts.${field}`, options[field] ?? by);
  const percent = (field: 'kvCachePercent' | 'errorPercent' | 'claimFreePercent', by: number) =>
    checkPercent(where, `alerts.${field}`, options[field] ?? by);
  return {
    enabled: checkFlag(where, 'alerts.enabled', options.enabled) ?? true,
    labels: checkAlertLabels(where, options.labels),
    notReadySeconds: seconds('notReadyAfter', Duration.minutes(5)),
    waitingRequests: whole('waitingRequests', 10),
    waitingSeconds: seconds('waitingFor', Duration.minutes(5)),
    kvCachePercent: percent('kvCachePercent', 95),
    firstTokenSeconds: seconds('timeToFirstToken', Duration.seconds(30)),
    errorPercent: percent('errorPercent', 5),
    restarts: whole('restarts', 3),
    claimFreePercent: percent('claimFreePercent', 2),
  };
}

function checkPercent(where: string, field: string, percent: number): number {
  if (typeof percent === 'number' && percent > 0 && percent < 100) return percent;
  throw new InputError(where, field, percent, { allowed: 'a number above 0 and below 100' });
}

function checkAlertLabels(
  where: string,
  labels: { [name: string]: string } | undefined,
): Record<string, string> {
  for (const name of Object.keys(labels ?? {})) {
    if (/^[a-zA-Z_]\w*$/.test(name) && !name.startsWith('__') && !OWN_LABELS.includes(name)) continue;
    throw new InputError(where, 'name in alerts.labels', name, {
      allowed: `letters, digits and '_' that do not begin with a digit or '__', and none of ${OWN_LABELS.join(', ')}`,
    });
  }
  return checkStrings(where, 'alerts.labels', labels);
}
