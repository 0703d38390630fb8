import type { InputFile } from './files';

/** What a report needs besides the findings. @internal */
export interface ReportContext {
  /** What paths are relative to. */
  readonly cwd: string;
  /** Whether a person looks at it, on a terminal with colours. */
  readonly hasColour: boolean;
  /** What was checked. */
  readonly files: readonly InputFile[];
}
