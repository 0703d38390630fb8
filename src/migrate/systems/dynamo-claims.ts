/** The claims of DynamoModels, under the names by which other pods of the namespace may mount them. */
import { quantity } from '../../validation/quantity';
import { call, Expression, literal, object, ref } from '../plan';
import type { PipelineBuilder } from '../plan-builder';
import type { Resource } from '../resource';
import type { Notes } from '../translation';
import { accessModes, isOneNode, optional, size } from '../values';
import type { GraphSpec } from './dynamo-graph';
import type { DynamoModelSpec } from './dynamo-model';

type Model = Resource<DynamoModelSpec>;

/** What the operator takes where a model says nothing. */
const ACCESS_MODE = 'ReadWriteMany';

/**
 * The stores of all models: what several of them name is one, as the operator makes a claim for the first and takes it
 * for the others.
 *
 * @internal
 */
export class DynamoClaims {
  /** Stores that have a variable, by their claims. */
  private readonly shared = new Map<string, Expression>();

  constructor(
    private readonly models: readonly Model[],
    private readonly graphs: readonly Resource<GraphSpec>[],
  ) {}

  /** The store of a model. */
  public storeOf(model: Model, notes: Notes, pipeline: PipelineBuilder): Expression {
    const users = this.models.filter((other) => idOf(other) === idOf(model));
    checkClaim(model, users, notes);
    const known = this.shared.get(idOf(model));
    if (known) return known;
    const store = this.store(model, users, pipeline);
    if (users.length === 1) return store;
    const variable = pipeline.constant(`${claimOf(model)}-store`, store);
    this.shared.set(idOf(model), variable);
    return variable;
  }

  private store(model: Model, users: readonly Model[], pipeline: PipelineBuilder): Expression {
    const mode = modeOf(users);
    const common = {
      accessModes: accessModes([mode]),
      placement:
        isOneNode([mode]) && users.some((user) => this.isServed(user))
          ? ref(pipeline.constant('gpu', call('Accelerator.nvidia')).to, 'placement')
          : undefined,
    };
    const makers = users.filter(makes);
    if (makers.length === 0) return call('ModelStore.existingClaim', literal(claimOf(model)), object(common));
    return call(
      'ModelStore.claim',
      object({
        name: literal(claimOf(model)),
        size: size(sizeOf(makers)),
        storageClassName: optional(classOf(makers)),
        ...common,
      }),
    );
  }

  private isServed({ name, namespace }: Model): boolean {
    return this.graphs.some(
      (graph) =>
        graph.namespace === namespace &&
        Object.values(graph.spec.services).some(({ modelRef }) => modelRef === name),
    );
  }
}

function claimOf({ spec, name }: Model): string {
  return spec.pvc.name ?? name;
}

function idOf(model: Model): string {
  return `${model.namespace}/${claimOf(model)}`;
}

/** Whether its claim is a new one. */
function makes({ spec }: Model): boolean {
  return spec.pvc.create ?? true;
}

/** The largest that is asked for. */
function sizeOf(makers: readonly Model[]): string {
  const sizes = makers.flatMap(({ spec }) => spec.pvc.size ?? []);
  return sizes.reduce((most, other) => (quantity(other) > quantity(most) ? other : most), sizes[0] ?? '1Gi');
}

function classOf(makers: readonly Model[]): string | undefined {
  return makers.find(({ spec }) => spec.pvc.storageClass !== undefined)?.spec.pvc.storageClass;
}

/** What the first says that makes it, else any. */
function modeOf(users: readonly Model[]): string {
  const first = users.find(makes);
  if (first) return first.spec.pvc.volumeAccessMode ?? ACCESS_MODE;
  return (
    users.find(({ spec }) => spec.pvc.volumeAccessMode !== undefined)?.spec.pvc.volumeAccessMode ??
    ACCESS_MODE
  );
}

/** What one model says of its claim, alone and beside the others that name it. */
function checkClaim(model: Model, users: readonly Model[], notes: Notes): void {
  const { spec, namespace } = model;
  const claim = claimOf(model);
  const makers = users.filter(makes);
  if (spec.pvc.volumeAccessMode === 'ReadWriteOncePod') {
    notes.refuse('spec.pvc.volumeAccessMode', spec.pvc.volumeAccessMode, {
      allowed: 'ReadWriteMany, ReadWriteOnce, ReadOnlyMany',
      advice: 'The pods that fetch and that serve both mount it.',
    });
  }
  refuseOther(
    model,
    'volumeAccessMode',
    { agreed: modeOf(users), at: '{.spec.accessModes[0]}' },
    users,
    notes,
  );
  if (!makes(model)) {
    for (const field of ['storageClass', 'size'] as const) {
      if (spec.pvc[field] !== undefined)
        notes.warn(
          `spec.pvc.${field}`,
          `The claim ${claim} is there already (create: false). It is left out.`,
        );
    }
    return;
  }
  if (spec.pvc.size === undefined) {
    notes.refuse('spec.pvc.size', undefined, {
      allowed: "the size of the new claim: '200Gi'",
      advice: 'Or name one that is there, with create: false.',
    });
  } else if (quantity(spec.pvc.size) < quantity(sizeOf(makers))) {
    notes.warn(
      'spec.pvc.size',
      `Other DynamoModels have the claim ${claim} too, and the operator makes it of the size of whichever comes first. The largest is taken, ${sizeOf(makers)}.`,
    );
  }
  refuseOther(
    model,
    'storageClass',
    { agreed: classOf(makers), at: '{.spec.storageClassName}' },
    makers,
    notes,
  );
  notes.warn(
    'spec.pvc.create',
    `The DynamoModel owns the claim ${claim}, which goes with it. Before you delete it, let go of the claim: ` +
      `kubectl patch pvc ${claim} -n ${namespace} --type=json -p '[{"op":"remove","path":"/metadata/ownerReferences"}]'`,
  );
}

/** Several that name one claim cannot say different things of it. */
function refuseOther(
  model: Model,
  field: 'volumeAccessMode' | 'storageClass',
  { agreed, at }: { readonly agreed: string | undefined; readonly at: string },
  users: readonly Model[],
  notes: Notes,
): void {
  const given = model.spec.pvc[field];
  if (given === undefined || given === agreed) return;
  const others = users.filter((user) => user !== model).map(({ name }) => name);
  notes.refuse(`spec.pvc.${field}`, given, {
    allowed: `'${agreed}', as of the same claim ${claimOf(model)} with DynamoModel ${others.join(', ')}`,
    advice: `One claim has one. This tells which: kubectl get pvc ${claimOf(model)} -n ${model.namespace} -o jsonpath='${at}'`,
  });
}
