import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { describeObject } from '../validation/object-set';
import type { CheckedObject, KubeObject } from '../validation/kube-object';
import { hostsInObject, hostsInText, NamedHost } from './named-hosts';
import type { MirrorRules } from './rules';

/** For each host that an object names and no mirror covers: what names it, and what to do. */
export function checkHosts(objects: readonly CheckedObject[], rules: MirrorRules): string[] {
  return objects.flatMap(({ object, where }) =>
    uncovered(hostsInObject(object), rules).map(
      (named) => `${where}: ${describeObject(object)}\n  [mirror] ${named.field} ${complaint(named)}`,
    ),
  );
}

/** The same of a file that holds no objects of the cluster, or that people read. */
export function checkFileHosts(path: string, content: string, rules: MirrorRules): string[] {
  return uncovered(hostsInText(content), rules).map((named) => `${path}\n  [mirror] ${complaint(named)}`);
}

function uncovered(named: readonly NamedHost[], rules: MirrorRules): NamedHost[] {
  return named.filter(({ host }) => !rules.covers(host));
}

function complaint({ host, text, kind }: NamedHost): string {
  const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return (
    `names ${host} ('${shown}'), which is neither a mirror nor in the cluster. Add to the Mirror ` +
    `${remedy(host, kind)}, or allow: ['${host}']`
  );
}

function remedy(host: string, kind: NamedHost['kind']): string {
  if (kind === 'image')
    return `registries: { '${host}': '<the registry with the copies>' }, or a defaultRegistry`;
  if (kind === 'git') return `git: { '<its beginning>': '<that of the copy>' }`;
  if (kind === 'host') return `the server that stands for it, and name that one here`;
  if (/(^|\.)(huggingface\.co|hf\.co)$/.test(host)) return "huggingFace: 'https://<the hub with the copies>'";
  return `addresses: { 'https://${host}': '<the server with the copies>' }`;
}

/** Has every synth of an app check what the hosts are that its objects name. */
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
