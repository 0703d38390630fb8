import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { GitOps } from '../../../src/phases/gitops/gitops';
import { Phase } from '../../../src/phases/phase';
import type { PipelineView } from '../../../src/phases/views';
import { checkedObjects, inferenceServer, pipelineFor, sharedModel } from '../../support/servers';
import { samplePipeline } from './sample-pipelines';

/**
 * A kubectl that keeps its cluster in files: `namespaces` and `jobs/<namespace>/<name>`, whose lines are what
 * the next looks at the Job find (`running`, `complete`, `failed`, `missing`, `error`; the last line stays).
 * A Job that no test put there is made, complete, when its pipeline's phase is applied.
 */
const FAKE_KUBECTL = `#!/bin/sh
for word in "$@"; do printf '[%s]' "$word" >>"$FAKE/calls"; done
echo >>"$FAKE/calls"
[ "$1" = --context ] && shift 2
namespace=
[ "$1" = -n ] && namespace=$2 && shift 2
case "$1 $2" in
  'get namespace')
    [ -f "$FAKE/no-namespace-access" ] && { echo 'Forbidden' >&2; exit 1; }
    grep -qx "$3" "$FAKE/namespaces" && echo "namespace/$3"
    exit 0 ;;
  'create namespace') echo "$3" >>"$FAKE/namespaces"; echo "namespace/$3 created" ;;
  'apply --server-side')
    for folder; do :; done
    [ -d "$folder" ] || { echo "no folder $folder" >&2; exit 1; }
    [ -f "$FAKE/apply-fails" ] && { echo 'connection refused' >&2; exit 1; }
    for file in "$folder"*.job; do
      [ -f "$file" ] || continue
      read -r job_namespace job <"$file"
      mkdir -p "$FAKE/jobs/$job_namespace"
      [ -f "$FAKE/jobs/$job_namespace/$job" ] || echo complete >"$FAKE/jobs/$job_namespace/$job"
    done
    echo "applied" ;;
  'get job')
    file=$FAKE/jobs/$namespace/$3
    case "$*" in *message*) echo 'BackoffLimitExceeded: the hub says 403'; exit 0 ;; esac
    [ -f "$file" ] || exit 0
    state=$(head -n 1 "$file")
    if [ "$(wc -l <"$file")" -gt 1 ]; then tail -n +2 "$file" >"$file.next"; mv "$file.next" "$file"; fi
    case $state in
      running) printf / ;;
      complete) printf True/ ;;
      failed) printf /True ;;
      missing) ;;
      error) echo 'connection refused' >&2; exit 1 ;;
    esac ;;
  'get jobs')
    [ -f "$FAKE/no-list" ] && { echo 'Forbidden' >&2; exit 1; }
    cat "$FAKE/labelled-jobs" 2>/dev/null
    exit 0 ;;
  'get services')
    [ -f "$FAKE/no-services" ] && { echo 'Forbidden' >&2; exit 1; }
    cat "$FAKE/labelled-services" 2>/dev/null
    exit 0 ;;
  'rollout status') [ -f "$FAKE/not-rolled-out" ] && { echo 'error: timed out waiting' >&2; exit 1; }; echo "rolled out" ;;
  'delete service') echo "service \\"$3\\" deleted" ;;
  'delete job') echo "job.batch \\"$3\\" deleted" ;;
  *) case $1 in
    logs) echo '[pod/a] 77 gated repository'; [ -f "$FAKE/no-logs" ] && exit 1; exit 0 ;;
    *) echo "fake kubectl: $*" >&2; exit 3 ;;
  esac ;;
esac
`;

const QWEN = samplePipeline('qwen3-1.7b', 'llm', [Phase.DOWNLOAD, Phase.CONVERT, Phase.SERVE]);
const DOWNLOAD = 'qwen3-1-7b-download-0a1b2c3d';
const CONVERT = 'qwen3-1-7b-convert-0a1b2c3d';
const LLAMA = samplePipeline('llama', 'team-b', [Phase.DOWNLOAD, Phase.SERVE]);

/** With the Service by which the test asks the pods of a version. */
function withTested({ phases, ...pipeline }: PipelineView, name: string): PipelineView {
  const labels = { 'app.kubernetes.io/component': 'verify' };
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'llm', labels } };
  return {
    ...pipeline,
    phases: phases.map((phase) =>
      phase.phase === Phase.VERIFY ? { ...phase, objects: [...phase.objects, service] } : phase,
    ),
  };
}

let folder: string;
let output: string;
let fake: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'apply sh-'));
  output = path.join(folder, 'my dist');
  fake = path.join(folder, 'fake');
  fs.mkdirSync(path.join(fake, 'jobs'), { recursive: true });
  fs.writeFileSync(path.join(fake, 'namespaces'), 'default\n');
  fs.writeFileSync(path.join(fake, 'calls'), '');
  fs.writeFileSync(path.join(fake, 'kubectl'), FAKE_KUBECTL, { mode: 0o755 });
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

/** Writes what a synth writes, with each Job as a file that the fake kubectl understands. */
function write(pipelines: PipelineView[]): void {
  for (const pipeline of pipelines) {
    for (const phase of pipeline.phases) {
      const at = path.join(output, pipeline.name, phase.folder);
      fs.mkdirSync(at, { recursive: true });
      for (const { kind, metadata } of phase.objects) {
        if (kind !== 'Job') continue;
        fs.writeFileSync(path.join(at, `${metadata.name}.job`), `${metadata.namespace} ${metadata.name}\n`);
      }
    }
  }
  for (const file of GitOps.kubectl()._render(pipelines, JSON.stringify)) {
    const at = path.join(output, file.path);
    fs.mkdirSync(path.dirname(at), { recursive: true });
    fs.writeFileSync(at, file.content, { mode: file.executable ? 0o755 : 0o644 });
  }
}

function job(namespace: string, name: string, ...states: string[]): void {
  fs.mkdirSync(path.join(fake, 'jobs', namespace), { recursive: true });
  fs.writeFileSync(path.join(fake, 'jobs', namespace, name), states.join('\n') + '\n');
}

function mark(name: string, content = ''): void {
  fs.writeFileSync(path.join(fake, name), content);
}

function apply(...args: string[]) {
  const run = spawnSync('dash', [path.join(output, 'gitops/kubectl/apply.sh'), '--poll', '0', ...args], {
    encoding: 'utf8',
    cwd: os.tmpdir(),
    input: 'this must not be read\n',
    env: { PATH: `${fake}:${process.env.PATH}`, FAKE: fake },
  });
  return { code: run.status, out: run.stdout, err: run.stderr, calls: calls() };
}

/** The calls of kubectl, one a line, each argument in brackets. */
function calls(): string[] {
  return fs.readFileSync(path.join(fake, 'calls'), 'utf8').trimEnd().split('\n');
}

/** What changed the cluster, in order. */
function changes(): string[] {
  return calls()
    .filter((call) => /\[(apply|create|delete)\]/.test(call))
    .map((call) =>
      call.replace(/\[--(server-side|force-conflicts|field-manager=cdk8s-llm|ignore-not-found)\]/g, ''),
    )
    .map((call) => call.replace(`${output}/`, ''));
}

test('the script runs by itself and the steps name phases and Jobs in order', () => {
  const files = GitOps.kubectl()._render([QWEN, LLAMA], JSON.stringify);
  expect(files.map((file) => [file.path, file.executable ?? false])).toEqual([
    ['gitops/kubectl/apply.sh', true],
    ['gitops/kubectl/steps.txt', false],
  ]);
  expect(files[0].content).toMatch(/^#!\/bin\/sh\n/);
  expect(files[1].content.split('\n').slice(2)).toEqual([
    `qwen3-1.7b llm 10-download llm/${DOWNLOAD}`,
    `qwen3-1.7b llm 30-convert llm/${CONVERT}`,
    'qwen3-1.7b llm 40-serve',
    'llama team-b 10-download team-b/llama-download-0a1b2c3d',
    'llama team-b 40-serve',
    '',
  ]);
});

test('applies phase after phase and waits for the Jobs of each', () => {
  write([QWEN]);
  job('llm', DOWNLOAD, 'running', 'running', 'complete');
  const { code, out, err, calls } = apply();
  expect(err).toBe('');
  expect(code).toBe(0);
  expect(changes()).toEqual([
    '[create][namespace][llm]',
    '[apply][-f][qwen3-1.7b/10-download/]',
    '[apply][-f][qwen3-1.7b/30-convert/]',
    '[apply][-f][qwen3-1.7b/40-serve/]',
  ]);
  const looks = calls.filter((call) => call.includes(`[job][${DOWNLOAD}]`));
  expect(looks).toHaveLength(3);
  const convertApplied = calls.findIndex((call) => call.includes('30-convert'));
  expect(calls.indexOf(looks[2])).toBeLessThan(convertApplied);
  expect(calls.slice(convertApplied).join()).not.toContain(DOWNLOAD);
  expect(out).toContain(`qwen3-1.7b 10-download: Job llm/${DOWNLOAD} is complete\n`);
  expect(out).toMatch(/\ndone\n$/);
});

test('what a smoke test asks is rolled out before: pods of the version before would answer, too', () => {
  const verified = samplePipeline('qwen', 'llm', [Phase.DOWNLOAD, Phase.SERVE, Phase.VERIFY]);
  write([verified]);
  const steps = fs.readFileSync(path.join(output, 'gitops/kubectl/steps.txt'), 'utf8');
  expect(steps).toContain('\nqwen llm 40-serve deployment:llm/qwen-serve\n');

  const dry = apply('--dry-run');
  expect(dry.out).toContain('qwen 40-serve: would wait until deployment llm/qwen-serve is rolled out\n');
  expect(dry.calls.join()).not.toContain('[rollout]');

  mark('not-rolled-out');
  const refused = apply();
  expect(refused.code).toBe(1);
  expect(refused.err).toContain('qwen 40-serve: deployment llm/qwen-serve is not rolled out.');
  expect(changes().at(-1)).toBe('[apply][-f][qwen/40-serve/]');

  fs.rmSync(path.join(fake, 'not-rolled-out'));
  const { code, calls } = apply('--timeout', '600');
  expect(code).toBe(0);
  const rollout = '[-n][llm][rollout][status][deployment/qwen-serve][--timeout=600s]';
  expect(calls.lastIndexOf(rollout)).toBeLessThan(calls.findLastIndex((call) => call.includes('50-verify')));
  expect(calls).toContain(rollout);
});

test('an existing namespace is not created; one that may not be looked up does not stop it', () => {
  write([QWEN]);
  mark('namespaces', 'llm\n');
  expect(apply().code).toBe(0);
  expect(changes().join()).not.toContain('create');
  mark('no-namespace-access');
  const { code, out } = apply();
  expect(code).toBe(0);
  expect(out).toContain('namespace llm: cannot be looked up');
});

test('stops at once when a Job fails, with its reason and log, and applies nothing more', () => {
  const two: PipelineView = {
    ...QWEN,
    phases: [
      {
        ...QWEN.phases[0],
        objects: [
          { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'slow', namespace: 'llm' } },
          ...QWEN.phases[0].objects,
        ],
      },
      ...QWEN.phases.slice(1),
    ],
  };
  write([two]);
  job('llm', 'slow', 'running');
  job('llm', DOWNLOAD, 'running', 'failed');
  const { code, err, calls } = apply();
  expect(code).toBe(1);
  expect(err).toContain(`qwen3-1.7b 10-download: Job llm/${DOWNLOAD} failed`);
  expect(err).toContain('BackoffLimitExceeded: the hub says 403');
  expect(err).toContain('[pod/a] 77 gated repository');
  expect(err).toContain(`kubectl -n llm delete job ${DOWNLOAD}`);
  expect(calls).toContain(
    `[-n][llm][logs][-l][batch.kubernetes.io/job-name=${DOWNLOAD}][--all-containers][--prefix][--tail=20]`,
  );
  expect(changes().at(-1)).toBe('[apply][-f][qwen3-1.7b/10-download/]');
});

test('a failed Job without a log is still reported', () => {
  write([QWEN]);
  mark('no-logs');
  job('llm', DOWNLOAD, 'failed');
  const { code, err } = apply();
  expect(code).toBe(1);
  expect(err).toContain('delete job');
});

test('gives up after the timeout, naming what is not complete', () => {
  write([QWEN]);
  job('llm', CONVERT, 'running');
  const { code, err } = apply('--timeout', '0');
  expect(code).toBe(2);
  expect(err).toBe(
    `qwen3-1.7b 30-convert: not complete after 0 s: llm/${CONVERT}. Run this again to go on waiting\n`,
  );
  expect(changes().join()).not.toContain('40-serve');
});

test('a Job that is gone ends it', () => {
  write([QWEN]);
  job('llm', DOWNLOAD, 'running', 'missing');
  const { code, err } = apply();
  expect(code).toBe(1);
  expect(err).toContain(`Job llm/${DOWNLOAD} is not there`);
});

test('an API server that is away for a moment does not', () => {
  write([QWEN]);
  job('llm', DOWNLOAD, 'error', 'error', 'running', 'complete');
  const { code, err } = apply();
  expect(code).toBe(0);
  expect(err).toContain('cannot be looked at; trying again');
});

test('a phase that cannot be applied ends it', () => {
  write([QWEN]);
  mark('apply-fails');
  const { code, calls } = apply();
  expect(code).not.toBe(0);
  expect(calls.filter((call) => call.includes('[apply]'))).toHaveLength(1);
});

test('run again, it goes on where it was', () => {
  write([QWEN]);
  job('llm', DOWNLOAD, 'failed', 'complete');
  expect(apply().code).toBe(1);
  expect(apply().code).toBe(0);
  expect(changes().at(-1)).toBe('[apply][-f][qwen3-1.7b/40-serve/]');
});

test('deletes old Jobs of the pipeline when all of it is complete, and no others', () => {
  const other = samplePipeline('llama', 'llm', [Phase.DOWNLOAD]);
  write([QWEN, other]);
  // A name that contains a current one, a current one, an old one, and a current one of another pipeline.
  mark(
    'labelled-jobs',
    [`${DOWNLOAD}-x`, DOWNLOAD, 'qwen3-1-7b-download-99999999', 'llama-download-0a1b2c3d']
      .map((name) => `job.batch/${name}\n`)
      .join(''),
  );
  const { code, calls } = apply('qwen3-1.7b');
  expect(code).toBe(0);
  expect(calls).toContain(
    '[-n][llm][get][jobs][-l][app.kubernetes.io/managed-by=cdk8s-llm,' +
      'app.kubernetes.io/part-of=qwen3-1.7b][-o][name]',
  );
  expect(changes().slice(-3)).toEqual([
    '[apply][-f][qwen3-1.7b/40-serve/]',
    `[-n][llm][delete][job][${DOWNLOAD}-x]`,
    '[-n][llm][delete][job][qwen3-1-7b-download-99999999]',
  ]);
});

test('deletes the Services by which tests asked old versions, and no others', () => {
  const verified = withTested(
    samplePipeline('qwen', 'llm', [Phase.SERVE, Phase.VERIFY]),
    'qwen-test-0a1b2c3d',
  );
  write([verified, withTested(samplePipeline('llama', 'llm', [Phase.VERIFY]), 'llama-test-0a1b2c3d')]);
  expect(fs.readFileSync(path.join(output, 'gitops/kubectl/steps.txt'), 'utf8')).toContain(
    '\nqwen llm 50-verify llm/qwen-verify-0a1b2c3d service:llm/qwen-test-0a1b2c3d\n',
  );
  // A Job of the name of a Service is another object.
  const services = ['qwen-test-0a1b2c3d', 'qwen-test-99999999', 'qwen-verify-0a1b2c3d'];
  mark('labelled-services', services.map((name) => `service/${name}\n`).join(''));

  const dry = apply('--dry-run', 'qwen');
  expect(dry.out).toContain('qwen: old Service llm/qwen-test-99999999 would be deleted\n');
  expect(changes()).toEqual([]);

  const { code, out, calls } = apply('qwen');
  expect(code).toBe(0);
  expect(calls).toContain(
    '[-n][llm][get][services][-l][app.kubernetes.io/managed-by=cdk8s-llm,' +
      'app.kubernetes.io/part-of=qwen,app.kubernetes.io/component=verify][-o][name]',
  );
  expect(changes().slice(-3)).toEqual([
    '[apply][-f][qwen/50-verify/]',
    '[-n][llm][delete][service][qwen-test-99999999]',
    '[-n][llm][delete][service][qwen-verify-0a1b2c3d]',
  ]);
  expect(out).not.toContain('service llm/');

  mark('no-services');
  expect(apply('qwen')).toMatchObject({
    code: 1,
    err: expect.stringContaining('its old Services cannot be looked up') as string,
  });
});

test('the Service of a smoke test is one that apply.sh knows', () => {
  const pipeline = pipelineFor();
  inferenceServer(pipeline.serve, { model: sharedModel(pipeline), smokeTest: {} });
  const objects = checkedObjects(pipeline);
  const [, steps] = GitOps.kubectl()._render(
    [{ name: 'qwen', namespace: 'llm', phases: [{ phase: Phase.VERIFY, folder: '50-verify', objects }] }],
    JSON.stringify,
  );
  expect(steps.content.match(/ service:llm\S+/g)).toEqual([
    expect.stringMatching(/^ service:llm\/qwen-chat-smoke-test-[0-9a-f]{8}$/),
  ]);
});

test('keeps old Jobs when a new one fails', () => {
  write([QWEN]);
  mark('labelled-jobs', 'job.batch/qwen3-1-7b-download-99999999\n');
  job('llm', CONVERT, 'failed');
  expect(apply().code).toBe(1);
  expect(changes().join()).not.toContain('delete');
});

test('says so when old Jobs cannot be looked up', () => {
  write([QWEN]);
  mark('no-list');
  const { code, err } = apply();
  expect(code).toBe(1);
  expect(err).toContain('all phases are applied, but its old Jobs cannot be looked up');
});

test('--dry-run changes nothing and tells what would be done', () => {
  write([QWEN]);
  mark('labelled-jobs', `job.batch/${DOWNLOAD}\njob.batch/old\n`);
  const { code, out } = apply('--dry-run');
  expect(code).toBe(0);
  expect(changes()).toEqual([]);
  expect(out).toBe(
    `namespace llm: would be created
qwen3-1.7b 10-download: would be applied
qwen3-1.7b 10-download: would wait for Job llm/${DOWNLOAD}
qwen3-1.7b 30-convert: would be applied
qwen3-1.7b 30-convert: would wait for Job llm/${CONVERT}
qwen3-1.7b 40-serve: would be applied
qwen3-1.7b: old Job llm/old would be deleted
done
`,
  );
});

test('--dry-run needs no cluster', () => {
  write([QWEN]);
  mark('no-namespace-access');
  mark('no-list');
  expect(apply('--dry-run').code).toBe(0);
});

test('applies the named pipelines alone, in the order of the steps', () => {
  write([QWEN, LLAMA, samplePipeline('llama-2', 'team-b', [Phase.SERVE])]);
  expect(apply('llama').code).toBe(0);
  expect(changes()).toEqual([
    '[create][namespace][team-b]',
    '[apply][-f][llama/10-download/]',
    '[apply][-f][llama/40-serve/]',
  ]);
  mark('calls');
  expect(apply('llama-2', 'qwen3-1.7b').code).toBe(0);
  expect(changes().filter((call) => call.startsWith('[apply]'))).toEqual([
    '[apply][-f][qwen3-1.7b/10-download/]',
    '[apply][-f][qwen3-1.7b/30-convert/]',
    '[apply][-f][qwen3-1.7b/40-serve/]',
    '[apply][-f][llama-2/40-serve/]',
  ]);
});

test('hands the context to every call, whatever is in its name', () => {
  write([QWEN]);
  const { code, calls } = apply('--context', 'my $(touch "x") *context');
  expect(code).toBe(0);
  for (const call of calls) expect(call).toMatch(/^\[--context\]\[my \$\(touch "x"\) \*context\]/);
});

test('KUBECTL names another kubectl', () => {
  write([QWEN]);
  const other = path.join(folder, 'other kubectl');
  fs.copyFileSync(path.join(fake, 'kubectl'), other);
  fs.rmSync(path.join(fake, 'kubectl'));
  const run = spawnSync('dash', [path.join(output, 'gitops/kubectl/apply.sh')], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', FAKE: fake, KUBECTL: other },
  });
  expect(run.stderr).toBe('');
  expect(run.status).toBe(0);
});

test('nothing to apply is not an error', () => {
  write([]);
  expect(apply()).toMatchObject({ code: 0, out: 'done\n', err: '' });
});

test('--help explains itself', () => {
  write([QWEN]);
  const { code, out } = apply('--help');
  expect(code).toBe(0);
  for (const option of ['--dry-run', '--timeout', '--poll', '--context', 'KUBECTL', 'Exit codes']) {
    expect(out).toContain(option);
  }
});

test.each([
  [['nope'], "there is no pipeline 'nope'"],
  [['#'], "there is no pipeline '#'"],
  [['--frob'], "unknown option '--frob'"],
  [['--timeout'], '--timeout takes a value'],
  [['--timeout', '5m'], "--timeout takes whole seconds, not '5m'"],
  [['--timeout', '010'], "--timeout takes whole seconds, not '010'"],
  [['--timeout', ''], "--timeout takes whole seconds, not ''"],
])('wrong usage %j: 64, and nothing is done', (args, message) => {
  write([QWEN]);
  const { code, err, calls } = apply(...args);
  expect(code).toBe(64);
  expect(err).toContain(message);
  expect(calls).toEqual(['']);
});
