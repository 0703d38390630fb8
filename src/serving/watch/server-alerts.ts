import { durationText } from '../duration-text';
import type { ServerTarget } from '../server-target';
import type { Alert, Severity } from './alert';
import type { AlertSpec } from './alert-options';
import { answeredRate, clusterSeries, engineQuantile, engineSeries, podsOf } from './promql';

/** What may be wrong with a server, as far as it can be known. @internal */
export function serverAlerts(target: ServerTarget, spec: AlertSpec): Alert[] {
  const { name, namespace, pipeline } = target.owner;
  // An Alertmanager may lead alerts to people by the namespace.
  const labels = { ...spec.labels, namespace, pipeline, server: name };
  const alert = (
    alertname: string,
    severity: Severity,
    expr: string | undefined,
    forSeconds: number,
    summary: string,
    description: string,
  ): Alert[] =>
    expr === undefined
      ? []
      : [
          {
            alert: alertname,
            expr,
            ...(forSeconds ? { for: durationText(forSeconds) } : {}),
            labels: { ...labels, severity },
            annotations: { summary, description },
          },
        ];
  const { available, wanted } = copies(target);
  const server = `Server ${name} in namespace ${namespace}`;
  const start = `kubectl -n ${namespace}`;
  const pods = `${start} get pods -l app.kubernetes.io/instance=${name}`;
  const unready = target.startupSeconds + spec.notReadySeconds;
  const waiting = engineSeries(target, 'waiting');
  const cache = engineSeries(target, 'kvCacheUsage');
  const firstToken = engineQuantile(target, 'timeToFirstToken', 0.95, '10m');
  return [
    ...alert(
      'LlmServerDown',
      'critical',
      `${available} == 0 and ${wanted} > 0`,
      unready,
      `${server} answers nobody`,
      `None of its copies has been ready for ${durationText(unready)}, longer than a start may take. See what they wait ` +
        `for: '${pods}', then '${start} describe pod <pod>'. Init:0/1 is the guard await-model: the model is not complete, ` +
        'so look at the Jobs of the download and convert phases. Pending is a node, a device or a claim that is not there.',
    ),
    ...alert(
      'LlmServerDegraded',
      'warning',
      `${available} < ${wanted} and ${available} > 0`,
      unready,
      `${server} has fewer copies than it should`,
      `Fewer of its copies have been ready for ${durationText(unready)} than are wanted. See ` +
        `which: '${pods}', then '${start} describe pod <pod>'.`,
    ),
    ...alert(
      'LlmServerRestarting',
      'warning',
      restarts(target, spec.restarts),
      0,
      'A container of pod {{ $labels.pod }} is started again and again',
      `Container {{ $labels.container }} was started again {{ $value | humanize }} times in half an hour. Its last words: ` +
        `'${start} logs {{ $labels.pod }} -c {{ $labels.container }} --previous'. Exit code 137 with reason OOMKilled is ` +
        "memory: give the server more, or less context. Other ends by a signal are the liveness probe's.",
    ),
    ...alert(
      'LlmServerQueueGrowing',
      'warning',
      waiting && `avg(${waiting}) > ${spec.waitingRequests}`,
      spec.waitingSeconds,
      `Requests wait at server ${name}`,
      `{{ $value | humanize }} requests wait at each copy, more than ${spec.waitingRequests} for ` +
        `${durationText(spec.waitingSeconds)}. Give it more copies, or scaling, or allow more requests at once if the ` +
        'key-value cache has room.',
    ),
    ...alert(
      'LlmServerErrors',
      'warning',
      errors(target, spec.errorPercent),
      300,
      `Server ${name} fails to answer requests`,
      `{{ $value | humanizePercentage }} of the requests of the last ten minutes ended with an error of the server's own. ` +
        `Its log tells which: '${start} logs -l app.kubernetes.io/instance=${name} --all-containers --tail=200'.`,
    ),
    ...alert(
      'LlmServerCacheFull',
      'warning',
      cache && `max(${cache}) > ${spec.kvCachePercent / 100}`,
      600,
      `The key-value cache of server ${name} is full`,
      'It is filled to {{ $value | humanizePercentage }}: requests wait for others to end, or are computed twice. Give the ' +
        'server more memory for it, a shorter context, a smaller type of cache, or more copies.',
    ),
    ...alert(
      'LlmServerSlowFirstToken',
      'warning',
      firstToken && `${firstToken} > ${spec.firstTokenSeconds}`,
      600,
      `Server ${name} is slow to begin its answers`,
      `5 of 100 requests wait {{ $value | humanizeDuration }} or longer for their first token. If requests queue, it needs ` +
        'more copies; if not, prompts are long: caching of prefixes or a larger batch of prompt tokens helps.',
    ),
  ];
}

/** How many copies can be asked, and how many there should be, by what runs them. @internal */
export function copies({ owner, workload }: ServerTarget): { available: string; wanted: string } {
  const { namespace } = owner;
  if (workload.kind === 'Deployment') {
    const labels = { namespace, deployment: workload.name };
    return {
      available: clusterSeries('kube_deployment_status_replicas_available', labels),
      wanted: clusterSeries('kube_deployment_spec_replicas', labels),
    };
  }
  // Each copy of a group has a StatefulSet for its leader; the leaders of a LeaderWorkerSet are the pods of one of its name.
  const statefulset = workload.kind === 'StatefulSet' ? { pattern: `${owner.name}-[0-9]+` } : workload.name;
  const labels = { namespace, statefulset };
  return {
    available: `sum(${clusterSeries('kube_statefulset_status_replicas_ready', labels)})`,
    wanted: `sum(${clusterSeries('kube_statefulset_replicas', labels)})`,
  };
}

/** Guards and fronts, which are init containers, are counted apart. */
function restarts(target: ServerTarget, most: number): string {
  const labels = { namespace: target.owner.namespace, pod: podsOf(target) };
  return [
    clusterSeries('kube_pod_container_status_restarts_total', labels),
    clusterSeries('kube_pod_init_container_status_restarts_total', labels),
  ]
    .map((series) => `increase(${series}[30m]) > ${most}`)
    .join(' or ');
}

/** The share of the requests that the server failed to answer. @internal */
export function errorShare(target: ServerTarget, window: string): string | undefined {
  const { failedMatcher } = target.metrics ?? {};
  if (failedMatcher === undefined) return undefined;
  const failed = answeredRate(target, window, failedMatcher);
  return failed && `${failed} / ${answeredRate(target, window)}`;
}

function errors(target: ServerTarget, percent: number): string | undefined {
  const share = errorShare(target, '10m');
  return share && `${share} > ${percent / 100}`;
}
