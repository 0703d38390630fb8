import { IConstruct } from 'constructs';
import { mirrorOf } from '../mirror/rules';
import { InputError } from './input-error';

/** Where our Python programs run. Any image with Python 3.11 or newer does; glibc, for numpy's wheels. */
export const PYTHON_IMAGE =
  'docker.io/library/python:3.13.7-slim-bookworm@sha256:adafcc17694d715c905b4c7bebd96907a1fd5cf183395f0ebc4d3428bd22d92d';

/**
 * An image as it is pulled: where the app has a mirror, from there.
 *
 * @throws when an image is pinned by neither a tag nor a digest, or by `latest`
 */
export function checkImage(scope: IConstruct, field: string, image: string | undefined): string {
  const text = typeof image === 'string' ? image : '';
  const name = /^[^\s@]+?(?::([\w][\w.-]{0,127}))?(?:@sha256:[0-9a-f]{64})?$/.exec(text);
  const pinned = name && (text.includes('@sha256:') || (name[1] !== undefined && name[1] !== 'latest'));
  if (!pinned) {
    throw new InputError(scope, field, image, {
      allowed: "an image pinned by a tag other than 'latest', or better by digest ('name:tag@sha256:...')",
      advice: 'What is not pinned changes under a running model.',
    });
  }
  return mirrorOf(scope).image(text);
}
