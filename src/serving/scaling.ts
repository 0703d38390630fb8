import type { NetworkPeer } from '../pod/network-peer';
import type { Owner } from '../pod/owner';
import { CpuScalingProps, cpuScaling, CustomScalingProps, customScaling } from './scalers/horizontal';
import { KedaScalingProps, kedaScaling } from './scalers/keda';
import { KedaHttpScalingProps, kedaHttpScaling } from './scalers/keda-http';
import type { ScalingPart } from './scalers/scaling-part';
import type { Entrance, ServerTarget } from './server-target';

/**
 * Who decides how many copies of a server run. The workload then says no number: a GitOps tool would set it back at
 * each sync.
 *
 * A copy takes minutes to start, for it reads its model first. So what has been started is kept at least as long as a
 * start takes, and copies end one by one.
 *
 * Knative is not among the ways: its Service is a workload of its own, in place of the server's Deployment and Service,
 * whose requests end after 10 minutes at most (`max-revision-timeout-seconds`) and whose init containers, claims, node
 * selectors and tolerations an installation of Knative must each allow. `Scaling.kedaHttp` holds requests while the
 * server starts, as Knative would.
 *
 * Where a server has had `replicas` and gets `scaling`, the sync that takes the number out of the Deployment sets it to
 * 1 once; the autoscaler raises it again.
 */
export class Scaling {
  /**
   * By a HorizontalPodAutoscaler on CPU use, for servers that compute on CPUs.
   *
   * @throws when a number cannot be used; when the server has an accelerator
   */
  public static cpu(props: CpuScalingProps): Scaling {
    return new Scaling(cpuScaling(props));
  }

  /**
   * By a HorizontalPodAutoscaler on metrics that an adapter of the cluster provides.
   *
   * @throws when a number cannot be used, when there is no metric
   */
  public static custom(props: CustomScalingProps): Scaling {
    return new Scaling(customScaling(props));
  }

  /**
   * By KEDA on the engine's own metrics in Prometheus, down to none where something else can start the server again.
   * KEDA 2.15 or newer.
   *
   * Argo CD deems a ScaledObject degraded while Prometheus does not answer KEDA; phases after this one then do not begin.
   * What Prometheus does not know counts as 0, so that a server that starts is not in the way.
   *
   * @throws when a number cannot be used, when the engine does not have a metric, or nobody reads it, when nothing
   * could start the server again
   */
  public static keda(props: KedaScalingProps): Scaling {
    return new Scaling(kedaScaling(props));
  }

  /**
   * By KEDA's HTTP add-on 0.11 or newer, which holds requests while the server starts: activation on request.
   * `Route.httpRoute`s of the server lead to the add-on's interceptor; where that is in another namespace than the
   * server, a ReferenceGrant there must let HTTPRoutes of the server's namespace name its Service, once for each
   * namespace:
   *
   * ```yaml
   * apiVersion: gateway.networking.k8s.io/v1beta1
   * kind: ReferenceGrant
   * metadata: { name: llm-interceptor, namespace: keda }
   * spec:
   *   from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: llm }]
   *   to: [{ group: '', kind: Service, name: keda-add-ons-http-interceptor-proxy }]
   * ```
   *
   * Who asks the server's own Service finds nobody there while none runs. In the cluster, ask the interceptor, with the
   * header `Host: <server's Service>.<its namespace>`.
   *
   * @throws when a number cannot be used, when a host or path cannot be one
   */
  public static kedaHttp(props: KedaHttpScalingProps): Scaling {
    return new Scaling(kedaHttpScaling(props));
  }

  private constructor(private readonly part: ScalingPart) {}

  /**
   * Who asks the pods something because of it, let in by the server's NetworkPolicy.
   *
   * @internal
   */
  public get _peers(): NetworkPeer[] {
    return this.part.peers ?? [];
  }

  /**
   * Who reads the engine's metrics because of it, let in to them by the server's NetworkPolicy.
   *
   * @internal
   */
  public get _watchers(): NetworkPeer[] {
    return this.part.watchers ?? [];
  }

  /**
   * The largest number of copies, which scarce devices and disruption budgets have to allow for.
   *
   * @internal
   */
  public get _maxReplicas(): number {
    return this.part.maxReplicas;
  }

  /**
   * Where requests must come in, if not at the server's Service.
   *
   * @internal
   */
  public _entrance(owner: Owner): Entrance | undefined {
    return this.part.entrance?.(owner);
  }

  /**
   * Adds the objects of the autoscaler.
   *
   * @throws when the engine does not tell what it scales by
   * @internal
   */
  public _render(target: ServerTarget): void {
    this.part.render(target);
  }
}
