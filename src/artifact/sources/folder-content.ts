import type { Size } from 'cdk8s';
import type { FloatType } from '../../engines/dllama/float-type';
import { checkSize } from '../../pod/checks';
import { bytesOf } from '../../pod/quantity';
import { ArtifactFormat } from '../format';
import { checkPath } from './checks';
import type { SourceSpec } from './source-spec';

/** What a folder's files are, which no program asks before they are there. */
export interface FolderContent {
  /**
   * How the files are to be read.
   *
   * @default - GGUF where the source names its files and one of them ends in `.gguf`, otherwise that of Hugging Face
   */
  readonly format?: ArtifactFormat;

  /**
   * The file that holds the weights, for formats of one file: its path in the folder.
   *
   * @default - the `.gguf` file, where the source names its files and there is one alone
   */
  readonly modelFile?: string;

  /**
   * The file of the tokenizer, for formats that have one: its path in the folder.
   *
   * @default - none
   */
  readonly tokenizerFile?: string;

  /**
   * How the weights are stored, for distributed-llama's format.
   *
   * @default - not known
   */
  readonly weights?: FloatType;

  /**
   * The size of all files together, by which claims and memory are checked at synth.
   *
   * @default - not known
   */
  readonly size?: Size;
}

/** What names a source's files one by one: by checksum, or by version. @internal */
interface NamesOfFiles {
  readonly files?: { [path: string]: unknown };
  readonly versions?: { [path: string]: unknown };
}

/**
 * @param names the paths of the files, where the source names them
 * @throws when a path is none, or the size nothing
 * @internal
 */
export function resolveContent(
  where: string,
  props: FolderContent & NamesOfFiles,
  names = Object.keys(props.files ?? props.versions ?? {}),
): Pick<SourceSpec, 'format' | 'modelFile' | 'tokenizerFile' | 'weights' | 'bytes'> {
  for (const field of ['modelFile', 'tokenizerFile'] as const) {
    if (props[field] !== undefined) checkPath(where, field, props[field]);
  }
  if (props.size !== undefined) checkSize(where, 'size', props.size);
  const models = names.filter((name) => name.endsWith('.gguf'));
  return {
    format: props.format ?? (models.length > 0 ? ArtifactFormat.GGUF : ArtifactFormat.HUGGING_FACE),
    modelFile: props.modelFile ?? (models.length === 1 ? models[0] : undefined),
    tokenizerFile: props.tokenizerFile,
    weights: props.weights,
    bytes: props.size && bytesOf(props.size),
  };
}
