import * as fs from 'node:fs';
import * as path from 'node:path';

/** The version of this package: from its package.json, above the source as above what is compiled from it. @internal */
export function packageVersion(): string {
  for (let folder = __dirname; ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json');
    if (!fs.existsSync(file)) continue;
    const { name, version } = JSON.parse(fs.readFileSync(file, 'utf8')) as { name: string; version: string };
    if (name === 'cdk8s-llm') return version;
  }
}
