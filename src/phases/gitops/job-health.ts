import { MANAGED_BY } from '../../pod/metadata';

/** The name of the file, which `kubectl apply -f` of the folder passes over: it is no object. @internal */
export const JOB_HEALTH_FILE = 'job-health.patch';

/**
 * What Argo CD is to know of Jobs that Kueue suspends: a patch for its ConfigMap. Argo CD by itself takes a Job for
 * healthy as soon as it is resumed, while it runs, and so opens the next wave
 * (gitops-engine/pkg/health/health_job.go: the condition `Suspended` counts whatever its status is).
 *
 * A patch and no object: the ConfigMap is the administrator's, and has other keys.
 *
 * @see https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#custom-health-checks
 * @internal
 */
export function jobHealthPatch(argoNamespace: string): string {
  return `# By ${MANAGED_BY}. Kueue suspends Jobs until it admits them, and Argo CD takes a Job that was resumed for healthy while it
# runs: the next wave would open too early. With this Argo CD waits for the end of every Job. Whoever administers
# Argo CD says it once:
#
#   kubectl patch configmap argocd-cm -n ${argoNamespace} --type merge --patch-file ${JOB_HEALTH_FILE}
data:
  resource.customizations.health.batch_Job: |
    if obj.status ~= nil and obj.status.conditions ~= nil then
      for _, condition in ipairs(obj.status.conditions) do
        if condition.type == "Failed" and condition.status == "True" then
          return {status = "Degraded", message = condition.message or "failed"}
        end
        if condition.type == "Complete" and condition.status == "True" then
          return {status = "Healthy", message = condition.message or "complete"}
        end
      end
    end
    if obj.spec.suspend then
      return {status = "Progressing", message = "waits to be admitted by Kueue"}
    end
    return {status = "Progressing", message = "runs"}
`;
}
