import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { GgufType } from '../../../src/engines/llama/gguf-type';
import { sha256 } from '../../doubles/hub';
import { filesOf, markerOf, small } from '../artifact/program';
import { ADAPTER_CONVERTER, CONVERTER, GgufStand, MODEL_FILES, QUANTIZER, SPLITTER } from './stand';

/** What the marker says is what is there, and nothing else is. */
function expectWhole(stand: GgufStand, ...names: string[]): void {
  const { output, artifact } = stand;
  expect(filesOf(output)).toEqual(['.artifact.json', ...names].sort());
  const marker = markerOf(output);
  expect(marker).toMatchObject({ format: 1, key: artifact.key, licence: 'apache-2.0' });
  for (const { path: name, size, sha256: hash } of marker!.files) {
    const content = fs.readFileSync(path.join(output, name));
    expect([size, hash]).toEqual([content.length, sha256(content)]);
  }
  expect(marker!.files.map((file) => file.path)).toEqual(names);
}

describe('the Job', () => {
  test('converts, quantizes and publishes', async () => {
    const stand = new GgufStand(() => ({ threads: 3 }));
    const { code, result, log } = await stand.run();
    expect(code).toBe(0);
    expectWhole(stand, 'qwen3-1.7b-Q4_K_M.gguf');
    expect(stand.artifact.modelFile).toBe('qwen3-1.7b-Q4_K_M.gguf');
    expect(markerOf(stand.output)).toMatchObject({
      source: {
        type: 'gguf-conversion',
        converter: 'llama.cpp/v0.4.1',
        weights: 'Q4_K_M',
        from: { type: 'hugging-face' },
      },
      parents: [stand.model.key],
    });
    expect(result).toMatchObject({ files: 1, key: stand.artifact.key, model: 'qwen3-1.7b-Q4_K_M.gguf' });
    expect(log).toMatch(/^\d\d:\d\d:\d\dZ convert_hf_to_gguf\.py at work$/m);
    const [converter, quantizer] = stand.calls();
    expect(converter).toMatchObject({ name: CONVERTER });
    expect(converter.args.slice(2, 6)).toEqual(['--outtype', 'auto', '--model-name', 'qwen3-1.7b']);
    expect(path.basename(converter.args[6])).toBe('qwen3-1.7b');
    expect(quantizer).toMatchObject({ name: QUANTIZER });
    expect(quantizer.args.slice(2)).toEqual(['Q4_K_M', '3']);
  });

  test('writes nowhere but beside the result, and fetches nothing', async () => {
    const stand = new GgufStand();
    await stand.run();
    for (const { env, cwd } of stand.calls()) {
      expect(cwd.startsWith(path.join(stand.output, '.artifact.parts/'))).toBe(true);
      for (const name of ['HOME', 'TMPDIR', 'XDG_CACHE_HOME', 'HF_HOME']) expect(env[name]).toBe(cwd);
      expect(env).toMatchObject({ HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' });
    }
  });

  test.each([
    [GgufType.BF16, 'bf16', 'qwen3-1.7b-BF16.gguf'],
    [GgufType.Q8_0, 'q8_0', 'qwen3-1.7b-Q8_0.gguf'],
    [GgufType.AUTO, 'auto', 'qwen3-1.7b.gguf'],
  ])('lets the converter write %s by itself', async (weights, outtype, file) => {
    const stand = new GgufStand(() => ({ weights }));
    expect((await stand.run()).code).toBe(0);
    expectWhole(stand, file);
    expect(stand.calls()).toHaveLength(1);
    expect(stand.calls()[0].args).toEqual(expect.arrayContaining(['--outtype', outtype]));
  });

  test('quantizes what it is told to convert to', async () => {
    const stand = new GgufStand(() => ({ intermediate: GgufType.F32 }));
    expect((await stand.run()).code).toBe(0);
    expect(stand.calls()[0].args).toEqual(expect.arrayContaining(['--outtype', 'f32']));
  });

  test('splits, and the artifact names the first part', async () => {
    const stand = new GgufStand(() => ({ maxFileSize: Size.gibibytes(2) }));
    expect((await stand.run()).code).toBe(0);
    expectWhole(stand, 'qwen3-1.7b-Q4_K_M-00001-of-00002.gguf', 'qwen3-1.7b-Q4_K_M-00002-of-00002.gguf');
    expect(stand.artifact.modelFile).toBe('qwen3-1.7b-Q4_K_M-00001-of-*.gguf');
    const splitter = stand.calls()[2];
    expect(splitter.name).toBe(SPLITTER);
    expect(splitter.args.slice(0, 3)).toEqual(['--split', '--split-max-size', '2147M']);
  });

  test('quantizes by an importance matrix, whose path is nowhere in the file', async () => {
    const stand = new GgufStand((other) => ({
      weights: GgufType.IQ2_M,
      importanceMatrix: { model: other, file: 'data/imatrix.gguf' },
    }));
    stand.put(stand.other, [small('data/imatrix.gguf', 'matrix')]);
    expect((await stand.run()).code).toBe(0);
    expect(stand.calls()[1].args.slice(0, 2)).toEqual(['--imatrix', 'imatrix']);
    expect(markerOf(stand.output)).toMatchObject({ parents: [stand.model.key, stand.other.key] });
  });

  test('converts an adapter with the configuration of its model', async () => {
    const files = [small('adapter_config.json', '{}'), small('adapter_model.safetensors', 'weights')];
    const stand = new GgufStand((other) => ({ adapterOf: other, name: 'legal' }), files);
    stand.put(stand.other, [small('config.json', '{}')]);
    expect((await stand.run()).code).toBe(0);
    expectWhole(stand, 'legal-F16.gguf');
    const [{ name, args }] = stand.calls();
    expect(name).toBe(ADAPTER_CONVERTER);
    expect(args).toEqual(expect.arrayContaining(['--base', stand.folderOf(stand.other)]));
    expect(args).not.toContain('--model-name');
    expect(markerOf(stand.output)).toMatchObject({ parents: [stand.model.key, stand.other.key] });
  });
});

describe('an artifact that is there', () => {
  test('is not made again', async () => {
    const stand = new GgufStand();
    await stand.run();
    const { code, log } = await stand.run();
    expect(code).toBe(0);
    expect(log).toContain('is complete already: 1 files');
    expect(stand.calls()).toHaveLength(2);
  });

  test('is made again when it is damaged', async () => {
    const stand = new GgufStand();
    await stand.run();
    fs.truncateSync(path.join(stand.output, 'qwen3-1.7b-Q4_K_M.gguf'), 100);
    expect((await stand.run()).code).toBe(0);
    expectWhole(stand, 'qwen3-1.7b-Q4_K_M.gguf');
    expect(stand.calls()).toHaveLength(4);
  });

  test('with another key is left alone: 64', async () => {
    const stand = new GgufStand();
    stand.put(stand.artifact, [small('other.gguf', 'other')]);
    const file = path.join(stand.output, '.artifact.json');
    const marker = fs.readFileSync(file, 'utf8').replace(stand.artifact.key, 'another-key1');
    fs.writeFileSync(file, marker);
    const { code, result } = await stand.run();
    expect([code, result.error]).toEqual([64, expect.stringContaining('with key another-key1')]);
    expect(fs.readFileSync(file, 'utf8')).toBe(marker);
    expect(stand.calls()).toEqual([]);
  });
});

describe('an input', () => {
  test('that is not what its marker says is not converted: 65', async () => {
    const stand = new GgufStand();
    fs.appendFileSync(path.join(stand.folderOf(stand.model), 'model.safetensors'), 'more');
    const { code, result } = await stand.start().ended;
    expect([code, result.error]).toEqual([65, expect.stringContaining('has 11 bytes instead of 7')]);
    expect(stand.calls()).toEqual([]);
  });

  test('that has no marker any more may come back: 75', async () => {
    const stand = new GgufStand();
    fs.rmSync(path.join(stand.folderOf(stand.model), '.artifact.json'));
    expect(await stand.start().ended).toMatchObject({ code: 75 });
  });

  test('without the importance matrix: 66', async () => {
    const stand = new GgufStand((other) => ({
      importanceMatrix: { model: other, file: 'imatrix.gguf' },
    }));
    stand.put(stand.other, MODEL_FILES);
    const { code, result } = await stand.run();
    expect([code, result.error]).toEqual([66, expect.stringContaining('has no imatrix.gguf')]);
  });
});
