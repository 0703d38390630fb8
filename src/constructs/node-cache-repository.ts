import { Artifact } from '../artifact/artifact';
import { ArtifactFormat } from '../artifact/format';
import { folderName } from '../artifact/sources/checks';
import { SourceProof } from '../artifact/sources/source-spec';
import { resolveToken } from '../artifact/sources/token';
import { mirrorOf } from '../mirror/rules';
import { checkFlag, checkOptions, checkPositiveInteger } from '../pod/checks';
import { shortHash } from '../pod/content-hash';
import { InputError, withoutCredentials } from '../pod/input-error';
import { portOf } from '../pod/network';
import type { Owner } from '../pod/owner';
import type { Placement } from '../pod/pod-spec';
import type { NodeCacheRepository } from './node-cache-item';
import { CacheFolder, KeptArtifact, registerMaker } from './node-cache-kept';
import type { NodeCacheRepositoryProps } from './node-cache-props';

/** A repository, for those who use it and for the program that brings it. @internal */
export interface RepositorySpec {
  readonly handle: NodeCacheRepository;
  readonly kept: KeptArtifact;
}

const REPOSITORY_PROPS: Record<keyof NodeCacheRepositoryProps, true> = {
  name: true,
  url: true,
  commit: true,
  history: true,
  tokenSecret: true,
  token: true,
  username: true,
  attempt: true,
};

const PROGRAM = 'git_mirror.py';

/** The folders in that of the artifact, as the program makes them. */
const TREE = 'tree';
const GIT = 'git';

/** As the keys of all artifacts. */
const KEY_DIGITS = 12;

/** @internal */
export function repositoryOf(
  owner: Owner,
  field: string,
  given: NodeCacheRepositoryProps,
  { store, volume }: CacheFolder,
  placement: Placement,
): RepositorySpec {
  const { scope } = owner;
  const props = checkOptions(scope, field, given, REPOSITORY_PROPS);
  const { name } = props;
  const original = checkUrl(owner, field, props.url);
  const url = checkMirrored(owner, field, mirrorOf(scope).git(original));
  const commit = checkCommit(owner, field, props);
  const history = checkFlag(scope, `${field}.history`, props.history) ?? false;
  const { pathname } = new URL(original);
  const repository = pathname.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
  const artifact = Artifact._of({
    store,
    namespace: owner.namespace,
    name: `git--${folderName(repository, 'repository')}`,
    // The commit decides every byte of the tree, wherever it is from.
    key: shortHash({ type: 'git', commit, history }, KEY_DIGITS),
    format: ArtifactFormat.GIT_TREE,
    provenance: { source: `${url}@${commit}`, repository, revision: commit, proof: SourceProof.CONTENT },
  });
  registerMaker(owner, artifact);
  const token = resolveToken(scope, props, `${field}.`);
  const kept: KeptArtifact = {
    kind: 'repository',
    name,
    attempt: checkPositiveInteger(scope, `${field}.attempt`, props.attempt ?? 1),
    artifact,
    program: [
      PROGRAM,
      `--url=${url}`,
      `--commit=${commit}`,
      ...(history ? ['--history'] : []),
      ...usernameArgs(owner, field, props),
    ],
    modules: [],
    secrets: token ? [{ env: 'GIT_TOKEN', ...token, purpose: `read ${url}` }] : [],
    ports: [portOf(url)],
  };
  const handle: NodeCacheRepository = {
    name,
    url,
    commit,
    artifact,
    hostPath: volume.path,
    subPath: `${artifact.path}/${TREE}`,
    gitDir: `${artifact.path}/${GIT}`,
    placement,
  };
  return { handle, kept };
}

function checkUrl({ scope }: Owner, field: string, url: string): string {
  const text = typeof url === 'string' ? url : '';
  if (isUrl(text)) return text;
  throw new InputError(scope, `${field}.url`, text ? withoutCredentials(text) : url, {
    allowed: "'https://host/path' without credentials",
    advice: /^(ssh:|git:|[\w.-]+@)/.test(text)
      ? `Name it by https: '${httpsOf(text)}'; what may read it is the token in tokenSecret.`
      : 'A token is given by tokenSecret.',
  });
}

/** A mirror may hold copies that are read by ssh, which needs a key and the identity of the host. */
function checkMirrored({ scope }: Owner, field: string, url: string): string {
  if (isUrl(url)) return url;
  throw new InputError(scope, `${field}.url`, url, {
    allowed: "a copy at 'https://host/path', as the mirror of the app has it at another address",
    advice: 'Give the mirror an address by https: new Mirror({ git: { ... } }).',
  });
}

function isUrl(text: string): boolean {
  return /^https?:\/\/[^\s/@?#]+\/[^\s@?#]+$/.test(text) && URL.canParse(text);
}

/** What forges call the same repository. */
function httpsOf(address: string): string {
  return address
    .replace(/^(ssh|git):\/\/([^@/]*@)?/, 'https://')
    .replace(/^[\w.-]+@([^:/]+):\/?/, 'https://$1/');
}

function checkCommit({ scope }: Owner, field: string, { commit, url }: NodeCacheRepositoryProps): string {
  const id = typeof commit === 'string' ? commit.toLowerCase() : '';
  if (/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(id)) return id;
  const ref = typeof commit === 'string' && /^[\w./-]+$/.test(commit) ? commit : 'HEAD';
  throw new InputError(scope, `${field}.commit`, commit, {
    allowed:
      'a full commit id (40 hexadecimal digits), because a branch or tag can move under what runs from it',
    advice: `Resolve it with: git ls-remote ${url} ${ref}`,
  });
}

function usernameArgs(
  { scope }: Owner,
  field: string,
  { username, token, tokenSecret }: NodeCacheRepositoryProps,
): string[] {
  if (username === undefined) return [];
  if (!(tokenSecret ?? token)) {
    throw new InputError(scope, `${field}.username`, username, {
      allowed: 'nothing here, as there is no tokenSecret',
    });
  }
  // A colon would end it, by the rules of HTTP.
  if (typeof username !== 'string' || !/^[^\s:]+$/.test(username)) {
    throw new InputError(scope, `${field}.username`, username, { allowed: "a name without spaces and ':'" });
  }
  return [`--username=${username}`];
}
