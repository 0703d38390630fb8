// What moves files: our program and its peers. Each makes the commands of one move, which run one after the other.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMMIT } from './files.mjs';
import { ACCESS_KEY, BUCKET, REGION, SECRET_KEY } from './s3.mjs';

const RUNTIME = fileURLToPath(new URL('../../src/runtime', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));

/** What the download Job gives the program when nothing else is asked for. */
export const WORKERS = 8;
export const CHUNK_MIB = 8;

const PYTHON_PEERS =
  'run test/doubles/install-peers.sh FOLDER and set CDK8S_LLM_PEER_PYTHON to what it prints';

/**
 * The tools of this machine by name, each `{name, commands(move)}` or `{name, missing}`, which says how to get it.
 * A move is `{hub, s3, set, files, folder, prefix, source}`: the two endpoints, the name of the set and its files,
 * the folder or else the prefix to move to, the prefix to move from where that is S3.
 *
 * @param work - a folder for what they need
 */
export function findTools(work) {
  const peer = peerPython();
  const python = peer ?? pythonItself('python3');
  const aws = ['/usr/bin/aws', 'aws'].find((candidate) => /^aws-cli\/2/.test(output(candidate, '--version')));
  const curl = output('curl', '--version') && 'curl';
  const program = mounted(work);
  const tool = (name, commands) => ({ name, commands });
  const withPeers = (name, commands) => (peer ? { name, commands } : { name, missing: PYTHON_PEERS });
  const withAws = (name, commands) =>
    aws
      ? { name, commands }
      : { name, missing: 'install the AWS command line, version 2 (apt-get install awscli)' };
  const withCurl = (name, commands) => (curl ? { name, commands } : { name, missing: 'install curl' });
  const snapshot = (workers) => (move) => [
    [peer, join(HERE, 'snapshot.py'), `bench/${move.set}`, COMMIT, move.folder, String(workers)],
  ];
  const staged = (move) => ({ ...move, folder: join(work, 'staged') });
  const ours = (workers = WORKERS, chunk = CHUNK_MIB) =>
    tool(`ours, ${workers} x ${chunk} MiB`, (move) => [
      [
        python,
        '-B',
        join(program, 'fetch.py'),
        ...fetchArguments(move),
        `--workers=${workers}`,
        `--chunk-mib=${chunk}`,
      ],
    ]);
  const hf = withPeers('hf, 8 workers', snapshot(8));
  const awsCopy = (...args) => [aws, 's3', 'cp', '--recursive', '--only-show-errors', ...args];
  return {
    python,
    ours,
    hf,
    curl: withCurl('curl (the floor: it verifies nothing)', (move) => [curlGet(work, move)]),
    koldun: (concurrency, memory) =>
      withPeers(`Koldun's way, ${concurrency} at once`, (move) => [
        [
          peer,
          join(HERE, 'koldun.py'),
          `bench/${move.set}`,
          move.s3,
          BUCKET,
          move.prefix,
          concurrency,
          memory,
        ].map(String),
      ]),
    hfThenAws: hf.missing
      ? { ...hf, name: 'hf, then aws s3 cp' }
      : withAws('hf, then aws s3 cp', (move) => [
          ...hf.commands(staged(move)),
          [
            ...awsCopy('--endpoint-url', move.s3, '--exclude', '.cache/*'),
            ...[staged(move).folder, `s3://${BUCKET}/${move.prefix}`],
          ],
        ]),
    curlThenCurl: withCurl('curl, then curl -T (the floor: it verifies nothing)', (move) => [
      curlGet(work, staged(move)),
      curlPut(work, staged(move)),
    ]),
    boto3: withPeers('boto3 download_file', (move) => [
      [peer, join(HERE, 'boto3_download.py'), move.s3, BUCKET, move.source, move.folder],
    ]),
    aws: withAws('aws s3 cp', (move) => [
      awsCopy('--endpoint-url', move.s3, `s3://${BUCKET}/${move.source}`, move.folder),
    ]),
    curlS3: withCurl('curl (the floor: it verifies nothing)', (move) => [curlGetS3(work, move)]),
    versions: [
      `Python ${output(python, '-c', 'import platform; print(platform.python_version())')}`,
      ...(peer ? [output(peer, '-c', VERSIONS)] : []),
      ...(aws ? [output(aws, '--version').split(' ')[0].replace('/', ' ')] : []),
      ...(curl ? [output(curl, '--version').split(' ').slice(0, 2).join(' ')] : []),
    ],
  };
}

const VERSIONS =
  'import huggingface_hub as h, boto3 as b, requests as r; ' +
  'print(f"huggingface_hub {h.__version__}, boto3 {b.__version__}, requests {r.__version__}")';

/** The environment of every tool; `certificate` is the authority's of a bench with TLS. */
export function environment(work, hub, certificate) {
  const config = join(work, 'aws-config');
  // By default the command line would look for the bucket at bench.localhost.
  writeFileSync(config, '[default]\ns3 =\n  addressing_style = path\n');
  const keys = { AWS_ACCESS_KEY_ID: ACCESS_KEY, AWS_SECRET_ACCESS_KEY: SECRET_KEY };
  return {
    ...{ PATH: process.env.PATH, HOME: work, LANG: 'C.UTF-8', TERMINATION_LOG: join(work, 'result.json') },
    ...keys,
    ...Object.fromEntries(Object.entries(keys).map(([name, value]) => [`SOURCE_${name}`, value])),
    ...{ AWS_DEFAULT_REGION: REGION, AWS_CONFIG_FILE: config, AWS_EC2_METADATA_DISABLED: 'true' },
    ...{
      HF_ENDPOINT: hub,
      HF_HOME: join(work, 'hf'),
      HF_HUB_DISABLE_XET: '1',
      HF_HUB_DISABLE_TELEMETRY: '1',
    },
    ...{ HF_HUB_DISABLE_UPDATE_CHECK: '1', HF_HUB_DISABLE_PROGRESS_BARS: '1' },
    ...(certificate
      ? Object.fromEntries(
          ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'AWS_CA_BUNDLE', 'CURL_CA_BUNDLE'].map((name) => [
            name,
            certificate,
          ]),
        )
      : {}),
  };
}

/** The program as a pod sees it: modules in one folder that cannot be written to, compiled at each start. */
function mounted(work) {
  const folder = join(work, 'program');
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(RUNTIME).filter((file) => file.endsWith('.py'))) {
    copyFileSync(join(RUNTIME, name), join(folder, name));
  }
  return folder;
}

function fetchArguments({ hub, s3, set, sums, folder, prefix, source }) {
  const from = source
    ? [
        ...['s3', `--source-endpoint=${s3}`, `--source-bucket=${BUCKET}`, `--source-prefix=${source}`],
        ...['--manifest=SHA256SUMS', `--manifest-sha256=${sums}`],
      ]
    : ['huggingface', `--endpoint=${hub}`, `--repo=bench/${set}`, `--revision=${COMMIT}`];
  const to = folder
    ? [`--dir=${folder}`]
    : [`--s3-endpoint=${s3}`, `--bucket=${BUCKET}`, `--prefix=${prefix}`];
  return [...from, '--key=bench', ...to];
}

function curlGet(work, { hub, set, files, folder }) {
  const pairs = files.map(
    ({ path }) => `url = "${hub}/bench/${set}/resolve/${COMMIT}/${path}"\noutput = "${folder}/${path}"\n`,
  );
  return curlCommand(work, ['location', 'create-dirs'], pairs);
}

function curlGetS3(work, { s3, source, files, folder }) {
  const pairs = files.map(
    ({ path }) => `url = "${s3}/${BUCKET}/${source}${path}"\noutput = "${folder}/${path}"\n`,
  );
  return curlCommand(work, ['create-dirs', ...SIGNED], pairs);
}

function curlPut(work, { s3, prefix, files, folder }) {
  const pairs = files.map(
    ({ path }) => `upload-file = "${folder}/${path}"\nurl = "${s3}/${BUCKET}/${prefix}${path}"\n`,
  );
  return curlCommand(work, SIGNED, pairs);
}

const SIGNED = [
  `aws-sigv4 = "aws:amz:${REGION}:s3"`,
  `user = "${ACCESS_KEY}:${SECRET_KEY}"`,
  'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"',
];

let curlConfigs = 0;

function curlCommand(work, options, pairs) {
  const config = join(work, `curl-${curlConfigs++}`);
  writeFileSync(config, ['silent', 'show-error', 'fail', ...options, ''].join('\n') + pairs.join(''));
  return ['curl', '--parallel', '--parallel-max', '8', '--config', config];
}

function peerPython() {
  const named = process.env.CDK8S_LLM_PEER_PYTHON;
  const candidates = [...(named ? [named] : []), 'python3', '/usr/bin/python3'];
  const found = candidates.find((candidate) => output(candidate, '-c', VERSIONS));
  return found && (existsSync(found) ? found : pythonItself(found));
}

/** Where a command is a script that chooses among versions, that script would be measured too. */
function pythonItself(command) {
  return output(command, '-c', 'import sys; print(sys.executable)');
}

function output(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
