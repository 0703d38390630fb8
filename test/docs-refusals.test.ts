import * as fs from 'node:fs';
import * as path from 'node:path';
import { blocks, program, projectWith } from './support/documents';
import { REPOSITORY } from './support/folders';

/** The errors that pages show are those that their programs get, once what the page says is taken away. */

interface Refused {
  readonly page: string;
  /** What is in the page's program. */
  readonly given: string;
  /** What is in its place where it is refused. */
  readonly instead: string;
}

const CASES: Refused[] = [
  {
    page: 'gpus.md',
    given: "'chat', { model: weights.artifact, accelerator: l4, maxModelLen: 16384 }",
    instead: "'chat', { model: weights.artifact, accelerator: l4 }",
  },
  { page: 'custom-rule.md', given: "  priorityClassName: 'serving',\n", instead: '' },
];

/** In words: pages wrap what a terminal does not. */
const words = (text: string) => text.trim().split(/\s+/).join(' ');

test.each(CASES)(
  'the error that $page shows is the one that its program gets',
  ({ page, given, instead }) => {
    const text = fs.readFileSync(path.join(REPOSITORY, 'docs', page), 'utf8');
    const code = program(blocks(text, 'ts').join('\n'));
    expect(code.split(given)).toHaveLength(2);
    const project = projectWith({ 'page.ts': code.replace(given, instead) });
    process.env.CDK8S_OUTDIR = path.join(project, 'dist');
    let message = '';
    try {
      jest.requireActual(path.join(project, 'page.ts'));
    } catch (error) {
      ({ message } = error as Error);
    } finally {
      delete process.env.CDK8S_OUTDIR;
    }
    expect(message).not.toBe('');
    expect(words(text)).toContain(words(message));
  },
);
