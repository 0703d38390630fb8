/**
 * A step that must be complete before the next is applied.
 *
 * The number is the phase's Argo CD sync wave and the prefix of its folder.
 */
export enum Phase {
  /** Fetch a model, verified, into a store. */
  DOWNLOAD = 10,
  /** Fine-tune it. */
  TUNE = 20,
  /** Convert it to the format that an engine reads. */
  CONVERT = 30,
  /** Serve it. */
  SERVE = 40,
  /** Ask the endpoint a question. */
  VERIFY = 50,
}

/** All phases in the order in which they are applied. @internal */
export const PHASES: readonly Phase[] = [
  Phase.DOWNLOAD,
  Phase.TUNE,
  Phase.CONVERT,
  Phase.SERVE,
  Phase.VERIFY,
];

/** The name of a phase, as in its folder: `download`. @internal */
export function phaseName(phase: Phase): string {
  return Phase[phase].toLowerCase();
}

/** The folder of a phase below its pipeline's: `10-download`. @internal */
export function phaseFolder(phase: Phase): string {
  return `${phase}-${phaseName(phase)}`;
}
