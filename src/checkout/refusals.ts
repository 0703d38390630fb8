import { InputError } from '../pod/input-error';
import type { ChangedFile, Changes } from './changes';

/** A new file above this is rarely source. */
const MOST_NEW_BYTES = 1024 * 1024;

/** What is added to an error that could be long. */
const MOST_NAMED = 10;

/**
 * Names under which keys, passwords and tokens are kept. Examples of such files are what repositories hold:
 * `.env.example`.
 */
const SECRET_NAMES = [
  /^\.env(?!.*\.(example|sample|template)$)(\..*)?$/,
  /^\.(netrc|npmrc|pypirc|pgpass|git-credentials|dockercfg|dockerconfigjson|htpasswd)$/,
  /^_netrc$/,
  /^id_(rsa|dsa|ecdsa|ed25519)(_sk)?$/,
  /\.(key|p12|pfx|jks|keystore|kdbx|ppk|ovpn)$/,
  /^(kubeconfig|.*\.kubeconfig)$/,
  /^(credentials|secrets?|tokens?|passwords?)(\.(json|ya?ml|toml|ini|txt|env|cfg))?$/,
  /^service[-_]?account.*\.json$/,
];

/** The folders in which tools keep them. */
const SECRET_FOLDERS = /(^|\/)\.(ssh|aws|azure|gnupg|kube|docker|huggingface)\//;

/** What keys and tokens look like: by the marks that their makers give them so that they are found. */
const SECRET_TEXTS = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bhf_[A-Za-z0-9]{30,}\b/,
  /\b(ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}\b/,
  /\bgithub_pat_[A-Za-z0-9_]{40,}\b/,
  /\bglpat-[A-Za-z0-9_-]{20,}/,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bxox[abprs]-[A-Za-z0-9-]{20,}/,
  /\bsk-[A-Za-z0-9_-]{32,}/,
  /\bAIza[A-Za-z0-9_-]{35}/,
  /\bnvapi-[A-Za-z0-9_-]{40,}/,
  /\/\/[^\s/:@]+:(?!\$|\{|<|%|\*)[^\s/:@]{6,}@[\w.-]+/,
];

/**
 * What is built or installed, and not read as it stands: setup.py compiles it, and pip installs what is required.
 */
const COMPILED = [
  /^(csrc|cmake|rust)\//,
  /^(CMakeLists\.txt|setup\.py)$/,
  /^requirements\/.*\.(txt|in)$/,
  /^(src\/)?vllm\/.*\.(cu|cuh|c|cc|cpp|h|hpp|rs|pyx)$/,
];

/** What the user has said about files, by path. @internal */
export interface RefusalOptions {
  readonly isIncluded: (path: string) => boolean;
  readonly allowUncompiled: boolean;
}

/**
 * Refuses what must not be packed, or would have no effect. No error repeats what is in a file.
 *
 * @throws when a file looks like a secret, when a new file is large, when what is compiled has changed
 * @internal
 */
export function checkChanges(where: string, changes: Changes, options: RefusalOptions): void {
  const doubtful = changes.files.filter(({ path }) => !options.isIncluded(path));
  refuse(where, 'files that look like secrets', doubtful.filter(isSecret).map(described), {
    allowed: 'none: what is packed is readable to all who read the YAML or the ConfigMap',
    advice:
      'Leave them out: exclude: [...]. In the pod a secret is an environment variable: secretEnv. A file that is none ' +
      'is named: include: [...].',
  });
  const large = doubtful.filter(({ base, content }) => !base && content.length > MOST_NEW_BYTES);
  refuse(where, 'large new files', large.map(described), {
    allowed: 'new files of at most 1 MiB',
    advice: 'Leave them out: exclude: [...]. One that is needed is named: include: [...].',
  });
  const compiled = [...changes.files, ...changes.deleted]
    .map(({ path }) => path)
    .filter((path) => COMPILED.some((pattern) => pattern.test(path)));
  if (options.allowUncompiled) return;
  refuse(where, 'files that are compiled or installed', compiled.sort(), {
    allowed: 'changes of what Python reads as it stands',
    advice:
      'The image has what was built from the merge base, and nothing is built in the pod: build an image of the ' +
      'checkout (docker build --target test -f docker/Dockerfile .), name it as image and its commit as baseCommit, or say ' +
      'allowUncompiled: true where the run can do without these changes.',
  });
}

function isSecret({ path, mode, content }: ChangedFile): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  if (SECRET_FOLDERS.test(path) || SECRET_NAMES.some((pattern) => pattern.test(name))) return true;
  if (mode === '120000') return false;
  // As bytes: each is one character.
  const text = Buffer.from(content).toString('latin1');
  return SECRET_TEXTS.some((pattern) => pattern.test(text));
}

/** A path with its size, for errors. @internal */
export function described({ path, content }: ChangedFile): string {
  return `${path} (${content.length} bytes)`;
}

function refuse(
  where: string,
  what: string,
  found: readonly string[],
  details: { allowed: string; advice: string },
): void {
  if (found.length === 0) return;
  throw new InputError(where, what, someOf(found), details);
}

/** The first of many, for an error. @internal */
export function someOf(found: readonly string[]): string {
  const more = found.length - MOST_NAMED;
  return found.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
