import type { Size } from 'cdk8s';
import { checkSize } from '../checks';
import { InputError } from '../input-error';
import { bytesQuantity } from '../quantity';

/**
 * What a device must be like to be chosen by DRA: a condition on an attribute or a capacity that its driver publishes.
 * Names are without a domain for the driver's own (`uuid`), and with it for others
 * (`resource.kubernetes.io/pcieRoot`). `kubectl get resourceslices -o yaml` shows those of the cluster. A device
 * that does not have the attribute is not chosen.
 */
export class DeviceSelector {
  /**
   * An attribute is one of some texts.
   *
   * @throws when no text is given, or the name is none of an attribute
   */
  public static text(attribute: string, ...values: string[]): DeviceSelector {
    const where = 'DeviceSelector.text';
    if (values.length === 0 || values.some((value) => typeof value !== 'string')) {
      throw new InputError(where, 'values', values, { allowed: 'one or more texts' });
    }
    const [first, ...more] = values.map(quoted);
    return of(where, attribute, (place) =>
      more.length === 0 ? `${place} == ${first}` : `${place} in [${[first, ...more].join(', ')}]`,
    );
  }

  /**
   * An attribute is one of some whole numbers.
   *
   * @throws when no number is given, or the name is none of an attribute
   */
  public static number(attribute: string, ...values: number[]): DeviceSelector {
    const where = 'DeviceSelector.number';
    if (values.length === 0 || !values.every(Number.isSafeInteger)) {
      throw new InputError(where, 'values', values, { allowed: 'one or more whole numbers' });
    }
    return of(where, attribute, (place) =>
      values.length === 1 ? `${place} == ${values[0]}` : `${place} in [${values.join(', ')}]`,
    );
  }

  /**
   * An attribute is true, or false.
   *
   * @throws when the name is none of an attribute
   */
  public static flag(attribute: string, value = true): DeviceSelector {
    return of('DeviceSelector.flag', attribute, (place) => `${place} == ${value ? 'true' : 'false'}`);
  }

  /**
   * An attribute is a version of at least so much: `580.0.0`.
   *
   * @throws when it is no version of three numbers, or the name is none of an attribute
   */
  public static version(attribute: string, atLeast: string): DeviceSelector {
    const where = 'DeviceSelector.version';
    if (typeof atLeast !== 'string' || !/^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(atLeast)) {
      throw new InputError(where, 'atLeast', atLeast, { allowed: "three numbers, for instance '580.0.0'" });
    }
    return of(where, attribute, (place) => `${place}.compareTo(semver(${quoted(atLeast)})) >= 0`);
  }

  /**
   * A capacity that is a size is at least so much: `memory`. A GPU reports less than what is printed on it: 81559 MiB
   * of 80 GB.
   *
   * @throws when it is no size above nothing, or the name is none of a capacity
   */
  public static size(capacity: string, atLeast: Size): DeviceSelector {
    const where = 'DeviceSelector.size';
    return ofCapacity(where, capacity, bytesQuantity(checkSize(where, 'atLeast', atLeast)));
  }

  /**
   * A capacity is at least so much: `computeUnits`.
   *
   * @throws when it is no whole number above 0, or the name is none of a capacity
   */
  public static amount(capacity: string, atLeast: number): DeviceSelector {
    const where = 'DeviceSelector.amount';
    if (!Number.isSafeInteger(atLeast) || atLeast < 1) {
      throw new InputError(where, 'atLeast', atLeast, { allowed: 'a whole number of at least 1' });
    }
    return ofCapacity(where, capacity, String(atLeast));
  }

  /**
   * An expression of the Common Expression Language over `device`, which is true for a device that may be chosen.
   * It is written as it is.
   *
   * @throws when it is empty or has more than 10240 bytes, the API server's limit
   */
  public static cel(expression: string): DeviceSelector {
    if (typeof expression !== 'string' || expression.trim() === '' || Buffer.byteLength(expression) > 10240) {
      throw new InputError('DeviceSelector.cel', 'expression', expression, {
        allowed: 'an expression of at most 10240 bytes',
      });
    }
    return new DeviceSelector(() => expression);
  }

  /** @internal */
  public static _of(expression: (driver: () => string) => string): DeviceSelector {
    return new DeviceSelector(expression);
  }

  private constructor(
    /**
     * The expression, where names without a domain are a driver's.
     *
     * @param driver gives the driver's name, or throws where it is not known
     * @internal
     */
    public readonly _expression: (driver: () => string) => string,
  ) {}
}

/** The API's own form of an attribute's name: an identifier, and before it a domain, if anything. */
const NAME = /^(?:([a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?)\/)?([A-Za-z_]\w{0,31})$/;

/** Words of CEL that cannot follow a dot. */
const RESERVED = new Set([
  'as',
  'break',
  'const',
  'continue',
  'else',
  'false',
  'for',
  'function',
  'if',
  'import',
]);
for (const word of [
  'in',
  'let',
  'loop',
  'namespace',
  'null',
  'package',
  'return',
  'true',
  'var',
  'void',
  'while',
])
  RESERVED.add(word);

function of(where: string, attribute: string, condition: (place: string) => string): DeviceSelector {
  return published(where, 'attributes', attribute, condition);
}

function ofCapacity(where: string, capacity: string, atLeast: string): DeviceSelector {
  return published(
    where,
    'capacity',
    capacity,
    (place) => `${place}.compareTo(quantity(${quoted(atLeast)})) >= 0`,
  );
}

/** An expression that asks for what may not be there is an error, which ends all allocation: it is asked first. */
function published(
  where: string,
  list: 'attributes' | 'capacity',
  name: string,
  condition: (place: string) => string,
): DeviceSelector {
  const match = typeof name === 'string' ? NAME.exec(name) : null;
  if (!match) {
    throw new InputError(where, list === 'capacity' ? 'capacity' : 'attribute', name, {
      allowed: "the name as the driver publishes it: 'productName', 'resource.kubernetes.io/pcieRoot'",
      advice: '`kubectl get resourceslices -o yaml` shows the names.',
    });
  }
  const [, domain, , id] = match;
  return DeviceSelector._of((driver) => {
    const map = `device.${list}[${quoted(domain ?? driver())}]`;
    const place = RESERVED.has(id) ? `${map}[${quoted(id)}]` : `${map}.${id}`;
    return `${quoted(id)} in ${map} && ${condition(place)}`;
  });
}

/** A string of CEL: what JSON escapes, CEL reads. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
