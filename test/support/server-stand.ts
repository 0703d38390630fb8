import { ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { KubeObject } from '../../src/validation/kube-object';
import { freePort } from '../doubles/free-port';
import { temporaryFolder } from '../runtime/artifact/program';
import { container, podSpec, the, Untyped } from './objects';

/** What this machine has for what is in the cluster. */
export interface ServerStandOptions {
  /** Programs of the image, by their paths in it. */
  readonly programs: Record<string, string>;
  /** Folders of claims, by the claims' names. */
  readonly claims: Record<string, string>;
  /** What the Secrets hold, by `secret/key`. */
  readonly secrets?: Record<string, string>;
}

/**
 * A kubelet for one server on this machine: runs the Deployment's container with the command, the arguments, the
 * environment and the files that the YAML gives it, and asks its probes. A mount is a folder here, so its path is
 * replaced wherever it stands; the server listens on a free port of 127.0.0.1.
 */
export class ServerStand {
  public static async of(
    objects: KubeObject[],
    name: string,
    options: ServerStandOptions,
  ): Promise<ServerStand> {
    return new ServerStand(objects, name, options, await freePort());
  }

  public readonly url: string;
  private readonly container: Untyped;
  private readonly replaced: Map<string, string>;
  private readonly chunks: Buffer[] = [];
  private child?: ChildProcess;
  private ended?: Promise<number | NodeJS.Signals | null>;

  private constructor(
    private readonly objects: KubeObject[],
    name: string,
    private readonly options: ServerStandOptions,
    private readonly port: number,
  ) {
    const deployment = the(objects, 'Deployment');
    this.container = container(deployment, name);
    this.url = `http://127.0.0.1:${port}`;
    const folders = new Map<string, string>(
      (podSpec(deployment).volumes as Untyped[]).map((volume) => [volume.name, this.folderOf(volume)]),
    );
    this.replaced = new Map([
      ...(this.container.volumeMounts as Untyped[]).map((mount): [string, string] => [
        mount.mountPath,
        String(folders.get(mount.name)),
      ]),
      ...Object.entries(options.programs),
    ]);
  }

  /** All that the process has written. */
  public get log(): string {
    return Buffer.concat(this.chunks).toString();
  }

  public get pid(): number {
    return this.child?.pid ?? 0;
  }

  public start(): void {
    const { command, args = [], env = [] } = this.container;
    const child = this.spawn([...command, ...args], env);
    child.stdout?.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    this.child = child;
    this.ended = new Promise((done) => child.on('close', (code, signal) => done(code ?? signal)));
  }

  /** The status of the answer to a probe; undefined where nobody listens. */
  public async probe(kind: 'startupProbe' | 'readinessProbe' | 'livenessProbe'): Promise<number | undefined> {
    try {
      return (await fetch(`${this.url}${this.container[kind].httpGet.path}`)).status;
    } catch {
      return undefined;
    }
  }

  /** Waits until the startup probe is content, and tells all that it was told before. */
  public async ready(): Promise<(number | undefined)[]> {
    const seen: (number | undefined)[] = [];
    for (;;) {
      const status = await this.probe('startupProbe');
      if (status === 200) return seen;
      seen.push(status);
      if (this.child?.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`the server has ended:\n${this.log}`);
      await new Promise((done) => setTimeout(done, 2));
    }
  }

  /** Runs the preStop hook to its end. */
  public async preStop(): Promise<number | NodeJS.Signals | null> {
    const hook = this.spawn(this.container.lifecycle.preStop.exec.command, this.container.env ?? []);
    return new Promise((done) => hook.on('close', (code, signal) => done(code ?? signal)));
  }

  /** Sends SIGTERM and waits for the end. */
  public async stop(): Promise<number | NodeJS.Signals | null> {
    this.child?.kill('SIGTERM');
    return (await this.ended) ?? null;
  }

  /** For afterEach: nothing of the test stays behind. */
  public async kill(): Promise<void> {
    this.child?.kill('SIGKILL');
    await this.ended;
  }

  private spawn(words: string[], variables: Untyped[]): ChildProcess {
    const env: Record<string, string> = { PATH: String(process.env.PATH) };
    for (const { name, value, valueFrom } of variables)
      env[name] = value ? this.here(value) : this.secret(valueFrom);
    env.TERMINATION_LOG = path.join(temporaryFolder(), 'termination-log');
    const [command, ...args] = words.map((word) => this.here(word));
    return spawn(command, args, { env });
  }

  private here(word: string): string {
    if (word === '0.0.0.0') return '127.0.0.1';
    if (word === String(this.container.ports[0].containerPort)) return String(this.port);
    const paths = [...this.replaced.keys()].sort((one, other) => other.length - one.length);
    // In one pass: the folders here may be below a path that is mounted there.
    return word.replace(
      new RegExp(`(^|[=,])(${paths.join('|')})(?=/|$)`, 'g'),
      (_, before: string, found: string) => `${before}${this.replaced.get(found)}`,
    );
  }

  private folderOf(volume: Untyped): string {
    if (volume.persistentVolumeClaim) return this.options.claims[volume.persistentVolumeClaim.claimName];
    const folder = temporaryFolder();
    const write = (file: string, text: string) => fs.writeFileSync(path.join(folder, file), text);
    if (volume.configMap) {
      const { data } = the(this.objects, 'ConfigMap', volume.configMap.name) as unknown as {
        data: Record<string, string>;
      };
      Object.entries(data).forEach(([file, text]) => write(file, text));
    }
    for (const { key, path: file } of volume.secret?.items ?? []) {
      write(file, this.options.secrets?.[`${volume.secret.secretName}/${key}`] ?? '');
    }
    return folder;
  }

  private secret({ secretKeyRef: { name, key } }: Untyped): string {
    const known = this.options.secrets?.[`${name}/${key}`];
    if (known === undefined) throw new Error(`no Secret holds ${name}/${key}`);
    return known;
  }
}
