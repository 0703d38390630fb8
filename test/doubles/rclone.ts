import { execFileSync } from 'node:child_process';
import * as path from 'node:path';

/**
 * Finds an rclone that was built with a backend. It is no part of this project; install-rclone.sh beside this file
 * brings it.
 *
 * Without it a warning is printed and undefined returned; with CDK8S_LLM_REQUIRE_PEERS=1 it is an error.
 */
export function findRclone(backend: 'gcs' | 'azureblob'): string | undefined {
  const named = process.env.CDK8S_LLM_PEER_RCLONE;
  const brought = named ? ['sid', 'release'].map((suite) => path.join(named, suite, 'usr/bin/rclone')) : [];
  for (const candidate of [...brought, 'rclone']) {
    try {
      const backends = execFileSync(candidate, ['help', 'backends'], { stdio: 'pipe' }).toString();
      if (new RegExp(`^ *${backend} `, 'm').test(backends)) return candidate;
    } catch {
      // Not there.
    }
  }
  const message =
    `no rclone here knows ${backend}, so nothing was tested against it; ` +
    'run test/doubles/install-rclone.sh and set CDK8S_LLM_PEER_RCLONE to what it prints';
  if (process.env.CDK8S_LLM_REQUIRE_PEERS === '1') throw new Error(message);
  console.warn(message);
  return undefined;
}
