import { ANNOTATION } from '../../pod/metadata';
import { podField } from '../object-set';
import { Rule } from '../rule';
import { quote } from '../suggest';

/** Rule 8: what runs and what is served does not change by itself. */

const pinnedImage: Rule = {
  id: 'pinned-image',
  of: 8,
  why: 'An image that changes under its name makes two pods of one file different programs.',
  pod: (pod, report) => {
    const check = (field: string, image: string | undefined) => {
      const problem = imageProblem(image);
      if (problem === undefined) return;
      report(
        pod.entry,
        field,
        `is ${quote(image)}, ${problem}; pin it by a tag such as :v1.2.3, better by @sha256:<digest>`,
      );
    };
    for (const { container, field } of pod.containers) check(`${field}.image`, container.image);
    pod.spec.volumes?.forEach((volume, index) => {
      if (volume.image) check(podField(pod, `volumes[${index}].image.reference`), volume.image.reference);
    });
  },
};

function imageProblem(image: string | undefined): string | undefined {
  if (!image) return 'which names no image';
  const [name, digest] = image.split('@');
  if (digest !== undefined)
    return /^sha256:[0-9a-f]{64}$/.test(digest) ? undefined : 'whose digest is not sha256:<64 hex digits>';
  const tag = /:([^:/]+)$/.exec(name)?.[1];
  if (tag === undefined) return 'which has no tag and so means latest';
  return tag === 'latest' ? 'which is another image every day' : undefined;
}

const COMMIT = /^[0-9a-f]{40}$/;

const pinnedRevision: Rule = {
  id: 'pinned-revision',
  of: 8,
  why: 'A branch or a tag can be moved to other weights; a commit cannot.',
  object: (entry, report) => {
    const revision = entry.annotations[ANNOTATION.revision];
    const repository = entry.annotations[ANNOTATION.repository];
    if (revision === undefined || !isHuggingFace(entry.annotations[ANNOTATION.source], repository)) return;
    if (COMMIT.test(revision)) return;
    const url = `https://huggingface.co/${repository ?? '<repository>'}`;
    const message =
      `is ${quote(revision)}; it must be a full commit id of 40 hexadecimal digits. Resolve ` +
      `it: git ls-remote ${url} ${revision}`;
    report(entry, `metadata.annotations["${ANNOTATION.revision}"]`, message);
  },
};

/** A source of its own says `hf://`; one that is not named, of a repository, is Hugging Face too. */
function isHuggingFace(source: string | undefined, repository: string | undefined): boolean {
  if (source === undefined) return repository !== undefined;
  return /^(hf:\/\/|https?:\/\/huggingface\.co\/)/.test(source);
}

export const PINNING_RULES: readonly Rule[] = [pinnedImage, pinnedRevision];
