import type { MirrorRules } from '../../mirror/rules';
import { code, table } from './markdown';

/**
 * The servers of the app's mirror, for the person who opens the network to them. They alone are named: what they
 * stand for is nowhere in the output.
 *
 * @internal
 */
export function mirrorSection({ servers }: MirrorRules): string {
  const rows: [string, readonly string[]][] = [
    ['images, and models in registries', servers.images],
    ['models and other files', servers.files],
    ['Python packages', servers.packages],
    ['Git repositories', servers.repositories],
    ['named besides, as they are', servers.allowed],
  ];
  const known = rows.filter(([, addresses]) => addresses.length > 0);
  return (
    'Everything comes from these servers. Nothing here names another one, but for Services of the cluster.\n\n' +
    table(
      ['what', 'from'],
      known.flatMap(([what, addresses]) => [...addresses].sort().map((address) => [what, code(address)])),
      'None.',
    )
  );
}
