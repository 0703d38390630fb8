import * as fs from 'node:fs';
import * as path from 'node:path';
import { DllamaConverter } from '../../../src/constructs/dllama-converter';
import { PROGRAMS } from './stand';

interface Pin {
  readonly name: string;
  readonly version: string;
  readonly hashes: readonly string[];
}

const FILE = 'requirements-upstream.txt';

/** The lines of a requirements file, joined where they go on, without comments. */
function linesOf(file: string): string[] {
  return fs
    .readFileSync(path.join(PROGRAMS, file), 'utf8')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() && !line.startsWith('#'));
}

function pinsOf(file: string): Pin[] {
  return linesOf(file)
    .filter((line) => !line.startsWith('--'))
    .map((line) => {
      const match = /^([a-z0-9-]+)==([\w.+]+)((?: +--hash=sha256:[0-9a-f]{64})+) *$/.exec(line);
      if (!match) throw new Error(`not a pinned package: ${line}`);
      return { name: match[1], version: match[2], hashes: match[3].match(/[0-9a-f]{64}/g)! };
    });
}

/** What the scripts import. */
const IMPORTED = ['numpy', 'torch', 'safetensors', 'sentencepiece', 'transformers'];

/** What these packages need on Linux, by their metadata; whoever raises a version checks its line. */
const NEEDS: Record<string, string[]> = {
  certifi: [],
  'charset-normalizer': [],
  filelock: [],
  fsspec: [],
  'hf-xet': [],
  'huggingface-hub': [
    'filelock',
    'fsspec',
    'hf-xet',
    'packaging',
    'pyyaml',
    'requests',
    'tqdm',
    'typing-extensions',
  ],
  idna: [],
  jinja2: ['markupsafe'],
  markupsafe: [],
  mpmath: [],
  networkx: [],
  numpy: [],
  packaging: [],
  pyyaml: [],
  regex: [],
  requests: ['certifi', 'charset-normalizer', 'idna', 'urllib3'],
  safetensors: [],
  sentencepiece: [],
  setuptools: [],
  sympy: ['mpmath'],
  tokenizers: ['huggingface-hub'],
  torch: ['filelock', 'fsspec', 'jinja2', 'networkx', 'setuptools', 'sympy', 'typing-extensions'],
  tqdm: [],
  transformers: [
    'filelock',
    'huggingface-hub',
    'numpy',
    'packaging',
    'pyyaml',
    'regex',
    'requests',
    'safetensors',
    'tokenizers',
    'tqdm',
  ],
  'typing-extensions': [],
  urllib3: [],
};

/** Packages with compiled code for one Python each: three Pythons on two processors. */
const BY_PYTHON = ['torch', 'sentencepiece', 'numpy', 'markupsafe', 'pyyaml', 'regex'];
/** Packages with one compiled file for all Pythons: two processors. */
const BY_PROCESSOR = ['safetensors', 'tokenizers', 'hf-xet'];

const pins = pinsOf(FILE);
const pin = (name: string): Pin => pins.find((one) => one.name === name)!;

it('is what the construct has installed', () => {
  const spec = DllamaConverter.upstream()._spec;
  expect(spec.requirements).toBe(FILE);
  expect(spec.programs).toContain(FILE);
});

it('pins each package once, by version and hash', () => {
  expect(pins.length).toBeGreaterThan(0);
  const names = pins.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const hashes = pins.flatMap((one) => one.hashes);
  expect(new Set(hashes).size).toBe(hashes.length);
});

it('holds all that the scripts import and whatever that needs, and nothing else', () => {
  const needed = new Set<string>();
  const add = (name: string): void => {
    if (needed.has(name)) return;
    needed.add(name);
    NEEDS[name].forEach(add);
  };
  IMPORTED.forEach(add);
  expect(pins.map(({ name }) => name).sort()).toEqual([...needed].sort());
});

it.each(pins.map((one) => [one.name, one.hashes.length] as const))(
  'has a file of %s for Python 3.11 to 3.13 on both processors',
  (name, files) => {
    if (BY_PYTHON.includes(name)) expect(files).toBe(6);
    else if (BY_PROCESSOR.includes(name)) expect(files).toBe(2);
    // One more, without compiled code, for any Python.
    else if (name === 'charset-normalizer') expect(files).toBe(7);
    else expect(files).toBe(1);
  },
);

it('takes torch without CUDA, from the index that has it', () => {
  expect(pin('torch').version).toMatch(/\+cpu$/);
  expect(DllamaConverter.upstream()._spec.extraIndexUrl).toBe('https://download.pytorch.org/whl/cpu');
  // The file names no server, so that a mirror can take the place of each.
  expect(linesOf(FILE).filter((line) => line.startsWith('--'))).toEqual([]);
});

it('stays below transformers 5 and what it needs', () => {
  expect(pin('transformers').version).toMatch(/^4\./);
  expect(pin('huggingface-hub').version).toMatch(/^0\.(3[4-9]|[4-9]\d)\./);
  expect(pin('tokenizers').version).toMatch(/^0\.22\./);
});

it('has the same numpy as our own converter', () => {
  const [ours] = pinsOf('requirements-numpy.txt');
  expect(pin('numpy').version).toBe(ours.version);
  expect([...pin('numpy').hashes].sort()).toEqual([...ours.hashes].sort());
});
