import { execFileSync } from 'node:child_process';
import * as path from 'node:path';

/**
 * Finds an rclone that was built with a backend. It is no part of this project; install-rclone.sh beside this file
 * brings it.
 *
 * Without it a warning is printed and undefined returned; with CDK8S_LLM_REQUIRE_PEERS=1 it is an error.
 */
export function findRclone(backend: 'gcs' | 'azureblob'): string | undefined {
  const candidates = [
    ...brought('sid/usr/bin/rclone'),
    ...brought('release/usr/bin/rclone'),
    ...installed('rclone'),
  ];
  const knows = new RegExp(`^ *${backend} `, 'm');
  return find(`rclone that knows ${backend}`, candidates, ['help', 'backends'], knows);
}

/** Finds the shell and the tools that rclone's image has. As findRclone. */
export function findBusybox(): string | undefined {
  return find(
    'busybox',
    [...brought('release/bin/busybox'), ...installed('busybox')],
    ['--list'],
    /^mkdir$/m,
  );
}

function brought(file: string): string[] {
  const folder = process.env.CDK8S_LLM_PEER_RCLONE;
  return folder ? [path.join(folder, file)] : [];
}

/** By their whole paths, as tests run them without this machine's PATH. */
function installed(program: string): string[] {
  return (process.env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, program));
}

function find(what: string, candidates: string[], args: string[], expected: RegExp): string | undefined {
  for (const candidate of candidates) {
    try {
      if (expected.test(execFileSync(candidate, args, { stdio: 'pipe' }).toString())) return candidate;
    } catch {
      // Not there.
    }
  }
  const message =
    `there is no ${what} here, so nothing was tested against it; ` +
    'run test/doubles/install-rclone.sh and set CDK8S_LLM_PEER_RCLONE to what it prints';
  if (process.env.CDK8S_LLM_REQUIRE_PEERS === '1') throw new Error(message);
  console.warn(message);
  return undefined;
}
