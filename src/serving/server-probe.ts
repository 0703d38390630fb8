import type { Duration } from 'cdk8s';
import { checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { checkSeconds } from './checks';
import type { EngineProbe } from './engine-spec';

/** How often a probe asks, and when it gives up. */
export interface ServerProbeOptions {
  /**
   * The name of the port that is asked: `http`, or one of the server's `ports`.
   *
   * @default 'http', that of the API
   */
  readonly port?: string;

  /**
   * The time between two questions, in whole seconds.
   *
   * @default 10 seconds
   */
  readonly period?: Duration;

  /**
   * How long an answer may take, in whole seconds.
   *
   * @default 5 seconds
   */
  readonly timeout?: Duration;

  /**
   * After how many failures in a row the probe has failed. Not for the startup probe, whose number follows from how
   * long a start may take.
   *
   * @default 3; 12 of liveness, which is two minutes
   */
  readonly failures?: number;
}

/** What a probe asks and how, with a port by its name. Plain data. @internal */
export interface ProbeSpec {
  readonly ask:
    | { readonly by: 'http'; readonly path: string }
    | { readonly by: 'tcp' }
    | { readonly by: 'grpc'; readonly service?: string }
    | { readonly by: 'exec'; readonly command: string[] };
  readonly port: string;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failures?: number;
}

/** How Kubernetes finds out how a server is. */
export class ServerProbe {
  /**
   * GET of a path, which must answer 200 to 399.
   *
   * @param path begins with `/`
   * @throws when the path is none, when an option cannot be used
   */
  public static http(path: string, options: ServerProbeOptions = {}): ServerProbe {
    if (typeof path !== 'string' || !/^\/\S*$/.test(path)) {
      throw new InputError('ServerProbe.http', 'path', path, { allowed: "a path that begins with '/'" });
    }
    return new ServerProbe({ ask: { by: 'http', path }, ...checked('ServerProbe.http', options) });
  }

  /**
   * A connection that is opened and closed again. Tells nothing of a process that hangs.
   *
   * @throws when an option cannot be used
   */
  public static tcp(options: ServerProbeOptions = {}): ServerProbe {
    return new ServerProbe({ ask: { by: 'tcp' }, ...checked('ServerProbe.tcp', options) });
  }

  /**
   * The gRPC health checking protocol (grpc.health.v1.Health).
   *
   * @param service the service that is asked for; an empty text for the server as a whole
   * @throws when an option cannot be used
   */
  public static grpc(service: string, options: ServerProbeOptions = {}): ServerProbe {
    return new ServerProbe({
      ask: { by: 'grpc', ...(service ? { service } : {}) },
      ...checked('ServerProbe.grpc', options),
    });
  }

  /**
   * A command of the image, in exec form, that must end with 0.
   *
   * @throws when there is none, when an option cannot be used
   */
  public static exec(command: string[], options: ServerProbeOptions = {}): ServerProbe {
    const where = 'ServerProbe.exec';
    if (!Array.isArray(command) || command.length === 0 || command.some((word) => typeof word !== 'string')) {
      throw new InputError(where, 'command', command, { allowed: 'a list of one text or more' });
    }
    checkProps(where, options);
    if (options.port !== undefined) {
      throw new InputError(where, 'port', options.port, { allowed: 'nothing, as a command is run' });
    }
    return new ServerProbe({ ask: { by: 'exec', command }, ...checked(where, options) });
  }

  private constructor(
    /** @internal */
    public readonly _spec: ProbeSpec,
  ) {}
}

function checked(where: string, options: ServerProbeOptions): Omit<ProbeSpec, 'ask'> {
  checkProps(where, options);
  const { port = 'http', period, timeout, failures } = options;
  if (failures !== undefined && (!Number.isInteger(failures) || failures < 1)) {
    throw new InputError(where, 'failures', failures, { allowed: 'a whole number of at least 1' });
  }
  return {
    port,
    periodSeconds: period && checkSeconds(where, 'period', period),
    timeoutSeconds: timeout && checkSeconds(where, 'timeout', timeout),
    failures,
  };
}

/**
 * A probe of a server that has these ports.
 *
 * @param field the probe as errors name it
 * @throws when it asks a port that there is not
 * @internal
 */
export function engineProbe(
  where: string,
  field: string,
  { ask, port, periodSeconds, timeoutSeconds, failures }: ProbeSpec,
  ports: Readonly<Record<string, number>>,
): EngineProbe {
  if (ask.by !== 'exec' && ports[port] === undefined) {
    throw new InputError(where, `${field}.port`, port, { allowed: Object.keys(ports).join(', ') });
  }
  const more = { periodSeconds, timeoutSeconds, failureThreshold: failures };
  switch (ask.by) {
    case 'http':
      return { action: { httpGet: { path: ask.path, port } }, ...more };
    case 'tcp':
      return { action: { tcpSocket: { port } }, ...more };
    case 'grpc':
      return {
        action: { grpc: { port: ports[port], ...(ask.service ? { service: ask.service } : {}) } },
        ...more,
      };
    case 'exec':
      return { action: { exec: { command: ask.command } }, ...more };
  }
}
