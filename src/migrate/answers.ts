import { readDocuments } from '../validation/yaml-documents';
import { InputError } from '../pod/input-error';
import type { InputText } from './read-resources';

/**
 * A file of answers: one YAML document, `<question>: '<answer>'`.
 *
 * @throws when it is none
 * @internal
 */
export function readAnswers({ name, text }: InputText): Record<string, string> {
  const { documents, errors } = readDocuments(text);
  const fail = (field: string, given: unknown, advice?: string) =>
    new InputError(name, field, given, {
      allowed: "one YAML document of lines <question>: '<answer>'",
      advice,
    });
  if (errors.length > 0) throw fail(`line ${errors[0].position.line}`, undefined, errors[0].message);
  if (documents.length > 1) throw fail('documents', documents.length);
  const answers = documents.length === 0 ? {} : documents[0].value;
  if (typeof answers !== 'object' || answers === null || Array.isArray(answers))
    throw fail('answers', undefined);
  for (const [question, answer] of Object.entries(answers as Record<string, unknown>)) {
    if (typeof answer !== 'string') throw fail(question, answer, 'Write the answer in quotes.');
  }
  return answers as Record<string, string>;
}
