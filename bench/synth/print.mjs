// Prints a benchmark's table.

/** @param table - `{title, columns, rows, notes}` */
export function print({ title, columns, rows, notes }) {
  console.log(title);
  console.table(rows.map((row) => Object.fromEntries(row.map((value, i) => [columns[i], value]))));
  for (const note of notes) console.log(note);
}
