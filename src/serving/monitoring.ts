import type { Construct } from 'constructs';
import { checkKind } from '../pod/checks';
import type { NetworkPeer } from '../pod/network-peer';
import type { ServerTarget } from './server-target';
import { prometheusMonitoring, PrometheusMonitoringProps } from './watch/prometheus';
import type { MonitoringPart } from './watch/monitoring-part';

/** Who watches a server. */
export class Monitoring {
  /**
   * By Prometheus, with the objects of the Prometheus operator: a PodMonitor or ServiceMonitor and a PrometheusRule for
   * each server, and for each pipeline a PrometheusRule of its Jobs and claims and a dashboard for Grafana.
   *
   * What is asked of the engine is what its version tells. Whether pods are ready and Jobs have failed is asked of
   * kube-state-metrics, how full claims are of the kubelets, how busy NVIDIA GPUs are of the DCGM exporter: all of them
   * as kube-prometheus-stack and the GPU operator install them.
   *
   * @throws when a number or a label cannot be used
   */
  public static prometheus(props: PrometheusMonitoringProps = {}): Monitoring {
    return new Monitoring(prometheusMonitoring(props));
  }

  private constructor(private readonly part: MonitoringPart) {}

  /**
   * Who reads the metrics, let in by the server's NetworkPolicy.
   *
   * @internal
   */
  public get _peers(): NetworkPeer[] {
    return this.part.peers;
  }

  /**
   * Adds the objects.
   *
   * @throws when nobody is named who reads the metrics, or the engine has none to read; when the monitoring of another
   * server of the pipeline has other labels, thresholds or another dashboard
   * @internal
   */
  public _render(target: ServerTarget): void {
    this.part.render(target);
  }
}

/** @throws when it is none @internal */
export function checkMonitoring(
  scope: Construct,
  monitoring: Monitoring | undefined,
): Monitoring | undefined {
  if (monitoring === undefined) return undefined;
  return checkKind(scope, 'monitoring', monitoring, (given) => typeof given._render === 'function', {
    allowed: 'a Monitoring',
    advice: "Make one: Monitoring.prometheus({ from: [NetworkPeer.namespace('monitoring')] }).",
  });
}
