import { spawnSync } from 'node:child_process';
import * as path from 'node:path';

const ROOT = path.join(__dirname, '..', '..');

/** A small run of the benchmark: whether every row of it still works. What it measures says nothing. */
function quickRun(only: string): { output: string; warnings: string; code: number | null } {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['bench/transfer.mjs', '--quick', `--only=${only}`],
    { cwd: ROOT, encoding: 'utf8' },
  );
  return { output: stdout, warnings: stderr, code: status };
}

/** The lines of the tables that name this row, and how it was moved. */
function rowsOf(output: string, title: string): string[] {
  return output.split('\n').filter((line) => line.startsWith('│') && line.includes(title));
}

const MOVES: [string, string, number][] = [
  // The others move other files by the same commands.
  ['hub-folder-four,hub-folder-small', "'Hub to folder, ", 2],
  ['hub-s3-repository', "'Hub to S3, ", 1],
  ['s3-folder-repository', "'S3 to folder, ", 1],
  ['tls', "'TLS: ", 3],
  ['far', "'Far CDN: ", 1],
];
const OTHERS = 'limits,flat,again';

describe('a quick run of the benchmark of transfers', () => {
  // At once: what there is to compare with takes seconds to find.
  let run: ReturnType<typeof quickRun>;
  beforeAll(() => {
    run = quickRun([...MOVES.map(([only]) => only), OTHERS].join());
  }, 300_000);

  test('ends well, and compares with all that are here', () => {
    const { output, warnings, code } = run;
    expect(warnings).not.toContain('FAILED');
    if (process.env.CDK8S_LLM_REQUIRE_PEERS === '1') {
      expect(warnings).not.toMatch(/NOT COMPARED with (hf, 8|Koldun|boto3)/);
    }
    expect(output).not.toContain('failed');
    expect(code).toBe(0);
  });

  test.each(MOVES)('%s: our program moves the files', (_, title, rows) => {
    const ours = rowsOf(run.output, title).filter((line) => /'ours, 8 x 8 MiB' +│ +'\d/.test(line));
    expect(ours).toHaveLength(rows);
  });

  test('second runs fetch nothing again, wherever it went', () => {
    const bodies = rowsOf(run.output, 'bytes of bodies read from the Hub');
    expect(bodies).toHaveLength(4);
    for (const line of bodies) expect(line).toMatch(/│ +0 +│ +'at most 0' +│ +'yes'/);
  });

  test('a row that is not there is told', () => {
    expect(quickRun('nothing')).toMatchObject({
      code: 1,
      warnings: expect.stringContaining('no row is called'),
    });
  });
});
