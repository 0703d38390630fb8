import { Size } from 'cdk8s';
import { Accelerator, ModelSource, NetworkPeer, Pipeline, ServerProps } from '../../src';
import { LlamaServer } from '../../src/constructs/llama-server';
import { VllmServer } from '../../src/constructs/vllm-server';
import { cache, COMMIT, sharedClaim, tinyFacts } from '../support/models';
import { the } from '../support/objects';
import { checkedObjects, pipelineFor, sharedModel } from '../support/servers';

/** What servers ask of others: of those by InferenceServer its own tests tell. */

type Given = Pick<ServerProps, 'reaches'> & { extraArgs?: string[]; nodes?: number };

function llama(pipeline: Pipeline, props: Given): void {
  const source = ModelSource.huggingFace('org/Qwen3-GGUF', { revision: COMMIT, include: ['*.gguf'] });
  const facts = tinyFacts({ headDim: 32 });
  const model = cache(pipeline.download, { source, store: sharedClaim(), facts }).artifact;
  new LlamaServer(pipeline.serve, 'chat', { memory: Size.gibibytes(8), ...props, model });
}

function vllm(pipeline: Pipeline, props: Given): void {
  const accelerator = Accelerator.nvidia({ count: 1 });
  new VllmServer(pipeline.serve, 'chat', { accelerator, ...props, model: sharedModel(pipeline) });
}

const COLLECTOR = [{ peers: [NetworkPeer.namespace('tracing')], ports: [4317] }];

const OPENING = {
  to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'tracing' } } }],
  ports: [{ protocol: 'TCP', port: 4317 }],
};

function openings(make: typeof vllm, props: Given, policy = 'qwen-chat-server') {
  const pipeline = pipelineFor();
  make(pipeline, props);
  const { egress } = the(checkedObjects(pipeline), 'NetworkPolicy', policy).spec;
  return egress;
}

describe.each<[string, typeof vllm, string[]]>([
  ['vLLM', vllm, ['--otlp-traces-endpoint', 'http://otel.tracing.svc:4317']],
  ['llama-server', llama, ['--rpc', 'rpc-0.llm.svc:50052']],
])('%s', (_, make, extraArgs) => {
  test('asks nobody', () => expect(openings(make, {})).toEqual([]));

  test('asks whom it may reach, by name', () => {
    const [dns, ...others] = openings(make, { reaches: COLLECTOR, extraArgs });
    expect(dns.ports[0].port).toBe(53);
    expect(others).toEqual([OPENING]);
  });

  test('is not told to ask somebody whom it cannot reach', () => {
    for (const reaches of [undefined, []]) {
      expect(() => make(pipelineFor(), { reaches, extraArgs })).toThrow(
        `'extraArgs' is '${extraArgs[0]}'; allowed: flags by which it asks nobody, as nothing says whom it may ` +
          "reach. Use the property 'reaches' too: whom it asks, and at which ports.",
      );
    }
  });

  test('reaches a list of whom and at which ports', () => {
    const refuses = (reaches: unknown, message: string) =>
      expect(() => make(pipelineFor(), { reaches: reaches as never })).toThrow(message);
    refuses(null, "'reaches' is null; allowed: a value");
    refuses('otel', "'reaches' is 'a string'; allowed: a list");
    refuses([{ peers: [NetworkPeer.sameNamespace()] }], "'reaches[0].ports' is nothing");
  });
});

test('all nodes of a copy reach whom its first node does', () => {
  const [, ...others] = openings(vllm, { nodes: 2, reaches: COLLECTOR }, 'qwen-chat-worker');
  expect(others).toContainEqual(OPENING);
});

describe('the events of the cache', () => {
  const taken = (...extraArgs: string[]) => {
    const pipeline = pipelineFor();
    return () => vllm(pipeline, { extraArgs });
  };

  test.each([
    ['--kv-events-config', '{"enable_kv_cache_events": true, "endpoint": "tcp://epp.llm.svc:5557"}'],
    ['--kv-events-config.endpoint', 'tcp://epp.llm.svc:5557'],
    ['--kv_events_config.endpoint=tcp://epp.llm.svc:5557'],
  ])('are sent to somebody who can be reached: %s', (...extraArgs) => {
    expect(taken(...extraArgs)).toThrow("Use the property 'reaches' too");
  });

  test.each([
    ['--kv-events-config', '{"enable_kv_cache_events": true}'],
    ['--kv-events-config', '{"enable_kv_cache_events": true, "endpoint": "tcp://*:5557"}'],
    ['--kv-events-config.publisher', 'zmq'],
  ])('that are fetched ask nobody: %s', (...extraArgs) => {
    expect(taken(...extraArgs)).not.toThrow();
  });

  test('are told as JSON', () => {
    expect(taken('--kv-events-config', '{')).toThrow('a text of JSON');
  });
});
