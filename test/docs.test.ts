import * as fs from 'node:fs';
import * as path from 'node:path';
import { changedCheckout } from './checkout/stand';
import { blocks, deadLinks, program, projectWith, synthesize, typeErrors } from './support/documents';
import { filesIn, REPOSITORY } from './support/folders';

const DOCS = path.join(REPOSITORY, 'docs');
const pages = fs.readdirSync(DOCS).filter((file) => file.endsWith('.md'));
const textOf = (page: string) => fs.readFileSync(path.join(DOCS, page), 'utf8');

/** A page is one program, told in pieces: what a block declares, the blocks after it use. */
const programOf = (page: string) => program(blocks(textOf(page), 'ts').join('\n'));
const withCode = pages.filter((page) => programOf(page) !== '');

/** What the program of a page finds beside it. */
const BESIDE: Record<string, (project: string) => void> = {
  'vllm-checkout.md': (project) => fs.symlinkSync(changedCheckout(), path.join(project, 'vllm')),
};

test('there are pages with code', () => expect(withCode.length).toBeGreaterThan(0));

test('all code compiles', () => {
  const files = withCode.map((page) => [page.replace('.md', '.ts'), programOf(page)]);
  expect(typeErrors(Object.fromEntries(files) as Record<string, string>)).toBe('');
}, 240_000);

test.each(withCode)(
  'the code of %s synthesizes',
  (page) => {
    const project = projectWith({ 'page.ts': programOf(page) });
    BESIDE[page]?.(project);
    const outdir = synthesize(project, 'page.ts');
    expect(filesIn(outdir).filter((file) => file.endsWith('.k8s.yaml')).length).toBeGreaterThan(0);
  },
  120_000,
);

test.each(pages)('%s links to files that are there, and the README to it', (page) => {
  expect(deadLinks(textOf(page), DOCS)).toEqual([]);
  expect(fs.readFileSync(path.join(REPOSITORY, 'README.md'), 'utf8')).toContain(`](docs/${page})`);
});
