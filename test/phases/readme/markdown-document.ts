/** The Markdown of a section: from its heading to the next of the same or a higher level. */
export function section(markdown: string, heading: string): string {
  const lines = markdown.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0)
    throw new Error(`no heading '${heading}' among:\n${lines.filter((l) => l.startsWith('#')).join('\n')}`);
  const level = heading.indexOf(' ');
  const length = lines.slice(start + 1).findIndex((line) => {
    const hashes = /^(#+) /.exec(line);
    return hashes !== null && hashes[1].length <= level;
  });
  return lines.slice(start, length < 0 ? undefined : start + 1 + length).join('\n');
}

/** The rows of the first table in a text, as objects by column title. Checks that the table is one. */
export function rows(markdown: string): Record<string, string>[] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|'));
  if (start < 0) return [];
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'));
  const [head, rule, ...body] = lines.slice(start, length < 0 ? undefined : start + length).map(cells);
  if (!rule.every((cell) => cell === '---')) throw new Error(`no rule below the head: ${rule.join()}`);
  return body.map((row) => {
    if (row.length !== head.length)
      throw new Error(`${row.length} cells below ${head.length}: ${row.join()}`);
    return Object.fromEntries(row.map((cell, index) => [head[index], cell]));
  });
}

function cells(line: string): string[] {
  const inner = line.replace(/^\| /, '').replace(/ \|$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim());
}

/** The Mermaid text of a section. */
export function mermaid(markdown: string): string {
  const match = /```mermaid\n([\s\S]*?)```/.exec(markdown);
  if (!match) throw new Error('no diagram');
  return match[1];
}

/** A flowchart, read back: fails on a line that is none of the forms that Mermaid's grammar has. */
export function readFlowchart(text: string) {
  const nodes = new Map<string, { label: string; within: string }>();
  const boxes = new Map<string, string>();
  const arrows: { from: string; to: string; arrow: string; label: string }[] = [];
  let within = '';
  const [first, ...lines] = text.trimEnd().split('\n');
  if (first !== 'flowchart TB') throw new Error(`not a flowchart: ${first}`);
  for (const line of lines) {
    const box = /^ {2}subgraph (\w+)\["([^"]*)"\]$/.exec(line);
    const node = /^ {4}(\w+)(?:\["([^"]*)"\]|\[\("([^"]*)"\)\]|\(\["([^"]*)"\]\))(?::::\w+)?$/.exec(line);
    const arrow = /^ {2}(\w+) (-->|==>|-\.->)(?:\|"([^"]*)"\|)? (\w+)$/.exec(line);
    if (box) {
      boxes.set(box[1], (within = decode(box[2])));
    } else if (line === '  end') {
      within = '';
    } else if (node) {
      if (!within || nodes.has(node[1])) throw new Error(`node out of place: ${line}`);
      nodes.set(node[1], { label: decode(node[2] ?? node[3] ?? node[4]), within });
    } else if (arrow) {
      arrows.push({ from: arrow[1], arrow: arrow[2], label: decode(arrow[3] ?? ''), to: arrow[4] });
    } else if (!/^ {2}classDef \w+ [\w-]+: ?\w+$/.test(line)) {
      throw new Error(`not Mermaid: ${line}`);
    }
  }
  const name = (id: string) => {
    const found = nodes.get(id)?.label ?? boxes.get(id);
    if (found === undefined) throw new Error(`an arrow to nothing: ${id}`);
    return found;
  };
  return {
    boxes: [...boxes.values()],
    nodes: [...nodes.values()],
    arrows: arrows.map(({ from, arrow, label, to }) => ({ from: name(from), arrow, label, to: name(to) })),
  };
}

/** As Mermaid shows it: characters by number, `<br/>` as a new line. */
function decode(label: string): string {
  if (/[<>](?!br\/>)/.test(label.replace(/<br\/>/g, ''))) throw new Error(`markup in a label: ${label}`);
  return label
    .replace(/<br\/>/g, '\n')
    .replace(/#(\d+);/g, (_, number) => String.fromCodePoint(Number(number)));
}
