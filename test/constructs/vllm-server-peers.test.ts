import { Accelerator, Pipeline } from '../../src';
import { VllmServer } from '../../src/constructs/vllm-server';
import { KvRole, KvTransfer } from '../../src/constructs/vllm-server-kv-transfer';
import type { VllmServerProps } from '../../src/constructs/vllm-server-props';
import { cache, COMMIT, sharedClaim, tinyFacts } from '../support/models';
import { ModelSource } from '../../src';
import { pipelineFor, sharedModel } from '../support/servers';

type Given = Partial<VllmServerProps>;

const gpus = (count: number) => ({ accelerator: Accelerator.nvidia({ count }) });
const to = (role: KvRole, ...peers: string[]) => ({ kvTransfer: KvTransfer.nixl({ role, peers }) });

/** The errors of two servers at synth: of the one that prefills, and of the one that decodes. */
function problems(prefill: Given, decode: Given | ((pipeline: Pipeline) => Given)): string[][] {
  const pipeline = pipelineFor();
  const model = sharedModel(pipeline);
  const one = new VllmServer(pipeline.serve, 'prefill', {
    model,
    ...gpus(1),
    ...to(KvRole.PREFILL, 'qwen-decode'),
    ...prefill,
  });
  const two = new VllmServer(pipeline.serve, 'decode', {
    model,
    ...gpus(1),
    ...to(KvRole.DECODE, 'qwen-prefill'),
    ...(typeof decode === 'function' ? decode(pipeline) : decode),
  });
  return [one, two].map((server) => server.node.validate());
}

test.each([
  [1, 1],
  [2, 4],
  [4, 2],
])('servers of %d and %d devices share requests', (prefill, decode) => {
  expect(problems(gpus(prefill), gpus(decode))).toEqual([[], []]);
});

test('a name that no server has is told, with those that there are', () => {
  const [[wrong], [back]] = problems(to(KvRole.PREFILL, 'qwen-decod'), {});
  expect(wrong).toContain("qwen/serve/prefill: 'kvTransfer.peers' is 'qwen-decod'; allowed: the servers");
  expect(wrong).toContain("'qwen-decode'");
  expect(back).toContain("Add 'qwen-decode' to the peers of 'qwen-prefill'.");
});

test('a server alone has nobody to share with', () => {
  const pipeline = pipelineFor();
  const server = new VllmServer(pipeline.serve, 'decode', {
    model: sharedModel(pipeline),
    ...gpus(1),
    ...to(KvRole.DECODE, 'qwen-prefill'),
  });
  expect(server.node.validate()).toEqual([expect.stringContaining('there are none')]);
});

test('two servers that do the same share nothing', () => {
  const [[one], [two]] = problems({}, to(KvRole.PREFILL, 'qwen-prefill'));
  expect(one).toContain('servers that decode; this one does what its peer does');
  expect(two).toContain('servers that decode');
});

test('another model or version is another cache', () => {
  const other = (pipeline: Pipeline) => {
    const source = ModelSource.huggingFace('org/other', { revision: COMMIT });
    return {
      model: cache(pipeline.download, { source, store: sharedClaim(), facts: tinyFacts() }, 'other').artifact,
    };
  };
  expect(problems({}, other)[0]).toEqual([expect.stringContaining('servers of the same artifact')]);
  const image = 'docker.io/vllm/vllm-openai:v0.19.0';
  expect(problems({ image }, {})[1]).toEqual([expect.stringContaining('0.19.0 and 0.26.0 differ')]);
});

test('the devices of one are a multiple of those of the other', () => {
  const accelerator = Accelerator.nvidia({ count: 6 });
  const odd = { accelerator, tensorParallel: 2, dataParallel: 3 };
  expect(problems(odd, gpus(4))).toEqual([[], []]);
  const image = 'docker.io/vllm/vllm-openai:v0.12.0';
  const [[wide]] = problems({ ...gpus(4), image }, { ...gpus(2), image });
  expect(wide).toContain('a tensorParallel for decode of 4 or more');
});
