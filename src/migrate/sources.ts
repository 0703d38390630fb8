/** Sources and stores of models, as several systems name them. */
import { HUGGING_FACE } from '../artifact/sources/hugging-face';
import { knownFacts } from '../engines/known-models';
import { call, Expression, literal, object, RefExpression } from './plan';
import type { Notes } from './translation';
import { COMMIT, optional, SHA256, texts } from './values';

/** A repository as a resource names it. @internal */
export interface Repository {
  /** The field that names it. */
  readonly field: string;
  /** `org/name` */
  readonly repo: string;
  /** The hub. @default https://huggingface.co */
  readonly endpoint?: string;
  /** What the resource says of its state. */
  readonly revision?: string;
  /** The field that says so, or that names the repository where nothing does. */
  readonly revisionField?: string;
  /** What an answer names it by. @default revision */
  readonly key?: string;
  readonly tokenSecret?: RefExpression;
  /** The key of the token in it. @default token */
  readonly tokenKey?: string;
  readonly include?: readonly string[];
}

/** Of a command that a person runs: what a repository needs that is private, or given to those alone who ask. */
const TOKEN_HEADER = ' ${HF_TOKEN:+-H "Authorization: Bearer $HF_TOKEN"}';

/** `ModelSource.huggingFace(...)`; asks for the commit where the resource names none. @internal */
export function huggingFace(notes: Notes, repository: Repository): Expression {
  const { repo, endpoint = HUGGING_FACE, tokenSecret, tokenKey, include } = repository;
  return call(
    'ModelSource.huggingFace',
    literal(repo),
    object({
      revision: literal(commitOf(notes, repository)),
      endpoint: endpoint === HUGGING_FACE ? undefined : literal(endpoint),
      include: include && texts(include),
      ...(tokenSecret && tokenKey !== undefined
        ? { token: object({ secret: tokenSecret, key: literal(tokenKey) }) }
        : { tokenSecret }),
    }),
  );
}

/** A file or archive of a web server as a resource names it. @internal */
export interface WebAddress {
  /** The field that names it. */
  readonly field: string;
  readonly url: string;
  /** The address without what must not be shown. */
  readonly shown: string;
  /** What it may be, in the question. */
  readonly kind: string;
}

/** `ModelSource.https(...)`; asks for the sha256, which no resource names. @internal */
export function webSource(
  notes: Notes,
  { field, url, shown, kind }: WebAddress,
  options: Readonly<Record<string, Expression | undefined>>,
): Expression {
  const sha256 = notes.ask(field, 'sha256', {
    given: shown,
    allowed: `the sha256 of the ${kind}: 64 hexadecimal digits`,
    form: SHA256,
    why: 'What a server sends can change.',
    command: `curl -fsSL '${shown}' | sha256sum | cut -c 1-64`,
  });
  return call(
    'ModelSource.https',
    literal(url),
    object({
      sha256: literal(sha256),
      ...options,
      plainHttp: url.startsWith('http:') ? literal(true) : undefined,
    }),
  );
}

/**
 * The full commit id of what a resource says, or of what is answered: best with the repository before it, as then an
 * answer that was for another one is found out.
 *
 * @internal
 */
export function commitOf(
  notes: Notes,
  {
    field,
    repo,
    endpoint = HUGGING_FACE,
    revision,
    revisionField,
    key = 'revision',
    tokenSecret,
  }: Repository,
): string {
  if (revision !== undefined && COMMIT.test(revision)) return revision.toLowerCase();
  const state = revision ?? 'main';
  // A shortened commit id is none of git's refs, and git would ask for a password; the hub knows both.
  const resolved =
    tokenSecret !== undefined || /^[0-9a-f]{7,39}$/i.test(state)
      ? `curl -fsS${tokenSecret ? TOKEN_HEADER : ''} ${endpoint}/api/models/${repo}/revision/${state} | grep -oE '[0-9a-f]{40}' | head -n 1`
      : `git ls-remote ${endpoint}/${repo} ${state} | cut -f 1`;
  const answer = notes.ask(revisionField ?? field, key, {
    given: revision ?? `${repo} without a commit`,
    allowed: `a full commit id (40 hexadecimal digits), of its repository: '${repo}@...'`,
    form: new RegExp(`^(${repo.replaceAll('.', '\\.')}@)?[0-9a-fA-F]{40}$`),
    why: 'A branch or tag can move under a running model, and what a shortened id names can become two.',
    command: `echo ${repo}@$(${resolved})`,
  });
  return answer.slice(answer.indexOf('@') + 1).toLowerCase();
}

/** The facts of a model that this library does not know, from its config.json, whose path is asked for. @internal */
export function factsOf(
  notes: Notes,
  { field, repo, endpoint = HUGGING_FACE, revision, tokenSecret }: Repository,
): Expression | undefined {
  if (knownFacts(repo)) return undefined;
  const file = `${repo.replace('/', '--')}.config.json`;
  const path = notes.ask(field, 'config', {
    given: repo,
    allowed: "the path of the repository's config.json, from which memory and sizes are computed",
    form: /\S/,
    command: `curl -fsSL${tokenSecret ? TOKEN_HEADER : ''} ${endpoint}/${repo}/resolve/${revision ?? 'main'}/config.json -o ${file} && echo ${file}`,
  });
  return path === '' ? undefined : call('ModelFacts.fromConfigFile', literal(path));
}

/** An S3 bucket as a resource names it. @internal */
export interface Bucket {
  readonly endpoint?: string;
  readonly bucket: string;
  readonly prefix?: string;
  readonly credentialsSecret?: RefExpression;
}

/** The properties that sources and stores share. @internal */
export function bucketProps({ endpoint, bucket, prefix, credentialsSecret }: Bucket) {
  return {
    endpoint: optional(endpoint),
    bucket: literal(bucket),
    prefix: prefix === '' ? undefined : optional(prefix),
    credentialsSecret,
  };
}

/** `s3://bucket/prefix` taken apart, without slashes at the ends; nothing where it is none. @internal */
export function s3Place(address: string): { readonly bucket: string; readonly prefix: string } | undefined {
  const found = /^s3:\/\/([^/]+)\/?(.*)$/.exec(address);
  return found ? { bucket: found[1], prefix: trimSlashes(found[2]) } : undefined;
}

/** @internal */
export function trimSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}
