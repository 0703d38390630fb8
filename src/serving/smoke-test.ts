import type { Construct } from 'constructs';
import { InputError } from '../pod/input-error';
import type { ServerTarget } from './server-target';
import type { SmokeTestProps } from './smoke-test-props';

/**
 * Adds a Job that asks a server a question.
 *
 * @param scope the server
 * @internal
 */
export function addSmokeTest(scope: Construct, _target: ServerTarget, _props: SmokeTestProps): void {
  throw new InputError(scope, 'smokeTest', 'given', { allowed: 'nothing: there is no smoke test yet' });
}
