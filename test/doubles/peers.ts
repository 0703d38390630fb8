import { execFileSync } from 'node:child_process';

/**
 * Finds an interpreter that has a Python package which some tests run against (moto, huggingface_hub).
 * They are no part of this project; install-peers.sh beside this file brings them.
 *
 * Without it a warning is printed and undefined returned; with CDK8S_LLM_REQUIRE_PEERS=1 it is an error.
 */
export function findPeer(module: string): string[] | undefined {
  const named = process.env.CDK8S_LLM_PEER_PYTHON;
  for (const candidate of [...(named ? [named] : []), 'python3', '/usr/bin/python3']) {
    try {
      execFileSync(candidate, ['-c', `import ${module}`], { stdio: 'ignore' });
      return [candidate];
    } catch {
      // Not in this one.
    }
  }
  const message =
    `no Python interpreter here can import ${module}, so nothing was tested against it; ` +
    'run test/doubles/install-peers.sh and set CDK8S_LLM_PEER_PYTHON to what it prints';
  if (process.env.CDK8S_LLM_REQUIRE_PEERS === '1') {
    throw new Error(message);
  }
  console.warn(message);
  return undefined;
}
