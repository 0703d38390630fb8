// Lets the compiled index load a module when something of it is first asked for: a program that serves by
// llama-server does not pay for vLLM, distributed-llama or the sources it does not use at each start.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';

/** @param index the index as the compiler wrote it: exports of other modules and nothing else */
export function makeLazy(index) {
  const require = createRequire(index);
  const modules = [
    ...new Set([...readFileSync(index, 'utf8').matchAll(/require\("([^"]+)"\)/g)].map(([, id]) => id)),
  ];
  const exported = new Set(Object.keys(require(index)));
  const lines = modules.flatMap((id) =>
    Object.keys(require(id))
      // Each name once: what several modules export is the same.
      .filter((name) => exported.delete(name))
      .map((name) => `lazy(${JSON.stringify(name)}, () => require(${JSON.stringify(id)}));`),
  );
  if (exported.size > 0) throw new Error(`${index}: no module exports ${[...exported].join(', ')}`);
  const names = Object.keys(require(index)).sort();
  writeFileSync(
    index,
    `'use strict';
Object.defineProperty(exports, '__esModule', { value: true });
function lazy(name, load) {
  Object.defineProperty(exports, name, {
    enumerable: true,
    configurable: true,
    get() {
      const value = load()[name];
      Object.defineProperty(exports, name, { enumerable: true, value });
      return value;
    },
  });
}
${lines.join('\n')}
// Node reads from this which names an import from an ES module can have; it never runs.
0 && (module.exports = { ${names.join(', ')} });
`,
  );
}
