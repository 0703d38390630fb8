import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { KubeObject } from '../../src/validation/kube-object';
import { PYTHON, temporaryFolder } from '../runtime/artifact/program';
import type { Outcome, Result, Run } from '../runtime/artifact/program';
import { container, containers, podSpec, the, Untyped } from './objects';

/** What the Secrets of the namespace hold, by `secret/key`. */
export type Secrets = Record<string, string>;

/**
 * A kubelet for one Job on this machine: runs its containers one after the other with the command, the arguments, the
 * environment and the files that the YAML gives them. A mount is a folder here, so its path is replaced wherever it
 * stands; an image is whatever is installed here.
 */
export class JobStand {
  /** By the volume's name: the folder that it is. Those of claims live on from pod to pod. */
  private readonly volumes = new Map<string, string>();

  public constructor(
    private readonly objects: KubeObject[],
    private readonly secrets: Secrets = {},
    claims: Record<string, string> = {},
  ) {
    for (const [name, folder] of Object.entries(claims)) this.volumes.set(`claim ${name}`, folder);
  }

  /** The folder of a claim. */
  public claim(name: string): string {
    return this.folder(`claim ${name}`);
  }

  /** One pod: its containers up to the first that fails, by their names. */
  public async run(env: Record<string, string> = {}): Promise<Record<string, Outcome>> {
    const folders = this.podVolumes();
    const outcomes: Record<string, Outcome> = {};
    for (const container of containers(this.job)) {
      outcomes[container.name] = await this.start(container, folders, env).ended;
      if (outcomes[container.name].code !== 0) break;
    }
    return outcomes;
  }

  /**
   * One container of a pod of its own, to be meddled with.
   *
   * @param env what the pod has besides, as the Job's controller adds it
   * @param through what runs the container's interpreter: `-c <program>`, before the path of its program
   */
  public begin(name: string, env: Record<string, string> = {}, through: string[] = []): Run {
    return this.start(container(this.job, name), this.podVolumes(), env, through);
  }

  private get job(): KubeObject {
    return the(this.objects, 'Job');
  }

  private podVolumes(): Map<string, string> {
    const { volumes } = podSpec(this.job) as { volumes: Untyped[] };
    return new Map(volumes.map((volume) => [volume.name as string, this.mounted(volume)]));
  }

  private mounted(volume: Untyped): string {
    if (volume.persistentVolumeClaim) return this.claim(volume.persistentVolumeClaim.claimName);
    if (volume.hostPath) return this.claim(volume.hostPath.path);
    const folder = temporaryFolder();
    const sources = volume.projected?.sources ?? [volume];
    for (const { configMap } of sources as Untyped[]) {
      if (!configMap) continue;
      const { data = {}, binaryData = {} } = the(this.objects, 'ConfigMap', configMap.name) as Untyped;
      for (const [file, text] of Object.entries<string>(data))
        fs.writeFileSync(path.join(folder, file), text);
      for (const [file, text] of Object.entries<string>(binaryData)) {
        fs.writeFileSync(path.join(folder, file), Buffer.from(text, 'base64'));
      }
    }
    return folder;
  }

  private folder(id: string): string {
    let folder = this.volumes.get(id);
    if (!folder) this.volumes.set(id, (folder = temporaryFolder()));
    return folder;
  }

  private start(
    container: Untyped,
    folders: Map<string, string>,
    more: Record<string, string>,
    through: string[] = [],
  ): Run {
    const mounts = container.volumeMounts as { name: string; mountPath: string; subPath?: string }[];
    const at = new Map(
      mounts.map(({ name, mountPath, subPath = '' }) => [
        mountPath,
        path.join(String(folders.get(name)), subPath),
      ]),
    );
    // In one pass: the folders here may be below a path that is mounted there.
    const paths = new RegExp(`(^|=)(${[...at.keys()].join('|')})(?=/|$)`, 'g');
    const here = (text: string) =>
      text.replace(paths, (_, before: string, mounted: string) => `${before}${at.get(mounted)}`);
    const log = path.join(temporaryFolder(), 'termination-log');
    const env: Record<string, string> = { PATH: String(process.env.PATH), HOME: '/nonexistent', ...more };
    env.TERMINATION_LOG = log;
    env.PYTHONDONTWRITEBYTECODE = '1';
    for (const variable of container.env ?? []) {
      const value = this.valueOf(variable);
      if (value !== undefined) env[variable.name] = here(value);
    }
    const expand = (word: string) => word.replace(/\$\((\w+)\)/g, (all, name: string) => env[name] ?? all);
    const [command, ...args] = [...container.command, ...(container.args ?? [])].map((word: string) =>
      expand(here(word)),
    );
    const began = Date.now();
    const words = through.length ? [...through, ...args.filter((arg) => arg !== '-u')] : args;
    const child = spawn(command === 'python3' ? PYTHON : command, words, {
      cwd: container.workingDir && here(container.workingDir),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise<Outcome>((done, failed) => {
      child.on('error', failed);
      child.on('close', (code, signal) => {
        const left = fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '';
        done({
          code,
          signal,
          result: left ? (JSON.parse(left) as Result) : {},
          log: Buffer.concat(chunks).toString(),
          milliseconds: Date.now() - began,
        });
      });
    });
    return { child, ended };
  }

  private valueOf({ value, valueFrom }: Untyped): string | undefined {
    if (!valueFrom) return value;
    if (valueFrom.fieldRef) return undefined; // what a test gives by the environment of the pod
    const { name, key, optional } = valueFrom.secretKeyRef;
    const known = this.secrets[`${name}/${key}`];
    if (known === undefined && !optional) throw new Error(`no Secret holds ${name}/${key}`);
    return known;
  }
}
