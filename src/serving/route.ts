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
 * TLS ends at the Ingress or at the Gateway. Who may send requests is decided there too: by a policy of the gateway's
 * that names the HTTPRoute as its target (`name`), by a filter of the gateway's (`filters`), or by annotations that the
 * Ingress controller knows (`annotations`). The engine's own API key is the server's, and no route is told it; where
 * there is one, routes open `/v1` alone, as engines do not ask for it everywhere (`paths`).
 */
export class Route {
  /**
   * By an Ingress.
   *
   * Argo CD deems an Ingress healthy when its controller has written an address into the status; with one that never
   * does, phases after this one do not begin.
   *
   * @throws when host, path or a name cannot be one, when nobody is let in, when the prefix cannot be taken away by
   * the class's controller
   */
  public static ingress(props: IngressRouteProps): Route {
    return new Route(ingressRoute(props));
  }

  /**
   * By a Gateway of the Gateway API 1.2 or newer; of 1.0 and 1.1 with `writeTimeout: false`.
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
