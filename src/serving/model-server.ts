import type { IConstruct } from 'constructs';
import { checkKind } from '../pod/checks';
import type { ServerTarget } from './server-target';

/** A server of a model, as what is declared elsewhere knows it: any construct of this library that serves one. */
export interface IModelServer {
  /** The name of its Service. */
  readonly serviceName: string;

  /** The base address of its API within the cluster. */
  readonly endpoint: string;
}

/** @throws when it is no server of this library @internal */
export function targetOf(where: IConstruct | string, field: string, server: IModelServer): ServerTarget {
  const withTarget = server as Partial<{ readonly _target: ServerTarget }>;
  checkKind(where, field, withTarget, ({ _target }) => typeof _target?.service === 'object', {
    allowed: 'a server of this library',
    advice: 'Give the construct itself: { server: chat }.',
  });
  return withTarget._target!;
}
