import * as fs from 'node:fs';

/** Removes what global-setup.ts made. */
export default function teardown(): void {
  fs.rmSync(String(process.env.PYTHONPYCACHEPREFIX), { recursive: true, force: true });
}
