import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const mounts: string[] = [];

afterAll(() => {
  for (const folder of mounts.splice(0)) {
    execFileSync('umount', [folder]);
    fs.rmdirSync(folder);
  }
});

/** A file system of a size (`9m`) that lives as long as the tests of a file, or nothing where they may not mount. */
export function smallFileSystem(size: string): string | undefined {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-system-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    fs.rmdirSync(folder);
    return undefined;
  }
  mounts.push(folder);
  return folder;
}
