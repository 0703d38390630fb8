import { InputError } from '../../pod/input-error';

/** @throws when a glob pattern of `include` or `exclude` is empty, or they are no lists. @internal */
export function checkPatterns(
  where: string,
  props: { readonly include?: string[]; readonly exclude?: string[] },
): void {
  for (const field of ['include', 'exclude'] as const) {
    const patterns: unknown = props[field] ?? [];
    const listed: unknown[] = Array.isArray(patterns) ? patterns : [patterns];
    const isPattern = (pattern: unknown) => typeof pattern === 'string' && pattern.trim() !== '';
    const wrong = Array.isArray(patterns) ? listed.findIndex((pattern) => !isPattern(pattern)) : 0;
    if (wrong >= 0) {
      throw new InputError(where, field, listed[wrong], { allowed: "glob patterns such as '*.json'" });
    }
  }
}
