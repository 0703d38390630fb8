import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { ModelSource } from '../../../src';
import { LIST_FILES } from '../../../src/artifact/sources/folder-pins';

describe('the command that lists the files of a folder', () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'folder-pins-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const list = () => {
    execFileSync('sh', ['-c', LIST_FILES], { cwd: folder, stdio: 'pipe' });
    return fs.readFileSync(path.join(folder, 'SHA256SUMS'), 'utf8').trimEnd().split('\n').sort();
  };

  test('takes folders along, and run again it does not list itself', () => {
    fs.mkdirSync(path.join(folder, 'tokenizer'));
    for (const name of ['config.json', 'tokenizer/vocab [1].txt'])
      fs.writeFileSync(path.join(folder, name), '');
    const lines = list();
    expect(lines.map((line) => line.slice(64))).toEqual(['  ./config.json', '  ./tokenizer/vocab [1].txt']);
    expect(list()).toEqual(lines);
  });

  test.each([
    ['gcs', () => ModelSource.gcs({ bucket: 'models' })],
    ['azureBlob', () => ModelSource.azureBlob({ account: 'acct', container: 'models' })],
    ['claim', () => ModelSource.claim('models', {})],
    ['nodeFolder', () => ModelSource.nodeFolder('/models', { hostname: 'node-1' })],
    ['custom', () => ModelSource.custom({ image: 'tool:1', command: ['tool'] })],
  ])('is what a %s without a pin is told', (_, make) => {
    expect(make).toThrow(LIST_FILES);
  });

  test('is that of the documentation', () => {
    expect(fs.readFileSync(path.join(__dirname, '../../../docs/sources.md'), 'utf8')).toContain(
      `\n${LIST_FILES}\n`,
    );
  });
});
