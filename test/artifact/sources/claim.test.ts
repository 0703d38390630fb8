import { PersistentVolumeAccessMode } from 'cdk8s-plus-28';
import { SourceProof } from '../../../src';
import { sourceKey } from '../../../src/artifact/key';
import { ModelStore } from '../../../src/artifact/model-store';
import { claimSource, inPlaceArgs, inPlaceOf, parseClaimAddress } from '../../../src/artifact/sources/claim';
import type { ClaimFetch, ClaimSourceProps } from '../../../src/artifact/sources/claim';

const SHA = 'a1'.repeat(32);
const KEY = '0123456789ab';

const claim = (more: ClaimSourceProps = { key: KEY }) =>
  claimSource('old-models', { path: 'qwen/3', ...more });
const fetchOf = (more?: ClaimSourceProps) => claim(more).fetch as ClaimFetch;

describe('a folder of a claim', () => {
  test.each([
    [{ key: KEY }, SourceProof.VERSION, KEY, [`--artifact=${KEY}`]],
    [{ files: { a: SHA } }, SourceProof.CONTENT, expect.stringMatching(/^files:/), [`--file=${SHA}:a`]],
    [
      { manifest: { sha256: SHA } },
      SourceProof.CONTENT,
      `sha256:${SHA}`,
      ['--manifest=.artifact.json', `--manifest-sha256=${SHA}`],
    ],
    [{ unpinned: true }, SourceProof.NONE, 'unpinned', ['--unpinned']],
  ])('pinned by %j', (pin, proof, revision, args) => {
    expect(claim(pin)).toMatchObject({
      kind: 'mounted',
      name: 'old-models--qwen--3',
      repository: 'old-models/qwen/3',
      revision: revision as string,
      proof,
    });
    expect(fetchOf(pin).args).toEqual([
      '--folder=/source/qwen/3',
      ...args,
      '--origin=type=claim',
      '--origin=address=pvc://old-models/qwen/3',
    ]);
  });

  test('is mounted as the claim can be', () => {
    expect(fetchOf().volume).toEqual({
      kind: 'claim',
      claimName: 'old-models',
      accessModes: ['ReadWriteOnce'],
      placement: {},
    });
    const accessModes = [PersistentVolumeAccessMode.READ_ONLY_MANY];
    expect(fetchOf({ key: KEY, accessModes }).volume).toMatchObject({ accessModes });
    expect(claimSource('c', { key: KEY }).fetch).toMatchObject({
      args: expect.arrayContaining(['--folder=/source']) as string[],
    });
  });

  test('has a key that follows from the bytes alone where they are proven', () => {
    expect(sourceKey(claimSource('other', { key: KEY }))).toBe(sourceKey(claim()));
    expect(sourceKey(claimSource('other', { path: 'qwen/3', unpinned: true }))).not.toBe(
      sourceKey(claim({ unpinned: true })),
    );
  });

  test('is an artifact where it is, if the store is that claim', () => {
    const { _spec: same } = ModelStore.existingClaim('old-models');
    const { _spec: other } = ModelStore.existingClaim('other');
    expect(inPlaceOf(claim(), same)).toEqual({ claimName: 'old-models', path: 'qwen/3', key: KEY });
    expect(inPlaceOf(claim({ unpinned: true }), same)).toEqual({ claimName: 'old-models', path: 'qwen/3' });
    expect(inPlaceOf(claim(), other)).toBeUndefined();
    expect(inPlaceArgs(claim())).toEqual([
      '--in-place',
      `--artifact=${KEY}`,
      '--origin=type=claim',
      '--origin=address=pvc://old-models/qwen/3',
    ]);
    expect(() => inPlaceOf(claimSource('old-models', { key: KEY }), same)).toThrow(
      /a folder, as the claim is the store too/,
    );
  });

  test('is not proven by the marker that it gets anew, if the store is that claim', () => {
    const { _spec: same } = ModelStore.existingClaim('old-models');
    const { _spec: other } = ModelStore.existingClaim('other');
    const pinned = (path?: string) => claim({ manifest: { sha256: SHA, path } });
    expect(() => inPlaceOf(pinned(), same)).toThrow(/'manifest' .*An artifact of ours is given by its key/s);
    expect(inPlaceOf(pinned(), other)).toBeUndefined();
    expect(inPlaceOf(pinned('SHA256SUMS'), same)).toMatchObject({ path: 'qwen/3' });
  });

  test.each([
    ['Models', {}, /the name of a PersistentVolumeClaim/],
    ['models', { path: '../x' }, /a path within the folder/],
    ['models', { path: '.artifact.parts' }, /a path within the folder/],
    ['models', { key: 'abc' }, /the key of an artifact: 12 hexadecimal digits/],
    ['models', { key: undefined }, /exactly one of them, or unpinned: true alone/],
    ['models', { key: KEY, unpinned: true }, /exactly one of them/],
    ['models', { accessModes: ['Any'] }, /ReadWriteOnce, ReadOnlyMany, ReadWriteMany/],
  ])('%s with %j is refused', (name, more, message) => {
    expect(() => claimSource(name, { key: KEY, ...more } as ClaimSourceProps)).toThrow(message);
  });

  test.each([
    ['pvc://models', { claimName: 'models' }],
    ['pvc://models/qwen/3/', { claimName: 'models', path: 'qwen/3' }],
    ['gs://models', undefined],
  ])('%s is understood', (address, expected) => {
    expect(parseClaimAddress(address)).toEqual(expected);
  });
});
