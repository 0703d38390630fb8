import * as fs from 'node:fs';
import * as path from 'node:path';
import { blocks, program } from './documents';
import { REPOSITORY } from './folders';

/** The README of this repository. */
export const README = fs.readFileSync(path.join(REPOSITORY, 'README.md'), 'utf8');

/** Its example. */
export const README_PROGRAM = program(blocks(README, 'ts').join('\n'));
