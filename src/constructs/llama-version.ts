import type { IConstruct } from 'constructs';
import {
  compareLlamaVersions,
  isLlamaVersion,
  LLAMA_VERSION_FORM,
  llamaVersionOf,
} from '../engines/llama/version';
import { InputError } from '../pod/input-error';

/**
 * The version of llama.cpp in an image: what its tag says, or else what the user says.
 *
 * @param reason why it has to be known: the end of a sentence
 * @throws when neither says it, when they contradict each other
 * @internal
 */
export function resolveLlamaVersion(
  scope: IConstruct,
  { image, given, reason }: { image: string; given: string | undefined; reason: string },
): string {
  const told = llamaVersionOf(image);
  const version = given ?? told;
  if (version === undefined || !isLlamaVersion(version)) {
    throw new InputError(scope, 'version', version, {
      allowed: LLAMA_VERSION_FORM,
      advice: `The tag of image '${image}' does not say which version it has, and ${reason}.`,
    });
  }
  if (told === undefined || !isCertain(image, told) || compareLlamaVersions(version, told) === 0)
    return version;
  throw new InputError(scope, 'version', version, {
    allowed: `${told}, as the tag of image '${image}' says, and ${reason}`,
    advice: 'Leave it out.',
  });
}

/** Builds are llama.cpp's own; `v1.2.0` may be the version of an image that somebody made around it. */
function isCertain(image: string, told: string): boolean {
  return told.startsWith('b') || /(^|\/)llama\.cpp:/.test(image);
}
