import { shortHash } from '../pod/content-hash';
import {
  call,
  ConstructStatement,
  Expression,
  literal,
  ObjectExpression,
  PhaseProperty,
  PipelinePlan,
  ref,
  RefExpression,
  Statement,
} from './plan';
import { originOf, Resource } from './resource';
import type { ClassName } from './vocabulary';

/** The longest name of a pipeline. */
const LONGEST_NAME = 40;

/** Puts plans together: names are given once, and what is said alike of one pipeline is said once. @internal */
export class PlanBuilder {
  private readonly pipelines: PipelineBuilder[] = [];
  private readonly variables = new Set(['app']);
  private readonly names = new Set(['gitops']);

  /** @param resource the one that the pipeline is named after */
  public pipeline(resource: Resource): PipelineBuilder {
    const { name, namespace, kind } = resource;
    const wanted = [
      name,
      `${name}-${namespace}`,
      `${name}-${kind.toLowerCase()}`,
      `${name}-${kind.toLowerCase()}-${namespace}`,
    ];
    const given = wanted.map(bounded).find((each) => !this.names.has(each)) as string;
    this.names.add(given);
    const pipeline = new PipelineBuilder(this, given, namespace);
    pipeline.addOrigin(resource);
    this.pipelines.push(pipeline);
    return pipeline;
  }

  /** @returns an identifier that nothing else has */
  public variable(wanted: string): string {
    const base = identifier(wanted);
    let variable = base;
    for (let count = 2; this.variables.has(variable); count++) variable = `${base}${count}`;
    this.variables.add(variable);
    return variable;
  }

  public build(): PipelinePlan[] {
    return this.pipelines.map((pipeline) => pipeline.build());
  }
}

/** A pipeline and its statements, in the order in which they are added. @internal */
export class PipelineBuilder {
  public readonly variable: string;
  private readonly origins: string[] = [];
  private readonly statements: Statement[] = [];
  private readonly constants = new Map<string, RefExpression>();
  private readonly ids = new Set<string>();

  constructor(
    private readonly plan: PlanBuilder,
    public readonly name: string,
    public readonly namespace: string,
  ) {
    this.variable = plan.variable(name);
  }

  /** A further resource that is part of it. */
  public addOrigin(resource: Resource): void {
    this.origins.push(originOf(resource));
  }

  /** A value that has a name; the same value has one name. */
  public constant(name: string, value: Expression, comments: readonly string[] = []): RefExpression {
    const content = JSON.stringify(value);
    let known = this.constants.get(content);
    if (!known) {
      const variable = this.plan.variable(name);
      this.statements.push({ kind: 'constant', variable, value, comments });
      this.constants.set(content, (known = ref(variable)));
    }
    return known;
  }

  /** A Secret that exists in the namespace. */
  public secret(name: string): RefExpression {
    const value = call('Secret.fromSecretName', ref(this.variable), literal(name), literal(name));
    return this.constant(/secret$/i.test(name) ? name : `${name}-secret`, value);
  }

  /** @returns the variable that holds it */
  public construct(
    what: {
      readonly class: ClassName;
      readonly phase: PhaseProperty;
      readonly id: string;
      readonly variable?: string;
    },
    props: ObjectExpression,
    comments: readonly string[],
  ): string {
    const variable = this.plan.variable(what.variable ?? what.id);
    let id = what.id;
    for (let count = 2; this.ids.has(`${what.phase}/${id}`); count++) id = `${what.id}-${count}`;
    this.ids.add(`${what.phase}/${id}`);
    const statement: ConstructStatement = {
      kind: 'construct',
      class: what.class,
      phase: what.phase,
      id,
      variable,
      props,
      comments,
    };
    this.statements.push(statement);
    return variable;
  }

  public build(): PipelinePlan {
    const { variable, name, namespace, origins, statements } = this;
    return { variable, name, namespace, origins, statements };
  }
}

/**
 * A name of a part of a pipeline: without the pipeline's own, which Kubernetes' names begin with.
 *
 * @param otherwise where nothing is left
 * @internal
 */
export function idWithin(pipeline: PipelineBuilder, name: string, otherwise: string): string {
  if (name === pipeline.name) return otherwise;
  return name.startsWith(`${pipeline.name}-`) ? name.slice(pipeline.name.length + 1) : name;
}

function bounded(name: string): string {
  if (name.length <= LONGEST_NAME) return name;
  const hash = shortHash(name, 6);
  return `${name.slice(0, LONGEST_NAME - hash.length - 1).replace(/[-.]+$/, '')}-${hash}`;
}

/** Words that a variable cannot be called. */
const RESERVED =
  /^(await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|function|if|implements|import|in|instanceof|interface|let|new|null|package|private|protected|public|return|static|super|switch|this|throw|true|try|typeof|undefined|var|void|while|with|yield)$/;

/** `hf-convert-script` as a variable: `hfConvertScript`. */
function identifier(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const joined = words
    .map(
      (word, index) =>
        (index === 0 ? word.charAt(0).toLowerCase() : word.charAt(0).toUpperCase()) + word.slice(1),
    )
    .join('');
  if (!/^[0-9]/.test(joined) && joined !== '' && !RESERVED.test(joined)) return joined;
  return `model${joined.charAt(0).toUpperCase()}${joined.slice(1)}`;
}
