import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { describeObject } from '../validation/object-set';
import type { CheckedObject, KubeObject } from '../validation/kube-object';
import { hostsInObject, hostsInText, NamedHost } from './named-hosts';
import type { MirrorRules } from './rules';

/** For each host that an object names and no mirror covers: what names it, and what to do. @internal */
export function checkHosts(objects: readonly CheckedObject[], rules: MirrorRules): string[] {
  return objects.flatMap(({ object, where }) =>
    uncovered(hostsInObject(object), rules).map(
      (named) => `${where}: ${describeObject(object)}\n  [mirror] ${named.field} ${complaint(named, rules)}`,
    ),
  );
}

/** The same of a file that holds no objects of the cluster, or that people read. @internal */
export function checkFileHosts(path: string, content: string, rules: MirrorRules): string[] {
  return uncovered(hostsInText(content), rules).map(
    (named) => `${path}\n  [mirror] ${complaint(named, rules)}`,
  );
}

function uncovered(named: readonly NamedHost[], rules: MirrorRules): NamedHost[] {
  return named.filter(({ host }) => !rules.covers(host));
}

function complaint({ host, text, kind }: NamedHost, rules: MirrorRules): string {
  const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return (
    `names ${host} ('${shown}'), which is neither a mirror nor in the cluster. ` +
    `${remedy(host, isLeftAlone(text, kind, rules) ? 'own' : kind)}, or let it be named: allow: ['${host}']`
  );
}

/** Whether the mirror has a copy of the address, and does not name it all the same where this is written. */
function isLeftAlone(text: string, kind: NamedHost['kind'], rules: MirrorRules): boolean {
  return kind === 'web' && rules.web(text) !== text;
}

/** What a construct of ours is given is rewritten by the mirror; what users write themselves is not. */
function remedy(host: string, kind: NamedHost['kind']): string {
  const add = 'Write the name of the copy, or add to the Mirror';
  if (kind === 'own')
    return 'The mirror leaves this field as it is: write the name of a server that may be named';
  if (kind === 'host') return 'Write the name of the server that stands for it';
  if (kind === 'image')
    return `${add} registries: { '${host}': '<registry with the copies>' } or a defaultRegistry`;
  if (kind === 'git') return `${add} git: { '<how it begins>': '<how the copy begins>' }`;
  if (/(^|\.)(huggingface\.co|hf\.co)$/.test(host))
    return `${add} huggingFace: 'https://<hub with the copies>'`;
  return `${add} addresses: { 'https://${host}': 'https://<server with the copies>' }`;
}

/** Has every synth of an app check what the hosts are that its objects name. @internal */
export function validateHosts(app: IConstruct, rules: MirrorRules): void {
  let found: string[] | undefined;
  app.node.addValidation({
    validate: () => {
      if (found) return found;
      found = checkHosts(objectsOf(app), rules);
      // cdk8s asks once for each chart of a synth, and nothing changes in between.
      queueMicrotask(() => (found = undefined));
      return found;
    },
  });
}

function objectsOf(app: IConstruct): CheckedObject[] {
  return app.node
    .findAll()
    .filter((construct) => ApiObject.isApiObject(construct))
    .map((construct) => ({
      object: construct.toJson() as KubeObject,
      where: construct.node.path,
    }));
}
