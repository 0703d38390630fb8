import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { GgufType, isConverted, needsImportanceMatrix } from '../../../src/engines/llama/gguf-type';
import { findLlama } from '../../doubles/llama';
import { TINY_GGUF, writeGguf } from '../../support/gguf';
import { filesOf, markerOf } from '../artifact/program';
import { CONVERTER, GgufStand, QUANTIZER, SPLITTER } from './stand';
import type { GgufConversionProps } from '../../../src/constructs/gguf-conversion-props';

/** The Job with llama.cpp's own quantizer and splitter. Its converter needs torch, and so has a double. */

const llama = findLlama();

/** Large enough for blocks of 256 weights. */
const SHAPE = { ...TINY_GGUF, dim: 256, feedForward: 512, layers: 2 };

/** Leaves a model of noise in 32 bits, which llama.cpp can read. */
const CONVERT = `import shutil, sys
shutil.copy(__file__ + '.gguf', sys.argv[sys.argv.index('--outfile') + 1])
`;

function standWith(props: Partial<GgufConversionProps>): GgufStand {
  const stand = new GgufStand(() => ({ intermediate: GgufType.F32, threads: 2, ...props }));
  const converter = path.join(stand.tools, CONVERTER);
  fs.writeFileSync(converter, CONVERT);
  writeGguf(`${converter}.gguf`, SHAPE);
  for (const tool of [QUANTIZER, SPLITTER]) {
    fs.rmSync(path.join(stand.tools, tool));
    fs.symlinkSync(llama!.program(tool), path.join(stand.tools, tool));
  }
  return stand;
}

/** None where there is no llama.cpp; a warning says so, and with CDK8S_LLM_REQUIRE_PEERS=1 an error. */
const types = Object.values(GgufType).filter((type) => !isConverted(type) && !needsImportanceMatrix(type));

(llama ? describe : describe.skip)("llama.cpp's own tools", () => {
  test.each(types)('write %s as it is asked for, and say so', async (weights) => {
    const stand = standWith({ weights });
    const { code, log } = await stand.run();
    expect([code, code && log]).toEqual([0, 0]);
    expect(filesOf(stand.output)).toEqual(['.artifact.json', `qwen3-1.7b-${weights}.gguf`]);
    expect(log).toMatch(/llama_model_quantize_impl: quant size/);
  });

  test('split what they wrote', async () => {
    const stand = standWith({ weights: GgufType.Q6_K, maxFileSize: Size.mebibytes(1) });
    const { code } = await stand.run();
    expect(code).toBe(0);
    const names = filesOf(stand.output).filter((name) => name.endsWith('.gguf'));
    expect(names.length).toBeGreaterThan(1);
    expect(names[0]).toBe(`qwen3-1.7b-Q6_K-00001-of-0000${names.length}.gguf`);
    expect(markerOf(stand.output)?.files.map((file) => file.path)).toEqual(names);
  });

  test('refuse what needs an importance matrix, and the Job says that', async () => {
    const stand = standWith({ weights: GgufType.Q2_K });
    const { ended } = stand.start({}, '--type=Q2_K_S');
    const { code, result } = await ended;
    expect([code, result.error]).toEqual([64, expect.stringContaining('needs an importance matrix')]);
  });
});
