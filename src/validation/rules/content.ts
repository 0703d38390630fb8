import { contentHash, shortHash } from '../../pod/content-hash';
import { ANNOTATION } from '../../pod/metadata';
import { configMapsOf, Entry, podField } from '../object-set';
import { Rule } from '../rule';
import { quote } from '../suggest';
import { TextCache } from '../text-cache';

/** Rule 3: what holds content is named after it, and reaches the pods as it was written. */

type Data = Record<string, string>;

/**
 * What was found to have a hash. Thousands of pipelines carry the same scripts; comparing the texts costs next to
 * nothing when they are the same strings.
 */
const proven = new Map<string, Data>();
const MOST_PROVEN = 1000;

/** A name that ends in a hash. */
const HASHED = /-([0-9a-f]{8})$/;

const contentName: Rule = {
  id: 'content-name',
  of: 3,
  why:
    'Content that changes under a name reaches running pods, and not those that start with ' +
    'it, at times that nobody chose.',
  set: (set, report) => {
    const read = new Set(
      set.pods.flatMap((pod) => configMapsOf(pod).map((name) => `${pod.entry.namespace}/${name}`)),
    );
    for (const entry of set.ofKind('ConfigMap')) {
      const data = contentOf(entry);
      // What no pod of the set reads, as a dashboard, is told of a change by other means.
      if (!entry.ours || !data || !read.has(`${entry.namespace}/${entry.name}`)) continue;
      const hash = HASHED.exec(entry.name)?.[1];
      if (hash !== undefined && hasHash(data, hash)) continue;
      const right = `-${contentHash(data)}`;
      report(
        entry,
        'metadata.name',
        `is ${quote(entry.name)}; it must end in ${quote(right)}, the hash of its data. Name it so`,
      );
    }
  },
};

/** Texts and base64 alike. */
function contentOf({ object }: Entry): Data | undefined {
  const { data, binaryData } = object as { data?: Data; binaryData?: Data };
  return binaryData ? { ...data, ...binaryData } : data;
}

function hasHash(data: Data, hash: string): boolean {
  const known = proven.get(hash);
  if (known && sameData(known, data)) return true;
  if (contentHash(data) !== hash) return false;
  if (proven.size >= MOST_PROVEN) proven.clear();
  proven.set(hash, data);
  return true;
}

function sameData(a: Data, b: Data): boolean {
  const files = Object.keys(a);
  return files.length === Object.keys(b).length && files.every((file) => a[file] === b[file]);
}

const claimTemplateName: Rule = {
  id: 'claim-template-name',
  of: 3,
  why: 'The spec of a claim of devices, and of its template, cannot be changed: another one needs another name.',
  kinds: ['ResourceClaim', 'ResourceClaimTemplate'],
  object: (entry, report) => {
    if (!entry.ours) return;
    const right = `-${shortHash(entry.spec)}`;
    if (entry.name.endsWith(right)) return;
    const message = `is ${quote(entry.name)}; it must end in ${quote(right)}, the hash of its spec. Name it so`;
    report(entry, 'metadata.name', message);
  },
};

const contentExists: Rule = {
  id: 'content-exists',
  of: 3,
  why: 'A pod whose ConfigMap is not there waits for it, in ContainerCreating.',
  pod: (pod, report, set) => {
    const check = (name: string | undefined, field: string) => {
      // A name of another form may be of a ConfigMap that the cluster has.
      if (!pod.entry.ours || name === undefined || !HASHED.test(name)) return;
      if (set.find('ConfigMap', pod.entry.namespace, name)) return;
      const message = `is ${quote(name)}; there is no such ConfigMap among the objects`;
      report(pod.entry, podField(pod, `${field}.configMap.name`), message);
    };
    pod.spec.volumes?.forEach(({ configMap, projected }, index) => {
      check(configMap?.name, `volumes[${index}]`);
      projected?.sources?.forEach((source, at) =>
        check(source.configMap?.name, `volumes[${index}].projected.sources[${at}]`),
      );
    });
  },
};

const pruneLast: Rule = {
  id: 'prune-last',
  of: 3,
  why:
    'Argo CD deletes in the mirrored order of waves: what the old server mounts would go ' +
    'hours before the new one is there.',
  kinds: ['ConfigMap', 'ResourceClaim', 'ResourceClaimTemplate'],
  object: (entry, report) => {
    if (!entry.ours || hasSyncOption(entry, 'PruneLast=true')) return;
    const field = `metadata.annotations["${ANNOTATION.syncOptions}"]`;
    report(
      entry,
      field,
      `is ${quote(entry.annotations[ANNOTATION.syncOptions])}; it must have PruneLast=true`,
    );
  },
};

/** @internal */
export function hasSyncOption(entry: Entry, option: string): boolean {
  const options = entry.annotations[ANNOTATION.syncOptions];
  return options !== undefined && options.split(',').some((given) => given.trim() === option);
}

const noSubstitution: Rule = {
  id: 'no-substitution',
  of: 3,
  why: 'Flux replaces ${...} in what it applies, in scripts too, where a Kustomization has postBuild.',
  kinds: ['ConfigMap'],
  object: (entry, report) => {
    if (!entry.ours || !entry.object.data || isNotSubstituted(entry)) return;
    report(
      entry,
      FIELD,
      `is ${quote(entry.annotations[ANNOTATION.fluxSubstitute])}; it must be "disabled": ` +
        `Flux would take \${...} in the content for its own`,
    );
  },
  pod: (pod, report) => {
    if (!pod.entry.ours || isNotSubstituted(pod.entry)) return;
    for (const { container, field } of pod.containers) {
      const texts = [...(container.command ?? []), ...(container.args ?? [])];
      for (const env of container.env ?? []) texts.push(env.value ?? '');
      const text = texts.find((t) => t.includes('${'));
      if (text === undefined) continue;
      report(
        pod.entry,
        field,
        `has \${...} in ${quote(text)}, which Flux would take for its own; set the ` +
          `annotation ${ANNOTATION.fluxSubstitute} to "disabled"`,
      );
    }
  },
};

const FIELD = `metadata.annotations["${ANNOTATION.fluxSubstitute}"]`;

function isNotSubstituted(entry: Entry): boolean {
  return entry.annotations[ANNOTATION.fluxSubstitute] === 'disabled';
}

/** What fits into the annotation that `kubectl apply` keeps on an object, in bytes. */
const MOST_BYTES = 262144;

/** What a text takes as a string of a JSON text, with quotes and a comma. */
const bytesInJson = new TextCache((text) => Buffer.byteLength(JSON.stringify(text)) + 1);

const configMapSize: Rule = {
  id: 'config-map-size',
  of: 'Kubernetes',
  why: '`kubectl apply` keeps a copy of the object in an annotation, which holds 256 KiB.',
  kinds: ['ConfigMap'],
  object: (entry, report) => {
    const { data, binaryData, ...rest } = entry.object;
    const texts = [data, binaryData].flatMap((files) => Object.entries((files ?? {}) as Data).flat());
    // Too little for it, even if each character took six bytes: the common case.
    if (texts.reduce((sum, text) => sum + text.length, 0) * 6 < MOST_BYTES / 2) return;
    const bytes =
      bytesInJson.get(JSON.stringify(rest)) + texts.reduce((sum, text) => sum + bytesInJson.get(text), 0);
    if (bytes < MOST_BYTES) return;
    report(
      entry,
      'data',
      `makes an object of ${bytes} bytes; it must be less than ${MOST_BYTES} for kubectl apply. Divide it`,
    );
  },
};

export const CONTENT_RULES: readonly Rule[] = [
  contentName,
  claimTemplateName,
  contentExists,
  pruneLast,
  noSubstitution,
  configMapSize,
];
