/** docs/migrate.md has every field of every resource, and what it says of each is what is done. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { resourceSchemas } from '../../src/migrate/read-resources';
import { fieldsOfSchema } from '../../src/migrate/schema-errors';
import { segmentsOf } from '../../src/validation/yaml-documents';
import { REPOSITORY } from '../support/folders';
import { Answered, answered, asFile, Document, problemsOf } from '../support/migrations';
import { Sample, SAMPLES } from './samples';

interface Row {
  readonly schema: string;
  readonly field: string;
  readonly how: string;
}

const COMMON = 'metadata.json';

/** The rows of all tables, in the order of the page. */
function rowsOfPage(): Row[] {
  const text = fs.readFileSync(path.join(REPOSITORY, 'docs/migrate.md'), 'utf8');
  const rows: Row[] = [];
  let schema = '';
  for (const line of text.split('\n')) {
    const head = /^\| field of `([\w.-]+)`/.exec(line);
    const row = /^\| `(.+?)`\s*\| (\w+)\s*\|/.exec(line);
    if (head) schema = head[1];
    else if (row && schema !== '') rows.push({ schema, field: row[1], how: row[2] });
  }
  return rows;
}

const rows = rowsOfPage();

function fieldsOf(schema: string): string[] {
  if (schema === COMMON) return fieldsOfSchema(schema).map((field) => `metadata.${field}`);
  return fieldsOfSchema(schema).filter((field) => !field.startsWith('metadata'));
}

test.each([COMMON, ...resourceSchemas()])('the table of %s has every field, and no other', (schema) => {
  const inTable = rows.filter((row) => row.schema === schema).map(({ field }) => field);
  expect(inTable).toEqual(fieldsOf(schema));
});

/** Where a field of a row is in a sample: the first that has it, or where it could be. */
function placeOf(document: unknown, field: string, create: boolean): (string | number)[] | undefined {
  const find = (value: unknown, [segment, ...rest]: (string | number)[]): (string | number)[] | undefined => {
    if (segment === undefined) return [];
    if (typeof value !== 'object' || value === null) return undefined;
    const names = segment === '*' || segment === '[]' ? Object.keys(value) : [segment];
    for (const name of names) {
      const inner = (value as Record<string | number, unknown>)[name];
      if (inner === undefined && !(create && rest.length === 0)) continue;
      const below = find(inner, rest);
      if (below) return [name, ...below];
    }
    return undefined;
  };
  return find(document, segmentsOf(field.replace(/\[\]/g, '.[]').replace(/\.\[\]/g, '.*')));
}

/** The sample with another value of a field, or without it. */
function changed(sample: Sample, place: readonly (string | number)[], value: unknown): Document[] {
  const documents = JSON.parse(JSON.stringify(sample.documents)) as Document[];
  let parent: Record<string | number, unknown> = documents[sample.index];
  for (const segment of place.slice(0, -1)) parent = parent[segment] as Record<string | number, unknown>;
  const last = place[place.length - 1];
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return documents;
}

/** All that decides what is made, and what is asked for it. */
function programOf({ plan, asked }: Answered): string {
  const pipelines = plan.pipelines.map(({ statements, ...pipeline }) => ({
    ...pipeline,
    origins: undefined,
    statements: statements.map((statement) => ({ ...statement, comments: undefined })),
  }));
  return JSON.stringify({ pipelines, asked });
}

function warnedFields({ plan }: Answered, sample: Sample): string[] {
  const { kind } = sample.documents[sample.index];
  return plan.warnings
    .filter((warning) => warning.kind === kind)
    .flatMap(({ field }) => field.split(', ').map(generalized));
}

/** `spec.items[0].type` as the row is called. */
function generalized(field: string): string {
  return field.replace(/\[\d+\]/g, '[]').replace(/^spec\.services\.\w+/, 'spec.services.*');
}

const plans = new Map<string, Answered>();

function planOfSample(documents: readonly unknown[]): Answered {
  const file = asFile(...documents);
  let plan = plans.get(file.text);
  if (!plan) plans.set(file.text, (plan = answered([file])));
  return plan;
}

/** The samples of a row's schema in which its field is. */
function samplesOf({ schema, field }: Row, create: boolean): [Sample, (string | number)[]][] {
  return (SAMPLES[schema] ?? []).flatMap((sample): [Sample, (string | number)[]][] => {
    if (create && !Object.hasOwn(sample.refused ?? {}, field)) return [];
    const place = placeOf(sample.documents[sample.index], field, create);
    return place ? [[sample, place]] : [];
  });
}

/** Another value of a field: the sample's own, or that of another sample. */
function otherOf({ schema, field }: Row, sample: Sample): unknown {
  const samples = [sample, ...SAMPLES[schema]];
  return samples.find(({ others = {} }) => Object.hasOwn(others, field))?.others?.[field];
}

function isNeeded({ others = {} }: Sample, field: string): boolean {
  return Object.hasOwn(others, field) && others[field] === undefined;
}

/** A field that holds all others of its kind: what is tried of it is one that nobody knows. */
const ANY_ANNOTATION = 'metadata.annotations';

test.each(
  rows.filter(({ how }) => how === 'used').map((row): [string, string, Row] => [row.schema, row.field, row]),
)('%s: %s decides what is made', (_schema, field, row) => {
  const samples = samplesOf(row, false);
  expect(samples.length).toBeGreaterThan(0);
  const makes = samples.map(([sample, place]) => {
    const before = programOf(planOfSample(sample.documents));
    const after = changed(sample, place, otherOf(row, sample));
    // Without the field, nothing can be made.
    if (isNeeded(sample, field)) return problemsOf(...after).length > 0;
    return programOf(planOfSample(after)) !== before;
  });
  expect(makes).toContain(true);
});

test.each(
  rows
    .filter(({ how }) => how === 'warned')
    .map((row): [string, string, Row] => [row.schema, row.field, row]),
)('%s: %s is warned of, and decides nothing', (_schema, field, row) => {
  const samples = samplesOf(row, false);
  expect(samples.length).toBeGreaterThan(0);
  for (const [sample, at] of samples) {
    const place = field === ANY_ANNOTATION ? [...at, 'note'] : at;
    if (field === ANY_ANNOTATION && !JSON.stringify(sample.documents).includes('"note"')) continue;
    const before = planOfSample(sample.documents);
    expect(warnedFields(before, sample)).toContain(field);
    const other = otherOf(row, sample);
    const after = planOfSample(changed(sample, place, other));
    expect(programOf(after)).toBe(programOf(before));
    if (other === undefined) expect(warnedFields(after, sample)).not.toContain(field);
  }
});

test.each(
  rows
    .filter(({ how }) => how === 'refused' || how === 'checked')
    .map((row): [string, string, Row] => [row.schema, row.field, row]),
)('%s: %s is refused, or has to be as it is', (_schema, field, row) => {
  const samples = samplesOf(row, true);
  expect(samples.length).toBeGreaterThan(0);
  for (const [sample, place] of samples) {
    const problems = problemsOf(...changed(sample, place, sample.refused?.[field]));
    const found = problems.flatMap((problem) => problem.field.split(', ').map(generalized));
    expect(found).toContain(field);
  }
});

test('every row is of one of the four kinds', () => {
  expect(new Set(rows.map(({ how }) => how))).toEqual(new Set(['used', 'warned', 'refused', 'checked']));
});
