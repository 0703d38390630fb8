import { Phase } from '../../../src/phases/phase';
import { renderReadme } from '../../../src/phases/readme/readme';
import type { PipelineView } from '../../../src/phases/views';
import type { KubeObject } from '../../../src/validation/kube-object';
import { mermaid, readFlowchart, rows, section } from './markdown-document';
import { DLLAMA, downloadObjects, labels, qwen, serveObjects } from './sample-objects';

function readme(pipelines: PipelineView[], gitops: string[] = []): string {
  return renderReadme(pipelines, { kubernetesVersion: '1.31', gitops, others: [] });
}

const ONE = readme([qwen()], ['Argo CD', 'Flux', 'kubectl']);
const SERVE_ONLY = { [Phase.DOWNLOAD]: [], [Phase.CONVERT]: [] };

/** A pipeline that is one pod in its phase `serve`, with whatever is beside it. */
function onePod(spec: object, beside: KubeObject[] = [], owner: object = {}): PipelineView {
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'server', namespace: 'llm' },
    spec: { replicas: 1, template: { metadata: { labels: labels('s', 'server') }, spec } },
    ...owner,
  };
  return qwen({ ...SERVE_ONLY, [Phase.SERVE]: [deployment, ...beside] }, 'one');
}

describe('head', () => {
  test('says for what it was made', () => {
    expect(ONE).toMatch(
      /^# What was synthesized\n\n1 pipeline for Kubernetes 1\.31\. Ready for Argo CD, Flux, kubectl\.\n/,
    );
    expect(readme([])).toContain('0 pipelines for Kubernetes 1.31.\n');
  });

  test('leaves out a pipeline without objects, which is not written', () => {
    const empty = qwen({ ...SERVE_ONLY, [Phase.SERVE]: [] }, 'empty');
    expect(readme([qwen(), empty], ['Argo CD', 'Flux', 'kubectl'])).toBe(ONE);
  });

  test('sums up each pipeline: all servers and the greatest Jobs', () => {
    expect(rows(section(ONE, '## Pipelines'))).toEqual([
      {
        pipeline: '`qwen3-1.7b`',
        namespace: '`llm`',
        phases: '10-download, 30-convert, 40-serve',
        // 4 + 0.5 of the root, 3 x 4 of the workers, 4 of the conversion
        CPU: '20.5',
        // 2.25 GiB + 3 x 1 GiB + 1 GiB
        memory: '6.25 GiB',
        GPUs: '0',
        claims: '20 GiB',
      },
    ]);
  });

  test.each(['Argo CD', 'Flux', 'kubectl'])('tells how %s applies and runs again, and no other', (tool) => {
    const text = readme([qwen()], [tool]);
    const apply = section(text, '## How to apply');
    const again = section(text, '## How to run a failed Job again');
    expect(again).toContain('raise `attempt`');
    for (const other of ['Argo CD', 'Flux', 'kubectl']) {
      expect(apply.includes(`**${other}**`)).toBe(other === tool);
      expect(again.includes(`- ${other}:`)).toBe(other === tool);
    }
  });

  test('tells how to apply by hand when there is no tool', () => {
    expect(section(readme([qwen()]), '## How to apply')).toContain('in the order of their numbers');
  });

  test('is the same each time', () => {
    expect(readme([qwen()], ['Argo CD', 'Flux', 'kubectl'])).toBe(ONE);
  });
});

describe('images', () => {
  test('with their users and how they are pinned', () => {
    expect(rows(section(ONE, '## Images'))).toEqual([
      {
        image: '`docker.io/library/python:3.13-slim`',
        'used by':
          'Job `qwen-weights-download-0a1b2c3d`, Job `qwen-q40-convert-9f8e7d6c`, Deployment `qwen-chat-root`',
        'pinned by': 'tag',
      },
      {
        image: `\`${DLLAMA}\``,
        'used by': 'Deployment `qwen-chat-root`, StatefulSet `qwen-chat-workers`',
        'pinned by': 'digest',
      },
    ]);
  });

  test('a port of the registry is no tag; an image in a volume counts', () => {
    const text = readme([
      onePod({
        containers: [{ name: 'a', image: 'registry.example.com:5000/server' }],
        volumes: [{ name: 'model', image: { reference: 'registry.example.com/model:1' } }],
      }),
    ]);
    expect(rows(section(text, '## Images')).map((row) => [row.image, row['pinned by']])).toEqual([
      ['`registry.example.com/model:1`', 'tag'],
      ['`registry.example.com:5000/server`', '**nothing**'],
    ]);
  });
});

describe('Secrets', () => {
  test('of variables, with keys and purpose', () => {
    expect(rows(section(ONE, '## Secrets that must exist'))).toEqual([
      {
        namespace: '`llm`',
        Secret: '`hub-token`',
        keys: '`token`',
        for: 'access token for the hub',
        'used by': 'Job `qwen-weights-download-0a1b2c3d`',
      },
    ]);
  });

  test('however they are named, but not those that are made', () => {
    const text = readme([
      onePod(
        {
          imagePullSecrets: [{ name: 'registry' }],
          containers: [
            {
              name: 'a',
              envFrom: [{ secretRef: { name: 'all', optional: true } }],
              env: [
                { name: 'A', value: 'plain' },
                { name: 'B', valueFrom: { secretKeyRef: { name: 'made', key: 'x' } } },
                { name: 'C', valueFrom: { secretKeyRef: { name: 'several', key: 'c' } } },
              ],
            },
          ],
          volumes: [
            { name: 'v', secret: { secretName: 'several', items: [{ key: 'b', path: 'b' }] } },
            {
              name: 'p',
              projected: { sources: [{ secret: { name: 'projected' } }, { configMap: { name: 'c' } }] },
            },
            { name: 'i', csi: { driver: 'inline.example.com', nodePublishSecretRef: { name: 'inline' } } },
            { name: 'n', emptyDir: {} },
          ],
        },
        [
          { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'made', namespace: 'llm' } },
          {
            apiVersion: 'v1',
            kind: 'PersistentVolume',
            metadata: { name: 'llm-models' },
            spec: {
              csi: {
                driver: 's3.example.com',
                nodeStageSecretRef: { name: 'csi-s3', namespace: 'kube-system' },
                nodePublishSecretRef: { name: 'csi-s3', namespace: 'kube-system' },
              },
            },
          },
        ],
      ),
    ]);
    const used = 'Deployment `server`';
    expect(rows(section(text, '## Secrets that must exist')).map((row) => Object.values(row))).toEqual([
      [
        '`kube-system`',
        '`csi-s3`',
        'not said',
        'the storage driver s3.example.com',
        'PersistentVolume `llm-models`',
      ],
      ['`llm`', '`all` (optional)', 'not said', 'not said', used],
      ['`llm`', '`inline`', 'not said', 'the storage driver inline.example.com', used],
      ['`llm`', '`projected`', 'not said', 'not said', used],
      ['`llm`', '`registry`', '`.dockerconfigjson`', 'pull images', used],
      ['`llm`', '`several`', '`b`, `c`', 'not said', used],
    ]);
  });

  test('purposes of several keys and lines', () => {
    const [job, ...others] = downloadObjects();
    job.metadata.annotations!['cdk8s-llm/secrets'] =
      'hub-token/token=for a|b <i>\nbucket/KEY_ID,SECRET=write to bucket a_b=c';
    const text = readme([qwen({ [Phase.DOWNLOAD]: [job, ...others] })]);
    expect(
      rows(section(text, '## Secrets that must exist')).map((row) => [row.Secret, row.keys, row.for]),
    ).toEqual([
      ['`bucket`', '`KEY_ID`, `SECRET`', 'write to bucket a\\_b=c'],
      ['`hub-token`', '`token`', 'for a\\|b &lt;i&gt;'],
    ]);
  });

  test('none is said', () => {
    const text = readme([onePod({ containers: [{ name: 'a', image: 'a:1' }] })]);
    expect(section(text, '## Secrets that must exist')).toMatch(/\nNone\.\n/);
  });
});

describe('opt-outs from restricted', () => {
  test('each with its reason', () => {
    const [root, ...others] = serveObjects();
    root.metadata.annotations!['cdk8s-llm/pod-security-opt-out'] = 'hostPath: the model is on the node';
    const text = readme([qwen({ [Phase.SERVE]: [root, ...others] })]);
    expect(rows(section(text, '## Opt-outs from Pod Security `restricted`'))).toEqual([
      {
        pipeline: '`qwen3-1.7b`',
        object: 'Deployment `qwen-chat-root`',
        'what and why': 'hostPath: the model is on the node',
      },
    ]);
  });

  test('that stand at the template of the pods', () => {
    const [root, ...others] = serveObjects();
    root.spec.template.metadata.annotations = { 'cdk8s-llm/pod-security-opt-out': 'hostPath: why' };
    const text = readme([qwen({ [Phase.SERVE]: [root, ...others] })]);
    expect(rows(section(text, '## Opt-outs from Pod Security `restricted`'))).toEqual([
      expect.objectContaining({ 'what and why': 'hostPath: why' }),
    ]);
  });

  test('checks that objects are excused from, each with its reason', () => {
    const [root, ...others] = serveObjects();
    root.metadata.annotations!['cdk8s-llm/skip-checks'] =
      'server-probes: it answers at once\n\nresources: a|b';
    const text = readme([qwen({ [Phase.SERVE]: [root, ...others] })]);
    const said = section(text, '## Opt-outs from Pod Security `restricted`');
    expect(said).toMatch(/\nNone\.\n\nChecks that objects are excused from .*`cdk8s-llm\/skip-checks`:\n/);
    expect(rows(said)).toEqual(
      [
        ['server-probes', 'it answers at once'],
        ['resources', 'a\\|b'],
      ].map(([check, why]) => ({
        pipeline: '`qwen3-1.7b`',
        object: 'Deployment `qwen-chat-root`',
        check: `\`${check}\``,
        why,
      })),
    );
  });

  test('a root file system that can be written is none of them', () => {
    const said = (reason: string) => {
      const [root, ...others] = serveObjects();
      root.metadata.annotations!['cdk8s-llm/pod-security-opt-out'] = reason;
      return section(
        readme([qwen({ [Phase.SERVE]: [root, ...others] })]),
        '## Opt-outs from Pod Security `restricted`',
      );
    };
    const note = '`restricted` does not ask for `readOnlyRootFilesystem`';
    expect(said('hostPath: why\nreadOnlyRootFilesystem: hooks')).toContain(note);
    expect(said('hostPath: why')).not.toContain(note);
  });

  test('none is said', () => {
    expect(section(ONE, '## Opt-outs from Pod Security `restricted`')).toMatch(/\nNone\.\n/);
  });
});

describe('artifacts and claims', () => {
  test('artifacts with source, licence, size, maker and who awaits them', () => {
    expect(rows(section(ONE, '### Artifacts of qwen3-1.7b'))).toEqual([
      {
        artifact: '`weights-1111aaaa2222bbbb`',
        source: 'hf://Qwen/Qwen3-1.7B@70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
        licence: 'apache-2.0',
        size: 'measured by the Job, left in the marker',
        'made by': 'Job `qwen-weights-download-0a1b2c3d`',
        'awaited by': 'Job `qwen-q40-convert-9f8e7d6c`',
      },
      {
        artifact: '`q40-3333cccc4444dddd`',
        source: 'hf://Qwen/Qwen3-1.7B@70d244cc86ccca08cf5af4e1e306ecf908b1ad5e',
        licence: 'apache-2.0',
        size: '1.5 GiB',
        'made by': 'Job `qwen-q40-convert-9f8e7d6c`',
        // The workers carry the annotation too, but have no guard.
        'awaited by': 'Deployment `qwen-chat-root`',
      },
    ]);
  });

  test('an artifact that another pipeline makes', () => {
    const text = readme([qwen(SERVE_ONLY)]);
    const [artifact] = rows(section(text, '### Artifacts of qwen3-1.7b'));
    expect(artifact).toMatchObject({ artifact: '`3333cccc4444dddd`', 'made by': 'not in this pipeline' });
  });

  test('what a server reads besides its model, and what is in an image that it mounts', () => {
    const text = readme([
      onePod(
        { containers: [{ name: 'a' }], volumes: [{ name: 'm', image: { reference: 'r@sha256:1' } }] },
        [],
        {
          metadata: {
            name: 'server',
            namespace: 'llm',
            annotations: {
              'cdk8s-llm/source': 'oci://r/model',
              'cdk8s-llm/needs-artifact': 'aaaa bbbb',
              'cdk8s-llm/also-serves': 'adapter legal: hf://acme/legal, key bbbb, licence mit',
            },
          },
        },
      ),
    ]);
    expect(rows(section(text, '### Artifacts of one'))).toMatchObject([
      { artifact: '`aaaa`', source: 'oci://r/model', licence: 'as the marker says' },
      { artifact: '`bbbb`', source: 'hf://acme/legal', licence: 'mit', 'awaited by': 'Deployment `server`' },
    ]);
  });

  test('claims with size, class, modes and users', () => {
    expect(rows(section(ONE, '### Claims of qwen3-1.7b'))).toEqual([
      {
        claim: '`qwen-weights`',
        size: '20Gi',
        class: '`fast\\|ssd`',
        'access modes': 'ReadWriteOnce',
        'mounted by':
          'Job `qwen-weights-download-0a1b2c3d` (writes), Job `qwen-q40-convert-9f8e7d6c` (writes), ' +
          'Deployment `qwen-chat-root` (reads)',
      },
    ]);
  });

  test('claims that must exist, that pods bring, that are bound to a volume', () => {
    const text = readme([
      onePod(
        {
          containers: [{ name: 'a', volumeMounts: [{ name: 'm', mountPath: '/m', readOnly: true }] }],
          volumes: [{ name: 'm', persistentVolumeClaim: { claimName: 'shared' } }],
        },
        [
          {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            metadata: { name: 's3', namespace: 'llm' },
            spec: {
              storageClassName: '',
              volumeName: 'llm-s3',
              resources: { requests: { storage: '10Gi' } },
            },
          },
          {
            apiVersion: 'apps/v1',
            kind: 'StatefulSet',
            metadata: { name: 'cache', namespace: 'llm' },
            spec: {
              replicas: 2,
              volumeClaimTemplates: [
                {
                  metadata: { name: 'data' },
                  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } },
                },
              ],
              template: { spec: { containers: [{ name: 'a' }] } },
            },
          },
        ],
      ),
    ]);
    expect(rows(section(text, '### Claims of one')).map((row) => Object.values(row))).toEqual([
      ['`s3`', '10Gi', 'none, volume `llm-s3`', '', 'nobody here'],
      [
        '`data-cache-*`, one a pod (2)',
        '5Gi',
        "the cluster's default",
        'ReadWriteOnce',
        'StatefulSet `cache` (writes)',
      ],
      ['`shared`, **must exist**', 'as it is', 'as it is', 'as it is', 'Deployment `server` (reads)'],
    ]);
  });
});

describe('CPU, memory and GPUs', () => {
  test('by pod, with replicas, sidecars and a total', () => {
    const table = rows(section(ONE, '### CPU, memory and GPUs of qwen3-1.7b'));
    expect(table.map((row) => Object.values(row))).toEqual([
      [
        '`10-download`',
        'Job `qwen-weights-download-0a1b2c3d`',
        '1',
        '0.5',
        '256 MiB',
        '0',
        '0.5',
        '256 MiB',
        '0',
      ],
      ['`30-convert`', 'Job `qwen-q40-convert-9f8e7d6c`', '1', '4', '1 GiB', '0', '4', '1 GiB', '0'],
      ['`40-serve`', 'Deployment `qwen-chat-root`', '1', '4.5', '2.25 GiB', '0', '4.5', '2.25 GiB', '0'],
      ['`40-serve`', 'StatefulSet `qwen-chat-workers`', '3', '4', '1 GiB', '0', '12', '3 GiB', '0'],
      ['', '**most at one time**', '', '', '', '', '**20.5**', '**6.25 GiB**', '**0**'],
    ]);
  });

  test('copies that a claim of one node keeps together are said to be on one', () => {
    const howMany = (replicas: number, topologyKey: string) => {
      const [root, ...others] = serveObjects();
      root.spec.replicas = replicas;
      const { labels: matchLabels } = root.spec.template.metadata as { labels: object };
      root.spec.template.spec.affinity = {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels } }],
        },
      };
      const text = readme([qwen({ [Phase.SERVE]: [root, ...others] })]);
      return rows(section(text, '### CPU, memory and GPUs of qwen3-1.7b'))[2]['how many'];
    };
    expect(howMany(2, 'kubernetes.io/hostname')).toBe('2, on one node');
    expect(howMany(1, 'kubernetes.io/hostname')).toBe('1');
    expect(howMany(2, 'topology.kubernetes.io/zone')).toBe('2');
  });

  test('copies that a folder of a node keeps together are said to be on one', () => {
    const [root, ...others] = serveObjects();
    root.spec.replicas = 2;
    root.spec.template.spec.nodeSelector = { 'kubernetes.io/hostname': 'gpu-1' };
    const text = readme([qwen({ [Phase.SERVE]: [root, ...others] })]);
    expect(rows(section(text, '### CPU, memory and GPUs of qwen3-1.7b'))[2]['how many']).toBe(
      '2, on one node',
    );
    expect(rows(section(text, '## What the cluster must have'))).toContainEqual({
      what: 'one node with room for all pods: 2, each 4.5 CPUs, 2.25 GiB of memory',
      for: 'Deployment `qwen-chat-root`',
    });
  });

  test('an init container counts where it needs more, beside the sidecars before it', () => {
    const container = (cpu: string, memory: string) => ({ resources: { requests: { cpu, memory } } });
    const text = readme([
      onePod({
        initContainers: [
          { name: 'side', restartPolicy: 'Always', ...container('250m', '1Gi') },
          { name: 'init', ...container('2', '512M') },
        ],
        containers: [{ name: 'main', ...container('1', '1Gi') }],
      }),
    ]);
    const [row] = rows(section(text, '### CPU, memory and GPUs of one'));
    expect([row['CPU each'], row['memory each']]).toEqual(['2.25', '2 GiB']);
  });

  test('GPUs by resource and by claim; a limit alone is a request', () => {
    const gpus = {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaimTemplate',
      metadata: { name: 'gpus', namespace: 'llm' },
      spec: {
        spec: {
          devices: {
            requests: [
              { name: 'a', exactly: { deviceClassName: 'gpu.example.com', count: 2 } },
              { name: 'b', deviceClassName: 'nic.example.com' },
            ],
          },
        },
      },
    };
    const text = readme([
      onePod(
        {
          containers: [
            { name: 'a', resources: { limits: { 'nvidia.com/gpu': 4, 'ephemeral-storage': '1Gi' } } },
          ],
          resourceClaims: [{ name: 'gpus', resourceClaimTemplateName: 'gpus' }],
        },
        [gpus],
      ),
    ]);
    expect(rows(section(text, '## Pipelines'))[0].GPUs).toBe(
      '2 x gpu.example.com, 1 x nic.example.com, 4 x nvidia.com/gpu',
    );
  });

  test('devices that pods share are counted once; a claim of others must be there', () => {
    const shared = {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaim',
      metadata: { name: 'gpus', namespace: 'llm' },
      spec: {
        devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'gpu.example.com', count: 2 } }] },
      },
    };
    const spec = {
      containers: [{ name: 'a', resources: { claims: [{ name: 'gpus' }, { name: 'nic' }] } }],
      resourceClaims: [
        { name: 'gpus', resourceClaimName: 'gpus' },
        { name: 'nic', resourceClaimName: 'nic' },
      ],
    };
    const text = readme([onePod(spec, [shared], { spec: { replicas: 3, template: { spec } } })]);
    const [row] = rows(section(text, '### CPU, memory and GPUs of one'));
    expect(row['GPUs each']).toBe(
      '2 x gpu.example.com of ResourceClaim `gpus`, shared, ResourceClaim `nic`, **must exist**',
    );
    expect(rows(section(text, '## Pipelines'))[0].GPUs).toBe('2 x gpu.example.com');
  });

  test('of the pods of a LeaderWorkerSet, leaders and workers by themselves', () => {
    const one = { spec: { containers: [{ name: 'a', resources: { limits: { 'nvidia.com/gpu': 8 } } }] } };
    const groups = {
      apiVersion: 'leaderworkerset.x-k8s.io/v1',
      kind: 'LeaderWorkerSet',
      spec: { replicas: 2, leaderWorkerTemplate: { size: 3, leaderTemplate: one, workerTemplate: one } },
    };
    const table = rows(section(readme([onePod(one.spec, [], groups)]), '### CPU, memory and GPUs of one'));
    expect(table.map((row) => [row['how many'], row.GPUs])).toEqual([
      ['2', '16 x nvidia.com/gpu'],
      ['4', '32 x nvidia.com/gpu'],
      ['', '**48 x nvidia.com/gpu**'],
    ]);
  });

  test('replicas that an autoscaler sets, and a Job of several pods', () => {
    const one = { containers: [{ name: 'a', resources: { requests: { cpu: '1' } } }] };
    const server = readme([onePod(one, [], { spec: { template: { spec: one } } })]);
    expect(rows(section(server, '### CPU, memory and GPUs of one'))[0]['how many']).toBe(
      'autoscaled, counted as 1',
    );
    const job = readme([onePod(one, [], { kind: 'Job', spec: { parallelism: 3, template: { spec: one } } })]);
    expect(rows(section(job, '### CPU, memory and GPUs of one'))[0]).toMatchObject({
      'how many': '3',
      CPU: '3',
    });
  });
});

describe('endpoints', () => {
  const metadata = {
    namespace: 'llm',
    labels: { 'app.kubernetes.io/instance': 's', 'app.kubernetes.io/managed-by': 'cdk8s-llm' },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, name: 'chat' },
    spec: {
      selector: labels('s', 'server'),
      ports: [
        { name: 'http', port: 8080, appProtocol: 'http' },
        { name: 'grpc', port: 8001 },
      ],
    },
  };
  const ingress = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { ...metadata, name: 'chat' },
    spec: {
      ingressClassName: 'nginx',
      tls: [{ hosts: ['llm.example.com'], secretName: 'llm-tls' }],
      rules: [
        {
          host: 'llm.example.com',
          http: { paths: [{ path: '/chat', backend: { service: { name: 'chat' } } }] },
        },
      ],
    },
  };
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { ...metadata, name: 'chat-2' },
    spec: {
      parentRefs: [{ name: 'public', namespace: 'infra' }],
      hostnames: ['models.example.com'],
      rules: [
        {
          matches: [{ path: { value: '/chat' } }],
          backendRefs: [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'chat' }],
        },
      ],
    },
  };
  const headless = {
    ...service,
    metadata: { ...metadata, name: 'chat-peers' },
    spec: { ...service.spec, clusterIP: 'None' },
  };
  const pod = { containers: [{ name: 'a' }] };
  const endpoints = (beside: KubeObject[]) =>
    rows(section(readme([onePod(pod, beside)]), '### Endpoints of one'));

  test('with the pods that answer and the ways from outside; a headless Service is none', () => {
    expect(endpoints([service, headless, ingress, route])).toEqual([
      {
        'address in the cluster': '`http://chat.llm.svc:8080`<br>`chat.llm.svc:8001`',
        'answered by': 'Deployment `server`',
        'from outside':
          '`https://llm.example.com/chat` by class `nginx`<br>`models.example.com/chat` by Gateway `infra/public`',
      },
    ]);
  });

  test('ways that lead elsewhere are none of theirs', () => {
    const other = { ...service, metadata: { name: 'other', namespace: 'llm' } };
    expect(endpoints([other, ingress, route])[0]['from outside']).toBe('no way that is made here');
  });

  test('certificates must be there, unless cert-manager makes them', () => {
    const secrets = (annotations: Record<string, string>) => {
      const text = readme([
        onePod(pod, [service, { ...ingress, metadata: { ...ingress.metadata, annotations } }]),
      ]);
      return rows(section(text, '## Secrets that must exist'));
    };
    expect(secrets({})).toMatchObject([
      { Secret: '`llm-tls`', keys: '`tls.crt`, `tls.key`', for: 'the certificate of llm.example.com' },
    ]);
    expect(secrets({ 'cert-manager.io/cluster-issuer': 'letsencrypt' })).toEqual([]);
  });

  test('none is said', () => {
    expect(section(readme([onePod(pod)]), '### Endpoints of one')).toContain('None.');
  });
});

describe('network openings', () => {
  test('in words, by the names of the pods', () => {
    const table = rows(section(ONE, '### Network openings of qwen3-1.7b'));
    expect(table.map((row) => Object.values(row).join(' | '))).toEqual([
      'Job `qwen-weights-download-0a1b2c3d` | reached by | nobody | ',
      'Job `qwen-weights-download-0a1b2c3d` | reach | every address | UDP 53, TCP 53 (DNS)',
      'Job `qwen-weights-download-0a1b2c3d` | reach | every address | TCP 443',
      'StatefulSet `qwen-chat-workers` | reached by | Deployment `qwen-chat-root` | TCP 9999',
      'StatefulSet `qwen-chat-workers` | reach | nothing | ',
      'Deployment `qwen-chat-root` | reached by | all pods of namespace `llm` | TCP 9990 (http)',
      'Deployment `qwen-chat-root` | reach | StatefulSet `qwen-chat-workers` | TCP 9999',
      'Job `qwen-q40-convert-9f8e7d6c` | reached by | **anyone**: no policy | any',
      'Job `qwen-q40-convert-9f8e7d6c` | reach | **every address**: no policy | any',
    ]);
  });

  test('every kind of peer', () => {
    const policy = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'p', namespace: 'llm' },
      spec: {
        podSelector: { matchLabels: { app: 'elsewhere' } },
        ingress: [
          { from: [{ namespaceSelector: {} }] },
          {
            from: [
              {
                namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'web' } },
                podSelector: { matchLabels: { app: 'gateway' } },
              },
              { namespaceSelector: { matchLabels: { team: 'a' } } },
            ],
            ports: [{ port: 8000, endPort: 8010 }, { protocol: 'UDP' }],
          },
          { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 'http' }] },
          {
            from: [
              { podSelector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }] } },
            ],
          },
          {},
        ],
      },
    };
    const text = readme([onePod({ containers: [{ name: 'a' }] }, [policy])]);
    const table = rows(section(text, '### Network openings of one'));
    expect(table.map((row) => Object.values(row).join(' | '))).toEqual([
      ...[
        'all pods of all namespaces | any',
        'pods with `app=gateway` of namespace `web`; all pods of namespaces with `team=a` | TCP 8000-8010, UDP any',
        '`10.0.0.0/8` except `10.1.0.0/16` | TCP http',
        'pods with `tier In (a, b)` of namespace `llm` | any',
        '**anyone** | any',
      ].map((rest) => `pods with \`app=elsewhere\` (policy \`p\`) | reached by | ${rest}`),
      'Deployment `server` | reached by | **anyone**: no policy | any',
      'Deployment `server` | reach | **every address**: no policy | any',
    ]);
  });
});

describe('diagram', () => {
  test('draws phases, objects and what waits for what', () => {
    const { boxes, nodes, arrows } = readFlowchart(mermaid(section(ONE, '## Pipeline qwen3-1.7b')));
    expect(boxes).toEqual(['10-download', '30-convert', '40-serve']);
    const download = 'Job\nqwen-weights-download-0a1b2c3d';
    const claim = 'claim, 20Gi\nqwen-weights';
    const convert = 'Job\nqwen-q40-convert-9f8e7d6c';
    const root = 'Deployment\nqwen-chat-root';
    const workers = 'StatefulSet x 3\nqwen-chat-workers';
    expect(nodes).toEqual([
      { label: download, within: '10-download' },
      { label: claim, within: '10-download' },
      { label: 'ConfigMap, NetworkPolicy', within: '10-download' },
      { label: convert, within: '30-convert' },
      { label: root, within: '40-serve' },
      { label: workers, within: '40-serve' },
      { label: 'Service\nqwen-chat', within: '40-serve' },
      { label: 'Service, 2 x NetworkPolicy, PodDisruptionBudget', within: '40-serve' },
    ]);
    expect(arrows.map(({ from, arrow, label, to }) => [from, arrow, label, to])).toEqual([
      ['10-download', '==>', 'when all its Jobs are complete', '30-convert'],
      ['30-convert', '==>', 'when all its Jobs are complete', '40-serve'],
      [download, '-.->', 'artifact', convert],
      [convert, '-.->', 'artifact', root],
      [download, '-->', 'writes', claim],
      [convert, '-->', 'writes', claim],
      [claim, '-->', 'read by', root],
      [root, '-->', 'connects to', workers],
      ['Service\nqwen-chat', '-->', '', root],
    ]);
  });

  test('a phase without Jobs is not waited for', () => {
    const text = readme([qwen({ [Phase.CONVERT]: [], [Phase.VERIFY]: downloadObjects().slice(0, 1) })]);
    const { arrows } = readFlowchart(mermaid(text));
    expect(arrows.slice(0, 2).map(({ from, label, to }) => [from, label, to])).toEqual([
      ['10-download', 'when all its Jobs are complete', '40-serve'],
      ['40-serve', 'then', '50-verify'],
    ]);
  });

  test('no name can break it', () => {
    const names = ['end', 'a"b', 'x]-->y', '<script>', '#quot;', '`c`', 'ü|v'];
    const objects = names.map((name) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'llm' },
      spec: { replicas: 1, template: { spec: { containers: [{ name: 'a', image: 'a|b`c:1' }] } } },
    }));
    const text = readme([qwen({ ...SERVE_ONLY, [Phase.SERVE]: objects })]);
    const { nodes } = readFlowchart(mermaid(text));
    expect(nodes.map(({ label }) => label)).toEqual(names.map((name) => `Deployment\n${name}`));
    expect(rows(section(text, '### CPU, memory and GPUs of qwen3-1.7b'))).toHaveLength(names.length + 1);
    expect(rows(section(text, '## Images'))).toHaveLength(1);
  });
});

describe('many pipelines', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => qwen({}, `model-${index}`));

  test('are all summed up, and the first 20 told one by one', () => {
    const text = readme(many(25));
    expect(rows(section(text, '## Pipelines'))).toHaveLength(25);
    expect(text.match(/^## Pipeline /gm)).toHaveLength(20);
    expect(section(text, '## Details')).toContain('the first 20 of 25 pipelines');
    expect(readme(many(20))).not.toContain('## Details');
  });

  test('share one row for a Secret and an image, with users that a person can read', () => {
    const text = readme(many(25));
    const secrets = rows(section(text, '## Secrets that must exist'));
    expect(secrets).toHaveLength(1);
    expect(secrets[0]['used by']).toMatch(/^(Job `[^`]+`, ){2}Job `[^`]+` and 22 more$/);
    expect(rows(section(text, '## Images'))).toHaveLength(2);
  });

  test('add their summary rows and nothing else', () => {
    const length = (count: number) => readme(many(count)).split('\n').length;
    expect(length(1000) - length(500)).toBe(500);
  });
});

test('files that no tool applies are named', () => {
  const options = { kubernetesVersion: '1.31', gitops: ['kubectl'] };
  expect(renderReadme([qwen()], { ...options, others: ['extra.k8s.yaml'] })).toContain(
    '**By no tool**: `extra.k8s.yaml`.',
  );
  expect(renderReadme([qwen()], { ...options, others: [] })).not.toContain('By no tool');
});
