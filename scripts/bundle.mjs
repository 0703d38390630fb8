// Puts the compiled modules of each folder below src/ into one file, lib/modules/<folder>.js: at each start Node takes
// longer to find, read and compile 250 small files than to make a pipeline of what is in them.
//
// A module stays what it was: a function that runs when the module is first required. What nobody asks for does not
// run, and a folder that nobody asks anything of is not read. Only the text of `require`s of our own modules changes.
// Below lib/src and lib/imports remain the declarations, the entries, and what is read at run time.
//
// No bundler does this for CommonJS: esbuild's code splitting is for ES modules alone, Rollup's makes one scope of many
// modules and renames classes that errors name. One bundle for both entries would be read whole by each program.
//
// Source maps, which the compiler writes into each module, are left out. They are longer than the code, and lead to
// src/, which is not in the package; the code has the names and comments of its source.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, posix as path } from 'node:path';

/** What package.json names. These stay where they are. */
const ENTRIES = ['src/index.js', 'src/cli/main.js'];

/** The folder of the bundles in lib/. */
const FOLDER = 'modules';

const LOADER = `'use strict';
const path = require('node:path');
const library = path.dirname(__dirname);
const loaded = new Map();

/** What a module exports. It runs when it is first asked for. */
module.exports = function load(bundle, file) {
  let module = loaded.get(file);
  if (!module) {
    module = { exports: {} };
    loaded.set(file, module);
    require(\`./\${bundle}.js\`)[file](module.exports, module, path.join(library, path.dirname(file)));
  }
  return module.exports;
};
`;

/**
 * @param lib the folder that the compiler wrote to
 * @param compiled the modules that it wrote, from there
 */
export function bundle(lib, compiled) {
  const modules = new Set(compiled.filter((file) => !ENTRIES.includes(file)).sort());
  mkdirSync(join(lib, FOLDER));
  writeFileSync(join(lib, FOLDER, 'load.js'), LOADER);
  for (const name of new Set([...modules].map(bundleOf))) {
    const functions = [...modules].filter((file) => bundleOf(file) === name).map(functionOf);
    const text = `'use strict';\nconst __load = require('./load.js');\nmodule.exports = {\n${functions.join('')}};\n`;
    writeFileSync(join(lib, FOLDER, `${name}.js`), text);
  }
  for (const entry of ENTRIES) {
    const folder = path.dirname(entry);
    writeFileSync(
      join(lib, entry),
      codeOf(entry, folder, `require('${path.relative(folder, FOLDER)}/load.js')`),
    );
  }
  for (const file of modules) rmSync(join(lib, file));

  function functionOf(file) {
    return `${JSON.stringify(file)}(exports, module, __dirname) {\n${codeOf(file, FOLDER, '__load')}},\n`;
  }

  /** The code of a module for another folder of lib/, where the loader is called by that expression. */
  function codeOf(file, folder, load) {
    const { resolve } = createRequire(join(lib, file));
    return readFileSync(join(lib, file), 'utf8')
      .replace(/^\/\/# sourceMappingURL=.*\n?/m, '')
      .replace(/\brequire\((["'`])(\.[^"'`]+)\1\)/g, (_, quote, id) => {
        // Which file `${file}.js` means is known at run time only.
        const required = id.includes('${')
          ? path.join(path.dirname(file), id)
          : path.relative(lib, resolve(id));
        if (!modules.has(required)) return `require(${quote}${path.relative(folder, required)}${quote})`;
        return `${load}(${JSON.stringify(bundleOf(required))}, ${JSON.stringify(required)})`;
      });
  }
}

/** The name of the bundle of a module: that of its folder below src/, or imports. */
function bundleOf(file) {
  const [top, folder] = file.split('/');
  return top === 'src' ? folder : top;
}
