/** Resources as Koldun's users have them. */

/** A model and its topology, with what Koldun's README leaves open answered by `ANSWERS`. */
export function koldun(name: string, { weights = 'q40', replicaPower = 2 } = {}): string {
  return `apiVersion: koldun.gorizond.io/v1
kind: Model
metadata: { name: ${name}, namespace: llm }
spec:
  sourceUrl: https://huggingface.co/Qwen/Qwen3-1.7B
  localPath: s3://models/${name}
  objectStorage:
    endpoint: http://minio.storage.svc:9000
    secretRef: { name: minio-creds }
    bucketForSource: models
    bucketForConvert: converted
  conversion:
    weightsFloatType: ${weights}
---
apiVersion: koldun.gorizond.io/v1
kind: Dllama
metadata: { name: ${name}-topology, namespace: llm }
spec:
  modelRef: { kind: Model, name: ${name} }
  replicaPower: ${replicaPower}
  rootImage: ghcr.io/gorizond/koldun:v0.0.1
  workerImage: ghcr.io/gorizond/koldun:v0.0.1
`;
}

/** What the resources do not say. */
export const answers = (name: string): Record<string, string> => ({
  [`Model/llm/${name}/revision`]: '70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
  [`Dllama/llm/${name}-topology/image`]: 'registry.example.com/dllama:v0.16.4',
});

/** They as options of the command line. */
export const answering = (...names: string[]): string[] =>
  names.flatMap((name) =>
    Object.entries(answers(name)).flatMap(([question, answer]) => ['--answer', `${question}=${answer}`]),
  );
