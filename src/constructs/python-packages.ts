import type { Construct } from 'constructs';
import { mirrorOf, NO_MIRROR } from '../mirror/rules';
import { checkAddress } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { portOf } from '../pod/network';

/** What users may say of the Python packages that a Job installs. @internal */
export interface PackageOptions {
  readonly installPackages?: boolean;
  readonly pipProxy?: string;
  readonly pipIndexUrl?: string;
}

/** Where pip looks. @internal */
export interface PackageSources {
  readonly proxy?: string;
  readonly indexUrl?: string;
  readonly extraIndexUrl?: string;
}

/**
 * @param extraIndexUrl the index that has those of the packages which the usual one has not
 * @returns nothing where no packages are installed
 * @throws when an address is none, or when the app has a mirror and nothing says where it has the packages
 * @internal
 */
export function resolvePackages(
  scope: Construct,
  options: PackageOptions,
  extraIndexUrl?: string,
): PackageSources | undefined {
  for (const field of ['pipProxy', 'pipIndexUrl'] as const) {
    const url = options[field];
    if (url === undefined) continue;
    checkAddress(scope, field, url, { path: true });
    if (options.installPackages === false) {
      throw new InputError(scope, field, url, { allowed: 'nothing, as installPackages is false' });
    }
  }
  if (options.installPackages === false) return undefined;
  const mirror = mirrorOf(scope);
  const proxy = options.pipProxy;
  if (mirror === NO_MIRROR) return { proxy, indexUrl: options.pipIndexUrl, extraIndexUrl };
  const indexUrl = options.pipIndexUrl ? mirror.web(options.pipIndexUrl) : mirror.packageIndex;
  if (indexUrl === undefined) {
    throw new InputError(scope, 'pipIndexUrl', undefined, {
      allowed: 'an index of Python packages, as the app has a mirror and pip would look at pypi.org',
      advice:
        'Give the Mirror its packageIndex, or take an image that has the packages: installPackages: false.',
    });
  }
  const extra = extraIndexUrl && mirror.web(extraIndexUrl);
  return { proxy, indexUrl, ...(extra === extraIndexUrl ? {} : { extraIndexUrl: extra }) };
}

/** The arguments of `pip install` that name servers. @internal */
export function packageServerArgs({ proxy, indexUrl, extraIndexUrl }: PackageSources): string[] {
  return [
    ...(proxy ? [`--proxy=${proxy}`] : []),
    ...(indexUrl ? [`--index-url=${indexUrl}`] : []),
    ...(extraIndexUrl ? [`--extra-index-url=${extraIndexUrl}`] : []),
  ];
}

/** The ports of the servers that pip asks. @internal */
export function packagePorts({ proxy, indexUrl, extraIndexUrl }: PackageSources): number[] {
  if (proxy) return [portOf(proxy)];
  return [indexUrl ? portOf(indexUrl) : 443, ...(extraIndexUrl ? [portOf(extraIndexUrl)] : [])];
}
