import { App, Chart, ChartProps } from 'cdk8s';
import { checkObjects, formatViolations } from '../../src/validation/check';
import type { KubeObject } from '../../src/validation/kube-object';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- parsed YAML
export type Untyped = any;

/** A chart as a user has it who knows nothing of phases. */
export function plainChart(props: ChartProps & { id?: string } = {}): Chart {
  const { id = 'models', ...others } = props;
  return new Chart(new App(), id, { namespace: 'llm', ...others });
}

/** The objects of charts, as they are written. */
export function objectsOf(...charts: Chart[]): KubeObject[] {
  return charts.flatMap((chart) => chart.toJson() as KubeObject[]);
}

export function ofKind(objects: readonly KubeObject[], kind: string): KubeObject[] {
  return objects.filter((object) => object.kind === kind);
}

/** The one object of a kind, and of a name or a pattern of names where several have the kind. */
export function the(objects: readonly KubeObject[], kind: string, name?: string | RegExp): KubeObject {
  const found = ofKind(objects, kind).filter(
    ({ metadata }) =>
      name === undefined ||
      (typeof name === 'string' ? metadata.name === name : name.test(metadata.name ?? '')),
  );
  if (found.length === 1) return found[0];
  const all = objects.map((object) => `${object.kind} ${object.metadata.name}`).join(', ');
  throw new Error(`${found.length} objects are ${kind} ${name ?? ''}; there are: ${all}`);
}

/** The spec of an object's pods. */
export function podSpec(object: KubeObject): Untyped {
  return object.spec.template.spec;
}

/** All containers of an object's pods, those that run before the others first. */
export function containers(object: KubeObject): Untyped[] {
  const { initContainers = [], containers: main } = podSpec(object);
  return [...initContainers, ...main];
}

export function container(object: KubeObject, name: string): Untyped {
  const found = containers(object).find((each) => each.name === name);
  if (found) return found;
  throw new Error(`no container '${name}' in ${object.kind} ${object.metadata.name}`);
}

/** The values of the arguments `--<name>=<value>` of a container. */
export function argument(of: Untyped, name: string): string[] {
  const prefix = `--${name}=`;
  return (of.args as string[]).filter((arg) => arg.startsWith(prefix)).map((arg) => arg.slice(prefix.length));
}

/** The values that follow `flag` in a command line of single items, up to the next flag. */
export function flagValues(args: readonly string[], flag: string): string[] {
  const at = args.indexOf(flag);
  if (at < 0) return [];
  const rest = args.slice(at + 1);
  const end = rest.findIndex((arg) => arg.startsWith('--'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** What the checks that `synth()` runs say of objects; empty when all is well. */
export function violationsOf(objects: readonly KubeObject[], kubernetesVersion = '1.31'): string {
  const checked = objects.map((object) => ({ object, where: object.metadata.name ?? '' }));
  return formatViolations(checkObjects(checked, { kubernetesVersion }));
}

/** All texts anywhere in a value, keys included. */
export function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(texts);
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, member]) => [key, ...texts(member)]);
}
