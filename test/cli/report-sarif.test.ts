import Ajv from 'ajv';
import * as path from 'node:path';
import { packageVersion } from '../../src/cli/version';
import { Untyped } from '../support/objects';
import { folderWith, runCli } from './run-cli';

/**
 * What SARIF 2.1.0 says of the properties that we write, and nothing else: sections 3.13 (log), 3.14 (run), 3.19
 * (driver), 3.49 (rule), 3.27 (result), 3.29 and 3.30 (place), 3.33 (logical location) of
 * https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; all are required here that GitHub asks for.
 */
const closed = (properties: Record<string, object>, optional: string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});
const text = { type: 'string', minLength: 1 };
const message = closed({ text: { ...text, maxLength: 1024 } });
const position = { type: 'integer', minimum: 1 };
const level = { enum: ['none', 'note', 'warning', 'error'] };
const list = (items: object) => ({ type: 'array', items });

const SARIF = closed({
  $schema: { type: 'string', pattern: '^https://docs\\.oasis-open\\.org/.*sarif-schema-2\\.1\\.0\\.json$' },
  version: { const: '2.1.0' },
  runs: {
    type: 'array',
    minItems: 1,
    maxItems: 1,
    items: closed({
      tool: closed({
        driver: closed({
          name: text,
          semanticVersion: { type: 'string', pattern: '^\\d+\\.\\d+\\.\\d+$' },
          informationUri: { type: 'string', pattern: '^https://' },
          rules: list(
            closed({
              id: { ...text, maxLength: 255 },
              shortDescription: message,
              fullDescription: message,
              help: message,
              defaultConfiguration: closed({ level }),
            }),
          ),
        }),
      }),
      columnKind: { enum: ['utf16CodeUnits', 'unicodeCodePoints'] },
      results: list(
        closed({
          ruleId: text,
          ruleIndex: { type: 'integer', minimum: 0 },
          level,
          message: closed({ text }),
          locations: {
            type: 'array',
            minItems: 1,
            maxItems: 1,
            items: closed(
              {
                physicalLocation: closed({
                  artifactLocation: closed(
                    // A reference by RFC 3986: no blank, no backslash.
                    {
                      uri: { type: 'string', pattern: "^[A-Za-z0-9._~:/%!$&'()*+,;=@-]+$" },
                      uriBaseId: text,
                    },
                    ['uriBaseId'],
                  ),
                  region: closed({
                    startLine: position,
                    startColumn: position,
                    endLine: position,
                    endColumn: position,
                  }),
                }),
                logicalLocations: list(closed({ fullyQualifiedName: text, kind: { const: 'resource' } })),
              },
              ['logicalLocations'],
            ),
          },
          partialFingerprints: {
            type: 'object',
            minProperties: 1,
            additionalProperties: { type: 'string', pattern: '^[0-9a-f]{32}$' },
          },
        }),
      ),
    }),
  },
});

const validate = new Ajv({ strict: true, allErrors: true }).compile(SARIF);

async function sarif(cwd: string, ...files: string[]) {
  const { code, stdout } = await runCli(['check', ...files, '--format', 'sarif'], { cwd });
  const log = JSON.parse(stdout);
  validate(log);
  expect(validate.errors ?? []).toEqual([]);
  return { code, run: log.runs[0] };
}

const JOB = (name: string) => `apiVersion: batch/v1
kind: Job
metadata: { name: ${name}, namespace: llm }
spec:
  template:
    spec:
      containers: [{ name: a, image: "registry.example.com/a" }]
`;

test('it fits what the standard says and what code scanning asks for', async () => {
  const cwd = folderWith({ 'my files/a.yaml': JOB('job'), 'b.yaml': 'a: [\n' });
  const { code, run } = await sarif(cwd, '.');
  expect(code).toBe(1);
  expect(run.tool.driver).toMatchObject({ name: 'cdk8s-llm', semanticVersion: packageVersion() });
  expect(run.results.length).toBeGreaterThan(2);
  for (const { ruleId, ruleIndex } of run.results) expect(run.tool.driver.rules[ruleIndex].id).toBe(ruleId);
  const of = (uri: string) =>
    run.results.filter(
      (result: Untyped) => result.locations[0].physicalLocation.artifactLocation.uri === uri,
    );
  expect(of('my%20files/a.yaml').length).toBeGreaterThan(1);
  expect(of('b.yaml')).toHaveLength(1);
  const [first] = of('my%20files/a.yaml');
  expect(first.message.text).toMatch(/^Job llm\/job: /);
  expect(first.locations[0].logicalLocations[0].fullyQualifiedName).toMatch(/^Job llm\/job/);
});

test('nothing found is a run without results', async () => {
  const configMap = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: llm }\n';
  const cwd = folderWith({ 'a.yaml': configMap });
  const { stdout } = await runCli(['check', '.', '--format=sarif', '--foreign-rules=essential'], { cwd });
  const log = JSON.parse(stdout);
  expect(validate(log)).toBe(true);
  expect(log.runs[0].results).toEqual([]);
});

test('a file outside of the working folder, and standard input, have an address too', async () => {
  const cwd = folderWith({ 'in/x.txt': '', 'a.yaml': 'a: [\n' });
  const { run } = await sarif(path.join(cwd, 'in'), '../a.yaml');
  expect(run.results[0].locations[0].physicalLocation.artifactLocation.uri).toMatch(
    /^file:\/\/\/.*\/a\.yaml$/,
  );
  const { run: second } = await sarif(cwd, '-', 'a.yaml');
  expect(second.results).toHaveLength(1);
});

test('a finding is the same when lines come before it and when the hash of a name changes', async () => {
  const fingerprints = async (yaml: string) => {
    const { run } = await sarif(folderWith({ 'a.yaml': yaml }), '.');
    return run.results
      .filter(({ message: { text: said } }: Untyped) => !said.includes('its name'))
      .map(({ partialFingerprints }: Untyped) => Object.values(partialFingerprints)[0]);
  };
  const [one, other] = [
    await fingerprints(JOB('a-00112233')),
    await fingerprints(`# new\n\n${JOB('a-44556677')}`),
  ];
  expect(new Set(one).size).toBe(one.length);
  expect(other).toEqual(one);
});
