import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { COMMIT, HubDouble } from '../../doubles/hub';
import { findPeer } from '../../doubles/peers';
import { MIB, REPO, large, small, temporaryFolder } from './program';

// What the real client sees of the double: the double is worth as much as it is like the Hub.
const SCRIPT = `
import json, sys
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
api = HfApi()
seen = {'sha': api.model_info('org/model').sha}
seen['licence'] = api.model_info('org/model').card_data.license
seen['tree'] = {entry.path: (entry.size, entry.lfs.sha256 if entry.lfs else None)
                for entry in api.list_repo_tree('org/model', recursive=True) if hasattr(entry, 'size')}
snapshot_download('org/model', revision=sys.argv[1], local_dir=sys.argv[2])
snapshot_download('org/data', repo_type='dataset', local_dir=sys.argv[3])
snapshot_download('org/private', token='hf_secret', local_dir=sys.argv[4])
for name, repo, revision, error in [('gated', 'org/gated', None, GatedRepoError), ('missing', 'org/absent', None, RepositoryNotFoundError),
                                    ('private', 'org/private', None, RepositoryNotFoundError), ('revision', 'org/model', 'c' * 40, RevisionNotFoundError)]:
    try:
        api.model_info(repo, revision=revision)
    except error:
        seen[name] = True
print(json.dumps(seen))
`;

test('the real huggingface_hub client works with the double of the Hub', async () => {
  const python = findPeer('huggingface_hub');
  if (!python) {
    return; // findPeer has said so
  }
  const files = [
    large('model.safetensors', 12 * MIB),
    small('config.json', '{"a": 1}'),
    small('nested/a b.txt', 'text'),
  ];
  const hub = await HubDouble.start(
    { name: REPO, files },
    { name: 'org/data', kind: 'dataset', files: files.slice(1) },
    { name: 'org/private', files: files.slice(1), token: 'hf_secret' },
    { name: 'org/gated', files, gated: true },
  );
  const home = temporaryFolder();
  const folders = ['model', 'data', 'private'].map((name) => path.join(home, name));
  const child = spawn(python[0], ['-c', SCRIPT, COMMIT, ...folders], {
    env: {
      PATH: process.env.PATH,
      HOME: home,
      HF_ENDPOINT: hub.endpoint,
      HF_HUB_DISABLE_TELEMETRY: '1',
      HF_HUB_DISABLE_UPDATE_CHECK: '1',
      HF_HUB_DISABLE_PROGRESS_BARS: '1',
      HF_HUB_DISABLE_XET: '1',
    },
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await new Promise((done) => child.once('close', done));
  await hub.stop();
  expect(code === 0 ? '' : Buffer.concat(errors).toString()).toBe('');
  expect(JSON.parse(Buffer.concat(output).toString())).toEqual({
    sha: COMMIT,
    licence: 'apache-2.0',
    tree: Object.fromEntries(
      files.map((file) => [
        file.path,
        [file.content.length, file.lfs ? expect.stringMatching(/^[0-9a-f]{64}$/) : null],
      ]),
    ),
    gated: true,
    missing: true,
    private: true,
    revision: true,
  });
  for (const file of files) {
    expect(fs.readFileSync(path.join(folders[0], file.path)).equals(file.content)).toBe(true);
  }
  expect(fs.readFileSync(path.join(folders[1], 'config.json'), 'utf8')).toBe('{"a": 1}');
  expect(fs.readFileSync(path.join(folders[2], 'config.json'), 'utf8')).toBe('{"a": 1}');
}, 120_000);
