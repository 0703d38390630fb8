// The versions of Kubernetes that are newer than all of cdk8s-plus: their definitions are those of the newest
// that it has, which holds as long as the client of the newest version has the same fields. This compares them.
import { extract } from './schemas.package.mjs';
import { NEWER, UNUSABLE } from './schemas.facts.mjs';

const MODELS = 'package/dist/gen/models';

/** Every object has them; the definitions leave them to what is common to all kinds. */
const ROOT_FIELDS = ['apiVersion', 'kind', 'status'];

/**
 * The minor versions that have the fields of the definitions.
 *
 * @throws when a field was added or taken away since
 */
export function newerMinors(definitions) {
  const files = extract(NEWER.package, MODELS);
  const differences = Object.entries(definitions).flatMap(([id, { properties }]) => {
    const fields = fieldsOf(files, id);
    // A definition that only older versions have.
    if (!fields) return isFormer(id, definitions) ? [] : [`${id} is gone`];
    const usable = fields.filter(
      (name) => !ROOT_FIELDS.includes(name) && !UNUSABLE.includes(`${id}#${name}`),
    );
    const added = usable.filter((name) => !(name in properties));
    const gone = Object.keys(properties).filter(
      (name) => !fields.includes(name) && properties[name].until === undefined,
    );
    return [...added.map((name) => `${id}#${name} is new`), ...gone.map((name) => `${id}#${name} is gone`)];
  });
  if (differences.length > 0) {
    throw new Error(
      `${NEWER.package} differs from the newest types:\n  ${differences.join('\n  ')}\n` +
        'Say in schemas.facts.mjs since when each new field works, or that nobody can use it.',
    );
  }
  return NEWER.minors;
}

/** The fields of a class, as they are written; undefined where there is no such class. */
function fieldsOf(files, id) {
  // `core.v1.PodSpec` is V1PodSpec; a name that two groups have begins with its group: CoreV1Event.
  const [group, version, name] = id.split('.');
  const plain = `${capital(version)}${name}`;
  const text = files[`${capital(group)}${plain}.js`] ?? files[`${plain}.js`];
  return text && [...text.matchAll(/"baseName": "([^"]+)"/g)].map(([, field]) => field);
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** Whether all that refers to a definition is for older versions. */
function isFormer(id, definitions) {
  const reference = `#/definitions/${id}`;
  const uses = Object.values(definitions).flatMap(({ properties }) =>
    Object.values(properties).filter((property) => JSON.stringify(property).includes(`"${reference}"`)),
  );
  return uses.length > 0 && uses.every(({ until }) => until !== undefined);
}
