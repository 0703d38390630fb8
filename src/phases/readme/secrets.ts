import { ANNOTATION } from '../../pod/metadata';
import type { Entry, Pod } from '../../validation/object-set';
import { code, list, table, text } from './markdown';
import { entryText, type PipelineModel } from './pipeline-model';

/** A Secret that objects name. */
interface SecretUse {
  readonly namespace: string;
  readonly name: string;
  readonly keys: Set<string>;
  /** Keys that may be missing. */
  readonly optionalKeys: Set<string>;
  readonly purposes: Set<string>;
  readonly users: Set<Entry>;
  /** Whether a user cannot do without it. */
  required: boolean;
}

interface SecretRef {
  readonly name?: string;
  readonly namespace?: string;
  readonly key?: string;
  readonly optional?: boolean;
}

interface EnvironmentSource {
  readonly env?: { valueFrom?: { secretKeyRef?: SecretRef } }[];
  readonly envFrom?: { secretRef?: SecretRef }[];
}

interface SecretSource {
  readonly secretName?: string;
  readonly name?: string;
  readonly optional?: boolean;
  readonly items?: { key: string }[];
}

interface VolumeSource {
  readonly secret?: SecretSource;
  readonly projected?: { sources?: { secret?: SecretSource }[] };
  readonly csi?: { driver?: string; nodePublishSecretRef?: SecretRef };
}

interface MonitoredEndpoint {
  readonly authorization?: { credentials?: SecretRef };
}

/** The fields of a PersistentVolume's CSI source that name a Secret. */
const CSI_SECRETS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodeStageSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
];

/** The Secrets that pipelines name and do not bring along. @internal */
export class Secrets {
  private readonly uses = new Map<string, SecretUse>();

  public add(pipeline: PipelineModel): void {
    for (const pod of pipeline.set.pods) this.addPod(pipeline, pod);
    for (const volume of pipeline.set.ofKind('PersistentVolume')) this.addVolume(pipeline, volume);
    for (const ingress of pipeline.set.ofKind('Ingress')) this.addCertificates(pipeline, ingress);
    for (const kind of ['PodMonitor', 'ServiceMonitor']) {
      for (const monitor of pipeline.set.ofKind(kind)) this.addMonitor(pipeline, monitor);
    }
    for (const entry of pipeline.set.entries) this.addPurposes(pipeline, entry);
  }

  public table(): string {
    const rows = [...this.uses.values()]
      .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1))
      .map((use) => [
        code(use.namespace),
        code(use.name) + (use.required ? '' : ' (optional)'),
        keysText(use),
        [...use.purposes].sort().map(text).join('<br>') || 'not said',
        list([...use.users].map(entryText)),
      ]);
    return table(['namespace', 'Secret', 'keys', 'for', 'used by'], rows, 'None.');
  }

  private addPod(pipeline: PipelineModel, pod: Pod): void {
    const add = (
      name: string | undefined,
      keys: (string | undefined)[],
      optional?: boolean,
      purpose?: string,
    ) => this.use(pipeline, pod.entry, { name, optional }, keys, purpose);
    for (const { container } of pod.containers) {
      const { env = [], envFrom = [] } = container as EnvironmentSource;
      for (const { valueFrom } of env) {
        const ref = valueFrom?.secretKeyRef;
        if (ref) add(ref.name, [ref.key], ref.optional);
      }
      for (const { secretRef } of envFrom) if (secretRef) add(secretRef.name, [], secretRef.optional);
    }
    for (const volume of (pod.spec.volumes ?? []) as VolumeSource[]) {
      const { secret, projected, csi } = volume;
      const sources = [secret, ...(projected?.sources ?? []).map((source) => source.secret)];
      for (const source of sources) {
        if (!source) continue;
        add(
          source.secretName ?? source.name,
          (source.items ?? []).map((item) => item.key),
          source.optional,
        );
      }
      if (csi?.nodePublishSecretRef) add(csi.nodePublishSecretRef.name, [], false, driverPurpose(csi.driver));
    }
    const { imagePullSecrets = [] } = pod.spec as { imagePullSecrets?: SecretRef[] };
    for (const { name } of imagePullSecrets) add(name, ['.dockerconfigjson'], false, 'pull images');
  }

  private addVolume(pipeline: PipelineModel, volume: Entry): void {
    const { csi } = volume.spec as { csi?: Record<string, unknown> & { driver?: string } };
    for (const field of CSI_SECRETS) {
      const ref = csi?.[field] as SecretRef | undefined;
      if (ref) this.use(pipeline, volume, ref, [], driverPurpose(csi?.driver));
    }
  }

  /** Prometheus sends the key that the metrics ask for. */
  private addMonitor(pipeline: PipelineModel, monitor: Entry): void {
    const { podMetricsEndpoints, endpoints } = monitor.spec as Record<
      string,
      MonitoredEndpoint[] | undefined
    >;
    for (const { authorization } of podMetricsEndpoints ?? endpoints ?? []) {
      const { name, key } = authorization?.credentials ?? {};
      this.use(pipeline, monitor, { name }, [key]);
    }
  }

  /** Those that cert-manager makes need not be there. */
  private addCertificates(pipeline: PipelineModel, ingress: Entry): void {
    const made = Object.keys(ingress.annotations).some((name) => name.startsWith('cert-manager.io/'));
    const { tls = [] } = ingress.spec as { tls?: { hosts?: string[]; secretName?: string }[] };
    for (const { hosts = [], secretName: name } of made ? [] : tls) {
      this.use(pipeline, ingress, { name }, ['tls.crt', 'tls.key'], `the certificate of ${hosts.join(', ')}`);
    }
  }

  /** What the constructs say: `<secret>/<key>[,<key>]=<purpose>`, one a line. */
  private addPurposes(pipeline: PipelineModel, entry: Entry): void {
    for (const line of (entry.annotations[ANNOTATION.secrets] ?? '').split('\n')) {
      const match = /^\s*([^/=]+)\/([^=]*)=(.*)$/.exec(line);
      if (!match) continue;
      const keys = match[2].split(',').map((key) => key.trim());
      this.use(pipeline, entry, { name: match[1] }, keys.filter(Boolean), match[3].trim());
    }
  }

  private use(
    pipeline: PipelineModel,
    entry: Entry,
    { name, namespace = entry.namespace || pipeline.namespace, optional }: SecretRef,
    keys: (string | undefined)[],
    purpose?: string,
  ): void {
    if (!name || pipeline.set.find('Secret', namespace, name)) return;
    const id = `${namespace}/${name}`;
    let use = this.uses.get(id);
    if (!use) {
      use = {
        namespace,
        name,
        keys: new Set(),
        optionalKeys: new Set(),
        purposes: new Set(),
        users: new Set(),
        required: false,
      };
      this.uses.set(id, use);
    }
    for (const key of keys) if (key) (optional ? use.optionalKeys : use.keys).add(key);
    if (purpose) use.purposes.add(purpose);
    use.users.add(entry);
    use.required ||= !optional;
  }
}

function keysText({ keys, optionalKeys }: SecretUse): string {
  const optional = [...optionalKeys].filter((key) => !keys.has(key));
  const texts = [...[...keys].sort().map(code), ...optional.sort().map((key) => `${code(key)} (optional)`)];
  return texts.join(', ') || 'not said';
}

function driverPurpose(driver: string | undefined): string {
  return `the storage driver ${driver ?? ''}`.trimEnd();
}
