import type { FlagTable } from '../flag-table';
import { LLAMA_FLAGS } from './flag-rows';
import { compareLlamaVersions } from './version';

/** The flags of llama-server by version. Its parser is `common_params_parse_ex` in common/arg.cpp. @internal */
export const LLAMA_FLAG_TABLE: FlagTable = {
  engine: 'llama-server',
  oldest: 'b5415',
  newest: 'b11669',
  syntax: { equals: false, dotted: false, dashedValues: true },
  flags: LLAMA_FLAGS,
  compare: compareLlamaVersions,
};
