/**
 * The parts of Kubernetes objects that rules read. The schema check has gone before: what is here has this type.
 */

/** @internal */
export interface Probe {
  exec?: { command?: string[] };
  httpGet?: { port: number | string };
  tcpSocket?: { port: number | string };
  grpc?: { port: number };
  initialDelaySeconds?: number;
  periodSeconds?: number;
  failureThreshold?: number;
}

/** @internal */
export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name?: string }; configMapKeyRef?: { name?: string } };
}

/** @internal */
export interface EnvFromSource {
  secretRef?: { name?: string };
  configMapRef?: { name?: string };
}

/** @internal */
export interface ContainerPort {
  name?: string;
  containerPort: number;
  hostPort?: number;
  protocol?: string;
}

/** @internal */
export interface SecurityContext {
  allowPrivilegeEscalation?: boolean;
  capabilities?: { add?: string[]; drop?: string[] };
  privileged?: boolean;
  procMount?: string;
  readOnlyRootFilesystem?: boolean;
  runAsGroup?: number;
  runAsNonRoot?: boolean;
  runAsUser?: number;
  seccompProfile?: { type: string };
  appArmorProfile?: { type: string };
  seLinuxOptions?: { type?: string; user?: string; role?: string };
  windowsOptions?: { hostProcess?: boolean };
  sysctls?: { name: string }[];
}

/** @internal */
export interface VolumeMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
  subPath?: string;
}

/** @internal */
export interface Container {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
  env?: EnvVar[];
  envFrom?: EnvFromSource[];
  ports?: ContainerPort[];
  resources?: {
    requests?: Record<string, string | number>;
    limits?: Record<string, string | number>;
    claims?: { name: string; request?: string }[];
  };
  volumeMounts?: VolumeMount[];
  volumeDevices?: { name: string }[];
  startupProbe?: Probe;
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  lifecycle?: { preStop?: { exec?: { command?: string[] }; sleep?: { seconds: number } } };
  securityContext?: SecurityContext;
  restartPolicy?: string;
  tty?: boolean;
}

/** @internal */
export interface Volume {
  name: string;
  persistentVolumeClaim?: { claimName: string; readOnly?: boolean };
  configMap?: { name?: string };
  projected?: { sources?: { configMap?: { name?: string } }[] };
  secret?: { secretName?: string };
  image?: { reference?: string };
  [source: string]: unknown;
}

/** @internal */
export interface PodResourceClaim {
  name: string;
  resourceClaimName?: string;
  resourceClaimTemplateName?: string;
}

/** @internal */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** @internal */
export interface PodAffinityTerm {
  labelSelector?: LabelSelector;
  topologyKey: string;
}

/** @internal */
export interface PodSpec {
  nodeSelector?: Record<string, string>;
  containers: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  affinity?: {
    podAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[] };
    podAntiAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: unknown[];
      preferredDuringSchedulingIgnoredDuringExecution?: unknown[];
    };
  };
  topologySpreadConstraints?: unknown[];
  automountServiceAccountToken?: boolean;
  enableServiceLinks?: boolean;
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  resourceClaims?: PodResourceClaim[];
  restartPolicy?: string;
  shareProcessNamespace?: boolean;
  securityContext?: SecurityContext;
  terminationGracePeriodSeconds?: number;
}

/** @internal */
export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}

/** @internal */
export interface JobSpec {
  template: PodTemplate;
  backoffLimit?: number;
  suspend?: boolean;
  ttlSecondsAfterFinished?: number;
  podFailurePolicy?: {
    rules: {
      action: string;
      onExitCodes?: { operator: string; values: number[] };
      onPodConditions?: { type: string }[];
    }[];
  };
}

/** Deployment, StatefulSet and their kin. @internal */
export interface ReplicatedSpec {
  template: PodTemplate;
  selector?: LabelSelector;
  replicas?: number;
  progressDeadlineSeconds?: number;
  strategy?: { type?: string };
  podManagementPolicy?: string;
  serviceName?: string;
  volumeClaimTemplates?: { metadata?: { name?: string } }[];
}

/** @internal */
export interface LeaderWorkerSetSpec {
  replicas?: number;
  leaderWorkerTemplate: { size?: number; leaderTemplate?: PodTemplate; workerTemplate: PodTemplate };
}

/** @internal */
export interface ServiceSpec {
  clusterIP?: string;
  publishNotReadyAddresses?: boolean;
  ipFamilies?: string[];
  selector?: Record<string, string>;
  ports?: {
    name?: string;
    port: number;
    targetPort?: number | string;
    protocol?: string;
    appProtocol?: string;
  }[];
}

/** @internal */
export interface NetworkPeer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string };
}

/** @internal */
export interface NetworkPolicySpec {
  podSelector?: LabelSelector;
  policyTypes?: string[];
  ingress?: { from?: NetworkPeer[]; ports?: { port?: number | string; protocol?: string }[] }[];
  egress?: { to?: NetworkPeer[]; ports?: { port?: number | string; protocol?: string }[] }[];
}
