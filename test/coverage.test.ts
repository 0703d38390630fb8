import * as fs from 'node:fs';
import * as path from 'node:path';
import * as ts from 'typescript';
import { COMMANDS } from '../src/cli/commands';
import { REPOSITORY } from './support/folders';

const SYSTEMS = ['Koldun', 'AI Operator', 'DynamoModel', 'k8shazgpu', 'ModelServe'];

const read = (file: string) => fs.readFileSync(path.join(REPOSITORY, file), 'utf8');

interface Row {
  readonly system: string;
  readonly documented: string;
  readonly by: string;
  readonly shown: string;
}

/** What a system was to do and does not. */
interface Trap {
  /** The system, and its number there. */
  readonly name: string;
  readonly original: string;
  readonly by: string;
  readonly shown: string;
}

/** The cells of all tables, each below the heading of its section. */
function cellsOf(page: string): [section: string, cells: string[]][] {
  const [, ...sections] = page.split(/^## /m);
  return sections.flatMap((section) => {
    const [heading, ...lines] = section.split('\n');
    const [, , ...rows] = lines.filter((line) => line.startsWith('|'));
    return rows.map((line): [string, string[]] => {
      const [, ...cells] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
      return [heading, cells];
    });
  });
}

const spansIn = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, span]) => span);

const page = read('docs/coverage.md');
const TRAPS = 'Traps';
const rows = cellsOf(page)
  .filter(([section]) => section !== TRAPS)
  .map(([system, [documented, by, shown]]): Row => ({ system, documented, by, shown }));
const traps = cellsOf(page)
  .filter(([section]) => section === TRAPS)
  .map(([, [name, original, by, shown]]): Trap => ({ name, original, by, shown }));
const BETWEEN = ' › ';
const isTest = (span: string) => span.includes(BETWEEN);

/** What is wrong with `file › title`: a title is what a `test`, `it` or `describe` is called in the source. */
function wrongTest(span: string): string[] {
  const [file, title] = span.split(BETWEEN);
  const at = `test/${file}`;
  if (!fs.existsSync(path.join(REPOSITORY, at))) return [`${span}: there is no ${at}`];
  const text = read(at);
  const isTitle = [`'${title}',`, `"${title}",`, `\`${title}\`,`].some((quoted) => text.includes(quoted));
  return isTitle ? [] : [`${span}: no test of ${at} is called so`];
}

/** What src/index.ts exports, with the members of each; of a construct, those of its properties too. */
function publicApi(): Map<string, Set<string>> {
  const index = path.join(REPOSITORY, 'src/index.ts');
  // Names alone are asked for, and those of our own files: reading the libraries would take most of the time.
  const options: ts.CompilerOptions = { noLib: true, types: [], target: ts.ScriptTarget.ES2022 };
  const host = ts.createCompilerHost(options);
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) => ({
      resolvedModule: text.startsWith('.')
        ? ts.resolveModuleName(text, from, options, host).resolvedModule
        : undefined,
    }));
  const program = ts.createProgram([index], options, host);
  const checker = program.getTypeChecker();
  const api = new Map<string, Set<string>>();
  for (const exported of checker.getExportsOfModule(
    checker.getSymbolAtLocation(program.getSourceFile(index)!)!,
  )) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const members = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol));
    const names = [...members.map(({ name }) => name), ...(symbol.exports?.keys() ?? [])].map(String);
    api.set(exported.name, new Set(names.filter((name) => !name.startsWith('_'))));
  }
  for (const [name, members] of api) api.get(`${name}Props`)?.forEach((member) => members.add(member));
  return api;
}

const api = publicApi();
const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);

/** What is wrong with a name, command or file that a page says does something. */
function wrongName(span: string): string[] {
  const [first, ...words] = span.split(' ');
  if (first === 'cdk8s-llm') {
    const command = COMMANDS.find(({ name }) => name === words[0]);
    const options = command?.options.map(({ name }) => `--${name}`) ?? [];
    const unknown = words.slice(1).filter((word) => word.startsWith('--') && !options.includes(word));
    return command && unknown.length === 0 ? [] : [`${span}: no such command or option`];
  }
  if (first === 'npm') {
    return scripts.includes(words.at(-1)!) ? [] : [`${span}: no such script of package.json`];
  }
  if (first === 'kubectl') return words.length > 0 ? [] : [`${span}: no command`];
  if (first.includes('/')) {
    return fs.existsSync(path.join(REPOSITORY, first)) ? [] : [`${span}: no such file`];
  }
  const [name, member, ...deeper] = span.split('.');
  const members = api.get(name);
  if (!members) return [`${span}: src/index.ts exports no ${name}`];
  return deeper.length === 0 && (member === undefined || members.has(member))
    ? []
    : [`${span}: ${name} has no ${member}`];
}

test('each of the five systems has its table', () => {
  expect([...new Set(rows.map(({ system }) => system))]).toEqual(SYSTEMS);
});

test('each row says what does it and which test shows it, or why nothing does and what is there instead', () => {
  const silent = rows.filter(
    ({ documented, by, shown }) =>
      documented === '' || (by === '' ? !/^Not: \S.* Instead: \S/.test(shown) : !spansIn(shown).some(isTest)),
  );
  expect(silent).toEqual([]);
});

test('no row is there twice', () => {
  const names = rows.map(({ system, documented }) => `${system}: ${documented}`);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test('each system has its traps, and each says what is done instead and which test shows it', () => {
  const numbers = SYSTEMS.flatMap((system) => {
    const names = traps.map(({ name }) => name).filter((name) => name.startsWith(`${system} `));
    expect(names.length).toBeGreaterThan(1);
    return names.map((_, index) => `${system} ${index + 1}`);
  });
  expect(traps.map(({ name }) => name)).toEqual(numbers);
  const silent = traps.filter(
    ({ original, by, shown }) => original === '' || by === '' || !spansIn(shown).some(isTest),
  );
  expect(silent).toEqual([]);
});

test('every test that is named is there', () => {
  const tests = [...rows, ...traps].flatMap(({ shown }) => spansIn(shown).filter(isTest));
  expect(tests.length).toBeGreaterThan(SYSTEMS.length);
  expect(tests.flatMap(wrongTest)).toEqual([]);
});

test('everything that is named to do it can be used', () => {
  const names = [...rows, ...traps].flatMap(({ by, shown }) =>
    spansIn(`${by} ${shown}`).filter((span) => !isTest(span)),
  );
  expect(names.length).toBeGreaterThan(SYSTEMS.length);
  expect(names.flatMap(wrongName)).toEqual([]);
});

test('so can what the page of limits names', () => {
  const names = spansIn(read('docs/limits.md')).filter((span) => span !== 'attempt');
  expect(names.flatMap(wrongName)).toEqual([]);
});

test.each([
  ['constructs/none.test.ts › of nothing', /there is no test\/constructs\/none\.test\.ts/],
  ['coverage.test.ts › each of the six systems', /no test of test\/coverage\.test\.ts is called so/],
])('a test that is not there is noticed: %s', (span, said) => {
  expect(wrongTest(span)).toEqual([expect.stringMatching(said)]);
});

test.each([
  'Dllama',
  'ModelCache.nothing',
  'ModelStore._of',
  'cdk8s-llm forget',
  'npm run away',
  'src/none.ts',
])('a name that is not there is noticed: %s', (span) => expect(wrongName(span)).toHaveLength(1));
