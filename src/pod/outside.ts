import type { ResolvedOutsideOptions } from './job-options';

const CA_FOLDER = '/etc/cdk8s-llm/ca';
const CA_FILE = `${CA_FOLDER}/ca.crt`;

type Options = Pick<ResolvedOutsideOptions, 'httpsProxy' | 'httpProxy' | 'noProxy' | 'caConfigMap'>;

/** What is never behind a proxy: the cluster, and where clouds hand out a pod's or a node's identity. */
const DIRECT = [
  'localhost',
  '127.0.0.1',
  '.svc',
  '.cluster.local',
  '169.254.169.254',
  '169.254.170.23',
  'metadata.google.internal',
];

/**
 * Each tool looks for its certificate authorities in a variable of its own: OpenSSL, Python and Go (rclone, azcopy,
 * crane); pip; Python's requests (`hf`, MLflow); curl; the AWS command line and boto3; git.
 */
const CA_VARIABLES = [
  'SSL_CERT_FILE',
  'PIP_CERT',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'AWS_CA_BUNDLE',
  'GIT_SSL_CAINFO',
];

/** By which environment programs find the proxy and the certificate authorities. */
export function outsideEnv({
  httpsProxy,
  httpProxy,
  noProxy,
  caConfigMap,
}: Options): Record<string, unknown>[] {
  return [
    ...(httpsProxy ? bothCases('HTTPS_PROXY', httpsProxy) : []),
    ...(httpProxy ? bothCases('HTTP_PROXY', httpProxy) : []),
    ...(httpsProxy || httpProxy ? bothCases('NO_PROXY', [...DIRECT, ...noProxy].join(',')) : []),
    ...(caConfigMap ? CA_VARIABLES.map((name) => ({ name, value: CA_FILE })) : []),
  ];
}

/** curl knows http_proxy in lower case alone, and wget all three; others know the upper case alone. */
function bothCases(name: string, value: string): Record<string, unknown>[] {
  return [
    { name, value },
    { name: name.toLowerCase(), value },
  ];
}

export function outsideMounts({ caConfigMap }: Options): Record<string, unknown>[] {
  return caConfigMap ? [{ name: 'ca', mountPath: CA_FOLDER, readOnly: true }] : [];
}

export function outsideVolumes({ caConfigMap }: Options): Record<string, unknown>[] {
  return caConfigMap
    ? [{ name: 'ca', configMap: { name: caConfigMap, items: [{ key: 'ca.crt', path: 'ca.crt' }] } }]
    : [];
}
