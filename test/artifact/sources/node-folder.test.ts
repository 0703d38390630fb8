import { SourceProof } from '../../../src';
import { sourceKey } from '../../../src/artifact/key';
import { nodeFolderSource } from '../../../src/artifact/sources/node-folder';
import type { NodeFolderSourceProps } from '../../../src/artifact/sources/node-folder';

const SHA = 'a1'.repeat(32);
const PIN = { manifest: { sha256: SHA, path: 'SHA256SUMS' } };
const FOLDER = '/data/models/Qwen 3';

const folder = (more: Partial<NodeFolderSourceProps> = {}) =>
  nodeFolderSource('/data/models/qwen3', { hostname: 'gpu-1', ...('unpinned' in more ? {} : PIN), ...more });

describe("a folder of a node's disk", () => {
  test('is mounted where it is, and on no other node', () => {
    const source = folder();
    expect(source).toMatchObject({
      kind: 'mounted',
      name: 'data--models--qwen3',
      address: `node:/data/models/qwen3@sha256:${SHA}`,
      proof: SourceProof.CONTENT,
    });
    expect(source.fetch).toMatchObject({
      args: [
        '--folder=/source',
        '--manifest=SHA256SUMS',
        `--manifest-sha256=${SHA}`,
        '--origin=type=node',
        '--origin=address=node:/data/models/qwen3',
      ],
      volume: {
        kind: 'node',
        path: '/data/models/qwen3',
        placement: { nodeSelector: { 'kubernetes.io/hostname': 'gpu-1' } },
      },
    });
    const labels = { disk: 'models' };
    const tolerations = [{ operator: 'Exists' }];
    expect(folder({ hostname: undefined, nodeSelector: labels, tolerations }).fetch).toMatchObject({
      volume: { placement: { nodeSelector: labels, tolerations } },
    });
  });

  test('has a key that follows from the bytes alone where they are proven', () => {
    expect(sourceKey(folder({ hostname: 'gpu-2' }))).toBe(sourceKey(folder()));
    expect(sourceKey(folder({ unpinned: true, hostname: 'gpu-2' }))).not.toBe(
      sourceKey(folder({ unpinned: true })),
    );
  });

  test.each([
    ['data/models', {}, /an absolute path.*The folder must be there, and user 65532 must be able to read it/],
    ['/data/', {}, /an absolute path/],
    ['/etc/kubernetes', {}, /not of the system/],
    ['/data/../etc', {}, /an absolute path/],
    [FOLDER, {}, /an absolute path/],
    ['/data', { hostname: undefined }, /either hostname or nodeSelector/],
    ['/data', { nodeSelector: { a: 'b' } }, /either hostname or nodeSelector/],
    ['/data', { hostname: undefined, nodeSelector: {} }, /one label or more/],
    ['/data', { manifest: undefined }, /exactly one of them, or unpinned: true alone/],
  ])('%s with %j is refused', (path, more, message) => {
    const refused = () => nodeFolderSource(path, { hostname: 'gpu-1', ...PIN, ...more });
    expect(refused).toThrow(message);
    expect(refused).toThrow(/^ModelSource\.nodeFolder: /);
  });
});
