/**
 * The manifest of an ApiObject: the value of its `toJson()`, in one pass.
 *
 * cdk8s resolves tokens, drops empty values, sorts keys and applies patches one after the other, and copies
 * the object each time. Where there is nothing to resolve and nothing to patch, one copy is enough. Every other
 * object goes the way of cdk8s.
 */

import {
  ApiObject,
  ApiObjectMetadataDefinition,
  App,
  ImplicitTokenResolver,
  LazyResolver,
  NumberStringUnionResolver,
} from 'cdk8s';

/**
 * The same value as `apiObject.toJson()`.
 *
 * @throws what `toJson()` throws
 * @internal
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as cdk8s declares it: a manifest can be anything
export function manifestOf(apiObject: ApiObject): any {
  if (!isOrdinary(apiObject)) return apiObject.toJson();
  try {
    return ordinaryManifest(apiObject);
  } catch (error) {
    if (error === UNUSUAL) return apiObject.toJson();
    throw error;
  }
}

/** Thrown to leave an object to cdk8s. */
const UNUSUAL = new Error('a value that is left to cdk8s');

type Json = Record<string, unknown>;

/** What cdk8s keeps to itself. A version that keeps it differently is left to its own `toJson()`. */
interface ApiObjectInternals {
  readonly props?: Json;
  readonly patches?: readonly unknown[];
}

interface MetadataInternals {
  readonly _additionalAttributes?: Json;
  readonly annotations?: Json;
  readonly finalizers?: unknown[];
  readonly labels?: Json;
  readonly ownerReferences?: unknown[];
}

const RESOLVERS = [LazyResolver, ImplicitTokenResolver, NumberStringUnionResolver];

/** Whether nothing but the object's own values decides its manifest. */
function isOrdinary(apiObject: ApiObject): boolean {
  const { props, patches } = apiObject as unknown as ApiObjectInternals;
  const metadata = apiObject.metadata as unknown as MetadataInternals;
  const { resolvers } = apiObject.node.root as App;
  return (
    apiObject.toJson === ApiObject.prototype.toJson &&
    apiObject.metadata.toJson === ApiObjectMetadataDefinition.prototype.toJson &&
    props !== undefined &&
    patches?.length === 0 &&
    metadata._additionalAttributes !== undefined &&
    metadata.annotations !== undefined &&
    metadata.finalizers !== undefined &&
    metadata.labels !== undefined &&
    metadata.ownerReferences !== undefined &&
    resolvers?.length === RESOLVERS.length &&
    RESOLVERS.every((resolver, i) => resolvers[i].constructor === resolver) &&
    !process.env.CDK8S_DISABLE_SORT
  );
}

function ordinaryManifest(apiObject: ApiObject): Json {
  const { props } = apiObject as unknown as ApiObjectInternals;
  const body = plainObject({ ...props, metadata: undefined }, KEEP_EMPTY);
  const metadata = plainMetadata(apiObject.metadata);
  const { apiVersion, kind } = body;
  if (apiVersion === undefined || kind === undefined || metadata === undefined) throw UNUSUAL;
  return { apiVersion, kind, metadata, ...body };
}

function plainMetadata(metadata: ApiObjectMetadataDefinition): unknown {
  const { name, namespace } = metadata;
  const { _additionalAttributes, annotations, finalizers, ownerReferences, labels } =
    metadata as unknown as MetadataInternals;
  return plain(
    { ..._additionalAttributes, name, namespace, annotations, finalizers, ownerReferences, labels },
    DROP_EMPTY,
  );
}

const KEEP_EMPTY = false;
const DROP_EMPTY = true;

/** A copy without `null` and `undefined` members, and on request without empty maps and lists, keys sorted. */
function plain(value: unknown, dropEmpty: boolean): unknown {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    case 'undefined':
      return undefined;
    case 'object':
      break;
    default:
      throw UNUSUAL;
  }
  if (value === null) return undefined;
  if (Array.isArray(value)) {
    if (dropEmpty && value.length === 0) return undefined;
    return value.map((item) => plain(item, dropEmpty));
  }
  const copy = plainObject(value, dropEmpty);
  if (dropEmpty && Object.keys(copy).length === 0) return undefined;
  return copy;
}

function plainObject(value: object, dropEmpty: boolean): Json {
  // Tokens and typed values are instances of classes, and resolved by cdk8s.
  if (value.constructor !== Object) throw UNUSUAL;
  const members = value as Json;
  const copy: Json = {};
  for (const name of Object.keys(members).sort()) {
    // Assigned, it would change the copy's prototype.
    if (name === '__proto__') throw UNUSUAL;
    const member = plain(members[name], dropEmpty);
    if (member !== undefined) copy[name] = member;
  }
  return copy;
}
