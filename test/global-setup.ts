import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** Once for all tests, which start Python thousands of times: what makes each start cheap. */
export default function setup(): void {
  // The python3 of a version manager is a shell script that takes twice as long as the interpreter behind it.
  const script = 'import sys; print(sys.executable)';
  const interpreter = execFileSync('python3', ['-c', script], { encoding: 'utf8' }).trim();
  process.env.PATH = `${path.dirname(interpreter)}:${process.env.PATH}`;
  // What was compiled once is shared, and never left beside the sources; tests run programs as other users, too.
  const compiled = fs.mkdtempSync(path.join(os.tmpdir(), 'cdk8s-llm-pycache-'));
  fs.chmodSync(compiled, 0o777);
  process.env.PYTHONPYCACHEPREFIX = compiled;
  delete process.env.PYTHONDONTWRITEBYTECODE;
}
