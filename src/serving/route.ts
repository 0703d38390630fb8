import type { NetworkPeer } from '../pod/network-peer';
import { HttpRouteProps, httpRoute } from './routes/http-route';
import { InferencePoolRouteProps, inferencePoolRoute } from './routes/inference-pool';
import { IngressRouteProps, ingressRoute } from './routes/ingress';
import type { RoutePart } from './routes/route-part';
import type { ServerTarget } from './server-target';

/**
 * A way to a server from outside its namespace. Several servers share one host or gateway by paths of their own; the
 * same host and path twice is refused.
 *
 * TLS ends at the Ingress or at the Gateway. Who may send requests is the business of what stands there: a policy of
 * the gateway that names the route (`name`) as its target, a filter of the gateway's (`filters`), an Ingress
 * annotation (`annotations`), or the engine's own API key, which the server is told and no route.
 */
export class Route {
  /**
   * By an Ingress.
   *
   * @throws when host, path or a name cannot be one, when nobody is let in, when the prefix cannot be taken away by
   * the class's controller
   */
  public static ingress(props: IngressRouteProps): Route {
    return new Route(ingressRoute(props));
  }

  /**
   * By a Gateway of the Gateway API 1.1 or newer.
   *
   * @throws when a host, the path or a name cannot be one, when nobody is let in
   */
  public static httpRoute(props: HttpRouteProps): Route {
    return new Route(httpRoute(props));
  }

  /**
   * By a Gateway that knows the Gateway API inference extension: an endpoint picker chooses the pod of each request by
   * its queue, its cache and its adapters. The picker itself is installed beside the pool, with the extension's own
   * chart for instance.
   *
   * @throws when a host, the path or a name cannot be one, when nobody is let in
   */
  public static inferencePool(props: InferencePoolRouteProps): Route {
    return new Route(inferencePoolRoute(props));
  }

  private constructor(private readonly part: RoutePart) {}

  /**
   * Who sends requests by this way, let in by the server's NetworkPolicy.
   *
   * @internal
   */
  public get _peers(): NetworkPeer[] {
    return this.part.peers;
  }

  /**
   * Adds the objects of the route.
   *
   * @param index which of the server's routes it is: part of the objects' construct ids
   * @throws when another route has the same host and path
   * @internal
   */
  public _render(target: ServerTarget, index: number): void {
    this.part.render(target, index);
  }
}
