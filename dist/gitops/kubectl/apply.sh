#!/bin/sh
# Applies pipelines to a cluster with kubectl, phase by phase: a phase is applied when all Jobs of the phase
# before it are complete and its servers are rolled out. May be stopped at any time and run again: what is done already is not done anew.
#
# What to apply in which order is read from steps.txt beside this script.
set -euf

usage() {
  cat <<'USAGE'
Usage: apply.sh [OPTION]... [PIPELINE]...
Applies the named pipelines, or all, and waits for the Jobs of each phase, and for servers that a later phase asks.

  --dry-run          say what would be done, and change nothing
  --timeout SECONDS  how long to wait for the Jobs or a server of a phase (default 86400, one day)
  --poll SECONDS     pause between two looks at the Jobs (default 5)
  --context NAME     the kubeconfig context to use
  --help             this text

The environment variable KUBECTL names another kubectl program; KUBECONFIG works as with kubectl.
Exit codes: 0 all done, 1 a Job failed or kubectl did, 2 the time was over, 64 wrong usage.
USAGE
}

say() { printf '%s\n' "$*"; }
die() {
  code=$1
  shift
  say "$*" >&2
  exit "$code"
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
steps=$here/steps.txt
output=$(CDPATH='' cd -- "$here/../.." && pwd)

kubectl=${KUBECTL:-kubectl}
context=
dry_run=no
timeout=86400
poll=5
chosen=

# Standard input is closed, so that kubectl can neither ask a question nor read our steps.
kube() { "$kubectl" ${context:+--context "$context"} "$@" </dev/null; }

# seconds OPTION VALUE: fails unless VALUE is a whole number
seconds() {
  case $2 in
    '' | *[!0-9]* | 0?*) die 64 "apply.sh: $1 takes whole seconds, not '$2'" ;;
  esac
}

# Whether steps.txt has this pipeline.
is_pipeline() { awk -v name="$1" '!/^#/ && $1 == name { found = 1 } END { exit !found }' "$steps"; }

# Whether steps.txt has this object of a phase, given as it is there.
is_current() {
  awk -v object="$1" '!/^#/ { for (i = 4; i <= NF; i++) if ($i == object) found = 1 } END { exit !found }' "$steps"
}

# Whether the pipeline was named, or none was.
is_chosen() {
  case " $chosen " in
    '  ' | *" $1 "*) return 0 ;;
    *) return 1 ;;
  esac
}

ensure_namespace() {
  if ! found=$(kube get namespace "$1" --ignore-not-found -o name); then
    say "namespace $1: cannot be looked up; going on as if it were there"
  elif [ -z "$found" ] && [ "$dry_run" = yes ]; then
    say "namespace $1: would be created"
  elif [ -z "$found" ]; then
    kube create namespace "$1"
  fi
}

# The files are the truth for every field that they name, as with Argo CD and Flux: hence --force-conflicts.
# On the server's side, because a ConfigMap may be too large for the annotation that the client's side needs.
apply_phase() {
  if [ "$dry_run" = yes ]; then
    say "$1 $2: would be applied"
  else
    say "$1 $2: applying"
    kube apply --server-side --force-conflicts --field-manager=cdk8s-llm -f "$output/$1/$2/"
  fi
}

# Sets state to complete, failed, running, missing or unknown.
look_at_job() {
  conditions='{.status.conditions[?(@.type=="Complete")].status}/{.status.conditions[?(@.type=="Failed")].status}'
  if ! seen=$(kube -n "$1" get job "$2" --ignore-not-found --request-timeout=60s -o jsonpath="$conditions"); then
    state=unknown
    return
  fi
  case $seen in
    '') state=missing ;;
    True/*) state=complete ;;
    */True) state=failed ;;
    *) state=running ;;
  esac
}

# Tells why a Job failed, with the end of its pods' logs.
report_failure() {
  reason='{.status.conditions[?(@.type=="Failed")].reason}: {.status.conditions[?(@.type=="Failed")].message}'
  {
    say "$(kube -n "$1" get job "$2" -o jsonpath="$reason" || true)"
    say "The end of its log:"
    kube -n "$1" logs -l "batch.kubernetes.io/job-name=$2" --all-containers --prefix --tail=20 || true
    say "A failed Job stays failed. When the cause is gone, delete it and run this again:"
    say "  kubectl -n $1 delete job $2"
  } >&2
}

# wait_for_jobs PIPELINE PHASE NAMESPACE/JOB...
wait_for_jobs() {
  step="$1 $2"
  shift 2
  waiting=$*
  [ -n "$waiting" ] || return 0
  if [ "$dry_run" = yes ]; then
    for job in $waiting; do say "$step: would wait for Job $job"; done
    return
  fi
  deadline=$(($(date +%s) + timeout))
  for job in $waiting; do say "$step: waiting for Job $job"; done
  while :; do
    left=
    for job in $waiting; do
      look_at_job "${job%%/*}" "${job#*/}"
      case $state in
        complete) say "$step: Job $job is complete" ;;
        failed)
          say "$step: Job $job failed" >&2
          report_failure "${job%%/*}" "${job#*/}"
          exit 1
          ;;
        missing) die 1 "$step: Job $job is not there; somebody deleted it. Run this again to make it anew" ;;
        unknown)
          say "$step: Job $job cannot be looked at; trying again" >&2
          left="$left $job"
          ;;
        running) left="$left $job" ;;
      esac
    done
    waiting=${left# }
    [ -n "$waiting" ] || return 0
    if [ "$(date +%s)" -ge "$deadline" ]; then
      die 2 "$step: not complete after $timeout s: $waiting. Run this again to go on waiting"
    fi
    sleep "$poll"
  done
}

# wait_for_rollouts PIPELINE PHASE KIND:NAMESPACE/NAME...: what is asked next must not be the pods of before.
wait_for_rollouts() {
  step="$1 $2"
  shift 2
  for rollout in "$@"; do
    kind=${rollout%%:*}
    object=${rollout#*:}
    if [ "$dry_run" = yes ]; then
      say "$step: would wait until $kind $object is rolled out"
      continue
    fi
    say "$step: waiting until $kind $object is rolled out"
    if ! kube -n "${object%%/*}" rollout status "$kind/${object#*/}" --timeout="${timeout}s"; then
      die 1 "$step: $kind $object is not rolled out. Look at its pods (kubectl -n ${object%%/*} get pods), then run this again"
    fi
  done
}

# delete_all_old PIPELINE NAMESPACE: a changed Job has a new name, and so has the Service by which a test asks the pods of
# one version; kubectl leaves the old ones behind. They go once all of the pipeline is applied and complete.
delete_all_old() {
  labels="app.kubernetes.io/managed-by=cdk8s-llm,app.kubernetes.io/part-of=$1"
  delete_old "$1" "$2" job Job '' "$labels"
  delete_old "$1" "$2" service Service service: "$labels,app.kubernetes.io/component=verify"
}

# delete_old PIPELINE NAMESPACE RESOURCE KIND PREFIX LABELS: deletes what has these labels and is in no step, where it
# would be as PREFIX and namespace/name.
delete_old() {
  if ! found=$(kube -n "$2" get "${3}s" -l "$6" -o name); then
    [ "$dry_run" = yes ] || die 1 "$1: all phases are applied, but its old ${4}s cannot be looked up"
    say "$1: old ${4}s cannot be looked up"
    return
  fi
  for name in $found; do
    name=${name##*/}
    if is_current "$5$2/$name"; then
      continue
    elif [ "$dry_run" = yes ]; then
      say "$1: old $4 $2/$name would be deleted"
    else
      say "$1: deleting old $4 $2/$name"
      kube -n "$2" delete "$3" "$name" --ignore-not-found
    fi
  done
}

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --dry-run) dry_run=yes ;;
    --timeout | --poll | --context)
      [ $# -ge 2 ] || die 64 "apply.sh: $1 takes a value; see apply.sh --help"
      case $1 in
        --timeout) seconds "$1" "$2" && timeout=$2 ;;
        --poll) seconds "$1" "$2" && poll=$2 ;;
        --context) context=$2 ;;
      esac
      shift
      ;;
    -*) die 64 "apply.sh: unknown option '$1'; see apply.sh --help" ;;
    *)
      is_pipeline "$1" || die 64 "apply.sh: there is no pipeline '$1' in $steps"
      chosen="$chosen $1"
      ;;
  esac
  shift
done

current=
current_namespace=
while read -r pipeline namespace phase words <&3; do
  case $pipeline in '' | '#'*) continue ;; esac
  is_chosen "$pipeline" || continue
  if [ "$pipeline" != "$current" ]; then
    [ -z "$current" ] || delete_all_old "$current" "$current_namespace"
    current=$pipeline
    current_namespace=$namespace
    ensure_namespace "$namespace"
  fi
  apply_phase "$pipeline" "$phase"
  jobs=
  rollouts=
  for word in $words; do
    case $word in
      service:*) ;; # current: nothing to wait for
      *:*) rollouts="$rollouts $word" ;;
      *) jobs="$jobs $word" ;;
    esac
  done
  # Names hold no white space: one argument each.
  # shellcheck disable=SC2086
  wait_for_jobs "$pipeline" "$phase" $jobs
  # shellcheck disable=SC2086
  wait_for_rollouts "$pipeline" "$phase" $rollouts
done 3<"$steps"
[ -z "$current" ] || delete_all_old "$current" "$current_namespace"
say "done"
