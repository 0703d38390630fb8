// Reads a list of programs as JSON from standard input, and writes what prettier makes of each.
import { text } from 'node:stream/consumers';
import { format } from 'prettier';

const programs = JSON.parse(await text(process.stdin));
const formatted = await Promise.all(
  programs.map((program) => format(program, { parser: 'typescript', singleQuote: true })),
);
process.stdout.write(JSON.stringify(formatted));
