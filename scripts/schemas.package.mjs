// Files of npm packages that are looked into and not installed.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The text of a file of a package's archive, or of all files of a folder, by their names. */
export function extract(packageName, path) {
  const folder = mkdtempSync(join(tmpdir(), 'schemas-'));
  try {
    const archive = execFileSync('npm', ['pack', '--silent', packageName], { cwd: folder, encoding: 'utf8' });
    execFileSync('tar', ['xzf', archive.trim().split('\n').at(-1), path], { cwd: folder });
    const place = join(folder, path);
    if (!statSync(place).isDirectory()) return readFileSync(place, 'utf8');
    return Object.fromEntries(
      readdirSync(place).map((name) => [name, readFileSync(join(place, name), 'utf8')]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
