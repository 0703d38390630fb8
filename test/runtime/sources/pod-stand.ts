import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Size } from 'cdk8s';
import { downloaderSteps } from '../../../src/artifact/sources/downloader';
import type { DownloaderFetch, DownloaderPod } from '../../../src/artifact/sources/downloader';
import type { SourceSpec } from '../../../src/artifact/sources/source-spec';
import type { ContainerSpec } from '../../../src/pod/pod-spec';
import { PYTHON, temporaryFolder } from '../artifact/program';
import type { Outcome, Result } from '../artifact/program';

const RUNTIME = path.join(__dirname, '../../../src/runtime');

export const KEY = '0123456789ab';

/** What a test says of the pod besides what follows from the source. */
export interface PodOptions {
  /** Size of the disk where files are gathered. */
  readonly scratch?: Size;
  readonly bucketArgs?: string[];
  readonly bucketEnv?: Record<string, unknown>[];
  /** What the Secrets hold, by `secret/key`. */
  readonly secrets?: Record<string, string>;
  /** The environment of the downloader's image. */
  readonly imageEnv?: Record<string, string>;
  /** Variables that the program of the test must not be told, because it is older than that of the image. */
  readonly without?: string[];
  /** The shell of the downloader's image. */
  readonly shell?: string[];
  /** The volume of the store; one pod after another mounts it. */
  readonly models?: string;
}

/** The containers that are rendered of a source, run on this machine: mounts are folders, and images are none. */
export class PodStand {
  public readonly models: string;
  /** The artifact's folder. */
  public readonly dir: string;
  public readonly containers: ContainerSpec[];
  private readonly folders = new Map<string, string>();

  public constructor(
    source: SourceSpec,
    private readonly options: PodOptions = {},
  ) {
    this.models = options.models ?? temporaryFolder();
    const fetch = source.fetch as DownloaderFetch;
    const pod: DownloaderPod = {
      key: KEY,
      path: `${source.name}-${KEY}`,
      image: 'python:3.13',
      storeMounts: options.bucketArgs ? [] : [{ name: 'models', mountPath: '/models' }],
      scratch: options.scratch,
      bucketArgs: options.bucketArgs,
      bucketEnv: options.bucketEnv,
      movingArgs: ['--workers=2', '--chunk-mib=1'],
      memory: Size.mebibytes(256),
      outsideEnv: [],
      outsideMounts: [],
    };
    const steps = downloaderSteps(fetch, pod);
    this.containers = steps.containers;
    this.dir = path.join(this.models, pod.path);
    this.folders.set('models', this.models);
    for (const volume of steps.volumes) this.addVolume(volume, options.secrets ?? {});
  }

  /** Runs the containers one after the other, up to the first that fails; the outcomes of those that ran. */
  public async run(): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const { name } of this.containers) {
      const outcome = await this.start(name).ended;
      outcomes.push(outcome);
      if (outcome.code !== 0) break;
    }
    return outcomes;
  }

  /** The last outcome: that which decides the Job's. */
  public async outcome(): Promise<Outcome> {
    return (await this.run()).at(-1) as Outcome;
  }

  public start(name: string): { child: ChildProcess; ended: Promise<Outcome> } {
    const container = this.containers.find((one) => one.name === name) as ContainerSpec;
    const env = this.environment(container);
    const words = [...container.command, ...(container.args ?? [])].map((word) =>
      this.local(container, expand(word, env)),
    );
    const shell = this.options.shell ?? ['/bin/sh'];
    const [command, ...args] =
      words[0] === '/bin/sh'
        ? [...shell, ...words.slice(1)]
        : words[0] === 'python3'
          ? [PYTHON, ...words.slice(1)]
          : words;
    const terminationLog = path.join(temporaryFolder(), 'termination-log');
    fs.writeFileSync(terminationLog, '');
    const began = Date.now();
    const child = spawn(command, args, {
      env: {
        PATH: process.env.PATH,
        PYTHONPYCACHEPREFIX: process.env.PYTHONPYCACHEPREFIX,
        TERMINATION_LOG: terminationLog,
        ...(name === 'download' ? this.options.imageEnv : {}),
        ...Object.fromEntries(
          Object.entries(env).map(([variable, value]) => [variable, this.local(container, value)]),
        ),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise<Outcome>((done, failed) => {
      child.on('error', failed);
      child.on('close', (code, signal) => {
        const left = fs.readFileSync(terminationLog, 'utf8');
        // Of our programs it is JSON, and of custom.sh a sentence.
        const result = left.startsWith('{') ? (JSON.parse(left) as Result) : { error: left.trim() };
        done({
          code,
          signal,
          result,
          log: Buffer.concat(chunks).toString(),
          milliseconds: Date.now() - began,
        });
      });
    });
    return { child, ended };
  }

  /** The folder in which the downloader works. */
  public folder(volume: string): string {
    return this.folders.get(volume) as string;
  }

  private addVolume(volume: Record<string, unknown>, secrets: Record<string, string>): void {
    const folder = temporaryFolder();
    this.folders.set(String(volume.name), folder);
    const secret = volume.secret as
      { secretName: string; items: { key: string; path: string }[] } | undefined;
    for (const { key, path: file } of secret?.items ?? []) {
      fs.writeFileSync(path.join(folder, file), secrets[`${secret?.secretName}/${key}`]);
    }
  }

  /** As the kubelet does: in order, with the Secrets' values, each of which later ones can name. */
  private environment(container: ContainerSpec): Record<string, string> {
    const env: Record<string, string> = {};
    for (const variable of (container.env ?? []) as unknown as Variable[]) {
      if (this.options.without?.includes(variable.name)) continue;
      const ref = variable.valueFrom?.secretKeyRef;
      const value = ref
        ? this.options.secrets?.[`${ref.name}/${ref.key}`]
        : expand(variable.value ?? '', env);
      if (value === undefined) throw new Error(`no Secret for ${variable.name}`);
      env[variable.name] = value;
    }
    return env;
  }

  /** Paths below the mounts as they are on this machine. */
  private local(container: ContainerSpec, text: string): string {
    const mounts = (container.mounts ?? []) as unknown as { name: string; mountPath: string }[];
    const folders = new Map<string, string>([
      ...mounts.map(({ name, mountPath }) => [mountPath, this.folder(name)] as const),
      ['/opt/cdk8s-llm', RUNTIME],
    ]);
    const paths = new RegExp(`(^|=)(${[...folders.keys()].join('|')})(?=/|$)`);
    return text.replace(paths, (_, before: string, found: string) => before + folders.get(found));
  }
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

/** https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables */
function expand(text: string, env: Record<string, string>): string {
  return text.replace(/\$\$|\$\(([A-Za-z_]\w*)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );
}
