import { Entry } from '../object-set';
import { Report, Rule } from '../rule';
import { TextCache } from '../text-cache';

/** Rule 11: no secret is in a file. */

/** Names of variables that hold a secret; not those that hold the path of one or count tokens. */
const SECRET_NAME =
  /(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|ACCESS_KEY_ID|SECRET_KEY|PRIVATE_KEY|CREDENTIALS?)$/i;

/** Flags that are followed by a secret; not those that name a file, or a token of a vocabulary. */
const SECRET_FLAG =
  /^--?((hf-|api-|auth-|access-|bearer-|github-)?token|([\w-]+-)?(secret|password|passwd|(api|access|secret|private)-?key))$/i;

/** How secrets look that are easily pasted. */
const SECRET_TEXT = new RegExp(
  [
    /\bhf_[A-Za-z0-9]{30,}/, // Hugging Face
    /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/, // AWS
    /\bgh[pousr]_[A-Za-z0-9]{36}/, // GitHub
    /\bgithub_pat_[A-Za-z0-9_]{50,}/,
    /\bnvapi-[A-Za-z0-9_-]{40,}/, // NVIDIA
    /\bsk-[A-Za-z0-9_-]{32,}/, // OpenAI and those that speak like it
    /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
    /:\/\/[^\s/:@"'$(){}]+:[^\s/:@"'$(){}]+@/, // user and password in a web address
  ]
    .map((pattern) => pattern.source)
    .join('|'),
);

const ADVICE =
  'Put it in a Secret that is made in the cluster, and refer to it by name and key (valueFrom.secretKeyRef)';

const noSecretData: Rule = {
  id: 'no-secret-data',
  of: 11,
  why: 'Whoever reads the repository would read the secret.',
  kinds: ['Secret'],
  object: (entry, report) => {
    for (const field of ['data', 'stringData']) {
      const values = entry.object[field] as object | undefined;
      if (!values || Object.keys(values).length === 0) continue;
      report(
        entry,
        field,
        `holds ${Object.keys(values).join(', ')}; a Secret's values never stand in YAML. ` +
          'Make the Secret in the cluster and refer to it by name',
      );
    }
  },
};

const noSecretText: Rule = {
  id: 'no-secret-text',
  of: 11,
  why: "Whoever reads the repository, or the pod's description, would read the secret.",
  kinds: ['ConfigMap'],
  object: (entry, report) => {
    const data = (entry.object.data ?? {}) as Record<string, string>;
    for (const file in data) checkText(entry, `data["${file}"]`, data[file], report);
  },
  pod: (pod, report) => {
    for (const { container, field } of pod.containers) {
      for (const list of ['command', 'args'] as const) {
        container[list]?.forEach((text, index, words) => {
          checkText(pod.entry, `${field}.${list}[${index}]`, text, report);
          checkFlag(pod.entry, `${field}.${list}[${index}]`, text, words[index + 1], report);
        });
      }
      container.env?.forEach(({ name, value }, index) => {
        if (!value) return;
        if (SECRET_NAME.test(name) && !value.startsWith('$(')) {
          report(
            pod.entry,
            `${field}.env[${index}]`,
            `gives ${name} a value; by its name it is a secret. ${ADVICE}`,
          );
        } else {
          checkText(pod.entry, `${field}.env[${index}].value`, value, report);
        }
      });
    }
  },
};

/** The first letters of what looks like a secret; none when nothing does. */
const secretsIn = new TextCache((text) => SECRET_TEXT.exec(text)?.[0].slice(0, 6) ?? '');

function checkText(entry: Entry, field: string, text: string, report: Report): void {
  const found = secretsIn.get(text);
  if (found !== '') report(entry, field, `holds what looks like a secret, ${found}... ${ADVICE}`);
}

/** A flag of a secret with a value that is there to read, and no `$(VARIABLE)`. */
function checkFlag(
  entry: Entry,
  field: string,
  text: string,
  next: string | undefined,
  report: Report,
): void {
  const [flag, joined] = text.replaceAll('_', '-').split(/=(.*)/s);
  if (!SECRET_FLAG.test(flag)) return;
  const value = joined ?? (next?.startsWith('-') ? undefined : next);
  if (value && !value.includes('$(')) {
    report(
      entry,
      field,
      `gives ${flag} a value; by its name it is a secret. ${ADVICE}, and pass it as $(NAME)`,
    );
  }
}

export const SECRET_RULES: readonly Rule[] = [noSecretData, noSecretText];
