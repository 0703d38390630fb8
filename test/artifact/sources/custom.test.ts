import { Size, Testing } from 'cdk8s';
import { Secret, ServiceAccount } from 'cdk8s-plus-28';
import { ArtifactFormat, SourceProof } from '../../../src';
import { sourceKey } from '../../../src/artifact/key';
import { customSource } from '../../../src/artifact/sources/custom';
import type { CustomSourceProps } from '../../../src/artifact/sources/custom';
import { downloaderSteps, mustGather } from '../../../src/artifact/sources/downloader';
import type { DownloaderFetch, DownloaderPod } from '../../../src/artifact/sources/downloader';

const SHA = 'a1'.repeat(32);

const chart = Testing.chart();
const secret = Secret.fromSecretName(chart, 'secret', 'mlflow');
const serviceAccount = ServiceAccount.fromServiceAccountName(chart, 'account', 'reader');

const TOOL: CustomSourceProps = {
  image: 'ghcr.io/org/mlflow:2.9',
  command: ['mlflow', 'artifacts', 'download'],
  args: ['--artifact-uri=models:/qwen/3', '--dst-path=$(MODEL_DIR)'],
  env: { MLFLOW_TRACKING_URI: 'https://mlflow.example.com' },
  secrets: { MLFLOW_TRACKING_TOKEN: { secret, key: 'token' } },
  version: '3',
};

function spec(more: Partial<CustomSourceProps> = {}) {
  return customSource({ ...TOOL, ...more });
}

const fetchOf = (more?: Partial<CustomSourceProps>) => spec(more).fetch as DownloaderFetch;
const key = (more?: Partial<CustomSourceProps>) => sourceKey(spec(more));
const pinned = { version: undefined, files: { 'config.json': SHA } };

describe("a downloader of one's own", () => {
  test('says what it is, and what proves its files', () => {
    expect(spec()).toMatchObject({
      kind: 'custom',
      name: 'org--mlflow',
      address: 'custom:org/mlflow@3',
      repository: 'org/mlflow',
      revision: '3',
      proof: SourceProof.VERSION,
      format: ArtifactFormat.HUGGING_FACE,
    });
    expect(spec({ name: 'Qwen/Qwen3' })).toMatchObject({ name: 'qwen--qwen3', repository: 'Qwen/Qwen3' });
    expect(spec(pinned).proof).toBe(SourceProof.CONTENT);
    expect(spec({ version: undefined, manifest: { sha256: SHA } }).revision).toBe(`sha256:${SHA}`);
    expect(spec({ version: undefined, unpinned: true })).toMatchObject({
      proof: SourceProof.NONE,
      revision: 'unpinned',
    });
    expect(spec({ format: ArtifactFormat.GGUF, modelFile: 'm.gguf', size: Size.gibibytes(2) })).toMatchObject(
      { format: 'gguf', modelFile: 'm.gguf', bytes: 2 * 1024 ** 3 },
    );
  });

  test('is told to the pod as it stands, Secrets by reference alone', () => {
    expect(fetchOf()).toEqual({
      by: 'container',
      image: TOOL.image,
      command: TOOL.command,
      args: TOOL.args,
      env: [{ name: 'MLFLOW_TRACKING_URI', value: 'https://mlflow.example.com' }],
      secrets: [
        {
          env: 'MLFLOW_TRACKING_TOKEN',
          secret: 'mlflow',
          key: 'token',
          purpose: 'MLFLOW_TRACKING_TOKEN of the downloader',
        },
      ],
      secretFiles: [],
      endpoints: [],
      serviceAccountName: undefined,
      resources: { cpu: '500m', cpuLimit: '2', memory: Size.gibibytes(1), storage: Size.gibibytes(1) },
      adoptArgs: ['--version=3', '--origin=type=custom', `--origin=image=${TOOL.image}`],
      shell: true,
      exitCodes: '',
      ports: [],
    });
    expect(
      fetchOf({
        serviceAccount,
        cpu: '4',
        memory: Size.gibibytes(2),
        tmpSize: Size.gibibytes(3),
        exitCodes: { 3: 66, 13: 77 },
        ports: [8080],
      }),
    ).toMatchObject({
      serviceAccountName: 'reader',
      resources: { cpu: '4', cpuLimit: undefined, memory: Size.gibibytes(2), storage: Size.gibibytes(3) },
      exitCodes: '3=66,13=77',
      ports: [8080],
    });
    expect(fetchOf({ shell: false })).toMatchObject({ shell: false, exitCodes: '' });
  });

  test('its key follows from what decides the bytes: from the tool where nothing else proves them', () => {
    expect(key()).toBe(key());
    expect(key({ args: ['other'] })).not.toBe(key());
    expect(key({ image: 'ghcr.io/org/mlflow:2.10' })).not.toBe(key());
    expect(key({ env: {} })).not.toBe(key());
    expect(key({ version: '4' })).not.toBe(key());
    expect(key({ secrets: {} })).toBe(key());
    expect(key({ memory: Size.gibibytes(9), exitCodes: { 3: 66 }, serviceAccount })).toBe(key());
    // What is pinned is the same whoever brings it.
    expect(key({ ...pinned, image: 'other:1', command: ['x'], args: [], env: {} })).toBe(key(pinned));
    expect(key({ ...pinned, files: { 'config.json': 'b'.repeat(64) } })).not.toBe(key(pinned));
  });

  test.each([
    [{ version: undefined }, /exactly one of them, or unpinned: true alone/],
    [{ unpinned: true }, /exactly one of them, or unpinned: true alone/],
    [{ files: { a: SHA } }, /'manifest, files, version' is 'files and version'/],
    [{ version: 'a\nb' }, /a version of the model, on one line/],
    [{ version: undefined, files: {} }, /1 to 1000 files/],
    [{ version: undefined, files: { '../a': SHA } }, /a path within the folder/],
    [{ version: undefined, files: { '.artifact.json': SHA } }, /a path within the folder/],
    [{ version: undefined, files: { a: 'abc' } }, /a sha256 \(64 hexadecimal digits\)/],
    [{ version: undefined, files: { a: SHA }, include: ['*'] }, /nothing beside files/],
    [{ version: undefined, manifest: { sha256: 'x' } }, /a sha256/],
    [{ version: undefined, manifest: { sha256: SHA, path: '/SUMS' } }, /a path within the folder/],
    [{ image: '' }, /'image' is ''; allowed: an image/],
    [{ command: [] }, /a program and its arguments/],
    [{ command: 'mlflow download' as unknown as string[] }, /one for each argument.*A line for a shell/],
    [{ args: [1 as unknown as string] }, /a list of strings/],
    [{ env: { MODEL_DIR: '/x' } }, /other than MODEL_DIR, MODEL_KEY, HOME, TMPDIR/],
    [{ env: { 'a b': 'x' } }, /names of environment variables/],
    [{ env: { A: 1 as unknown as string } }, /'env.A' is 1; allowed: a string/],
    [{ env: { MLFLOW_TRACKING_TOKEN: 'x' } }, /nothing, as it is in env too/],
    [
      { secrets: { A: { secret: 'mlflow' as unknown as typeof secret, key: 'k' } } },
      /a Secret of cdk8s-plus/,
    ],
    [{ secrets: { A: { secret, key: 'a b' } } }, /letters, digits/],
    [{ exitCodes: { x: 66 } }, /exit codes, 1 to 255/],
    [{ exitCodes: { 256: 66 } }, /exit codes, 1 to 255/],
    [{ exitCodes: { 3: 66 }, shell: false }, /'exitCodes' is {"3":66}; allowed: nothing beside shell: false/],
    [{ exitCodes: { 3: 1 } }, /64 \(usage\), 65 \(checksum\)/],
    [{ name: '../x' }, /'name' is/],
    [{ ports: [0] }, /1 to 65535/],
    [{ cpu: 'many' }, /CPUs: '2', '0.5' or '500m'/],
    [{ memory: Size.mebibytes(0) }, /'memory' is '0Ki'; allowed: a size above nothing/],
    [{ size: Size.mebibytes(0) }, /a size above nothing/],
    [{ modelFile: '/m.gguf' }, /a path within the folder/],
    [{ serviceAccount: 'reader' as unknown as typeof serviceAccount }, /a ServiceAccount of cdk8s-plus/],
  ])('%j is refused', (more, message) => {
    expect(() => spec(more as Partial<CustomSourceProps>)).toThrow(message);
  });
});

describe('the containers of a downloader', () => {
  const POD: DownloaderPod = {
    key: '0123456789ab',
    path: 'tool-0123456789ab',
    image: 'python:3.13',
    storeMounts: [{ name: 'models', mountPath: '/models' }],
    movingArgs: ['--workers=8'],
    memory: Size.mebibytes(256),
    outsideEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
    outsideMounts: [],
  };

  test('fill the folder of the artifact under its lock, and verify it', () => {
    const { containers, volumes, programs } = downloaderSteps(fetchOf(), POD);
    expect(programs).toEqual(['custom.sh', 'adopt.py']);
    expect(volumes).toEqual([{ name: 'own', emptyDir: { sizeLimit: '1Gi' } }]);
    const [download, adopt] = containers;
    expect(download.command).toEqual([
      '/bin/sh',
      '/opt/cdk8s-llm/custom.sh',
      '--key=0123456789ab',
      '--dir=/models/tool-0123456789ab',
      '--',
      ...TOOL.command,
    ]);
    expect(download.args).toEqual(TOOL.args);
    expect(download.env).toEqual([
      { name: 'MODEL_DIR', value: '/models/tool-0123456789ab/.artifact.parts/files' },
      { name: 'MODEL_KEY', value: '0123456789ab' },
      { name: 'HOME', value: '/tmp' },
      { name: 'TMPDIR', value: '/tmp' },
      { name: 'HTTPS_PROXY', value: 'http://proxy:3128' },
      { name: 'MLFLOW_TRACKING_TOKEN', valueFrom: { secretKeyRef: { name: 'mlflow', key: 'token' } } },
      { name: 'MLFLOW_TRACKING_URI', value: 'https://mlflow.example.com' },
    ]);
    expect(adopt).toMatchObject({
      image: 'python:3.13',
      command: ['python3', '-u', '/opt/cdk8s-llm/adopt.py'],
      args: [
        '--key=0123456789ab',
        '--dir=/models/tool-0123456789ab',
        '--version=3',
        ...fetchOf().adoptArgs.slice(1),
      ],
    });
    // The program that verifies is told no Secret of the tool's.
    expect(JSON.stringify(adopt)).not.toContain('secretKeyRef');
  });

  test('gather on a disk what goes to a bucket, or comes from an image without a shell', () => {
    expect(mustGather(fetchOf(), true)).toBe(true);
    expect(mustGather(fetchOf({ shell: false }), false)).toBe(true);
    expect(mustGather(fetchOf(), false)).toBe(false);
    const bucketArgs = ['--bucket=models', '--prefix=tool'];
    const steps = downloaderSteps(fetchOf({ shell: false }), {
      ...POD,
      storeMounts: [],
      bucketArgs,
      bucketEnv: [{ name: 'AWS_REGION', value: 'x' }],
      scratch: Size.gibibytes(20),
    });
    expect(steps.programs).toEqual(['stored.py', 'fetch.py', 'mounted.py', 'bucket.py']);
    expect(steps.volumes).toContainEqual({ name: 'gathered', emptyDir: { sizeLimit: '20Gi' } });
    const [look, download, carry] = steps.containers;
    expect(look.args).toEqual(['--key=0123456789ab', '--note=/model', ...bucketArgs]);
    expect(download.command).toEqual(TOOL.command);
    expect(download.env).toContainEqual({ name: 'MODEL_DIR', value: '/model' });
    // All emptyDirs of the pod count against the limit of a container that is alone.
    expect(download.resources.storage.toMebibytes()).toBe((1 + 20) * 1024 + 64);
    expect(carry.args).toEqual([
      '--folder=/model',
      ...fetchOf().adoptArgs,
      '--key=0123456789ab',
      ...bucketArgs,
      '--workers=8',
    ]);
    expect(carry.mounts).toEqual([{ name: 'gathered', mountPath: '/model', readOnly: true }]);
  });
});
