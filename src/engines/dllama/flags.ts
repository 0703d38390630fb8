import { DllamaVersion } from './version';

/** Who reads a flag: `dllama-api` (the root) or `dllama worker`. @internal */
export type FlagRole = 'root' | 'worker';

/** What a flag takes. @internal */
export interface DllamaFlag {
  readonly name: string;
  /** What its value must look like. */
  readonly pattern: RegExp;
  /** The same, said to a person. */
  readonly value: string;
  readonly roles: readonly FlagRole[];
  /** The first release that has it, where there were releases without. */
  readonly since?: DllamaVersion;
  /** The property of the topology that sets it; such a flag cannot be given as an extra argument. */
  readonly setBy?: string;
  /** Why it is of no use here. */
  readonly useless?: string;
}

const WHOLE = /^\d+$/;
const NUMBER = /^\d+(\.\d+)?$/;
const ANY = /^.+$/;

/**
 * Every flag that the parser of v0.16.4 knows; any other ends the process.
 *
 * @internal
 */
export const DLLAMA_FLAGS: readonly DllamaFlag[] = [
  { name: '--model', pattern: ANY, value: 'a path', roles: ['root'], setBy: 'model' },
  { name: '--tokenizer', pattern: ANY, value: 'a path', roles: ['root'], setBy: 'model' },
  {
    name: '--buffer-float-type',
    pattern: /^(f32|q80)$/,
    value: 'f32 or q80',
    roles: ['root'],
    setBy: 'weights',
  },
  { name: '--max-seq-len', pattern: WHOLE, value: 'a whole number', roles: ['root'], setBy: 'maxSeqLen' },
  { name: '--workers', pattern: ANY, value: 'host:port ...', roles: ['root'], setBy: 'workers' },
  {
    name: '--nthreads',
    pattern: WHOLE,
    value: 'a whole number',
    roles: ['root', 'worker'],
    setBy: 'threads',
  },
  {
    name: '--host',
    pattern: ANY,
    value: 'an IPv4 address',
    roles: ['root', 'worker'],
    since: [0, 16, 4],
    setBy: 'host',
  },
  { name: '--port', pattern: WHOLE, value: 'a whole number', roles: ['root', 'worker'], setBy: 'port' },
  { name: '--net-turbo', pattern: /^[01]$/, value: '0 or 1', roles: ['root', 'worker'], setBy: 'netTurbo' },
  {
    name: '--chat-template',
    pattern: /^(llama2|llama3|deepSeek3)$/,
    value: 'llama2, llama3 or deepSeek3',
    roles: ['root'],
    setBy: 'chatTemplate',
  },
  { name: '--temperature', pattern: NUMBER, value: 'a number from 0', roles: ['root'] },
  { name: '--topp', pattern: NUMBER, value: 'a number from 0', roles: ['root'] },
  { name: '--seed', pattern: WHOLE, value: 'a whole number', roles: ['root'] },
  { name: '--gpu-index', pattern: WHOLE, value: 'a whole number', roles: ['root', 'worker'] },
  {
    name: '--gpu-segments',
    pattern: /^\d+:\d+$/,
    value: 'from:to, both whole numbers',
    roles: ['root', 'worker'],
  },
  { name: '--prompt', pattern: ANY, value: 'text', roles: [], useless: 'requests bring their own prompts' },
  {
    name: '--steps',
    pattern: WHOLE,
    value: 'a whole number',
    roles: [],
    useless: 'requests bring max_tokens',
  },
];
