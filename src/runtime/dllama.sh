#!/bin/sh
# Runs dllama in its containers, and probes it by reading the kernel's table of sockets alone: whatever connects
# to a dllama process, if only to look, ends it. Needs sh, grep, sleep and getent.
#
#   dllama.sh worker COMMAND...       runs a worker again and again: to exit is normal for it when a root goes
#   dllama.sh root COMMAND...         runs the root, again if it served, and at TERM lets the answer in flight end
#   dllama.sh worker-ready            the worker waits for a root, or has one
#   dllama.sh worker-live ROOT_HOST   ... and is not held by a root that is no more (its node vanished)
#   dllama.sh root-started            the root has loaded the model on all nodes
#   dllama.sh root-ready WORKERS      ... and is connected to so many workers
#   dllama.sh root-live WORKERS       the root loads, or serves with all its workers, and no restart was asked for
#
# ROOT_HOST must be a name of the root's pod, not of a Service with an address of its own.
# Neither process may be PID 1 (the kernel would not deliver it SIGTERM), which is why this script is.
set -u

table=${DLLAMA_PROC_NET_TCP:-/proc/net/tcp}
state_dir=${STATE_DIR:-/run/dllama}
look_seconds=${DLLAMA_LOOK_SECONDS:-2}
# Ports as the table writes them. Its columns: number, local address, remote address, state (0A LISTEN, 01
# ESTABLISHED, 08 CLOSE_WAIT), queues, timer, retransmits. Addresses are in the byte order of the machine; all that
# dllama runs on are little-endian.
root_port=$(printf '%04X' "${DLLAMA_ROOT_PORT:-9990}")
worker_port=$(printf '%04X' "${DLLAMA_WORKER_PORT:-9999}")
any='[0-9A-F]{8}:[0-9A-F]{4}'

say() { echo "dllama.sh: $*"; }
fail() {
  say "$*" >&2
  exit 1
}
usage() {
  grep '^#   ' "$0" >&2
  exit 64
}

root_listens() { grep -qE ": 0100007F:$root_port 00000000:0000 0A " "$table"; }
root_answers() { grep -qE ": 0100007F:$root_port $any 01 " "$table"; }
connected_workers() { grep -cE ": $any [0-9A-F]{8}:$worker_port 01 " "$table"; }
has_workers() { [ "$(connected_workers)" -ge "$1" ] || fail "connected to $(connected_workers) workers of $1"; }

# A node that vanished: seven times in a row, over 25 s, what was sent to it was not acknowledged. The kernel counts
# from 0 again when anything is, so that a slow or lossy network does not come so far.
peer_is_lost() {
  worker="[0-9A-F]{8}:$worker_port"
  grep -qE ": ($any $worker|$worker $any) 01 [0-9A-F:]+ [0-9A-F:]+ 0000000[7-9A-F] " "$table"
}

# 10.1.2.3 -> 0302010A; to be called in $(...), for it changes IFS
address_in_table() {
  IFS=.
  # shellcheck disable=SC2086
  set -- $1
  printf '%02X%02X%02X%02X' "$4" "$3" "$2" "$1"
}

# Sleeps, but lets a signal's trap run at once.
rest() {
  sleep "$1" &
  wait "$!"
}

run_worker() {
  child=
  trap '[ ! "$child" ] || kill -TERM "$child" 2>/dev/null; exit 0' TERM INT
  while :; do
    "$@" &
    child=$!
    watch 5 worker_attached
    wait "$child" && code=0 || code=$?
    case $code in
      126 | 127) exit "$code" ;; # no such program, which no restart cures
    esac
    say "the worker exited with code $code, starting it again"
  done
}

run_root() {
  workers=$(count_workers "$@")
  rm -f "$state_dir/draining"
  child=
  stopping=
  pause=0
  trap 'stopping=1' TERM INT
  while :; do
    rm -f "$state_dir/restart-root"
    [ "$pause" -eq 0 ] || rest "$pause"
    [ ! "$stopping" ] || break
    "$@" &
    child=$!
    watch 2 root_live "$workers"
    [ ! "$stopping" ] || break
    wait "$child" && code=0 || code=$?
    [ "$served" ] || exit "$code" # one that never got so far is the kubelet's to start again
    # One that dies by itself soon may do so again and again: twice as late each time.
    if [ "$killed" ] || [ "$looks" -ge 30 ]; then
      pause=0
    else
      pause=$((pause < 15 ? pause * 2 + 1 : 30))
    fi
    say "the root exited with code $code, starting it again in $pause s"
  done

  echo 'the root is being stopped' >"$state_dir/draining" # the front hands over nothing more
  left=${DRAIN_SECONDS:-25}
  while [ "$left" -gt 0 ] && root_answers; do
    sleep 1
    left=$((left - 1))
  done
  if [ "$child" ]; then
    kill -TERM "$child" 2>/dev/null
    wait "$child"
  fi
  exit 0
}

# watch TIMES CHECK...: returns when the child has ended or this script is being stopped. A child that fails the check
# so many times in a row, at two seconds' distance, is of no use and is killed: that takes seconds where probes take a
# minute, and a container that starts again keeps others waiting. Leaves $looks, $killed, and $served (it listened).
watch() {
  times=$1
  shift
  served=
  killed=
  looks=0
  failures=0
  # The shell collects an ended child while it waits for sleep, so that kill sees no zombie.
  while [ ! "${stopping:-}" ] && kill -0 "$child" 2>/dev/null; do
    rest "$look_seconds"
    looks=$((looks + 1))
    ! root_listens || served=1
    reason=$("$@" 2>&1) && failures=0 || failures=$((failures + 1))
    if [ "$failures" -ge "$times" ] && [ ! "${stopping:-}" ]; then
      say "of no use any more, killed: $reason"
      killed=1
      kill -KILL "$child" 2>/dev/null
      return
    fi
  done
}

# The values of --workers in dllama's command line.
count_workers() {
  counting=
  count=0
  for arg; do
    case $arg in
      --workers) counting=1 ;;
      --*) counting= ;;
      *) [ ! "$counting" ] || count=$((count + 1)) ;;
    esac
  done
  echo "$count"
}

worker_ready() {
  grep -qE ": [0-9A-F]{8}:$worker_port $any (0A|01) " "$table" || fail 'the worker has neither a port nor a root'
}

# A worker that waits for data of another one that vanished does not see that its root (or another worker) has
# closed its connection (08, CLOSE_WAIT). All others close it as well, within the time of a layer.
worker_attached() {
  worker_ready
  ! grep -qE ": [0-9A-F]{8}:$worker_port $any 08 " "$table" || fail 'the root has left, and the worker hangs'
  ! peer_is_lost || fail 'the root or another worker does not answer any more'
}

# Other workers connect to the same port, so it is not enough that somebody is connected. A worker without
# connections waits for its root and is well, and so is one whose root has no name right now.
# A root that is going and the one that follows it may both be listed: either will do.
worker_live() {
  worker_attached
  grep -qE ": [0-9A-F]{8}:$worker_port $any 01 " "$table" || exit 0
  getent ahostsv4 "$1" | {
    known=
    while read -r address _; do
      known=1
      grep -qE ": [0-9A-F]{8}:$worker_port $(address_in_table "$address"):[0-9A-F]{4} 01 " "$table" && exit 0
    done
    [ ! "$known" ]
  } || fail "connected, but not to $1: that root is no more"
}

root_started() { root_listens || fail 'the root does not listen yet'; }

root_ready() {
  root_started
  not_given_up
  has_workers "$1"
}

root_live() {
  not_given_up
  root_listens || exit 0 # it loads, or connects again
  has_workers "$1"
}

not_given_up() {
  [ ! -e "$state_dir/restart-root" ] || fail "the front asks for a restart: $(grep . "$state_dir/restart-root")"
  ! peer_is_lost || fail 'a worker does not answer any more'
}

[ $# -gt 0 ] || usage
action=$1
shift
case $action:$# in
  worker:0 | root:0) usage ;;
  worker:*) run_worker "$@" ;;
  root:*) run_root "$@" ;;
  worker-ready:0) worker_ready ;;
  worker-live:1) worker_live "$1" ;;
  root-started:0) root_started ;;
  root-ready:1) root_ready "$1" ;;
  root-live:1) root_live "$1" ;;
  *) usage ;;
esac
