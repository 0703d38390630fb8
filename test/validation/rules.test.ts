import { checkObjects, KubeObject, Violation } from '../../src/validation/check';
import { RULES } from '../../src/validation/rules';
import { checked, Good, goodObjects, nameJob } from './good-objects';
import { trafficCases } from './traffic-cases';

/** A rule, what is broken in good objects, and what a person then reads. */
interface Case {
  readonly rule: string;
  readonly edit: (good: Good) => void;
  /** The object that the violation is of. */
  readonly object: keyof Good;
  readonly says: RegExp;
  /** Whether the edited Job is to keep its name. */
  readonly keepsName?: boolean;
  /** @default 1.31 */
  readonly kubernetesVersion?: string;
}

const ATTEMPT = 'cdk8s-llm/attempt';
const WAVE = 'argocd.argoproj.io/sync-wave';
const OPTIONS = 'argocd.argoproj.io/sync-options';
const SKIP = 'cdk8s-llm/skip-checks';

function annotations(object: KubeObject): Record<string, string> {
  return (object.metadata.annotations ??= {});
}

function podSpec(object: KubeObject) {
  return object.spec.template.spec;
}

function container(object: KubeObject) {
  return podSpec(object).containers[0];
}

function replaceArgument(object: KubeObject, given: string, by: string[]): void {
  const args = container(object).args as string[];
  args.splice(args.indexOf(given), 1, ...by);
}

function removeFlag(object: KubeObject, flag: string): void {
  const args = container(object).args as string[];
  args.splice(args.indexOf(flag), 2);
}

function setValue(object: KubeObject, flag: string, value: string): void {
  const args = container(object).args as string[];
  args[args.indexOf(flag) + 1] = value;
}

const CASES: Case[] = [
  // Rule 1
  {
    rule: 'job-name-hash',
    edit: ({ download }) => (container(download).args = ['--dir=/elsewhere']),
    object: 'download',
    says: /must end in "-[0-9a-f]{8}", the hash/,
    keepsName: true,
  },
  {
    rule: 'job-name-hash',
    edit: ({ download }) => (annotations(download)[ATTEMPT] = '2'),
    object: 'download',
    says: /must end in/,
    keepsName: true,
  },
  {
    rule: 'job-name-hash',
    edit: ({ download }) => delete annotations(download)[ATTEMPT],
    object: 'download',
    says: /must be a whole number in quotes/,
    keepsName: true,
  },
  {
    rule: 'job-stays',
    edit: ({ download }) => (download.spec.ttlSecondsAfterFinished = 300),
    object: 'download',
    says: /is 300; leave it out/,
  },
  {
    rule: 'job-stays',
    edit: ({ convert }) => (convert.spec.suspend = false),
    object: 'convert',
    says: /is false; leave it out/,
  },
  {
    rule: 'no-generate-name',
    edit: ({ foreign }) => (foreign.metadata.generateName = 'proxy-'),
    object: 'foreign',
    says: /metadata.name instead/,
  },
  {
    rule: 'no-hooks',
    edit: ({ download }) => (annotations(download)['argocd.argoproj.io/hook'] = 'PreSync'),
    object: 'download',
    says: /is "PreSync"; leave it out/,
  },
  {
    rule: 'no-hooks',
    edit: ({ foreign }) => (annotations(foreign)['helm.sh/hook'] = 'post-install'),
    object: 'foreign',
    says: /leave it out/,
  },
  {
    rule: 'no-replace',
    edit: ({ download }) => (annotations(download)[OPTIONS] = 'Replace=true'),
    object: 'download',
    says: /has Replace=true; take it out/,
  },
  {
    rule: 'no-replace',
    edit: ({ claim }) => (annotations(claim)[OPTIONS] += ', Force=true'),
    object: 'claim',
    says: /has Force=true/,
  },
  {
    rule: 'no-replace',
    edit: ({ download }) => (annotations(download)['kustomize.toolkit.fluxcd.io/ssa'] = 'IfNotPresent'),
    object: 'download',
    says: /is "IfNotPresent"; leave it out/,
  },
  // Rule 2
  {
    rule: 'sync-wave',
    edit: ({ service }) => delete annotations(service)[WAVE],
    object: 'service',
    says: /is nothing; it must be the wave of its phase: "10"/,
  },
  {
    rule: 'sync-wave',
    edit: ({ service }) => (annotations(service)[WAVE] = '45'),
    object: 'service',
    says: /is "45"/,
  },
  {
    rule: 'claim-wave',
    edit: ({ claim }) => (annotations(claim)[WAVE] = '20'),
    object: 'claim',
    says: /first pods to mount the claim are in wave 10/,
  },
  {
    rule: 'job-before-consumer',
    edit: ({ convert }) => (annotations(convert)[WAVE] = '40'),
    object: 'root',
    says: /Job llm\/qwen-convert-[0-9a-f]{8}, which makes what it needs, is in wave 40/,
  },
  {
    rule: 'job-before-consumer',
    edit: ({ convert, root }) => {
      annotations(convert)[WAVE] = '40';
      annotations(root)['cdk8s-llm/needs-artifact'] =
        `other ${annotations(root)['cdk8s-llm/needs-artifact']}`;
    },
    object: 'root',
    says: /which makes what it needs, is in wave 40/,
  },
  {
    rule: 'queued-job',
    edit: ({ download }) => (download.metadata.labels!['kueue.x-k8s.io/queue-name'] = 'gpus'),
    object: 'download',
    says: /is "gpus"; leave it out/,
  },
  {
    rule: 'argo-application',
    edit: ({ application }) => (application.spec.syncPolicy.automated.prune = false),
    object: 'application',
    says: /automated\.prune is false; it must be true/,
  },
  {
    rule: 'argo-application',
    edit: ({ applicationSet }) => delete applicationSet.spec.template.spec.syncPolicy.retry.refresh,
    object: 'applicationSet',
    says: /spec\.template\.spec\.syncPolicy\.retry\.refresh is nothing/,
  },
  {
    rule: 'argo-application',
    edit: ({ application }) => application.spec.syncPolicy.syncOptions.push('ApplyOutOfSyncOnly=true'),
    object: 'application',
    says: /waves would open early/,
  },
  {
    rule: 'image-volumes',
    kubernetesVersion: '1.34',
    edit: ({ foreign }) => {
      podSpec(foreign).volumes = [{ name: 'model', image: { reference: 'registry.example/m:v1' } }];
      container(foreign).volumeMounts = [{ name: 'model', mountPath: '/m' }];
    },
    object: 'foreign',
    says: /volumes\[0\]\.image is off by default before Kubernetes 1\.35; the target is 1\.34/,
  },
  {
    rule: 'flux-kustomization',
    edit: ({ downloadPhase }) => (downloadPhase.spec.wait = false),
    object: 'downloadPhase',
    says: /spec\.wait is false; it must be true/,
  },
  {
    rule: 'flux-kustomization',
    edit: ({ downloadPhase }) => (downloadPhase.spec.force = true),
    object: 'downloadPhase',
    says: /delete claims/,
  },
  {
    rule: 'flux-kustomization',
    edit: ({ downloadPhase }) => (downloadPhase.spec.timeout = '6h'),
    object: 'downloadPhase',
    says: /is "6h"; it must be at most 10m/,
  },
  {
    rule: 'flux-kustomization',
    edit: ({ downloadPhase }) => delete downloadPhase.spec.retryInterval,
    object: 'downloadPhase',
    says: /retryInterval is missing/,
  },
  {
    rule: 'flux-kustomization',
    edit: ({ servePhase }) => (servePhase.spec.sourceRef.name = 'others'),
    object: 'servePhase',
    says: /keep step only on one source/,
  },
  // Rule 3
  {
    rule: 'content-name',
    edit: ({ programs }) => (programs.data['guard.py'] += '# changed\n'),
    object: 'programs',
    says: /must end in "-[0-9a-f]{8}", the hash of its data/,
  },
  {
    rule: 'prune-last',
    edit: ({ programs }) => delete annotations(programs)[OPTIONS],
    object: 'programs',
    says: /must have PruneLast=true/,
  },
  {
    rule: 'no-substitution',
    edit: ({ programs }) => delete annotations(programs)['kustomize.toolkit.fluxcd.io/substitute'],
    object: 'programs',
    says: /must be "disabled"/,
  },
  {
    rule: 'no-substitution',
    edit: ({ download }) => container(download).args.push('--name=${NAME}'),
    object: 'download',
    says: /which Flux would take for its own/,
  },
  {
    rule: 'keep-claims',
    edit: ({ claim }) => (annotations(claim)[OPTIONS] = 'Prune=false'),
    object: 'claim',
    says: /must have Prune=false,Delete=false/,
  },
  {
    rule: 'keep-claims',
    edit: ({ volume }) => delete annotations(volume)['kustomize.toolkit.fluxcd.io/prune'],
    object: 'volume',
    says: /or Flux deletes it with its data/,
  },
  {
    rule: 'keep-claims',
    edit: ({ namespace }) => delete annotations(namespace)['kustomize.toolkit.fluxcd.io/prune'],
    object: 'namespace',
    says: /must be "disabled"/,
  },
  // Rule 5
  {
    rule: 'shared-claim',
    edit: ({ root }) => delete podSpec(root).affinity,
    object: 'root',
    says: /claim "qwen-models", which is ReadWriteOnce and is mounted by Job llm\/qwen-download.* too/,
  },
  {
    rule: 'shared-claim',
    edit: ({ convert }) => delete convert.spec.template.metadata.labels['cdk8s-llm/claim'],
    object: 'convert',
    says: /does not draw the pod to the node/,
  },
  {
    rule: 'shared-claim',
    edit: ({ claim }) => (claim.spec.accessModes = ['ReadWriteOncePod']),
    object: 'claim',
    says: /for one pod at a time/,
  },
  {
    rule: 'model-read-only',
    edit: ({ root }) => delete container(root).volumeMounts[0].readOnly,
    object: 'root',
    says: /volumeMounts\[0\]\.readOnly is nothing; it must be true/,
  },
  // Rule 6
  {
    rule: 'replicas-owner',
    edit: (good) => addObject(good, scalerOf('proxy', 'web')),
    object: 'foreign',
    says: /is 1; leave it out: HorizontalPodAutoscaler web\/scaler decides it/,
  },
  ...trafficCases(),
  // Rule 7
  ...securityCases(),
  {
    rule: 'pod-security-opt-out',
    edit: ({ foreign }) =>
      (annotations(foreign)['cdk8s-llm/pod-security-opt-out'] = 'hostpath: reads the disk'),
    object: 'foreign',
    says: /did you mean hostPath/,
  },
  {
    rule: 'pod-security-opt-out',
    edit: ({ foreign }) => (annotations(foreign)['cdk8s-llm/pod-security-opt-out'] = 'hostPath'),
    object: 'foreign',
    says: /without a reason/,
  },
  {
    rule: 'skip-checks',
    edit: ({ foreign }) => (annotations(foreign)[SKIP] = 'server-prob: it answers at once'),
    object: 'foreign',
    says: /names "server-prob", which is no rule; did you mean server-probes\?/,
  },
  {
    rule: 'skip-checks',
    edit: ({ download }) => (annotations(download)[SKIP] = 'job-stays: no\nresources'),
    object: 'download',
    says: /waives resources without a reason; write "resources: <reason>"/,
  },
  // Rule 8
  {
    rule: 'pinned-image',
    edit: ({ foreign }) => (container(foreign).image = 'registry.example:5000/proxy'),
    object: 'foreign',
    says: /has no tag and so means latest/,
  },
  {
    rule: 'pinned-image',
    edit: ({ foreign }) => (container(foreign).image = 'proxy:latest'),
    object: 'foreign',
    says: /another image every day/,
  },
  {
    rule: 'pinned-image',
    edit: ({ foreign }) => (container(foreign).image = 'proxy@sha256:12'),
    object: 'foreign',
    says: /digest is not sha256/,
  },
  {
    rule: 'pinned-revision',
    edit: ({ root }) => (annotations(root)['cdk8s-llm/revision'] = 'main'),
    object: 'root',
    says: /git ls-remote https:\/\/huggingface\.co\/Qwen\/Qwen3-1\.7B main/,
  },
  // Rule 9
  {
    rule: 'closed-pods',
    edit: ({ foreignPolicy }) => (foreignPolicy.spec.policyTypes = ['Ingress']),
    object: 'foreign',
    says: /selected by no NetworkPolicy for egress/,
  },
  {
    rule: 'closed-pods',
    edit: ({ foreignPolicy }) => (foreignPolicy.spec.podSelector = { matchLabels: { app: 'other' } }),
    object: 'foreign',
    says: /for ingress and egress/,
  },
  {
    rule: 'servers-stay-in',
    edit: ({ rootPolicy }) => rootPolicy.spec.egress.push({ ports: [{ port: 443 }] }),
    object: 'rootPolicy',
    says: /lets Deployment llm\/qwen-root reach everyone/,
  },
  {
    rule: 'dllama-closed',
    edit: ({ workerPolicy }) => delete workerPolicy.spec.ingress[0].from,
    object: 'workerPolicy',
    says: /name them by podSelector/,
  },
  {
    rule: 'dllama-closed',
    edit: ({ workerPolicy }) => (workerPolicy.spec.ingress[0].from = [{ podSelector: {} }]),
    object: 'workerPolicy',
    says: /only the root and the workers/,
  },
  // Rule 10
  {
    rule: 'resources',
    edit: ({ foreign }) => delete container(foreign).resources.limits['ephemeral-storage'],
    object: 'foreign',
    says: /limits\["ephemeral-storage"\] is missing/,
  },
  {
    rule: 'requests-within-limits',
    edit: ({ foreign }) => (container(foreign).resources.requests.memory = '2Gi'),
    object: 'foreign',
    says: /is "2Gi", more than its limit "1Gi"/,
  },
  {
    rule: 'resources',
    edit: ({ root }) => delete podSpec(root).initContainers[0].resources.requests.cpu,
    object: 'root',
    says: /initContainers\[0\]\.resources\.requests\["cpu"\] is missing/,
  },
  // Rule 11
  {
    rule: 'no-secret-data',
    edit: ({ secret }) => (secret.stringData = { token: 'x' }),
    object: 'secret',
    says: /holds token; a Secret's values never stand in YAML/,
  },
  {
    rule: 'no-secret-text',
    edit: ({ foreign }) => (container(foreign).env = [{ name: 'HF_TOKEN', value: 'x' }]),
    object: 'foreign',
    says: /gives HF_TOKEN a value/,
  },
  {
    rule: 'no-secret-text',
    edit: ({ foreign }) => (container(foreign).args = [`--token=hf_${'a'.repeat(34)}`]),
    object: 'foreign',
    says: /looks like a secret, hf_aaa\.\.\./,
  },
  ...[['--api-key', 'abc'], ['--api_key=abc'], ['--token', 'abc'], ['--db-password=x']].map((args) => ({
    rule: 'no-secret-text',
    edit: ({ foreign }: Good) => (container(foreign).args = args),
    object: 'foreign' as const,
    says: /args\[0\] gives --[a-z-]+ a value; by its name it is a secret/,
  })),
  {
    rule: 'no-secret-text',
    edit: (good) => {
      const data = { 'a.ini': `proxy=${'x'.repeat(2000)} https://me:word@proxy.example/` };
      addObject(good, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'a', namespace: 'web' },
        data,
      });
    },
    object: 'added' as keyof Good,
    says: /data\["a\.ini"\] holds what looks like a secret/,
  },
  // Rule 12
  {
    rule: 'server-probes',
    edit: ({ foreign }) => delete container(foreign).startupProbe,
    object: 'foreign',
    says: /startupProbe is missing/,
  },
  {
    rule: 'server-probes',
    edit: ({ root }) => delete podSpec(root).initContainers[0].livenessProbe,
    object: 'root',
    says: /livenessProbe is missing/,
  },
  {
    rule: 'startup-budget',
    edit: ({ root }) => (annotations(root)['cdk8s-llm/artifact-bytes'] = '100000000000'),
    object: 'root',
    says: /gives up after 30 s; 100000000000 bytes take 94 s/,
  },
  {
    rule: 'startup-budget',
    edit: ({ root }) => (root.spec.progressDeadlineSeconds = 20),
    object: 'root',
    says: /is 20; it must be at least the startup probe's 30 s/,
  },
  {
    rule: 'patient-liveness',
    edit: ({ foreign }) => (container(foreign).livenessProbe.failureThreshold = 1),
    object: 'foreign',
    says: /is 1; it must be at least 2/,
  },
  {
    rule: 'dllama-probes',
    edit: ({ workers }) => (container(workers).readinessProbe = { tcpSocket: { port: 9999 } }),
    object: 'workers',
    says: /must not connect/,
  },
  {
    rule: 'dllama-probes',
    edit: ({ root }) => (container(root).livenessProbe = { httpGet: { path: '/v1/models', port: 9990 } }),
    object: 'root',
    says: /must not connect/,
  },
  {
    rule: 'dllama-probes',
    edit: ({ root }) => (podSpec(root).initContainers[0].livenessProbe = { grpc: { port: 9990 } }),
    object: 'root',
    says: /initContainers\[0\]\.livenessProbe must not connect/,
  },
  {
    rule: 'dllama-probes',
    edit: ({ workers }) =>
      (container(workers).livenessProbe = { exec: { command: ['sh', '-c', 'nc -z localhost 9999'] } }),
    object: 'workers',
    says: /Read \/proc\/net\/tcp instead/,
  },
  {
    rule: 'dllama-probes',
    edit: ({ root }) => {
      const init = { ...structuredClone(podSpec(root).initContainers[0]), name: 'wait' };
      for (const field of ['restartPolicy', 'ports', 'startupProbe', 'readinessProbe', 'livenessProbe'])
        delete init[field];
      podSpec(root).initContainers.push({
        ...init,
        command: ['sh', '-c', 'until nc -z w0 9999; do sleep 1; done'],
      });
    },
    object: 'root',
    says: /Wait for the name to resolve/,
  },
  // Rule 13
  {
    rule: 'graceful-shutdown',
    edit: ({ root }) => (podSpec(root).terminationGracePeriodSeconds = 5),
    object: 'root',
    says: /is 5; it must be more than the 5 s that preStop of root takes/,
  },
  {
    rule: 'graceful-shutdown',
    edit: ({ root }) => {
      const [of] = podSpec(root).containers;
      of.lifecycle.preStop.exec.command = ['python3', '-c', 'import time; time.sleep(60)'];
    },
    object: 'root',
    says: /is 60; it must be more than the 60 s that preStop of root takes/,
  },
  // Rule 14
  {
    rule: 'job-failures',
    edit: ({ download }) => (podSpec(download).restartPolicy = 'OnFailure'),
    object: 'download',
    says: /must be "Never"/,
  },
  {
    rule: 'job-failures',
    edit: ({ download }) => delete download.spec.backoffLimit,
    object: 'download',
    says: /backoffLimit is missing/,
  },
  {
    rule: 'job-failures',
    edit: ({ download }) => download.spec.podFailurePolicy.rules.shift(),
    object: 'download',
    says: /no rule that ignores DisruptionTarget/,
  },
  {
    rule: 'job-failures',
    edit: ({ download }) => (download.spec.podFailurePolicy.rules[1].onExitCodes.values = [64, 65]),
    object: 'download',
    says: /does not fail the Job on exit code 66, 73, 77/,
  },
  {
    rule: 'disruption-budget',
    edit: ({ workerBudget }) => (workerBudget.metadata = { name: 'others', namespace: 'web' }),
    object: 'workers',
    says: /is 2, and no PodDisruptionBudget selects the pods/,
  },
  {
    rule: 'spread',
    edit: ({ workers }) => delete podSpec(workers).topologySpreadConstraints,
    object: 'workers',
    says: /is missing with 2 replicas/,
  },
  {
    rule: 'disruption-budget',
    edit: (good) => {
      delete good.foreign.spec.replicas;
      podSpec(good.foreign).topologySpreadConstraints = [HOSTNAME];
      addObject(good, scalerOf('proxy', 'web'));
    },
    object: 'foreign',
    says: /is up to 3, and no PodDisruptionBudget selects the pods/,
  },
  {
    rule: 'spread',
    edit: (good) => {
      delete good.foreign.spec.replicas;
      addObject(good, scalerOf('proxy', 'web'));
      const budget = structuredClone(good.workerBudget);
      budget.metadata = { name: 'proxy', namespace: 'web' };
      budget.spec.selector = good.foreign.spec.selector;
      (good as unknown as Record<string, KubeObject>).budget = budget;
    },
    object: 'foreign',
    says: /is missing with up to 3 replicas/,
  },
  // Rule 15
  {
    rule: 'standard-labels',
    edit: ({ programs }) => delete programs.metadata.labels!['app.kubernetes.io/part-of'],
    object: 'programs',
    says: /part-of"\] is missing/,
  },
  {
    rule: 'standard-labels',
    edit: ({ programs }) => delete programs.metadata.labels!['app.kubernetes.io/component'],
    object: 'programs',
    says: /component"\] is missing; every object carries it/,
  },
  {
    rule: 'standard-labels',
    edit: ({ workers }) => delete workers.spec.template.metadata.labels['app.kubernetes.io/managed-by'],
    object: 'workers',
    says: /spec\.template\.metadata\.labels.* is missing; every pod carries it/,
  },
  {
    rule: 'provenance',
    edit: ({ workers }) => delete annotations(workers)['cdk8s-llm/source'],
    object: 'workers',
    says: /says where it is from/,
  },
  {
    rule: 'provenance',
    edit: ({ service }) => (annotations(service)['cdk8s-llm/serves-artifact'] = 'converted'),
    object: 'service',
    says: /annotations\["cdk8s-llm\/source"\] is missing; .* says where it is from/,
  },
  {
    rule: 'provenance',
    edit: ({ root }) => delete annotations(root)['cdk8s-llm/needs-artifact'],
    object: 'root',
    says: /though the pods mount a claim/,
  },
  // Rule 17
  {
    rule: 'served-api',
    edit: (good) =>
      addObject(good, {
        apiVersion: 'resource.k8s.io/v1',
        kind: 'ResourceClaimTemplate',
        metadata: { name: 'gpus', namespace: 'web' },
        spec: { spec: {} },
      }),
    object: 'added' as keyof Good,
    says: /needs Kubernetes 1\.34; the target is 1\.31/,
  },
  {
    rule: 'served-api',
    kubernetesVersion: '1.33',
    edit: (good) =>
      addObject(good, {
        apiVersion: 'resource.k8s.io/v1beta2',
        kind: 'ResourceClaim',
        metadata: { name: 'gpus', namespace: 'web' },
        spec: {},
      }),
    object: 'added' as keyof Good,
    says: /a beta that the API server serves only where it is told to/,
  },
  // What Kubernetes demands
  {
    rule: 'config-map-size',
    edit: (good) => {
      const data = { 'a.txt': '\n'.repeat(150_000) };
      addObject(good, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'a', namespace: 'web' },
        data,
      });
    },
    object: 'added' as keyof Good,
    says: /makes an object of 3\d{5} bytes; it must be less than 262144/,
  },
  {
    rule: 'valid-name',
    edit: ({ foreign }) => (foreign.metadata.name = 'Proxy'),
    object: 'foreign',
    says: /lower case letters, digits, - and \./,
  },
  {
    rule: 'valid-name',
    edit: ({ service }) => (service.metadata.name = '3-workers'),
    object: 'service',
    says: /must begin with a letter/,
  },
  {
    rule: 'valid-name',
    edit: ({ foreign }) => (foreign.metadata.name = 'x'.repeat(64)),
    object: 'foreign',
    says: /64 characters; it must be at most 63/,
  },
  {
    rule: 'valid-name',
    edit: ({ serviceAccount }) => delete serviceAccount.metadata.name,
    object: 'serviceAccount',
    says: /metadata\.name is missing/,
  },
  {
    rule: 'valid-labels',
    edit: ({ foreign }) => (foreign.metadata.labels = { model: 'Qwen/Qwen3' }),
    object: 'foreign',
    says: /is "Qwen\/Qwen3"; a label has up to 63/,
  },
  {
    rule: 'valid-labels',
    edit: ({ foreign }) => (annotations(foreign)['a b'] = 'x'),
    object: 'foreign',
    says: /is no key/,
  },
  {
    rule: 'unique-objects',
    edit: (good) => addObject(good, structuredClone(good.serviceAccount)),
    object: 'added' as keyof Good,
    says: /another ServiceAccount too, from serviceAccount/,
  },
  {
    rule: 'selector-matches',
    edit: ({ foreign }) => (foreign.spec.selector.matchLabels = { app: 'prox' }),
    object: 'foreign',
    says: /does not match the template's labels/,
  },
  {
    rule: 'selector-matches',
    edit: ({ service }) => (service.spec.selector['app.kubernetes.io/component'] = 'rot'),
    object: 'service',
    says: /selects no pod/,
  },
  {
    rule: 'service-ports',
    edit: ({ service }) => (service.spec.ports[0].targetPort = 'htp'),
    object: 'service',
    says: /leads to "htp"; the pods of Deployment llm\/qwen-root have http 8080/,
  },
  {
    rule: 'service-ports',
    edit: ({ service }) => {
      delete service.spec.ports[0].name;
      service.spec.ports.push({ name: 'other', port: 81, targetPort: 'http' });
    },
    object: 'service',
    says: /ports\[0\]\.name is missing; of several ports each has a name/,
  },
  {
    rule: 'service-ports',
    edit: ({ service }) => (service.spec.ports[0].name = 'x'.repeat(64)),
    object: 'service',
    says: /it must be up to 63/,
  },
  {
    rule: 'service-ports',
    edit: ({ service }) => service.spec.ports.push({ name: 'other', port: 80, targetPort: 'http' }),
    object: 'service',
    says: /ports\[1\] is TCP 80, as another port is/,
  },
  {
    rule: 'declared-ports',
    edit: ({ service }) => (service.spec.ports[0].targetPort = 8088),
    object: 'service',
    says: /leads to 8088; the pods of Deployment llm\/qwen-root have http 8080/,
  },
  {
    rule: 'declared-ports',
    edit: ({ foreign }) => container(foreign).ports.push({ containerPort: 8081 }),
    object: 'foreign',
    says: /ports\[1\]\.name is missing/,
  },
  {
    rule: 'pod-ports',
    edit: ({ foreign }) => (container(foreign).ports[0].name = 'a-name-too-longx'),
    object: 'foreign',
    says: /is "a-name-too-longx"; it must be up to 15/,
  },
  {
    rule: 'pod-ports',
    edit: ({ foreign }) => container(foreign).ports.push({ name: 'http', containerPort: 8081 }),
    object: 'foreign',
    says: /as another port's/,
  },
  {
    rule: 'pod-ports',
    edit: ({ root }) => (container(root).ports = [{ name: 'http', containerPort: 8082 }]),
    object: 'root',
    says: /as the container front of the same pod has/,
  },
  {
    rule: 'volumes-exist',
    edit: ({ workers }) => container(workers).volumeMounts.push({ name: 'program', mountPath: '/more' }),
    object: 'workers',
    says: /did you mean "programs"/,
  },
  {
    rule: 'volumes-exist',
    edit: ({ foreign }) => {
      podSpec(foreign).volumes = [0, 1].map(() => ({ name: 'twice', emptyDir: {} }));
      container(foreign).volumeMounts = [{ name: 'twice', mountPath: '/x' }];
    },
    object: 'foreign',
    says: /volumes\[1\] is named "twice", as another volume is/,
  },
  {
    rule: 'volumes-used',
    edit: ({ foreign }) => (podSpec(foreign).volumes = [{ name: 'unused', emptyDir: {} }]),
    object: 'foreign',
    says: /mounted by no container/,
  },
  ...referenceCases(),
  {
    rule: 'unique-containers',
    edit: ({ foreign }) => {
      podSpec(foreign).containers.push({ ...container(foreign), ports: [] });
    },
    object: 'foreign',
    says: /is "proxy", as another container's/,
  },
  {
    rule: 'governing-service',
    edit: ({ root, workers }) => {
      workers.spec.serviceName = 'qwen-workers';
      container(root).args = container(root).args.map((arg: string) =>
        arg.replace('.qwen-worker.', '.qwen-workers.'),
      );
    },
    object: 'workers',
    says: /there is no such Service/,
  },
  // What distributed-llama demands
  {
    rule: 'dllama-arguments',
    edit: ({ root }) => replaceArgument(root, '--port', ['--port=9990', '--seed']),
    object: 'root',
    says: /give two items: "--port", "9990"/,
  },
  {
    rule: 'dllama-arguments',
    edit: ({ root }) => replaceArgument(root, '--workers', ['--steps', '1', '--worker']),
    object: 'root',
    says: /did you mean --workers/,
  },
  {
    rule: 'dllama-arguments',
    edit: ({ root }) => container(root).args.push('--seed'),
    object: 'root',
    says: /has --seed without a value/,
  },
  {
    rule: 'dllama-arguments',
    edit: ({ root }) => removeFlag(root, '--tokenizer'),
    object: 'root',
    says: /has no --tokenizer with a value; without it the process ends at once/,
  },
  {
    rule: 'dllama-defaults',
    edit: ({ root }) => removeFlag(root, '--buffer-float-type'),
    object: 'root',
    says: /has no --buffer-float-type/,
  },
  {
    rule: 'dllama-arguments',
    edit: ({ root }) => setValue(root, '--max-seq-len', '4k'),
    object: 'root',
    says: /has --max-seq-len "4k"; its value is a whole number/,
  },
  {
    rule: 'dllama-arguments',
    edit: ({ root }) => setValue(root, '--max-seq-len', '0'),
    object: 'root',
    says: /the full context; name a length/,
  },
  {
    rule: 'dllama-arguments',
    edit: ({ root }) => setValue(root, '--buffer-float-type', 'q40'),
    object: 'root',
    says: /its value is f32 or q80/,
  },
  {
    rule: 'dllama-workers',
    edit: ({ workerService }) => (workerService.spec.ipFamilies = ['IPv6']),
    object: 'workerService',
    says: /it must have IPv4/,
  },
  {
    rule: 'content-exists',
    edit: ({ workers }) => (podSpec(workers).volumes[0].configMap.name = 'qwen-programs-01234567'),
    object: 'workers',
    says: /there is no such ConfigMap/,
  },
  {
    rule: 'claim-template-name',
    kubernetesVersion: '1.34',
    edit: (good) =>
      addObject(good, {
        apiVersion: 'resource.k8s.io/v1',
        kind: 'ResourceClaimTemplate',
        metadata: { ...structuredClone(good.programs.metadata), name: 'gpus' },
        spec: { spec: {} },
      }),
    object: 'added' as keyof Good,
    says: /must end in "-[0-9a-f]{8}", the hash of its spec/,
  },
  {
    rule: 'device-claims',
    kubernetesVersion: '1.33',
    edit: ({ workers }) => claimDevices(workers, ['gpus'], ['gpus']),
    object: 'workers',
    says: /off by default before Kubernetes 1\.34; the target is 1\.33/,
  },
  {
    rule: 'device-claims',
    kubernetesVersion: '1.34',
    edit: ({ workers }) => claimDevices(workers, ['gpus'], []),
    object: 'workers',
    says: /resourceClaims\[0\] "gpus" is used by no container/,
  },
  {
    rule: 'device-claims',
    kubernetesVersion: '1.34',
    edit: ({ workers }) => claimDevices(workers, ['gpus'], ['gpus', 'gpu']),
    object: 'workers',
    says: /claims\[1\]\.name is "gpu", which is no claim of the pod; it has "gpus"/,
  },
  {
    rule: 'flux-kustomization',
    edit: ({ servePhase }) => (servePhase.spec.dependsOn[0].name = 'qwen-30-convert'),
    object: 'servePhase',
    says: /there is no such Kustomization/,
  },
  {
    rule: 'dllama-threads',
    edit: ({ workers }) => (container(workers).resources.limits.cpu = '3'),
    object: 'workers',
    says: /is "3"; it must be 2, as many as --nthreads/,
  },
  {
    rule: 'dllama-memory',
    edit: ({ workers }) => (container(workers).resources.requests.memory = '512Mi'),
    object: 'workers',
    says: /is "512Mi"; it must be the limit, "1Gi"/,
  },
  {
    rule: 'dllama-image',
    edit: ({ workers }) => (container(workers).image = 'registry.example/dllama:v0.16.2'),
    object: 'workers',
    says: /v0\.16\.4 or newer/,
  },
  {
    rule: 'dllama-tty',
    edit: ({ workers }) => delete container(workers).tty,
    object: 'workers',
    says: /must be true, or kubectl logs shows nothing/,
  },
  {
    rule: 'dllama-process-1',
    edit: ({ workers }) => delete container(workers).command,
    object: 'workers',
    says: /starts the worker as process 1/,
  },
  {
    rule: 'dllama-process-1',
    edit: ({ root }) => delete container(root).command,
    object: 'root',
    says: /ignores SIGTERM/,
  },
  {
    rule: 'dllama-front',
    edit: ({ root }) => setValue(root, '--host', '0.0.0.0'),
    object: 'root',
    says: /must be 127\.0\.0\.1/,
  },
  {
    rule: 'dllama-front',
    edit: ({ root, service }) => {
      container(root).ports = [{ name: 'api', containerPort: 9990 }];
      service.spec.ports[0].targetPort = 'api';
    },
    object: 'service',
    says: /leads to the root of Deployment llm\/qwen-root itself/,
  },
  {
    rule: 'no-mesh',
    edit: ({ workers }) => delete workers.spec.template.metadata.labels['sidecar.istio.io/inject'],
    object: 'workers',
    says: /sidecar\.istio\.io\/inject"\] is nothing; it must be "false"/,
  },
  {
    rule: 'no-mesh',
    edit: ({ root }) => (root.spec.template.metadata.annotations['linkerd.io/inject'] = 'enabled'),
    object: 'root',
    says: /is "enabled"; it must be "disabled"/,
  },
  {
    rule: 'no-mesh',
    edit: ({ download }) => delete download.spec.template.metadata.labels['istio.io/dataplane-mode'],
    object: 'download',
    says: /istio\.io\/dataplane-mode"\] is nothing; it must be "none"/,
  },
  {
    rule: 'no-mesh',
    edit: ({ convert }) => delete convert.spec.template.metadata.annotations,
    object: 'convert',
    says: /spec\.template\.metadata\.annotations\["linkerd\.io\/inject"\] is nothing/,
  },
  {
    rule: 'no-mesh',
    edit: ({ download }) => (download.spec.template.metadata.labels['sidecar.istio.io/inject'] = 'true'),
    object: 'download',
    says: /sidecar\.istio\.io\/inject"\] is "true"; it must be "false"/,
  },
  {
    rule: 'dllama-mesh',
    edit: ({ workers }) => {
      workers.metadata.labels = {};
      delete workers.spec.template.metadata.annotations;
    },
    object: 'workers',
    says: /linkerd\.io\/inject"\] is nothing; it must be "disabled", so that no proxy stands between/,
  },
  {
    rule: 'dllama-workers',
    edit: ({ workers }) => (workers.spec.podManagementPolicy = 'OrderedReady'),
    object: 'workers',
    says: /must be "Parallel"/,
  },
  {
    rule: 'dllama-workers',
    edit: ({ workerService }) => delete workerService.spec.publishNotReadyAddresses,
    object: 'workerService',
    says: /must be true: the root finds workers/,
  },
  {
    rule: 'dllama-root',
    edit: ({ root }) => (root.spec.strategy.type = 'RollingUpdate'),
    object: 'root',
    says: /must be "Recreate"/,
  },
  {
    rule: 'dllama-root',
    edit: ({ root }) => delete root.spec.replicas,
    object: 'root',
    says: /it must be 1/,
  },
  {
    rule: 'dllama-worker-names',
    edit: ({ workers }) => (workers.spec.replicas = 3),
    object: 'root',
    says: /names 2 workers of 3/,
  },
  {
    rule: 'dllama-worker-names',
    edit: ({ root }) => {
      const args = container(root).args as string[];
      args[args.indexOf('--workers') + 2] = 'qwen-worker.llm.svc.cluster.local:9999';
    },
    object: 'root',
    says: /must be the name of one pod/,
  },
];

/** Each way in which a reference can lack the name that its schema does not demand. */
function referenceCases(): Case[] {
  const edits: [(c: ReturnType<typeof container>, pod: ReturnType<typeof podSpec>) => void, RegExp][] = [
    [
      (c) => (c.env = [{ name: 'A', valueFrom: { secretKeyRef: { key: 'a' } } }]),
      /env\[0\]\.valueFrom\.secretKeyRef\.name is missing; name the object/,
    ],
    [
      (c) => (c.env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: '', key: 'a' } } }]),
      /env\[0\]\.valueFrom\.configMapKeyRef\.name is empty/,
    ],
    [(c) => (c.envFrom = [{ secretRef: {} }]), /envFrom\[0\]\.secretRef\.name is missing/],
    [(c) => (c.envFrom = [{ configMapRef: { name: '' } }]), /envFrom\[0\]\.configMapRef\.name is empty/],
    [
      (c, pod) => {
        pod.volumes = [{ name: 'a', secret: {} }];
        c.volumeMounts = [{ name: 'a', mountPath: '/a' }];
      },
      /volumes\[0\]\.secret\.secretName is missing/,
    ],
    [
      (c, pod) => {
        pod.volumes = [{ name: 'a', configMap: { name: '' } }];
        c.volumeMounts = [{ name: 'a', mountPath: '/a' }];
      },
      /volumes\[0\]\.configMap\.name is empty/,
    ],
  ];
  return edits.map(([edit, says]) => ({
    rule: 'reference-names',
    edit: ({ foreign }) => edit(container(foreign), podSpec(foreign)),
    object: 'foreign',
    says,
  }));
}

/** Each departure from Pod Security, or from what we ask beyond it, with what the message calls it. */
function securityCases(): Case[] {
  type Edit = (pod: ReturnType<typeof podSpec>, c: ReturnType<typeof container>) => void;
  const edits: [Edit, RegExp][] = [
    [(pod) => (pod.hostNetwork = true), /hostNetwork is true/],
    [(pod) => (pod.hostPID = true), /hostPID is true/],
    [(pod) => (pod.hostIPC = true), /hostIPC is true/],
    [(pod) => delete pod.securityContext.runAsNonRoot, /runAsNonRoot is nothing, here and for the pod/],
    [(pod) => (pod.securityContext.runAsUser = 0), /runAsUser is 0, here or for the pod; it must be above 0/],
    [(pod) => (pod.securityContext.seccompProfile.type = 'Unconfined'), /must be "RuntimeDefault"/],
    [(pod) => (pod.securityContext.sysctls = [{ name: 'kernel.msgmax', value: '1' }]), /kernel\.msgmax/],
    [(pod) => (pod.securityContext.appArmorProfile = { type: 'Unconfined' }), /appArmorProfile/],
    [(pod) => (pod.securityContext.seLinuxOptions = { type: 'spc_t' }), /seLinuxOptions/],
    [(pod) => (pod.securityContext.windowsOptions = { hostProcess: true }), /hostProcess is true/],
    [(_, c) => (c.securityContext.privileged = true), /privileged is true/],
    [
      (_, c) => delete c.securityContext.allowPrivilegeEscalation,
      /allowPrivilegeEscalation is nothing; it must be false/,
    ],
    [(_, c) => (c.securityContext.capabilities.drop = ['NET_RAW']), /is \["NET_RAW"\]; it must be \["ALL"\]/],
    [(_, c) => (c.securityContext.capabilities.add = ['SYS_ADMIN']), /capabilities\.add is \["SYS_ADMIN"\]/],
    [(_, c) => (c.securityContext.procMount = 'Unmasked'), /procMount is "Unmasked"/],
    [(_, c) => (c.securityContext.runAsUser = 0), /runAsUser is 0/],
    [(_, c) => (c.ports[0].hostPort = 80), /hostPort is 80/],
    [
      (pod, c) => {
        pod.volumes = [{ name: 'disk', hostPath: { path: '/mnt' } }];
        c.volumeMounts = [{ name: 'disk', mountPath: '/mnt' }];
      },
      /volumes\[0\]\.hostPath is not allowed/,
    ],
    [
      (pod, c) => {
        pod.volumes = [{ name: 'disk', nfs: { server: 'nfs', path: '/' } }];
        c.volumeMounts = [{ name: 'disk', mountPath: '/mnt' }];
      },
      /volumes\[0\]\.nfs is not allowed/,
    ],
  ];
  const beyond: [Edit, RegExp][] = [
    [
      (pod) => delete pod.automountServiceAccountToken,
      /automountServiceAccountToken is nothing; it must be false/,
    ],
    [(pod) => delete pod.enableServiceLinks, /enableServiceLinks is nothing/],
    [(pod) => delete pod.securityContext.runAsUser, /runAsUser is nothing, here and for the pod/],
    [(pod) => delete pod.securityContext.runAsGroup, /runAsGroup is nothing/],
    [(_, c) => delete c.securityContext.readOnlyRootFilesystem, /mount an emptyDir/],
    [(_, c) => (c.securityContext.capabilities.add = ['NET_BIND_SERVICE']), /listen at a port above 1023/],
  ];
  const cases = (rule: string, those: [Edit, RegExp][]): Case[] =>
    those.map(([edit, says]) => ({
      rule,
      edit: ({ foreign }) => edit(podSpec(foreign), container(foreign)),
      object: 'foreign',
      says,
      kubernetesVersion: '1.33', // the first that takes all of them
    }));
  return [...cases('pod-security', edits), ...cases('pod-hardening', beyond)];
}

const HOSTNAME = {
  maxSkew: 1,
  topologyKey: 'kubernetes.io/hostname',
  whenUnsatisfiable: 'ScheduleAnyway',
};

function scalerOf(name: string, namespace: string): KubeObject {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'scaler', namespace },
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } },
  };
}

function addObject(good: Good, object: KubeObject): void {
  (good as unknown as Record<string, KubeObject>).added = object;
}

function claimDevices(object: KubeObject, claims: string[], used: string[]): void {
  podSpec(object).resourceClaims = claims.map((name) => ({ name, resourceClaimName: name }));
  container(object).resources.claims = used.map((name) => ({ name }));
}

function check(good: Good, kubernetesVersion = '1.31'): Violation[] {
  return checkObjects(checked(good), { kubernetesVersion });
}

test.each(CASES.map((c) => [c.rule, c.says, c] as const))(
  '%s: %s',
  (rule, says, { edit, object, keepsName, kubernetesVersion }) => {
    const good = goodObjects();
    edit(good);
    if (!keepsName) [good.download, good.convert].forEach(nameJob);
    const violations = check(good, kubernetesVersion);
    // Nothing else is wrong: a rule that speaks beside the point is as bad as one that is silent.
    expect([...new Set(violations.map((v) => v.rule))]).toEqual([rule]);
    const said = violations.map((v) => `${v.where}: ${v.field ?? ''} ${v.message}`);
    expect(said.filter((text) => text.startsWith(`${object}: `)).join('\n')).toMatch(says);
  },
);

test('every rule is broken by a case above', () => {
  expect(RULES.map((rule) => rule.id).filter((id) => !CASES.some((c) => c.rule === id))).toEqual([]);
});

test('ids are unique, and each rule says why and looks at something', () => {
  expect(new Set(RULES.map((rule) => rule.id)).size).toBe(RULES.length);
  for (const rule of RULES) {
    expect(rule.id).toMatch(/^[a-z][a-z0-9-]+$/);
    expect(rule.why).toMatch(/^\S.*\.$/s);
    expect(rule.object ?? rule.pod ?? rule.set).toBeDefined();
  }
});

test('the rules of the design that YAML can show are all there', () => {
  const numbers = new Set(RULES.map((rule) => rule.of));
  const shown = [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
  expect(shown.filter((number) => !numbers.has(number))).toEqual([]);
  expect(numbers.has(17)).toBe(true);
});

test('an opt-out with a reason is honoured, on the object or its template', () => {
  for (const place of ['metadata', 'template']) {
    const good = goodObjects();
    podSpec(good.foreign).hostNetwork = true;
    const metadata = place === 'metadata' ? good.foreign.metadata : good.foreign.spec.template.metadata;
    metadata.annotations = { 'cdk8s-llm/pod-security-opt-out': 'hostNetwork: answers on the node itself' };
    expect(check(good)).toEqual([]);
  }
});

test('a scaled distributed-llama is refused', () => {
  const good = goodObjects();
  addObject(good, scalerOf('qwen-root', 'llm'));
  expect(check(good).map((v) => [v.rule, v.where])).toEqual([
    ['replicas-owner', 'root'],
    ['dllama-root', 'added'],
  ]);
});

test('a worker outside of a StatefulSet, or with a claim, is refused', () => {
  const good = goodObjects();
  podSpec(good.workers).volumes.push({
    name: 'models',
    persistentVolumeClaim: { claimName: 'other', readOnly: true },
  });
  container(good.workers).volumeMounts.push({ name: 'models', mountPath: '/models', readOnly: true });
  expect(check(good).map((v) => v.message)).toEqual([
    expect.stringContaining('gets its part of the model from the root'),
  ]);

  const deployed = goodObjects();
  deployed.workers.kind = 'Deployment';
  for (const field of ['serviceName', 'podManagementPolicy']) delete deployed.workers.spec[field];
  expect(check(deployed).map((v) => v.message)).toContainEqual(
    expect.stringContaining('workers are a StatefulSet'),
  );
});

test('distributed-llama is known by its flags under another path, and in a text for a shell', () => {
  for (const command of [
    ['/opt/bin/worker-x86', 'worker', '--port', '9999', '--nthreads', '2'],
    ['sh', '-c', 'while :; do /usr/bin/dllama worker --port 9999 --nthreads 2; done'],
  ]) {
    const good = goodObjects();
    Object.assign(container(good.workers), { command: ['sh', '/opt/dllama.sh', ...command], args: [] });
    delete container(good.workers).tty;
    expect(check(good).map((v) => v.rule)).toEqual(['dllama-tty']);
  }
});

test("a folder in another program's option is no distributed-llama", () => {
  const good = goodObjects();
  container(good.foreign).args = ['--state-dir=/run/dllama', '-c/opt/dllama-api'];
  container(good.foreign).livenessProbe = { tcpSocket: { port: 8080 } };
  expect(check(good)).toEqual([]);

  container(good.foreign).command = ['sh', '-c', 'serve --state-dir=/run/dllama --port 8080'];
  expect(check(good)).toEqual([]);
});

test('one port of a Service or a container needs no name', () => {
  const good = goodObjects();
  delete good.service.spec.ports[0].name;
  delete container(good.foreign).ports[0].name;
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
    container(good.foreign)[probe].httpGet.port = 8080;
  expect(check(good)).toEqual([]);
});

test('a Service may give its ports longer names than a container', () => {
  const good = goodObjects();
  good.service.spec.ports[0].name = 'openai-compatible--api';
  expect(check(good)).toEqual([]);
});

test('all workers as one item are refused', () => {
  const good = goodObjects();
  const args = container(good.root).args as string[];
  const index = args.indexOf('--workers') + 1;
  args.splice(index, 2, `${args[index]} ${args[index + 1]}`);
  expect(check(good).map((v) => v.message)).toContainEqual(
    expect.stringContaining('only the first would be used'),
  );
});

describe('a ConfigMap is named after its content', () => {
  const said = (edit: (spec: KubeObject, name: string) => void): string[] => {
    const good = goodObjects();
    const map: KubeObject = structuredClone(good.programs);
    map.metadata.name = 'settings';
    map.data = { 'settings.yaml': 'a: 1\n' };
    edit(podSpec(good.download), 'settings');
    const objects = checked(good);
    objects.push({ where: 'settings', object: map });
    return checkObjects(objects, { kubernetesVersion: '1.31' })
      .filter(({ rule, where }) => rule === 'content-name' && where === 'settings')
      .map(({ message }) => message);
  };
  const add = (owner: Record<string, unknown>, list: string, member: object) =>
    ((owner[list] ??= []) as object[]).push(member);

  test.each<[string, (spec: KubeObject, name: string) => void]>([
    ['mounts', (spec, name) => add(spec, 'volumes', { name: 'x', configMap: { name } })],
    [
      'mounts with others',
      (spec, name) => add(spec, 'volumes', { name: 'x', projected: { sources: [{ configMap: { name } }] } }),
    ],
    [
      'has a variable from',
      (spec, name) =>
        add(spec.containers[0], 'env', { name: 'X', valueFrom: { configMapKeyRef: { name, key: 'a' } } }),
    ],
    [
      'has all variables from',
      (spec, name) => add(spec.containers[0], 'envFrom', { configMapRef: { name } }),
    ],
  ])('that a pod %s', (_, edit) => {
    expect(said(edit)).toEqual([expect.stringMatching(/^is "settings"; it must end in "-[0-9a-f]{8}"/)]);
  });

  test('but not one that no pod of the set reads', () => expect(said(() => undefined)).toEqual([]));
});
