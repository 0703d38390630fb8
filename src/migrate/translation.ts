import { InputError, InputErrorDetails } from '../pod/input-error';
import { nearest } from '../validation/suggest';
import { formatWarning, Warning } from './plan';
import type { Resource } from './resource';
import type { Problem } from './schema-errors';

/** What is said of a resource has its place. @internal */
export interface Placed {
  readonly file: string;
  /** Which document of the file, from 1. */
  readonly document: number;
}

/** Something that no resource says, and how one comes to know it. @internal */
export interface Question extends Placed {
  /** By what an answer names it: `Model/llm/qwen/revision`. */
  readonly id: string;
  readonly where: string;
  readonly field: string;
  /** The command that answers it. */
  readonly command: string;
  /** The whole sentence, with the place. */
  readonly message: string;
}

/** What is asked. @internal */
export interface Asked {
  /** What the resource says, which is not enough. */
  readonly given: unknown;
  /** What an answer is. */
  readonly allowed: string;
  /** Whether an answer is one. */
  readonly form: RegExp;
  /** Why it is asked, before the command. */
  readonly why?: string;
  readonly command: string;
}

/** What reading resources leaves, besides a plan. @internal */
export class Translation {
  public readonly warnings: Warning[] = [];
  public readonly problems: Problem[] = [];
  public readonly questions: Question[] = [];
  private readonly asked = new Set<string>();

  /** @param answers by the questions' ids */
  constructor(private readonly answers: Readonly<Record<string, string>>) {}

  /** What is said of one resource. */
  public of(resource: Resource): Notes {
    return new Notes(this, resource);
  }

  /** Something that cannot be gone on with. */
  public refuse(where: string, field: string, given: unknown, details: InputErrorDetails): void {
    this.problems.push({ field, message: new InputError(where, field, given, details).message });
  }

  /** @returns the answer; the empty text where there is none, which `finish` throws for */
  public ask(resource: Resource, field: string, key: string, asked: Asked): string {
    const id = `${resource.kind}/${resource.namespace}/${resource.name}/${key}`;
    this.asked.add(id);
    const answer = this.answers[id];
    if (answer !== undefined) {
      if (typeof answer === 'string' && asked.form.test(answer)) return answer;
      this.refuse('answers', id, answer, {
        allowed: asked.allowed,
        advice: `This tells it: ${asked.command}`,
      });
      return '';
    }
    if (this.questions.some((question) => question.id === id)) return '';
    const why = asked.why === undefined ? '' : `${asked.why} `;
    const advice = `${why}Answer '${id}', which this tells: ${asked.command}`;
    const details = { allowed: asked.allowed, advice };
    const message = new InputError(resource.where, field, asked.given, details).message;
    const { file, document, where } = resource;
    this.questions.push({ id, file, document, where, field, command: asked.command, message });
    return '';
  }

  /**
   * @param order of what is asked
   * @throws when there is anything that cannot be gone on with, all of it at once
   */
  public finish(order: (a: Placed, b: Placed) => number): void {
    // Of resources that are wrong, not all is asked.
    const answers = this.problems.length > 0 ? [] : Object.keys(this.answers);
    for (const id of answers) {
      if (this.asked.has(id)) continue;
      const meant = nearest(id, [...this.asked]);
      const known = [...this.asked].sort().join(', ');
      this.refuse('answers', id, this.answers[id], {
        allowed: known === '' ? 'no answers, as nothing is asked' : `answers to what is asked: ${known}`,
        advice: meant === undefined ? undefined : `Did you mean ${meant}?`,
      });
    }
    if (this.problems.length + this.questions.length > 0)
      throw new MigrationError(this.problems, [...this.questions].sort(order));
  }
}

/** What is said of one resource; its warnings become the comments of the statement that follows. @internal */
export class Notes {
  private comments: string[] = [];

  constructor(
    private readonly translation: Translation,
    private readonly resource: Resource,
  ) {}

  /** @param message whole sentences: what was given, what is done, why */
  public warn(field: string, message: string): void {
    const { file, document, kind, namespace, name } = this.resource;
    this.translation.warnings.push({ file, document, kind, namespace, name, field, message });
    this.comments.push(`${field}: ${message}`);
  }

  public refuse(field: string, given: unknown, details: InputErrorDetails): void {
    this.translation.refuse(this.resource.where, field, given, details);
  }

  public ask(field: string, key: string, asked: Asked): string {
    return this.translation.ask(this.resource, field, key, asked);
  }

  /** The warnings since the last call. */
  public taken(): string[] {
    const { comments } = this;
    this.comments = [];
    return comments;
  }
}

/** Resources that no plan can be made of, or not yet. @internal */
export class MigrationError extends Error {
  constructor(
    public readonly problems: readonly Problem[],
    public readonly questions: readonly Question[],
  ) {
    super([...problems, ...questions].map(({ message }) => message).join('\n') + howToAnswer(questions));
    this.name = 'MigrationError';
  }
}

/** A file that a person fills in. */
function howToAnswer(questions: readonly Question[]): string {
  if (questions.length === 0) return '';
  const lines = questions.map(({ id, command }) => `  ${id}: ''  # ${command}`);
  return `\nWrite the answers into a YAML file, and give it as the file of answers:\n${lines.join('\n')}`;
}

/** All warnings, a line each. @internal */
export function warningLines(warnings: readonly Warning[]): string[] {
  return warnings.map(formatWarning);
}
