import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { Secret } from 'cdk8s-plus-28';
import { ModelSource, Pipeline } from '../../../src';
import { LlamaServer } from '../../../src/constructs/llama-server';
import { LlamaServerProps, Pooling } from '../../../src/constructs/llama-server-props';
import { findLlama } from '../../doubles/llama';
import { writeGguf } from '../../support/gguf';
import { JobStand } from '../../support/job-stand';
import { cache, COMMIT, sharedClaim } from '../../support/models';
import { container, ofKind, the } from '../../support/objects';
import { ServerStand } from '../../support/server-stand';
import { checkedObjects, pipelineFor } from '../../support/servers';
import { Outcome, temporaryFolder } from '../artifact/program';

// A real server and a real Job, both as the YAML has them.

const llama = findLlama();
const stands: ServerStand[] = [];
afterEach(async () => {
  await Promise.all(stands.splice(0).map((stand) => stand.kill()));
});

const SECRETS = { 'llama/keys': 'key-of-the-test\n' };

/** Starts a server of a tiny model and, before it answers, the Job that tests it. */
async function tested(props: (pipeline: Pipeline) => Partial<LlamaServerProps>): Promise<Outcome> {
  const pipeline = pipelineFor();
  const model = cache(pipeline.download, {
    source: ModelSource.huggingFace('org/Tiny-GGUF', { revision: COMMIT, include: ['*.gguf'] }),
    store: sharedClaim(),
  }).artifact;
  new LlamaServer(pipeline.serve, 'chat', {
    model,
    image: `registry.example.com/llama.cpp:server-${llama!.version}`,
    memory: Size.gibibytes(1),
    cpu: '1',
    contextSize: 4096,
    ...props(pipeline),
  });
  const objects = checkedObjects(pipeline);
  const claim = temporaryFolder();
  fs.mkdirSync(path.join(claim, model.path), { recursive: true });
  writeGguf(path.join(claim, model.path, 'tiny.gguf'));
  const stand = await ServerStand.of(objects, 'llama-server', {
    programs: { '/app/llama-server': llama!.program('llama-server') },
    claims: { [String(the(objects, 'PersistentVolumeClaim').metadata.name)]: claim },
    secrets: SECRETS,
  });
  stands.push(stand);
  const job = the(objects, 'Job', /smoke-test/);
  const tester = container(job, 'smoke-test');
  tester.args = (tester.args as string[]).map((each) =>
    each.replace(/^--endpoint=.*/, `--endpoint=${stand.url}/v1`),
  );
  const test = new JobStand([job, ...ofKind(objects, 'ConfigMap')], SECRETS).run();
  stand.start();
  return (await test)['smoke-test'];
}

(llama ? describe : describe.skip)('a smoke test of llama-server', () => {
  test('has its answer and its stream', async () => {
    const { code, result, log } = await tested((pipeline) => ({
      smokeTest: { maxTokens: 16 },
      apiKey: { secret: Secret.fromSecretName(pipeline.serve, 'llama', 'llama'), key: 'keys' },
    }));
    expect(log).toMatch(/streamed \d+ tokens/);
    expect([code, result]).toEqual([
      0,
      expect.objectContaining({
        model: 'tiny-gguf',
        tokens: expect.any(Number) as number,
        timeToFirstToken: expect.any(Number) as number,
        tokensPerSecond: expect.any(Number) as number,
      }),
    ]);
    expect(log).not.toContain('key-of-the-test');
  });

  test('has its vector', async () => {
    const { code, result } = await tested(() => ({ smokeTest: {}, embeddings: true, pooling: Pooling.MEAN }));
    expect([code, result]).toEqual([0, expect.objectContaining({ api: 'embedding' })]);
  });
});
