import { OpenAiDouble } from '../../doubles/openai';
import { Outcome, Run, RunOptions, start } from '../artifact/program';

/** What the program leaves as termination message. */
export interface SmokeResult {
  readonly model?: string;
  readonly answer?: string;
  readonly tokens?: number;
  readonly timeToFirstToken?: number;
  readonly tokensPerSecond?: number;
  readonly error?: string;
  readonly code?: number;
  readonly retryable?: boolean;
  readonly dimensions?: number;
  readonly best?: number;
  readonly revision?: string;
}

export interface Test {
  readonly code: number | null;
  readonly result: SmokeResult;
  readonly log: string;
}

/** A double for each test. */
export function doubleForTests(): { readonly server: OpenAiDouble } {
  const held: { server: OpenAiDouble } = { server: new OpenAiDouble() };
  beforeEach(async () => {
    held.server = new OpenAiDouble();
    await held.server.listen();
  });
  afterEach(() => held.server.stop());
  return held;
}

/** Starts the program, which waits as shortly as it can. */
export function begin(
  endpoint: string,
  args: string[] = [],
  env: Record<string, string> = {},
  options: RunOptions = {},
): Run {
  return start(['smoke_test.py', `--endpoint=${endpoint}`, '--every=1', '--attempts=2', ...args], {
    env,
    ...options,
  });
}

export async function ask(
  server: OpenAiDouble,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<Test> {
  return outcome(await begin(server.endpoint, args, env).ended);
}

export function outcome({ code, result, log }: Outcome): Test {
  return { code, result: result, log };
}

/** Waits until a program that runs has written something. */
export async function says({ child }: Run, text: RegExp): Promise<void> {
  let log = '';
  await new Promise<void>((done) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (text.test(log)) done();
    });
    child.on('close', () => done());
  });
  expect(log).toMatch(text);
}
