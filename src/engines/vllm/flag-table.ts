import type { FlagTable } from '../flag-table';
import { ADAPTER_FLAGS } from './flags/adapters';
import { CONFIGURATION_FLAGS } from './flags/configuration';
import { FRONTEND_FLAGS } from './flags/frontend';
import { MEMORY_FLAGS } from './flags/memory';
import { MODEL_FLAGS } from './flags/model';
import { MULTIMODAL_FLAGS } from './flags/multimodal';
import { OBSERVABILITY_FLAGS } from './flags/observability';
import { PARALLEL_FLAGS } from './flags/parallel';
import { REMOVED_FLAGS } from './flags/removed';
import { SCHEDULING_FLAGS } from './flags/scheduling';
import { compareVersions } from './version';

/**
 * The flags of `vllm serve`.
 *
 * Read from vllm/engine/arg_utils.py and vllm/entrypoints/openai/cli_args.py of vllm-project/vllm: at the release tags
 * from 0.6.0 to 0.10.0, and at each commit of the main branch that changed them from then to 2026-08-17. To which
 * release such a commit belongs follows from the number of commits that the release notes count, so that a flag which
 * came in the last days before a release may be a release off. Words that a flag takes are listed where they are the
 * same in all versions; where plugins or versions add to them, any text is taken.
 *
 * @internal
 */
export const VLLM_FLAGS: FlagTable = {
  engine: 'vLLM',
  oldest: '0.6.0',
  newest: '0.28.0',
  // FlexibleArgumentParser of vllm/utils/argparse_utils.py. A value that looks like a flag has to follow '='.
  syntax: { equals: true, dotted: true, dashedValues: false },
  flags: {
    ...MODEL_FLAGS,
    ...PARALLEL_FLAGS,
    ...MEMORY_FLAGS,
    ...SCHEDULING_FLAGS,
    ...CONFIGURATION_FLAGS,
    ...ADAPTER_FLAGS,
    ...MULTIMODAL_FLAGS,
    ...FRONTEND_FLAGS,
    ...OBSERVABILITY_FLAGS,
    ...REMOVED_FLAGS,
  },
  compare: compareVersions,
};
