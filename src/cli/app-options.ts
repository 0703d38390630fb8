import { call, CallExpression, list, literal, object, ObjectExpression } from '../migrate/plan';
import type { Arguments } from './arguments';
import { usageError } from './exit-codes';
import { kubernetesVersionFrom } from './kubernetes-version';

/** What flux bootstrap makes. */
const FLUX_SOURCE = 'flux-system';

/**
 * What a command line tells a `PhasedApp`, as data, so that code can say the same.
 *
 * @throws when a tool lacks what it needs, or an option is of a tool that is not asked for
 * @internal
 */
export function appFrom(args: Arguments): ObjectExpression {
  const tools = [...new Set(args.values('gitops'))];
  for (const [option, ...of] of [
    ['repo-url', 'argocd'],
    ['repo-path', 'argocd', 'flux'],
    ['flux-source', 'flux'],
  ]) {
    if (args.has(option) && !of.some((tool) => tools.includes(tool))) {
      throw usageError(`--${option} says nothing without --gitops ${of.join(' or --gitops ')}.`);
    }
  }
  const version = args.has('kubernetes-version') ? kubernetesVersionFrom(args) : undefined;
  return object({
    kubernetesVersion: version === undefined ? undefined : literal(version),
    gitOps: tools.length > 0 ? list(tools.map((tool) => toolOf(tool, args))) : undefined,
  });
}

function toolOf(tool: string, args: Arguments): CallExpression {
  const given = args.value('repo-path');
  const path = given === undefined ? undefined : literal(given);
  if (tool === 'kubectl') return call('GitOps.kubectl');
  if (tool === 'flux') {
    const source = literal(args.value('flux-source') ?? FLUX_SOURCE);
    return call('GitOps.flux', object({ sourceRef: call('FluxSourceRef.gitRepository', source), path }));
  }
  const url = args.value('repo-url');
  if (url === undefined) throw usageError('--gitops argocd needs the repository: --repo-url URL.');
  return call('GitOps.argoCd', object({ repoUrl: literal(url), path }));
}
