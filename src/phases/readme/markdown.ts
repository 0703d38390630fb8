/** Text as Markdown shows it: nothing in it is taken for markup. @internal */
export function text(value: string): string {
  return value
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/[\\`*_[\]|~#$]/g, (character) => `\\${character}`)
    .replace(/\s*\n\s*/g, '<br>');
}

/** A name, in the type of code, also within a table. @internal */
export function code(value: string): string {
  return /[`\n]/.test(value) ? text(value) : `\`${value.replace(/\|/g, '\\|')}\``;
}

/**
 * A table.
 *
 * @param head the columns' titles
 * @param rows cells that are Markdown already
 * @param none what is said instead when there are no rows
 * @internal
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return `${none}\n`;
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** Names, with no more than a reader takes in at once. @internal */
export function list(values: readonly string[], most = 4): string {
  const shown = values.slice(0, values.length > most ? most - 1 : most).join(', ');
  return values.length > most ? `${shown} and ${values.length - most + 1} more` : shown;
}
