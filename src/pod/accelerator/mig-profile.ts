import { InputError } from '../input-error';

/**
 * A part of an NVIDIA GPU (multi-instance GPU), as a node with the strategy `mixed` offers it.
 *
 * @internal
 */
export interface MigProfile {
  /** `1g.10gb`, `1g.10gb+me`. */
  readonly name: string;
  /** `nvidia.com/mig-1g.10gb`, `nvidia.com/mig-1g.10gb.me`: a `+` cannot be in the name of a resource. */
  readonly resource: string;
  readonly memoryBytes: number;
}

const FORM = /^(?:\d+c\.)?[1-7]g\.(\d+)gb(?:[.+](?:me|gfx|me\.all))?$/;

/**
 * What a part has of the memory in its name, at least: `1g.18gb` of an H200 has 16.0 GiB (`nvidia-smi mig -lgip`),
 * the least of all profiles by this measure.
 */
const LEAST_PART = 0.88;

const GIB = 2 ** 30;

/** @throws when it is no profile's name. @internal */
export function migProfile(where: string, field: string, name: string): MigProfile {
  const match = typeof name === 'string' ? FORM.exec(name) : null;
  if (!match) {
    throw new InputError(where, field, name, {
      allowed: "a profile as nvidia-smi names it: '1g.10gb', '3g.40gb', '1g.10gb+me'",
      advice: '`kubectl describe node` lists those that a node has as nvidia.com/mig-<profile>.',
    });
  }
  return {
    name,
    resource: `nvidia.com/mig-${name.replace('+', '.')}`,
    memoryBytes: Math.floor(Number(match[1]) * GIB * LEAST_PART),
  };
}
