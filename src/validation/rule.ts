import type { Entry, ObjectSet, Pod } from './object-set';

/**
 * Says that an object breaks the rule.
 *
 * @param field where in the object, or undefined for the object as a whole
 * @param message what was given, what is allowed, what to do
 * @internal
 */
export type Report = (entry: Entry, field: string | undefined, message: string) => void;

/**
 * A check with a name. It looks at objects one by one, at pods one by one, or at the whole set; objects that it
 * gets to see have passed the schema check.
 *
 * @internal
 */
export interface Rule {
  /** `job-name-hash` */
  readonly id: string;
  /** The rule of the project's design that it enforces, by number, or whose demand it is otherwise. */
  readonly of: number | 'Kubernetes' | 'distributed-llama' | 'its user';
  /**
   * The house style of this library: Kubernetes and Pod Security `restricted` do not demand it, and nothing
   * breaks without it. What others wrote may be excused from it as a whole.
   */
  readonly style?: true;
  /** One sentence: what goes wrong without it. */
  readonly why: string;
  /** Looks at each object: of these kinds, or of all. */
  readonly object?: (entry: Entry, report: Report, set: ObjectSet) => void;
  readonly kinds?: readonly string[];
  /** Looks at each object's pods. */
  readonly pod?: (pod: Pod, report: Report, set: ObjectSet) => void;
  /** Looks at what objects are to each other. */
  readonly set?: (set: ObjectSet, report: Report) => void;
}
