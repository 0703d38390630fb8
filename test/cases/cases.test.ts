import * as fs from 'node:fs';
import { ANNOTATION } from '../../src/pod/metadata';
import { differences, temporaryFolder, tree } from '../support/folders';
import { objectsOf } from '../support/objects';
import { Case, CASES, folderOf, NEWEST, OLDEST, yamlOf } from './cases';

const named = CASES.map((each) => [each.folder, each] as const);

const VERSIONS = Array.from({ length: NEWEST - OLDEST + 1 }, (_, index) => OLDEST + index);

const synthAt = ({ build }: Case, minor: number) =>
  build({ kubernetesVersion: `1.${minor}`, outdir: temporaryFolder() }).synth();

test('each folder is a case', () => {
  const folders = fs.readdirSync(__dirname, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name)).toEqual(CASES.map(({ folder }) => folder).sort());
});

describe.each(named)('%s', (_, each) => {
  test('is the committed YAML; if not, run `npx tsx test/cases/write.ts` and look at what has changed', () => {
    expect(differences(tree(folderOf(each)), yamlOf(each))).toEqual([]);
  });

  test('obeys every rule in each version of Kubernetes that has what it needs', () => {
    for (const minor of VERSIONS.filter((version) => version >= each.since)) synthAt(each, minor);
  });

  test('waives no rule', () => {
    const waived = objectsOf(...each.build().charts).flatMap(({ kind, metadata }) => {
      const waiver = metadata.annotations?.[ANNOTATION.skipChecks];
      return waiver === undefined ? [] : `${kind} ${waiver.split(':')[0]}`;
    });
    expect(waived).toEqual([]);
  });
});

test.each(named.filter(([, { since }]) => since > OLDEST))('%s is refused by older versions', (_, each) => {
  for (const minor of VERSIONS.filter((version) => version < each.since)) {
    expect(() => synthAt(each, minor)).toThrow(`Kubernetes 1.${minor}`);
  }
});
