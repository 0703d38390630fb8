import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { REPOSITORY, temporaryFolder } from './folders';

/** The texts of all fenced blocks of a language. */
export function blocks(document: string, language: string): string[] {
  return [...document.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    ([, text]) => text,
  );
}

/** The program of a block, as one that imports this repository's source. */
export function program(block: string): string {
  return block.replace("'cdk8s-llm'", JSON.stringify(path.join(REPOSITORY, 'src')));
}

/** A project in a folder of the test, with what is installed here. */
export function projectWith(files: Record<string, string>): string {
  const project = temporaryFolder();
  for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(project, file), text);
  fs.symlinkSync(path.join(REPOSITORY, 'node_modules'), path.join(project, 'node_modules'));
  return project;
}

/** Type errors of programs, or nothing. */
export function typeErrors(programs: Record<string, string>): string {
  const compilerOptions = {
    ...{ module: 'node16', moduleResolution: 'node16', target: 'es2022', lib: ['es2023'], types: ['node'] },
    ...{ strict: true, noEmit: true, skipLibCheck: true, esModuleInterop: true },
  };
  const project = projectWith({
    ...programs,
    'tsconfig.json': JSON.stringify({ compilerOptions, files: Object.keys(programs) }),
  });
  try {
    const tsc = path.join(REPOSITORY, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc], { cwd: project, stdio: 'pipe', encoding: 'utf8' });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** Runs a program of a project; returns the folder that it synthesized into. */
export function synthesize(project: string, file: string): string {
  const outdir = path.join(project, 'dist');
  const tsx = path.join(REPOSITORY, 'node_modules/.bin/tsx');
  const env = { ...process.env, CDK8S_OUTDIR: outdir };
  execFileSync(process.execPath, [tsx, file], { cwd: project, env, stdio: 'pipe' });
  return outdir;
}

/** The files of the repository that a document links to and that are not there. */
export function deadLinks(document: string, folder = REPOSITORY): string[] {
  const links = [...document.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => target);
  return links.filter((target) => !fs.existsSync(path.join(folder, target)));
}
