import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { VllmCheckout } from '../../../src';

/** Of nobody's configuration, so that the commits have the same ids everywhere. */
const ENVIRONMENT = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

const UPSTREAM = {
  'setup.py': 'compile()\n',
  'vllm/__init__.py': 'from .engine import ENGINE\n',
  'vllm/engine.py': 'ENGINE = "base"\n',
  'vllm/old.py': 'OLD = 1\n',
};

let packed: VllmCheckout | undefined;

/** A checkout of a small vLLM: a file changed and committed, one staged, one new, one deleted. Packed once. */
export function changedCheckout(): VllmCheckout {
  return (packed ??= packCheckout());
}

/** Makes the same checkout anew, and packs it. */
export function packCheckout(): VllmCheckout {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cdk8s-llm-checkout-'));
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: folder, env: ENVIRONMENT, stdio: ['ignore', 'ignore', 'inherit'] });
  const write = (file: string, text: string) => {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), text, { mode: 0o644 });
  };
  try {
    git('init', '--quiet', '--template=', '--object-format=sha1', '--initial-branch=main');
    for (const [file, text] of Object.entries(UPSTREAM)) write(file, text);
    git('add', '--all');
    git('commit', '--quiet', '--message=base');
    git('remote', 'add', 'upstream', 'https://github.com/vllm-project/vllm.git');
    git('update-ref', 'refs/remotes/upstream/main', 'HEAD');
    write('vllm/engine.py', 'ENGINE = "mine"\n');
    git('commit', '--quiet', '--all', '--message=mine');
    write('vllm/__init__.py', 'from .engine import ENGINE\nfrom .added.new import NEW\n');
    git('add', '--all');
    write('vllm/added/new.py', 'NEW = "new"\n');
    fs.rmSync(path.join(folder, 'vllm/old.py'));
    return VllmCheckout.fromDirectory(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
