import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { withImports } from '../../src/pod/programs';
import { REPOSITORY } from '../support/folders';

const RUNTIME = path.join(REPOSITORY, 'src/runtime');
const FILES = fs
  .readdirSync(RUNTIME)
  .filter((file) => file.endsWith('.py'))
  .sort();

/** What each module imports when it is imported, as Python's own parser reads it. */
const READ = `
import ast, json, os, sys
found = {}
for path in sys.argv[1:]:
    tree = ast.parse(open(path, encoding='utf-8').read())
    nodes = [node for statement in tree.body if not isinstance(statement, (ast.FunctionDef, ast.ClassDef))
             for node in ast.walk(statement)]
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found[os.path.basename(path)] = sorted(name + '.py' for name in names)
print(json.dumps(found))
`;

const imports = JSON.parse(
  execFileSync('python3', ['-c', READ, ...FILES.map((file) => path.join(RUNTIME, file))], {
    encoding: 'utf8',
  }),
) as Record<string, string[]>;

function reached(file: string, found = new Set<string>()): Set<string> {
  if (!found.has(file) && FILES.includes(file)) {
    found.add(file);
    imports[file].forEach((next) => reached(next, found));
  }
  return found;
}

test.each(FILES)('%s is mounted with all that it imports, and with nothing else', (file) => {
  expect(withImports([file])).toEqual([...reached(file)].sort());
});

test('what waits for a model is not restarted by a change of how models are moved', () => {
  expect(withImports(['guard.py'])).toEqual(['guard.py', 'marker.py', 'program.py']);
});

test('files that are no programs are mounted as they are', () => {
  expect(withImports(['dllama.sh', 'requirements-numpy.txt'])).toEqual([
    'dllama.sh',
    'requirements-numpy.txt',
  ]);
});
