import { ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as path from 'node:path';
import type { KubeObject } from '../../src/validation/kube-object';
import { freePort } from '../doubles/free-port';
import { PYTHON, sleep, temporaryFolder } from '../runtime/artifact/program';
import type { Secrets } from './job-stand';
import { container, podSpec, the, Untyped } from './objects';

/** What /status says of an item. */
export interface ItemStatus {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
  readonly code?: number;
  readonly error?: string;
  readonly failures: number;
  readonly bytes?: number;
}

/** Containers that still run, for the end of the tests. */
const running = new Set<ChildProcess>();

afterAll(async () => {
  await Promise.all([...running].map((child) => end(child)));
});

/**
 * A kubelet for the pod of a DaemonSet on one node, which is a folder of this machine: runs its containers with the
 * command, the arguments, the environment and the files that the YAML gives them, all at once.
 */
export class DaemonPod {
  private readonly set: KubeObject;
  private readonly folders = new Map<string, string>();
  private port = 0;

  /** @param node the folder that the `hostPath` is */
  public constructor(
    private readonly objects: readonly KubeObject[],
    node: string,
    private readonly secrets: Secrets = {},
  ) {
    this.set = the(objects, 'DaemonSet');
    for (const volume of podSpec(this.set).volumes as Untyped[]) {
      this.folders.set(String(volume.name), volume.hostPath ? node : this.filled(volume));
    }
  }

  /** Starts a container; `more` are arguments of its program besides, `uid` the user that it runs as. */
  public async start(name: string, more: string[] = [], uid?: number): Promise<DaemonContainer> {
    const spec = container(this.set, name);
    if (name === 'cache') this.port = await freePort();
    const mounts = spec.volumeMounts as { name: string; mountPath: string }[];
    const at = new Map(mounts.map((mount) => [mount.mountPath, String(this.folders.get(mount.name))]));
    const paths = new RegExp(`(^|=)(${[...at.keys()].join('|')})(?=/|$)`, 'g');
    const here = (text: string): string =>
      text
        .replace(paths, (_, before: string, mounted: string) => `${before}${at.get(mounted)}`)
        .replace(/^--port=.*$/, `--port=${this.port}`);
    const env: Record<string, string> = { PATH: String(process.env.PATH), PYTHONDONTWRITEBYTECODE: '1' };
    env.TERMINATION_LOG = path.join(temporaryFolder(), 'termination-log');
    env.TMPDIR = temporaryFolder();
    for (const { name: variable, value, valueFrom } of (spec.env ?? []) as Untyped[]) {
      const { name: secret, key } = valueFrom?.secretKeyRef ?? {};
      env[variable] = valueFrom ? this.secrets[`${secret}/${key}`] : value;
    }
    const words = [...spec.command, ...(spec.args ?? []), ...more].map((word: string) => here(word));
    // An image's BusyBox is whatever runs a program that it is told here.
    const [command, ...args] = words.map((word) => (word === '/bin/busybox' ? '/usr/bin/env' : word));
    if (uid !== undefined) for (const folder of [...at.values(), env.TMPDIR]) fs.chmodSync(folder, 0o755);
    return new DaemonContainer(
      spawn(command === 'python3' ? PYTHON : command, args, { env, uid }),
      this.port,
    );
  }

  /** The folder of a volume. */
  public folder(volume: string): string {
    return String(this.folders.get(volume));
  }

  private filled(volume: Untyped): string {
    const folder = temporaryFolder();
    if (volume.configMap) {
      const { data } = the(this.objects, 'ConfigMap', volume.configMap.name) as unknown as {
        data: Record<string, string>;
      };
      for (const [file, text] of Object.entries(data)) {
        // A program of the pod that is told a folder in a file.
        fs.writeFileSync(
          path.join(folder, file),
          text.replaceAll('"--root=/models"', `"--root=${this.folder('models')}"`),
        );
      }
    }
    return folder;
  }
}

/** A container that runs. */
export class DaemonContainer {
  public log = '';
  public readonly ended: Promise<number | null>;

  public constructor(
    public readonly child: ChildProcess,
    private readonly port: number,
  ) {
    running.add(child);
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (data) => {
        this.log += String(data);
      });
    }
    this.ended = new Promise((resolve) =>
      child.on('close', (code) => {
        running.delete(child);
        resolve(code);
      }),
    );
  }

  /** The status and text of an answer; nothing as long as nobody listens. */
  public ask(where: string): Promise<{ status: number; text: string } | undefined> {
    return new Promise((done) => {
      const request = http.get(
        { host: '127.0.0.1', port: this.port, path: where, agent: false },
        (response) => {
          let text = '';
          response.on('data', (chunk) => (text += String(chunk)));
          response.on('end', () => done({ status: response.statusCode ?? 0, text }));
        },
      );
      request.on('error', () => done(undefined));
    });
  }

  /** What it says of its items, by their names. */
  public async items(): Promise<Record<string, ItemStatus>> {
    const answer = await this.ask('/status');
    const items = answer ? (JSON.parse(answer.text) as { items: ItemStatus[] }).items : [];
    return Object.fromEntries(items.map((item) => [item.name, item]));
  }

  /** Waits until an item is in a state. */
  public async until(name: string, state: string): Promise<ItemStatus> {
    for (;;) {
      const item = (await this.items())[name];
      if (item?.state === state) return item;
      if (this.child.exitCode !== null) throw new Error(`it has ended:\n${this.log}`);
      await sleep(50);
    }
  }

  /** Waits until all is there. */
  public async ready(): Promise<void> {
    while ((await this.ask('/ready'))?.status !== 200) {
      if (this.child.exitCode !== null) throw new Error(`it has ended:\n${this.log}`);
      await sleep(50);
    }
  }

  /** Ends it as a kubelet does; returns its exit code. */
  public async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}

function end(child: ChildProcess): Promise<unknown> {
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGTERM');
  return Promise.race([ended, sleep(3000).then(() => child.kill('SIGKILL'))]);
}
