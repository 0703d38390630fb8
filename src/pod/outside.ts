import { ResolvedJobOptions } from './job-options';

const CA_FOLDER = '/etc/cdk8s-llm/ca';
const CA_FILE = `${CA_FOLDER}/ca.crt`;

type Options = Pick<ResolvedJobOptions, 'httpsProxy' | 'caConfigMap'>;

/** By which environment Python and pip find the proxy and the certificate authorities. */
export function outsideEnv({ httpsProxy, caConfigMap }: Options): Record<string, unknown>[] {
  return [
    ...(httpsProxy
      ? [
          { name: 'HTTPS_PROXY', value: httpsProxy },
          { name: 'NO_PROXY', value: 'localhost,127.0.0.1,.svc,.cluster.local' },
        ]
      : []),
    ...(caConfigMap
      ? [
          { name: 'SSL_CERT_FILE', value: CA_FILE },
          { name: 'PIP_CERT', value: CA_FILE },
        ]
      : []),
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
