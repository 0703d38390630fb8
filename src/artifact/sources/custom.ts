import { Size } from 'cdk8s';
import type { IServiceAccount, SecretValue } from 'cdk8s-plus-28';
import { checkFlag, checkPort, checkSize, checkWords } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import type { ContainerResources } from '../../pod/resources';
import { checkSecretValue } from '../../pod/secret-env';
import { checkServiceAccount } from '../../pod/service-account';
import { folderName } from './checks';
import type { DownloaderFetch } from './downloader';
import { FolderContent, resolveContent } from './folder-content';
import { FolderPins, LIST_FILES, resolvePins } from './folder-pins';
import { SecretUse, SourceProof, SourceSpec } from './source-spec';

/** What a downloader's container may use. */
export interface DownloaderResources {
  /**
   * CPU request: `500m`, `4`.
   *
   * @default 500m
   */
  readonly cpu?: string;

  /**
   * CPU limit.
   *
   * @default 2, or the request where that is given
   */
  readonly cpuLimit?: string;

  /**
   * Memory, request and limit.
   *
   * @default 1 GiB
   */
  readonly memory?: Size;

  /**
   * The disk for its own files, in HOME and TMPDIR, and for its logs. The model is not in it.
   *
   * @default 1 GiB
   */
  readonly tmpSize?: Size;
}

/**
 * A downloader of your own: MLflow, an internal tool, any image that can fill a folder. docs/custom-source.md is the
 * contract. Exactly one of `files`, `manifest`, `version` and `unpinned` says what proves the files.
 */
export interface CustomSourceProps extends FolderPins, FolderContent, DownloaderResources {
  /** The downloader's image, pinned by a tag at least. */
  readonly image: string;

  /**
   * The program and its first arguments. It is run as it stands, by no shell; `$(MODEL_DIR)` and the names of other
   * variables are replaced by their values, as Kubernetes does in every command.
   */
  readonly command: string[];

  /**
   * The arguments.
   *
   * @default - none
   */
  readonly args?: string[];

  /**
   * Environment variables. `MODEL_DIR`, `MODEL_KEY`, `HOME` and `TMPDIR` are there already.
   *
   * @default - none
   */
  readonly env?: { [name: string]: string };

  /**
   * Environment variables whose values are in Secrets.
   *
   * @default - none
   */
  readonly secrets?: { [name: string]: SecretValue };

  /**
   * The immutable version of the model that `command`, `args` or `env` asks for, by the tool's own promise: a
   * registered model's version, a build number. Another version is another artifact.
   *
   * @default - not pinned by a version
   */
  readonly version?: string;

  /**
   * What the model is called, which begins the name of its folder.
   *
   * @default - after the image
   */
  readonly name?: string;

  /**
   * What the downloader's exit codes mean, where it has codes of its own: `{ 3: 66 }` ends the Job as if it were
   * 66, not found. See the contract for the codes. Not with `shell: false`.
   *
   * @default - 64, 65, 66, 73 and 77 end the Job; after any other it is tried again
   */
  readonly exitCodes?: { [code: string]: number };

  /**
   * Whether the image has `/bin/sh`, by which the downloader is not run again when the artifact is complete, and
   * two of them keep out of each other's way. Without it the files pass through a disk of the pod's own, and nothing
   * translates `exitCodes`.
   *
   * @default true
   */
  readonly shell?: boolean;

  /**
   * The ServiceAccount of the pod, for a server that lets it in by workload identity.
   *
   * @default - the namespace's own ServiceAccount, `default`
   */
  readonly serviceAccount?: IServiceAccount;

  /**
   * TCP ports of the servers that are asked, besides 443.
   *
   * @default - none
   */
  readonly ports?: number[];
}

const WHERE = 'ModelSource.custom';

/** What the pod says of itself, and no downloader may be told otherwise. */
const RESERVED = ['MODEL_DIR', 'MODEL_KEY', 'HOME', 'TMPDIR'];

/** Codes that a retry cannot cure; 75 is one that it can. */
const MEANINGS = [64, 65, 66, 73, 75, 77];

/**
 * @throws when there is no image or no command, when not exactly one pin is given, when a name or
 * value cannot be one
 * @internal
 */
export function customSource(given: CustomSourceProps): SourceSpec {
  const props = given ?? {};
  const image = checkImageName(props.image);
  const command = checkWords(WHERE, 'command', props.command);
  const args = props.args === undefined ? [] : checkWords(WHERE, 'args', props.args);
  if (command.length === 0) {
    throw new InputError(WHERE, 'command', command, {
      allowed: "a program and its arguments: ['mlflow', 'artifacts', 'download']",
      advice: "The image's own entrypoint is not run, as it may be a shell.",
    });
  }
  const shell = checkFlag(WHERE, 'shell', props.shell) ?? true;
  const env = checkEnv(props);
  const pins = resolvePins(WHERE, props, { version: props.version }, HOW_TO_PIN);
  const content = resolveContent(WHERE, props);
  const repository = image.replace(/@sha256:.*$/, '');
  const name = checkName(props.name) ?? imageName(repository);
  return {
    kind: 'custom',
    name: folderName(name, 'custom'),
    identity: {
      type: 'custom',
      ...pins.identity,
      // The files that are pinned are the same whoever brings them.
      ...(pins.proof === SourceProof.CONTENT ? {} : { image, command, args, env: props.env ?? {} }),
    },
    address: `custom:${name}@${pins.revision}`,
    repository: name,
    revision: pins.revision,
    proof: pins.proof,
    ...content,
    fetch: downloaderFetch({
      image,
      command,
      args,
      env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
      secrets: secretUses(props),
      secretFiles: [],
      endpoints: [],
      serviceAccountName: props.serviceAccount && checkServiceAccount(WHERE, props.serviceAccount),
      resources: downloaderResources(WHERE, props),
      adoptArgs: [...pins.args, '--origin=type=custom', `--origin=image=${image}`],
      shell,
      exitCodes: exitCodes(props.exitCodes ?? {}, shell),
      ports: checkPorts(props.ports ?? []),
    }),
  };
}

const HOW_TO_PIN =
  'Where the tool has versions that never change, give the one that you ask it for. Otherwise fetch the files once ' +
  `and list them: ${LIST_FILES}; that file's own sha256 pins all.`;

/** Whether it is pinned is checked where it is used, and a mirror may take its place. */
function checkImageName(image: unknown): string {
  if (typeof image !== 'string' || image === '') {
    throw new InputError(WHERE, 'image', image, { allowed: "an image, as 'registry/name:tag@sha256:...'" });
  }
  return image;
}

/** For what has every field, so that none is forgotten. */
function downloaderFetch(fetch: Omit<DownloaderFetch, 'by'>): DownloaderFetch {
  return { by: 'container', ...fetch };
}

function checkEnv(props: CustomSourceProps): { [name: string]: string } {
  const names = [...Object.keys(props.env ?? {}), ...Object.keys(props.secrets ?? {})];
  for (const name of names) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || RESERVED.includes(name)) {
      throw new InputError(WHERE, 'env', name, {
        allowed: `names of environment variables other than ${RESERVED.join(', ')}`,
      });
    }
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new InputError(WHERE, `secrets.${twice}`, 'a Secret', { allowed: 'nothing, as it is in env too' });
  }
  for (const [name, value] of Object.entries(props.env ?? {})) {
    if (typeof value !== 'string') {
      throw new InputError(WHERE, `env.${name}`, value, {
        allowed: 'a string',
        advice: 'A value that is in a Secret is given by secrets.',
      });
    }
  }
  return props.env ?? {};
}

function secretUses(props: CustomSourceProps): SecretUse[] {
  return Object.entries(props.secrets ?? {}).map(([env, value]) => ({
    env,
    ...checkSecretValue(WHERE, `secrets.${env}`, value),
    purpose: `${env} of the downloader`,
  }));
}

function exitCodes(codes: { [code: string]: number }, shell: boolean): string {
  if (!shell && Object.keys(codes).length > 0) {
    throw new InputError(WHERE, 'exitCodes', codes, {
      allowed: 'nothing beside shell: false, as it is a shell that translates them',
      advice: 'Let the tool itself end with 64, 65, 66, 73 or 77.',
    });
  }
  for (const [code, meaning] of Object.entries(codes)) {
    if (!/^[1-9]\d{0,2}$/.test(code) || Number(code) > 255) {
      throw new InputError(WHERE, 'exitCodes', code, { allowed: 'exit codes, 1 to 255, by what they mean' });
    }
    if (!MEANINGS.includes(meaning)) {
      throw new InputError(WHERE, `exitCodes.${code}`, meaning, {
        allowed:
          '64 (usage), 65 (checksum), 66 (not found), 73 (full), 77 (no access), 75 (to be tried again)',
      });
    }
  }
  return Object.entries(codes)
    .map(([code, meaning]) => `${code}=${meaning}`)
    .join(',');
}

function checkName(name: string | undefined): string | undefined {
  if (name !== undefined && !/^[A-Za-z0-9][\w./-]{0,79}$/.test(name)) {
    throw new InputError(WHERE, 'name', name, {
      allowed: "at most 80 letters, digits, '.', '_', '-' and '/', the first a letter or digit",
    });
  }
  return name;
}

/** Without its registry and tag: `org/tool`. */
function imageName(repository: string): string {
  const [first, ...rest] = repository.replace(/:[^/]*$/, '').split('/');
  return rest.length && /[.:]|^localhost$/.test(first) ? rest.join('/') : [first, ...rest].join('/');
}

function checkPorts(ports: unknown): number[] {
  if (!Array.isArray(ports)) throw new InputError(WHERE, 'ports', ports, { allowed: 'a list of ports' });
  return ports.map((port: number) => checkPort(WHERE, 'ports', port));
}

/** @throws when an amount is none. @internal */
export function downloaderResources(where: string, props: DownloaderResources): ContainerResources {
  for (const field of ['cpu', 'cpuLimit'] as const) {
    const cpu = props[field];
    if (cpu !== undefined && !/^([1-9]\d*m?|\d+\.\d+)$/.test(cpu)) {
      throw new InputError(where, field, cpu, { allowed: "CPUs: '2', '0.5' or '500m'" });
    }
  }
  for (const field of ['memory', 'tmpSize'] as const) {
    if (props[field] !== undefined) checkSize(where, field, props[field]);
  }
  return {
    cpu: props.cpu ?? '500m',
    cpuLimit: props.cpuLimit ?? (props.cpu ? undefined : '2'),
    memory: props.memory ?? Size.gibibytes(1),
    storage: props.tmpSize ?? Size.gibibytes(1),
  };
}
