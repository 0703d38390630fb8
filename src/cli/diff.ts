/** Differences of texts as `diff -u` shows them, which people read and `git apply` takes. */

/** How many equal lines are shown around what differs. */
const CONTEXT = 3;

/** Beyond so many lines that differ, all that is not alike at both ends is shown as taken out and put in. */
const MOST_EDITS = 1000;

/** A line of one text or of both. */
interface Line {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/**
 * What makes one text of another.
 *
 * @param before `undefined` where there was no file
 * @param after `undefined` where there is none any more
 * @internal
 */
export function unifiedDiff(name: string, before: string | undefined, after: string | undefined): string {
  const path = name.replace(/\\/g, '/');
  const head =
    `--- ${before === undefined ? '/dev/null' : `a/${path}`}\n` +
    `+++ ${after === undefined ? '/dev/null' : `b/${path}`}\n`;
  return head + hunks(compare(linesOf(before ?? ''), linesOf(after ?? '')));
}

/** Each with its line break; the last may have none. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function compare(before: readonly string[], after: readonly string[]): Line[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const shorter = Math.min(before.length, after.length) - start;
  while (end < shorter && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const middle = edits(before.slice(start, before.length - end), after.slice(start, after.length - end));
  return [
    ...marked(' ', before.slice(0, start)),
    ...middle,
    ...marked(' ', before.slice(before.length - end)),
  ];
}

function marked(mark: Line['mark'], lines: readonly string[]): Line[] {
  return lines.map((text) => ({ mark, text }));
}

/**
 * The fewest lines that are taken out and put in, by E. W. Myers, "An O(ND) Difference Algorithm and Its Variations".
 * Of each diagonal (lines of the one passed minus lines of the other) it knows how far so many edits lead.
 */
function edits(before: readonly string[], after: readonly string[]): Line[] {
  const reached: Map<number, number>[] = [];
  let furthest = new Map<number, number>([[1, 0]]);
  for (let count = 0; count <= Math.min(before.length + after.length, MOST_EDITS); count++) {
    reached.push(furthest);
    const next = new Map(furthest);
    for (let diagonal = -count; diagonal <= count; diagonal += 2) {
      let x = isDown(furthest, diagonal, count)
        ? furthest.get(diagonal + 1)!
        : furthest.get(diagonal - 1)! + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++;
      next.set(diagonal, x);
      if (x >= before.length && x - diagonal >= after.length) return walkBack(reached, before, after);
    }
    furthest = next;
  }
  return [...marked('-', before), ...marked('+', after)];
}

/** Whether a line is put in, rather than taken out, to get to a diagonal. */
function isDown(furthest: ReadonlyMap<number, number>, diagonal: number, count: number): boolean {
  if (diagonal === -count) return true;
  return diagonal !== count && furthest.get(diagonal - 1)! < furthest.get(diagonal + 1)!;
}

function walkBack(
  reached: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): Line[] {
  const lines: Line[] = [];
  let [x, y] = [before.length, after.length];
  for (let count = reached.length - 1; count >= 0; count--) {
    const furthest = reached[count];
    const diagonal = x - y;
    const isPutIn = isDown(furthest, diagonal, count);
    const from = isPutIn ? diagonal + 1 : diagonal - 1;
    const fromX = furthest.get(from)!;
    const fromY = fromX - from;
    while (x > fromX && y > fromY && x > 0 && y > 0) {
      lines.push({ mark: ' ', text: before[--x] });
      y--;
    }
    if (count === 0) break;
    if (isPutIn) lines.push({ mark: '+', text: after[--y] });
    else lines.push({ mark: '-', text: before[--x] });
  }
  return lines.reverse();
}

/** What differs, with the lines around it; what is close together is one hunk. */
function hunks(lines: readonly Line[]): string {
  const texts: string[] = [];
  let [line, other] = [1, 1];
  let index = 0;
  while (index < lines.length) {
    const first = lines.findIndex(({ mark }, at) => at >= index && mark !== ' ');
    if (first < 0) break;
    const start = Math.max(index, first - CONTEXT);
    line += start - index;
    other += start - index;
    let last = first;
    for (let at = first; at < lines.length && at - last <= 2 * CONTEXT; at++)
      if (lines[at].mark !== ' ') last = at;
    const hunk = lines.slice(start, Math.min(lines.length, last + 1 + CONTEXT));
    const [old, now] = [
      hunk.filter(({ mark }) => mark !== '+').length,
      hunk.filter(({ mark }) => mark !== '-').length,
    ];
    texts.push(`@@ -${range(line, old)} +${range(other, now)} @@\n${hunk.map(lineText).join('')}`);
    line += old;
    other += now;
    index = start + hunk.length;
  }
  return texts.join('');
}

function range(start: number, count: number): string {
  return count === 0 ? `${start - 1},0` : count === 1 ? `${start}` : `${start},${count}`;
}

function lineText({ mark, text }: Line): string {
  return text.endsWith('\n') ? `${mark}${text}` : `${mark}${text}\n\\ No newline at end of file\n`;
}
