/** Expressions as prettier lays them out. */
import type {
  CallExpression,
  Expression,
  ListExpression,
  Member,
  MethodExpression,
  ObjectExpression,
} from './plan';

/** Columns of a line. @internal */
export const WIDTH = 80;

const INDENT = 2;

/** An expression as text. @internal */
export interface Printed {
  readonly text: string;
  /** Whether it is too long for its line and cannot be divided, so that it moves to the next line as a whole. */
  readonly isMovable: boolean;
}

/**
 * An expression as text, from the second line on with its indentation.
 *
 * @param indent of the line that it begins in
 * @param column where it begins
 * @param after how many characters follow in its last line, such as `;`
 * @internal
 */
export function printExpression(expression: Expression, indent: number, column: number, after = 1): Printed {
  const flat = flatText(expression);
  const fits = flat !== undefined && column + flat.length + after <= WIDTH;
  if (flat !== undefined && (fits || isIndivisible(expression))) return { text: flat, isMovable: !fits };
  switch (expression.kind) {
    case 'object':
      return { text: brokenObject(expression, indent), isMovable: false };
    case 'list':
      return { text: brokenList(expression, indent), isMovable: false };
    case 'call':
    case 'method':
      return {
        text: callText(calleeOf(expression), expression.args, column, indent, after),
        isMovable: false,
      };
    default:
      return { text: template(expression), isMovable: false };
  }
}

/** `new X(a, 'b', { ... })`, in as few lines as it needs. @internal */
export function callText(
  callee: string,
  args: readonly Expression[],
  column: number,
  indent = 0,
  after = 1,
): string {
  const flat = flatArguments(args);
  if (flat !== undefined && column + callee.length + flat.length + 2 + after <= WIDTH)
    return `${callee}(${flat})`;
  return huggedArguments(callee, args, column, indent) ?? brokenArguments(callee, args, indent);
}

function calleeOf(expression: CallExpression | MethodExpression): string {
  return expression.kind === 'call' ? expression.callee : `${expression.of}.${expression.method}`;
}

/** All in the first line but the members of the last argument, where that leaves the rest room. */
function huggedArguments(
  callee: string,
  args: readonly Expression[],
  column: number,
  indent: number,
): string | undefined {
  const last = args.at(-1);
  if (!last || !isHuggable(last) || args.at(-2)?.kind === last.kind) return undefined;
  if (args.length > 1 && isNumbers(last)) return undefined;
  const others = flatArguments(args.slice(0, -1));
  if (others === undefined) return undefined;
  const start = `${callee}(${others}${others === '' ? '' : ', '}`;
  if (column + start.length + 1 > WIDTH) return undefined;
  return `${start}${last.kind === 'object' ? brokenObject(last, indent) : brokenList(last as ListExpression, indent)})`;
}

function brokenArguments(callee: string, args: readonly Expression[], indent: number): string {
  const inner = indent + INDENT;
  const lines = args.map((argument) => `${blanks(inner)}${printExpression(argument, inner, inner).text},\n`);
  return `${callee}(\n${lines.join('')}${blanks(indent)})`;
}

function brokenObject({ members }: ObjectExpression, indent: number): string {
  const inner = indent + INDENT;
  const lines = members.map((member) => `${blanks(inner)}${memberText(member, inner)},\n`);
  return `{\n${lines.join('')}${blanks(indent)}}`;
}

function memberText({ name, value }: Member, indent: number): string {
  const key = keyText(name);
  if (value.kind === 'ref' && value.property === undefined && value.to === key) return key;
  const { text, isMovable } = printExpression(value, indent, indent + key.length + 2);
  // A value below so short a name would not gain room.
  if (!isMovable || key.length <= INDENT) return `${key}: ${text}`;
  return `${key}:\n${blanks(indent + INDENT)}${text}`;
}

function brokenList(list: ListExpression, indent: number): string {
  const inner = indent + INDENT;
  if (isNumbers(list)) return `[\n${filled(list, inner)}${blanks(indent)}]`;
  const lines = list.items.map((item) => `${blanks(inner)}${printExpression(item, inner, inner).text},\n`);
  return `[\n${lines.join('')}${blanks(indent)}]`;
}

/** Numbers, as many in a line as it has room for. */
function filled({ items }: ListExpression, indent: number): string {
  const lines: string[] = [];
  for (const item of items) {
    const text = `${flatText(item)},`;
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + text.length <= WIDTH)
      lines[lines.length - 1] = `${last} ${text}`;
    else lines.push(`${blanks(indent)}${text}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** The whole in one line; undefined where it needs several, however much room there is. */
function flatText(expression: Expression): string | undefined {
  switch (expression.kind) {
    case 'literal':
      return isTemplate(expression.value) ? undefined : literalText(expression.value);
    case 'enum':
      return `${expression.enum}.${expression.member}`;
    case 'ref':
      return expression.property === undefined ? expression.to : `${expression.to}.${expression.property}`;
    case 'call':
    case 'method': {
      const args = flatArguments(expression.args);
      return args === undefined ? undefined : `${calleeOf(expression)}(${args})`;
    }
    case 'list': {
      const items = isMatrix(expression) ? undefined : flatArguments(expression.items);
      return items === undefined ? undefined : `[${items}]`;
    }
    case 'object': {
      const members = allOf(expression.members.map(flatMember));
      if (members === undefined) return undefined;
      return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
    }
  }
}

function flatMember({ name, value }: Member): string | undefined {
  const key = keyText(name);
  const text = flatText(value);
  if (text === key && value.kind === 'ref') return key;
  return text === undefined ? undefined : `${key}: ${text}`;
}

function flatArguments(args: readonly Expression[]): string | undefined {
  return allOf(args.map(flatText))?.join(', ');
}

function allOf(texts: readonly (string | undefined)[]): string[] | undefined {
  return texts.includes(undefined) ? undefined : (texts as string[]);
}

/** What has no place to be divided at: names, values, and calls with nothing or a short text in the brackets. */
function isIndivisible(expression: Expression): boolean {
  if (expression.kind === 'call' || expression.kind === 'method') {
    const [first, ...others] = expression.args;
    return first === undefined || (others.length === 0 && isShort(first));
  }
  if (expression.kind === 'list') return expression.items.length === 0;
  if (expression.kind === 'object') return expression.members.length === 0;
  return true;
}

function isShort(expression: Expression): boolean {
  return expression.kind === 'literal' && (flatText(expression)?.length ?? WIDTH) <= WIDTH / 4;
}

function isHuggable(expression: Expression): boolean {
  return (
    (expression.kind === 'object' && expression.members.length > 0) ||
    (expression.kind === 'list' && expression.items.length > 0)
  );
}

function isNumbers(expression: Expression): boolean {
  return (
    expression.kind === 'list' &&
    expression.items.length > 1 &&
    expression.items.every((item) => item.kind === 'literal' && typeof item.value === 'number')
  );
}

/** Several objects, or several lists, each of more than one thing: never in one line. */
function isMatrix({ items }: ListExpression): boolean {
  const sizes = items.map((item) =>
    item.kind === 'object' ? item.members.length : item.kind === 'list' ? item.items.length : 0,
  );
  return (
    items.length > 1 && items.every(({ kind }) => kind === items[0].kind) && sizes.every((size) => size > 1)
  );
}

function keyText(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : stringText(name);
}

function literalText(value: string | number | boolean): string {
  return typeof value === 'string' ? stringText(value) : String(value);
}

/** In the quotes that need fewer escapes, single ones where both do. */
export function stringText(value: string): string {
  const count = (quote: string) => value.split(quote).length;
  const quote = count("'") > count('"') ? '"' : "'";
  const inner = JSON.stringify(value)
    .slice(1, -1)
    .replace(/\\"/g, '"')
    .replaceAll(quote, `\\${quote}`)
    .replace(/[\u007f\u2028\u2029]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${quote}${inner}${quote}`;
}

/** A script, which is written as it is, where it has nothing that a reader would not see. */
function isTemplate(value: string | number | boolean): boolean {
  return (
    typeof value === 'string' &&
    /\n[^]*[^\n]/.test(value) &&
    // eslint-disable-next-line no-control-regex -- characters that a reader would not see
    !/[\u0000-\u0009\u000b-\u001f\u007f\u2028\u2029\ufeff]|[ ]\n/.test(value)
  );
}

function template(expression: Expression): string {
  const value = expression.kind === 'literal' ? String(expression.value) : '';
  return `\`${value.replace(/[\\`]|\$(?=\{)/g, '\\$&')}\``;
}

function blanks(count: number): string {
  return ' '.repeat(count);
}
