// What the published types do not say about the kinds that we check.

/** The packages whose type declarations hold the API of one Kubernetes version each. */
export const PACKAGES = {
  28: 'cdk8s-plus-28@2.5.6',
  29: 'cdk8s-plus-29@2.6.0',
  30: 'cdk8s-plus-30@2.4.10',
  31: 'cdk8s-plus-31@2.6.43',
  32: 'cdk8s-plus-32@2.5.92',
  33: 'cdk8s-plus-33@2.5.57',
  34: 'cdk8s-plus-34@2.0.54',
};

/** The versions after those, and a package of the newest of them, which shows that they have the same fields. */
export const NEWER = { minors: [35, 36], package: '@kubernetes/client-node@2.0.1' };

/** The kinds that we check, by apiVersion: those that we write, and all others that have pods. */
export const KINDS = {
  v1: [
    'ConfigMap',
    'Namespace',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'Pod',
    'Secret',
    'Service',
    'ServiceAccount',
  ],
  'apps/v1': ['DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet'],
  'autoscaling/v2': ['HorizontalPodAutoscaler'],
  'batch/v1': ['CronJob', 'Job'],
  'networking.k8s.io/v1': ['Ingress', 'NetworkPolicy'],
  'policy/v1': ['PodDisruptionBudget'],
  'resource.k8s.io/v1': ['ResourceClaim', 'ResourceClaimTemplate'],
  'resource.k8s.io/v1beta1': ['ResourceClaim', 'ResourceClaimTemplate'],
  'resource.k8s.io/v1beta2': ['ResourceClaim', 'ResourceClaimTemplate'],
  'scheduling.k8s.io/v1': ['PriorityClass'],
};

/** What is true of the requests for devices in each version of the API: v1beta1 has them without `exactly`. */
function ofDeviceRequests(facts) {
  const requests = [
    'v1.ExactDeviceRequest',
    'v1.DeviceSubRequest',
    'v1beta1.DeviceRequest',
    'v1beta1.DeviceSubRequest',
    'v1beta2.ExactDeviceRequest',
    'v1beta2.DeviceSubRequest',
  ];
  return Object.fromEntries(
    requests.flatMap((request) =>
      Object.entries(facts).map(([field, fact]) => [`resource.${request}#${field}`, fact]),
    ),
  );
}

/** Values that the API server allows, where the type is a mere string. */
export const ENUMS = {
  'apps.v1.DaemonSetUpdateStrategy#type': ['OnDelete', 'RollingUpdate'],
  'apps.v1.DeploymentStrategy#type': ['Recreate', 'RollingUpdate'],
  'apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy#whenDeleted': ['Retain', 'Delete'],
  'apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy#whenScaled': ['Retain', 'Delete'],
  'apps.v1.StatefulSetSpec#podManagementPolicy': ['OrderedReady', 'Parallel'],
  'apps.v1.StatefulSetUpdateStrategy#type': ['OnDelete', 'RollingUpdate'],
  'autoscaling.v2.HPAScalingPolicy#type': ['Pods', 'Percent'],
  'autoscaling.v2.HPAScalingRules#selectPolicy': ['Max', 'Min', 'Disabled'],
  'autoscaling.v2.MetricSpec#type': ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'],
  'autoscaling.v2.MetricTarget#type': ['Utilization', 'Value', 'AverageValue'],
  'batch.v1.CronJobSpec#concurrencyPolicy': ['Allow', 'Forbid', 'Replace'],
  'batch.v1.JobSpec#completionMode': ['NonIndexed', 'Indexed'],
  'batch.v1.JobSpec#podReplacementPolicy': ['Failed', 'TerminatingOrFailed'],
  'batch.v1.PodFailurePolicyOnExitCodesRequirement#operator': ['In', 'NotIn'],
  'batch.v1.PodFailurePolicyOnPodConditionsPattern#status': ['True', 'False', 'Unknown'],
  'batch.v1.PodFailurePolicyRule#action': ['FailJob', 'FailIndex', 'Ignore', 'Count'],
  'core.v1.AppArmorProfile#type': ['Localhost', 'RuntimeDefault', 'Unconfined'],
  'core.v1.Container#imagePullPolicy': ['Always', 'IfNotPresent', 'Never'],
  'core.v1.Container#restartPolicy': ['Always', 'Never', 'OnFailure'],
  'core.v1.Container#terminationMessagePolicy': ['File', 'FallbackToLogsOnError'],
  'core.v1.ContainerPort#protocol': ['TCP', 'UDP', 'SCTP'],
  'core.v1.ContainerResizePolicy#restartPolicy': ['NotRequired', 'RestartContainer'],
  'core.v1.EmptyDirVolumeSource#medium': ['', 'Memory', 'HugePages', 'HugePages-2Mi', 'HugePages-1Gi'],
  'core.v1.HTTPGetAction#scheme': ['HTTP', 'HTTPS'],
  'core.v1.HostPathVolumeSource#type': [
    '',
    'DirectoryOrCreate',
    'Directory',
    'FileOrCreate',
    'File',
    'Socket',
    'CharDevice',
    'BlockDevice',
  ],
  'core.v1.ImageVolumeSource#pullPolicy': ['Always', 'IfNotPresent', 'Never'],
  'core.v1.NodeSelectorRequirement#operator': ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'],
  'core.v1.PersistentVolumeClaimSpec#accessModes': [
    'ReadWriteOnce',
    'ReadOnlyMany',
    'ReadWriteMany',
    'ReadWriteOncePod',
  ],
  'core.v1.PersistentVolumeClaimSpec#volumeMode': ['Filesystem', 'Block'],
  'core.v1.PersistentVolumeSpec#accessModes': [
    'ReadWriteOnce',
    'ReadOnlyMany',
    'ReadWriteMany',
    'ReadWriteOncePod',
  ],
  'core.v1.PersistentVolumeSpec#persistentVolumeReclaimPolicy': ['Retain', 'Recycle', 'Delete'],
  'core.v1.PersistentVolumeSpec#volumeMode': ['Filesystem', 'Block'],
  'core.v1.PodSecurityContext#fsGroupChangePolicy': ['OnRootMismatch', 'Always'],
  'core.v1.PodSecurityContext#supplementalGroupsPolicy': ['Merge', 'Strict'],
  'core.v1.PodSpec#dnsPolicy': ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'],
  'core.v1.PodSpec#preemptionPolicy': ['Never', 'PreemptLowerPriority'],
  'core.v1.PodSpec#restartPolicy': ['Always', 'OnFailure', 'Never'],
  'core.v1.SeccompProfile#type': ['Localhost', 'RuntimeDefault', 'Unconfined'],
  'core.v1.SecurityContext#procMount': ['Default', 'Unmasked'],
  'core.v1.ServicePort#protocol': ['TCP', 'UDP', 'SCTP'],
  'core.v1.ServiceSpec#externalTrafficPolicy': ['Cluster', 'Local'],
  'core.v1.ServiceSpec#internalTrafficPolicy': ['Cluster', 'Local'],
  'core.v1.ServiceSpec#ipFamilies': ['IPv4', 'IPv6'],
  'core.v1.ServiceSpec#ipFamilyPolicy': ['SingleStack', 'PreferDualStack', 'RequireDualStack'],
  'core.v1.ServiceSpec#sessionAffinity': ['ClientIP', 'None'],
  'core.v1.ServiceSpec#type': ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'],
  'core.v1.Toleration#effect': ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
  'core.v1.Toleration#operator': ['Exists', 'Equal'],
  'core.v1.TopologySpreadConstraint#nodeAffinityPolicy': ['Honor', 'Ignore'],
  'core.v1.TopologySpreadConstraint#nodeTaintsPolicy': ['Honor', 'Ignore'],
  'core.v1.TopologySpreadConstraint#whenUnsatisfiable': ['DoNotSchedule', 'ScheduleAnyway'],
  'core.v1.VolumeMount#mountPropagation': ['None', 'HostToContainer', 'Bidirectional'],
  'core.v1.VolumeMount#recursiveReadOnly': ['Disabled', 'IfPossible', 'Enabled'],
  'meta.v1.LabelSelectorRequirement#operator': ['In', 'NotIn', 'Exists', 'DoesNotExist'],
  'networking.v1.HTTPIngressPath#pathType': ['Exact', 'Prefix', 'ImplementationSpecific'],
  'networking.v1.NetworkPolicyPort#protocol': ['TCP', 'UDP', 'SCTP'],
  'networking.v1.NetworkPolicySpec#policyTypes': ['Ingress', 'Egress'],
  'policy.v1.PodDisruptionBudgetSpec#unhealthyPodEvictionPolicy': ['IfHealthyBudget', 'AlwaysAllow'],
  ...ofDeviceRequests({ allocationMode: ['ExactCount', 'All'] }),
  'scheduling.v1.PriorityClass#preemptionPolicy': ['Never', 'PreemptLowerPriority'],
};

/**
 * The version from which a field works without a feature gate, where the types have it earlier: until then the
 * API server drops it in silence.
 */
export const ENABLED_SINCE = {
  'autoscaling.v2.HPAScalingRules#tolerance': '1.35',
  'batch.v1.JobSpec#backoffLimitPerIndex': '1.29',
  'batch.v1.JobSpec#managedBy': '1.32',
  'batch.v1.JobSpec#maxFailedIndexes': '1.29',
  'batch.v1.JobSpec#podReplacementPolicy': '1.29',
  'batch.v1.JobSpec#successPolicy': '1.31',
  'core.v1.Container#resizePolicy': '1.33',
  // Of init containers, which it makes sidecars: Always.
  'core.v1.Container#restartPolicy': '1.29',
  'core.v1.Container#restartPolicyRules': '1.35',
  'core.v1.EnvVarSource#fileKeyRef': '1.35',
  'core.v1.LifecycleHandler#sleep': '1.30',
  'core.v1.PersistentVolumeClaimSpec#volumeAttributesClassName': '1.34',
  'core.v1.PersistentVolumeSpec#volumeAttributesClassName': '1.34',
  'core.v1.PodAffinityTerm#matchLabelKeys': '1.31',
  'core.v1.PodAffinityTerm#mismatchLabelKeys': '1.31',
  'core.v1.PodSecurityContext#seLinuxChangePolicy': '1.33',
  'core.v1.PodSecurityContext#supplementalGroupsPolicy': '1.33',
  'core.v1.PodSpec#hostUsers': '1.33',
  'core.v1.PodSpec#hostnameOverride': '1.35',
  // Off by default until 1.34, which the rule device-claims knows.
  'core.v1.PodSpec#resourceClaims': '1.32',
  'core.v1.PodSpec#resources': '1.34',
  'core.v1.ResourceRequirements#claims': '1.32',
  'core.v1.ServiceSpec#trafficDistribution': '1.31',
  // Off by default until 1.35, which the rule image-volumes knows.
  'core.v1.Volume#image': '1.31',
  'core.v1.VolumeMount#recursiveReadOnly': '1.31',
  ...ofDeviceRequests({ capacity: '1.36', tolerations: '1.36' }),
  'resource.v1.DeviceConstraint#distinctAttribute': '1.36',
  'resource.v1beta1.DeviceConstraint#distinctAttribute': '1.36',
  'resource.v1beta1.DeviceRequest#adminAccess': '1.34',
  'resource.v1beta1.DeviceRequest#firstAvailable': '1.34',
  'resource.v1beta2.DeviceConstraint#distinctAttribute': '1.36',
  'resource.v1beta2.DeviceRequest#firstAvailable': '1.34',
  'resource.v1beta2.ExactDeviceRequest#adminAccess': '1.34',
};

/** The same of values of a field that has others for longer. */
export const VALUES_ENABLED_SINCE = {
  'batch.v1.PodFailurePolicyRule#action': { FailIndex: '1.29' },
  'core.v1.Container#restartPolicy': { Never: '1.35', OnFailure: '1.35' },
  'core.v1.SecurityContext#procMount': { Unmasked: '1.33' },
};

/** Fields that nobody can use in YAML: unknown to us. */
export const UNUSABLE = [
  // Behind a feature gate that is off by default in every version above. That of maxUnavailable was on from
  // 1.35.0 to 1.35.3 only.
  'apps.v1.RollingUpdateStatefulSetStrategy#maxUnavailable',
  'core.v1.Lifecycle#stopSignal',
  'core.v1.PodSpec#schedulingGroup',
  'core.v1.TypedObjectReference#namespace',
  'core.v1.VolumeProjection#clusterTrustBundle',
  'core.v1.VolumeProjection#podCertificate',
  // Written by the cluster, or by a request of its own.
  'core.v1.PodSpec#ephemeralContainers',
  'meta.v1.ObjectMeta#managedFields',
];

/**
 * Volumes by drivers that were once part of Kubernetes and that CSI has replaced. They are not looked into: half
 * of all definitions would be theirs.
 */
export const FORMER_VOLUMES = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'gitRepo',
  'glusterfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
];

/** Further keywords of a definition: a metric, a volume or a peer that says nothing, or two things. */
export const CONSTRAINTS = {
  'autoscaling.v2.MetricSpec': { minProperties: 2, maxProperties: 2 },
  'core.v1.Volume': { minProperties: 2, maxProperties: 2 },
  'core.v1.VolumeProjection': { minProperties: 1, maxProperties: 1 },
  'core.v1.LifecycleHandler': { minProperties: 1, maxProperties: 1 },
  'networking.v1.NetworkPolicyPeer': { minProperties: 1 },
  'core.v1.PodResourceClaim': { minProperties: 2, maxProperties: 2 },
  'resource.v1.DeviceRequest': { minProperties: 2, maxProperties: 2 },
  'resource.v1beta2.DeviceRequest': { minProperties: 2, maxProperties: 2 },
};

/** A quantity as the API server parses it. */
export const QUANTITY_PATTERN = '^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$';
