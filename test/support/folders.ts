import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** The root of this repository. */
export const REPOSITORY = path.resolve(__dirname, '../..');

const made: string[] = [];

/** A folder for one test, which is removed after it. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cdk8s-llm-test-'));
  made.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of made.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});

/** The files below a folder, by their paths with `/`, sorted. */
export function filesIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort();
}

/** The texts of the files below a folder, by their paths; one that can be executed has `*` after its path. */
export function tree(folder: string): Record<string, string> {
  return Object.fromEntries(
    filesIn(folder).map((file) => {
      const at = path.join(folder, file);
      const executable = (fs.statSync(at).mode & 0o111) !== 0;
      return [`${file}${executable ? '*' : ''}`, fs.readFileSync(at, 'utf8')];
    }),
  );
}

/** The files in which two trees differ, each with its first line that does. */
export function differences(one: Record<string, string>, other: Record<string, string>): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].sort().flatMap((file) => {
    if (!(file in one) || !(file in other))
      return `${file} is ${file in one ? 'only in the first' : 'only in the second'}`;
    if (one[file] === other[file]) return [];
    const [lines, others] = [one[file].split('\n'), other[file].split('\n')];
    const at = lines.findIndex((line, index) => line !== others[index]);
    return `${file}:${at + 1}: ${lines[at]} | ${others[at]}`;
  });
}
