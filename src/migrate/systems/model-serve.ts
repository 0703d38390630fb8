/** ModelServe: a GGUF file served by llama-server, in both versions of the resource. */
import { llamaVersionOf } from '../../engines/llama/version';
import { knownFacts } from '../../engines/known-models';
import { withoutCredentials } from '../../pod/input-error';
import { quantity } from '../../validation/quantity';
import { call, Expression, list, literal, object, ref } from '../plan';
import type { PipelineBuilder, PlanBuilder } from '../plan-builder';
import type { Resources } from '../read-resources';
import type { Resource } from '../resource';
import { bucketProps, huggingFace, webSource } from '../sources';
import type { Notes, Translation } from '../translation';
import { accessModes, isPinned, optional, QUANTITY, SHA256, size, textMap, texts } from '../values';

interface ModelServeSpec {
  readonly modelName: string;
  /** Of the first version. */
  readonly modelUrl?: string;
  readonly image?: string;
  readonly replicas?: number;
  /** Of the second version. */
  readonly modelUuid?: string;
  readonly minioPath?: string;
  readonly minioEndpoint?: string;
  readonly minioBucket?: string;
  readonly runtimeParams?: string;
  /** In MiB. */
  readonly memoryLimit?: number;
  /** In thousandths of a CPU. */
  readonly cpuLimit?: number;
}

/** The second version's defaults. */
const MINIO = { endpoint: 'minio:9000', bucket: 'inference-models', secret: 'inference-secrets' };
const LIMITS = { memoryMib: 4096, cpuMillis: 2000 };

/** The disk that the second version copies a file to. */
const DISK = '10Gi';

/** What a claim holds besides a file: 5 % for the file system, and as much again. */
const ROOM = 1.1;

const GIB = 1024 ** 3;

/** @internal */
export function translateModelServe(resources: Resources, translation: Translation, plan: PlanBuilder): void {
  for (const resource of resources.of<ModelServeSpec>('model-serve.json')) {
    translate(resource, translation.of(resource), plan);
  }
}

/** A file, where it comes from, and what is known of it. */
interface ModelFile {
  readonly source: Expression;
  readonly claimSize: Expression;
  readonly fileSize?: Expression;
  readonly memory?: Expression;
}

function translate(resource: Resource<ModelServeSpec>, notes: Notes, plan: PlanBuilder): void {
  const { spec, name } = resource;
  if ((spec.modelUrl === undefined) === (spec.minioPath === undefined)) {
    notes.refuse('spec.modelUrl', spec.modelUrl && withoutCredentials(spec.modelUrl), {
      allowed: 'either modelUrl, as in the first version of ModelServe, or minioPath, as in the second',
    });
    return;
  }
  const pipeline = plan.pipeline(resource);
  if (spec.modelUuid !== undefined) {
    notes.warn(
      'spec.modelUuid',
      'It is a key of the database of the contract service, and no part of what runs. It is left out.',
    );
  }
  const file =
    spec.modelUrl === undefined
      ? fileInBucket(resource, notes, pipeline)
      : fileOfServer(resource, notes, spec.modelUrl);
  if (!file) return;
  const shared = (spec.replicas ?? 1) > 1;
  if (shared) {
    notes.warn(
      'spec.replicas',
      `ModelServe mounts a folder of each node, where other nodes have no files. The claim of all ${spec.replicas} copies is ReadWriteMany, which its class has to know.`,
    );
  }
  const { accelerator: devices, ...image } = imageProps(notes, spec.image);
  const accelerator = devices && pipeline.constant('gpu', devices);
  const store = call(
    'ModelStore.claim',
    object({
      size: file.claimSize,
      accessModes: shared ? accessModes(['ReadWriteMany']) : undefined,
      placement: accelerator && !shared ? ref(accelerator.to, 'placement') : undefined,
    }),
  );
  const cache = pipeline.construct(
    { class: 'ModelCache', phase: 'download', id: 'weights' },
    object({ source: file.source, store }),
    notes.taken(),
  );
  const params = paramProps(notes, spec.runtimeParams ?? '', accelerator !== undefined);
  const dot = name.includes('.') ? 'A Service cannot have that name, for the dot in it. ' : '';
  notes.warn(
    'metadata.name',
    `${dot}The Service is named after the pipeline. By Traefik it is found at /${name}, as before; Traefik is let in from kube-system, where k3s has it.`,
  );
  pipeline.construct(
    { class: 'LlamaServer', phase: 'serve', id: 'server' },
    object({
      model: ref(cache, 'artifact'),
      fileSize: file.fileSize,
      ...image,
      accelerator,
      ...params,
      replicas: spec.replicas === undefined || spec.replicas === 1 ? undefined : literal(spec.replicas),
      memory: file.memory,
      cpu: spec.minioPath === undefined ? undefined : literal(`${spec.cpuLimit ?? LIMITS.cpuMillis}m`),
      routes: list([ingress(name)]),
    }),
    notes.taken(),
  );
}

/** A file of a web server or of Hugging Face, as the first version has it. */
function fileOfServer(resource: Resource<ModelServeSpec>, notes: Notes, url: string): ModelFile | undefined {
  const { spec, name, namespace } = resource;
  refuseLimits(notes, spec);
  const shown = withoutCredentials(url).replace(/[?#].*/s, '');
  if (!/^https?:\/\/[^/]+\/./.test(url)) {
    notes.refuse('spec.modelUrl', shown, {
      allowed: "an address that the file can be fetched from: 'https://host/path'",
      advice: 'A folder of a node is no place for copies on other nodes.',
    });
    return undefined;
  }
  const bytes = notes.ask('spec.modelUrl', 'size', {
    given: shown,
    allowed: "the size of the file in bytes, or as '399Mi'",
    form: QUANTITY,
    why: 'The claim and the time of a start follow from it.',
    command: `curl -fsSIL '${shown}' | grep -i '^content-length'`,
  });
  const found = /^(https?:\/\/[^/]+)\/([^/]+\/[^/]+)\/(?:resolve|blob|raw)\/([^/]+)\/(.+)$/.exec(shown);
  const source = found
    ? huggingFace(notes, {
        field: 'spec.modelUrl',
        endpoint: found[1],
        repo: found[2],
        revision: found[3],
        include: [found[4]],
      })
    : webFile(notes, url, shown, spec.modelName, bytes);
  const known = found !== null && knownFacts(found[2]) !== undefined;
  const memory = known
    ? ''
    : notes.ask('spec', 'memory', {
        given: 'no memory',
        allowed: "the memory of a copy: what it takes now, and some more, as '2Gi'",
        form: QUANTITY,
        why: 'The dimensions of the model are not known here.',
        command: `kubectl top pod -n ${namespace} -l model_serve_cr=${name} --containers`,
      });
  return {
    source,
    claimSize: size(`${Math.max(1, Math.ceil((quantity(bytes || '1') * ROOM) / GIB))}Gi`),
    fileSize: size(bytes || '1'),
    memory: memory === '' ? undefined : size(memory),
  };
}

function webFile(notes: Notes, url: string, shown: string, fileName: string, bytes: string): Expression {
  const address = { field: 'spec.modelUrl', url, shown, kind: 'file' };
  return webSource(notes, address, { fileName: literal(fileName), size: size(bytes || '1') });
}

/** The first version has no limits. */
function refuseLimits(notes: Notes, spec: ModelServeSpec): void {
  for (const field of ['minioEndpoint', 'minioBucket', 'memoryLimit', 'cpuLimit'] as const) {
    if (spec[field] === undefined) continue;
    notes.refuse(`spec.${field}`, spec[field], {
      allowed: 'nothing beside modelUrl: the second version has it, with minioPath',
    });
  }
}

/** An object of a bucket, as the second version has it. */
function fileInBucket(
  resource: Resource<ModelServeSpec>,
  notes: Notes,
  pipeline: PipelineBuilder,
): ModelFile {
  const {
    modelName,
    minioPath = '',
    minioBucket = MINIO.bucket,
    minioEndpoint = MINIO.endpoint,
    memoryLimit,
  } = resource.spec;
  const path = minioPath.replace(/^\/+/, '');
  const slash = path.lastIndexOf('/');
  const [prefix, file] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
  if (file !== modelName) {
    notes.warn('spec.modelName', `The file in the bucket is ${file}, which it keeps as its name.`);
  }
  const endpoint = /^https?:/.test(minioEndpoint) ? minioEndpoint : `http://${minioEndpoint}`;
  const sha256 = notes.ask('spec.minioPath', 'sha256', {
    given: minioPath,
    allowed: 'the sha256 of the file: 64 hexadecimal digits',
    form: SHA256,
    why: 'What is in a bucket can change.',
    command: `mc cat ALIAS/${minioBucket}/${path} | sha256sum | cut -c 1-64`,
  });
  notes.warn(
    'spec.minioPath',
    `The Secret ${MINIO.secret} that the operator reads has to hold AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY under these names.`,
  );
  const credentialsSecret = pipeline.secret(MINIO.secret);
  return {
    source: call(
      'ModelSource.s3',
      object({
        ...bucketProps({ endpoint, bucket: minioBucket, prefix, credentialsSecret }),
        files: textMap({ [file]: sha256 }),
      }),
    ),
    claimSize: size(DISK),
    memory: size(`${memoryLimit ?? LIMITS.memoryMib}Mi`),
  };
}

/** GPUs that llama.cpp's own images are for, by the backend in their tags. */
const ACCELERATORS = {
  cuda: () => call('Accelerator.nvidia'),
  rocm: () => call('Accelerator.amd'),
  intel: () => call('Accelerator.intel'),
} as const;

function imageProps(notes: Notes, image: string | undefined): Record<string, Expression | undefined> {
  if (image === undefined) return {};
  const own =
    /^ghcr\.io\/(ggerganov|ggml-org)\/llama\.cpp:(server|full)(?:-([a-z]+)[\w.]*)?((?:-b\d+)?)(@sha256:[0-9a-f]{64})?$/.exec(
      image.replace(/:server-(b\d+)$/, ':server-cpu-$1'),
    );
  return own ? ownImage(notes, image, own) : otherImage(notes, image);
}

/** llama.cpp's own image: its devices are in its tag. */
function ownImage(
  notes: Notes,
  image: string,
  [, organization, , given, build, digest]: RegExpExecArray,
): Record<string, Expression | undefined> {
  const backend = given === 'gpu' ? 'cuda' : given;
  const accelerator =
    backend === undefined || backend === 'cpu' ? undefined : (backend as keyof typeof ACCELERATORS);
  if (accelerator !== undefined && !Object.hasOwn(ACCELERATORS, accelerator)) {
    notes.refuse('spec.image', image, {
      allowed: `images for CPUs, or for ${Object.keys(ACCELERATORS).join(', ')}`,
      advice: 'Others are there in code: LlamaServer takes a backend.',
    });
    return {};
  }
  const reasons = [
    ...(given === 'gpu' ? ['There is no tag server-gpu: that for NVIDIA is server-cuda.'] : []),
    ...(accelerator === undefined
      ? []
      : ['It needs a GPU, which ModelServe does not ask for: each copy gets one.']),
    ...(organization === 'ggerganov' ? ['llama.cpp is of the organization ggml-org now.'] : []),
    ...(build || digest
      ? []
      : ['The tag moves with each build. The default of this library, of v0.4.1, is taken.']),
  ];
  if (reasons.length > 0) notes.warn('spec.image', reasons.join(' '));
  return {
    image:
      build || digest
        ? literal(image.replace('/ggerganov/', '/ggml-org/').replace(':server-gpu', ':server-cuda'))
        : undefined,
    accelerator: accelerator && ACCELERATORS[accelerator](),
  };
}

function otherImage(notes: Notes, given: string): Record<string, Expression | undefined> {
  const image = isPinned(given)
    ? given
    : notes.ask('spec.image', 'image', {
        given,
        allowed: 'the image by its digest',
        form: /@sha256:[0-9a-f]{64}$/,
        why: 'What is not pinned changes under a running model.',
        command: `docker buildx imagetools inspect ${given} --format '${given}@{{.Manifest.Digest}}'`,
      });
  const version = llamaVersionOf(image)
    ? undefined
    : notes.ask('spec.image', 'version', {
        given,
        allowed: "the version of llama.cpp in it: 'b6500' or 'v0.4.1'",
        form: /^(b\d+|v\d+\.\d+\.\d+)$/,
        why: 'Flags come and go with the versions.',
        command: `docker run --rm ${given} --version`,
      });
  return { image: literal(image), version: optional(version) };
}

/** Parameters that are properties of a LlamaServer. */
const PROPERTIES: Readonly<Record<string, string>> = {
  '-c': 'contextSize',
  '--ctx-size': 'contextSize',
  '-np': 'parallel',
  '--parallel': 'parallel',
  '-t': 'threads',
  '--threads': 'threads',
  '-b': 'batchSize',
  '--batch-size': 'batchSize',
  '-ub': 'ubatchSize',
  '--ubatch-size': 'ubatchSize',
  '-ngl': 'gpuLayers',
  '--gpu-layers': 'gpuLayers',
  '--n-gpu-layers': 'gpuLayers',
};

/** Parameters that follow from the pod. */
const OF_THE_POD = ['-m', '--model', '--host', '--port'];

function paramProps(notes: Notes, params: string, hasGpu: boolean): Record<string, Expression | undefined> {
  const words = params.split(/\s+/).filter((word) => word !== '');
  const props: Record<string, Expression> = {};
  const others: string[] = [];
  const dropped: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index];
    const property = PROPERTIES[word];
    const value = words[index + 1];
    if (word.startsWith('--api-key')) {
      notes.refuse('spec.runtimeParams', `${word.split('=')[0]} ***`, {
        allowed: 'no API key: whoever reads the resource has it',
        advice: 'Leave it out, and give LlamaServer its apiKey from a Secret in code.',
      });
      return {};
    }
    if (OF_THE_POD.includes(word)) dropped.push(word, words[++index] ?? '');
    else if (property === 'gpuLayers' && !hasGpu) dropped.push(word, words[++index] ?? '');
    else if (property !== undefined && /^\d+$/.test(value ?? ''))
      props[property] = literal(Number(words[++index]));
    else others.push(word);
  }
  if (dropped.length > 0) {
    notes.warn(
      'spec.runtimeParams',
      `${dropped.join(' ')} is left out: file, address and devices follow from the pod${hasGpu ? '' : ', which has no GPU'}.`,
    );
  }
  return { ...props, extraArgs: others.length > 0 ? texts(others) : undefined };
}

/** The path that the operator's Ingress has. */
function ingress(name: string): Expression {
  const from = call(
    'NetworkPeer.podsOfNamespace',
    literal('kube-system'),
    textMap({ 'app.kubernetes.io/name': 'traefik' }),
  );
  return call(
    'Route.ingress',
    object({ className: literal('traefik'), path: literal(`/${name}`), from: list([from]) }),
  );
}
