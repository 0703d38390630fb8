import { checkKind, checkProps } from '../checks';
import { InputError } from '../input-error';
import { Accelerator } from './accelerator';

/**
 * The accelerators of a platform by name, for programs that read the name from a file: a platform team writes them
 * down once, and whoever serves a model says `l4:2`.
 *
 * @example
 * const profiles = new AcceleratorProfiles({ l4: Accelerator.nvidia({ product: 'NVIDIA-L4' }) });
 * profiles.use('l4', 2); // or profiles.use('l4:2')
 */
export class AcceleratorProfiles {
  private readonly profiles: ReadonlyMap<string, Accelerator>;

  /** @throws when a name has a ':', which stands before the number */
  constructor(profiles: { [name: string]: Accelerator }) {
    checkProps('AcceleratorProfiles', profiles);
    for (const [name, accelerator] of Object.entries(profiles)) {
      if (!/^[^\s:]+$/.test(name)) {
        throw new InputError('AcceleratorProfiles', 'name', name, {
          allowed: "a name without ':' and spaces",
        });
      }
      checkKind('AcceleratorProfiles', name, accelerator, ({ _spec }) => typeof _spec?.vendor === 'string', {
        allowed: 'an Accelerator',
      });
    }
    this.profiles = new Map(Object.entries(profiles));
  }

  /**
   * So many times what the profile has.
   *
   * @param profile the name, or the name and the number: `l4:2`
   * @param times how many times; 1 where neither says it
   * @throws when there is no such profile, naming those that there are, or it cannot be multiplied
   */
  public use(profile: string, times?: number): Accelerator {
    const [name, number, more] = typeof profile === 'string' ? profile.split(':') : [''];
    const accelerator = this.profiles.get(name);
    if (!accelerator) {
      throw new InputError('AcceleratorProfiles', 'profile', profile, {
        allowed:
          [...this.profiles.keys()].map((known) => `'${known}'`).join(', ') || 'none, as there are none',
      });
    }
    if (number === undefined) return accelerator.times(times ?? 1);
    if (more !== undefined || !/^[1-9]\d*$/.test(number) || times !== undefined) {
      throw new InputError('AcceleratorProfiles', 'profile', profile, {
        allowed: `'${name}', or '${name}:' and a number, which is then said once`,
      });
    }
    return accelerator.times(Number(number));
  }

  /** The names of all profiles. */
  public get names(): string[] {
    return [...this.profiles.keys()];
  }
}
