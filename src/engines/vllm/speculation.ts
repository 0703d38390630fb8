import { atLeastVersion } from './version';

/** How tokens are guessed ahead, as plain data. @internal */
export type Speculation =
  | { readonly method: 'ngram'; readonly tokens: number; readonly longest: number; readonly shortest: number }
  | {
      readonly method: 'draft_model' | 'eagle' | 'eagle3';
      readonly tokens: number;
      readonly tensorParallel?: number;
    }
  | { readonly method: 'mtp'; readonly tokens: number };

/** Since when `--speculative-config` is there: before it, each of its keys was a flag. */
const SINCE = '0.8.2';

/** Between the removal of the first engine and #24322 there were no draft models. */
const WITHOUT_DRAFT_MODELS = ['0.10.0', '0.15.0'] as const;

/** `mtp` was named after the model (`deepseek_mtp`) before #25232. */
const ONE_NAME_OF_MTP = '0.11.1';

/** Why a version cannot guess that way, with what to do; undefined where it can. @internal */
export function speculationProblem(
  version: string,
  { method }: Speculation,
): { allowed: string; advice: string } | undefined {
  if (!atLeastVersion(version, SINCE)) {
    return { allowed: `vLLM ${SINCE} or newer`, advice: `Pin an image of ${SINCE} or newer.` };
  }
  const [from, to] = WITHOUT_DRAFT_MODELS;
  if (method === 'draft_model' && atLeastVersion(version, from) && !atLeastVersion(version, to)) {
    return {
      allowed: `ngram or eagle: vLLM ${version} has no draft models, which ${from} dropped and ${to} brought back`,
      advice: `Pin an image of ${to} or newer.`,
    };
  }
  if (method === 'mtp' && !atLeastVersion(version, ONE_NAME_OF_MTP)) {
    return {
      allowed: `vLLM ${ONE_NAME_OF_MTP} or newer`,
      advice: `Pin an image of ${ONE_NAME_OF_MTP} or newer.`,
    };
  }
  return undefined;
}

/**
 * The value of `--speculative-config`: the keys of vllm/config/speculative.py.
 *
 * @param draft the folder of the draft model's files, for the methods that have one
 * @internal
 */
export function speculativeConfig(speculation: Speculation, draft?: string): Record<string, unknown> {
  const { method, tokens } = speculation;
  return {
    method,
    ...(draft === undefined ? {} : { model: draft }),
    num_speculative_tokens: tokens,
    ...(speculation.method === 'ngram'
      ? { prompt_lookup_max: speculation.longest, prompt_lookup_min: speculation.shortest }
      : {}),
    ...('tensorParallel' in speculation && speculation.tensorParallel !== undefined
      ? { draft_tensor_parallel_size: speculation.tensorParallel }
      : {}),
  };
}
