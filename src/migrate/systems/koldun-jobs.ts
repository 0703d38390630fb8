/** What Koldun's two Jobs are told: that which fetches, and that which converts. */
import { quantity } from '../../validation/quantity';
import { call, Expression, literal, object } from '../plan';
import { s3Place } from '../sources';
import type { Notes } from '../translation';
import { isPinned, optional, pythonOfImage, size } from '../values';

/** @internal */
export interface SecretRef {
  readonly name: string;
  readonly namespace?: string;
}

/** What a Job is told; its command and arguments replace its program. */
interface JobSpec {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly memory?: string;
}

/** @internal */
export interface DownloadSpec extends JobSpec {
  readonly huggingFaceTokenSecretRef?: SecretRef;
  readonly chunkMaxMiB?: number;
  readonly concurrency?: number;
}

/** @internal */
export interface ConversionSpec extends JobSpec {
  readonly weightsFloatType?: 'q40' | 'q80' | 'f16' | 'f32';
  readonly outputPath?: string;
  readonly rcloneImage?: string;
  readonly toolsImage?: string;
  readonly converterVersion?: string;
}

/** The upstream version whose bytes our converter writes. */
const CONVERTER_VERSION = 'v0.16.2';

/** Further upstream versions, which DllamaConverter.upstream can run. */
const OTHER_VERSIONS = ['v0.16.3', 'v0.16.4'];

const MIB = 1024 ** 2;

/** A program of the user's, of which nothing is known. @internal */
export function refuseCommands(notes: Notes, at: string, job: JobSpec | undefined): void {
  for (const field of ['command', 'args'] as const) {
    if (!job?.[field]?.length) continue;
    notes.refuse(`${at}.${field}`, job[field], {
      allowed: 'nothing: what it does cannot be known',
      advice:
        at === 'spec.download'
          ? 'Leave it out to have the download of this library, or write a ModelSource.custom in code: docs/custom-source.md is the contract.'
          : 'Leave it out to have the converter of this library.',
    });
  }
}

/** @internal */
export function downloadProps(
  notes: Notes,
  download: DownloadSpec = {},
): Record<string, Expression | undefined> {
  const concurrency = download.concurrency || undefined;
  const chunk = download.chunkMaxMiB || undefined;
  if (chunk !== undefined && chunk < 8) {
    notes.warn(
      'spec.download.chunkMaxMiB',
      `${chunk} MiB is less than the 8 MiB that Koldun takes at least; 8 MiB are taken.`,
    );
  }
  return {
    concurrency: optional(concurrency),
    chunkMax: chunk === undefined ? undefined : call('Size.mebibytes', literal(Math.max(8, chunk))),
    memory: memoryOf(notes, 'spec.download.memory', download.memory, (15 + 8 * (concurrency ?? 8)) * MIB),
    image: imageOf(
      notes,
      'spec.download.image',
      download.image,
      ({ minor }) => minor >= 11,
      'Python 3.11 or newer',
    ),
  };
}

/** @internal */
export function conversionProps(
  notes: Notes,
  conversion: ConversionSpec,
): Record<string, Expression | undefined> {
  const { outputPath, rcloneImage, toolsImage, converterVersion = CONVERTER_VERSION } = conversion;
  if (outputPath !== undefined && outputPath !== '' && !s3Place(outputPath)) {
    notes.warn(
      'spec.conversion.outputPath',
      `'${outputPath}' is a folder of Koldun's pod, and no place that lasts. The files go to bucketForConvert.`,
    );
  }
  if (rcloneImage !== undefined)
    notes.warn('spec.conversion.rcloneImage', 'Koldun never uses it. It is left out.');
  if (toolsImage !== undefined) {
    notes.warn(
      'spec.conversion.toolsImage',
      'It fetched the scripts and measured the result, which the converter does itself. It is left out.',
    );
  }
  const isOurs = converterVersion === CONVERTER_VERSION;
  if (!isOurs && !OTHER_VERSIONS.includes(converterVersion)) {
    notes.refuse('spec.conversion.converterVersion', converterVersion, {
      allowed: [CONVERTER_VERSION, ...OTHER_VERSIONS].join(', '),
      advice: 'The scripts of other versions have no checksum here.',
    });
  }
  return {
    converter: isOurs
      ? undefined
      : call('DllamaConverter.upstream', object({ version: literal(converterVersion) })),
    memory: memoryOf(notes, 'spec.conversion.memory', conversion.memory, 1024 * MIB),
    image: imageOf(
      notes,
      'spec.conversion.image',
      conversion.image,
      ({ minor, musl }) => minor >= 11 && minor <= 13 && !musl,
      'Python 3.11 to 3.13 with glibc',
    ),
  };
}

/** @internal */
export function weightsOf(notes: Notes, { weightsFloatType = 'q40' }: ConversionSpec): 'q40' | 'f32' {
  if (weightsFloatType === 'q40' || weightsFloatType === 'f32') return weightsFloatType;
  notes.warn(
    'spec.conversion.weightsFloatType',
    `distributed-llama cannot run ${weightsFloatType} weights: it takes q40, whose buffers are q80, or f32. q40 is taken.`,
  );
  return 'q40';
}

/** What is too little for our program is left to its own default. */
function memoryOf(
  notes: Notes,
  field: string,
  given: string | undefined,
  least: number,
): Expression | undefined {
  if (given === undefined) return undefined;
  if (quantity(given) >= least) return size(given);
  notes.warn(
    field,
    `${given} is less than the ${Math.ceil(least / MIB)} MiB that the Job takes. It is left out; the default is enough.`,
  );
  return undefined;
}

/** Nothing is installed in an image, so that the default does as well. */
function imageOf(
  notes: Notes,
  field: string,
  given: string | undefined,
  fits: (python: { readonly minor: number; readonly musl: boolean }) => boolean,
  needed: string,
): Expression | undefined {
  if (given === undefined) return undefined;
  const python = pythonOfImage(given);
  if (!isPinned(given)) {
    notes.warn(
      field,
      `${given} is pinned by no tag, and changes from day to day. It is left out: the default, by digest, is taken.`,
    );
  } else if (python && !fits(python)) {
    notes.warn(
      field,
      `${given} is not ${needed}, which the program needs. It is left out: the default, by digest, is taken.`,
    );
  } else {
    return literal(given);
  }
  return undefined;
}
