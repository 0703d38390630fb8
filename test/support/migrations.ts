import * as fs from 'node:fs';
import * as path from 'node:path';
import { Yaml } from 'cdk8s';
import { PhasedApp } from '../../src';
import { readDocuments } from '../../src/validation/yaml-documents';
import { makePlan } from '../../src/migrate/make';
import type { Plan } from '../../src/migrate/plan';
import { planOf } from '../../src/migrate/read-plan';
import type { InputText } from '../../src/migrate/read-resources';
import { MigrationError } from '../../src/migrate/translation';
import type { KubeObject } from '../../src/validation/kube-object';
import { cloneOf, upstreamRepository } from '../checkout/stand';
import { objectsOf } from './objects';

const FIXTURES = path.join(__dirname, '../fixtures/migrate');

/** A commit. */
export const COMMIT = '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e';

/** A sha256. */
export const SHA256 = '0123456789abcdef'.repeat(4);

/** Made when somebody asks for it. */
let checkout: string | undefined;

/** What a person would answer, by the end of a question's id. */
const ANSWERS: Record<string, string> = {
  revision: COMMIT,
  commit: COMMIT,
  sha256: SHA256,
  config: path.join(FIXTURES, 'qwen2.5-0.5b.config.json'),
  image: 'registry.example.com/engine:v0.16.4',
  size: '400Mi',
  memory: '2Gi',
  gpus: '4',
  accelerator: 'nvidia',
  version: 'v0.4.1',
  dataset: `yahma/alpaca-cleaned@${COMMIT}`,
  tokenSecret: 'hf-token',
  command: '["fetch", "--to", "$(MODEL_DIR)"]',
  repository: 'image',
  get checkout() {
    return (checkout ??= cloneOf(upstreamRepository()));
  },
};

export type Document = Record<string, unknown>;

/** A file of the fixtures. */
export function fixture(name: string): InputText {
  return { name, text: fs.readFileSync(path.join(FIXTURES, name), 'utf8') };
}

/** The documents of a file of the fixtures. */
export function documents(name: string): Document[] {
  // Not by Yaml.load, which starts a program for each file.
  return readDocuments(fixture(name).text).documents.map(({ value }) => value as Document);
}

/** Documents as one file; what is undefined in them is not there. */
export function asFile(...given: unknown[]): InputText {
  const plain = given.map((document): unknown => JSON.parse(JSON.stringify(document)));
  return { name: 'models.yaml', text: Yaml.stringify(...plain) };
}

/** One object over another. */
export function merged(base: unknown, over: unknown): unknown {
  if (
    typeof base !== 'object' ||
    base === null ||
    typeof over !== 'object' ||
    over === null ||
    Array.isArray(over)
  ) {
    return over;
  }
  const names = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const [below, above] = [(base as Document)[name], (over as Document)[name]];
      return [name, above === undefined ? below : merged(below, above)];
    }),
  );
}

/** A plan, with all that was asked for it. */
export interface Answered {
  readonly plan: Plan;
  readonly questions: string[];
  /** The questions in words. */
  readonly asked: string[];
}

/** The plan of files whose questions are all answered. */
export function answered(files: readonly InputText[]): Answered {
  const answers: Record<string, string> = {};
  const asked: string[] = [];
  for (;;) {
    try {
      return { plan: planOf(files, { answers }), questions: Object.keys(answers), asked };
    } catch (error) {
      if (!(error instanceof MigrationError) || error.problems.length > 0 || error.questions.length === 0)
        throw error;
      for (const { id, message } of error.questions) {
        asked.push(message);
        answers[id] = ANSWERS[id.split('/').at(-1)!];
      }
    }
  }
}

/** All that is wrong with files. */
export function problemsOf(...given: unknown[]): { field: string; message: string }[] {
  try {
    answered([asFile(...given)]);
    return [];
  } catch (error) {
    if (error instanceof MigrationError) return [...error.problems];
    throw error;
  }
}

/** The objects of a plan. */
export function objectsOfPlan(plan: Plan): KubeObject[] {
  const pipelines = makePlan(new PhasedApp(), plan);
  return objectsOf(...pipelines.flatMap((pipeline) => pipeline._phases().map(({ chart }) => chart)));
}
