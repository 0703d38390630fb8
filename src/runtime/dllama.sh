#!/bin/sh
# Runs dllama in its containers, and probes it by reading the kernel's table of sockets alone: whatever connects
# to a dllama process, if only to look, ends it. Needs sh, grep, sleep and getent.
#
#   dllama.sh worker COMMAND...       runs a worker again and again: to exit is normal for it when a root goes
#   dllama.sh root COMMAND...         runs the root, and at TERM lets the answer in flight end first
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
# Ports as the table writes them. Its columns: number, local address, remote address, state (0A LISTEN, 01
# ESTABLISHED). Addresses are in the byte order of the machine; all that dllama runs on are little-endian.
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

# 10.1.2.3 -> 0302010A; to be called in $(...), for it changes IFS
address_in_table() {
  IFS=.
  # shellcheck disable=SC2086
  set -- $1
  printf '%02X%02X%02X%02X' "$4" "$3" "$2" "$1"
}

run_worker() {
  trap 'kill -TERM "${!:-}" 2>/dev/null; exit 0' TERM INT
  while :; do
    "$@" &
    wait "$!" && code=0 || code=$?
    case $code in
      126 | 127) exit "$code" ;; # no such program, which no restart cures
    esac
    say "the worker exited with code $code, starting it again"
    sleep 1 & # in the background, for the trap to interrupt it
    wait "$!"
  done
}

run_root() {
  workers=$(count_workers "$@")
  rm -f "$state_dir/draining"
  stopping=
  trap 'stopping=1' TERM INT
  while :; do
    rm -f "$state_dir/restart-root"
    "$@" &
    child=$!
    watch_root
    [ ! "$stopping" ] || break
    wait "$child" && code=0 || code=$?
    [ "$served" ] || exit "$code" # one that never got so far is the kubelet's to start again, with a back-off
    say "the root exited with code $code, starting it again"
  done

  echo 'the root is being stopped' >"$state_dir/draining" # the front hands over nothing more
  left=${DRAIN_SECONDS:-25}
  while [ "$left" -gt 0 ] && root_answers; do
    sleep 1
    left=$((left - 1))
  done
  kill -TERM "$child" 2>/dev/null
  wait "$child"
  exit 0
}

# Returns when the root has ended, or when this script is being stopped. Ends a root that is of no use: one that
# listens with a worker too few (it would notice with the next request alone), or that the front gave up.
watch_root() {
  served=
  useless=0
  while [ ! "$stopping" ] && kill -0 "$child" 2>/dev/null; do
    sleep 2 &
    wait "$!"
    if [ -e "$state_dir/restart-root" ]; then
      useless=2
    elif root_listens && [ "$(connected_workers)" -lt "$workers" ]; then
      useless=$((useless + 1))
    else
      useless=0
    fi
    ! root_listens || served=1
    if [ "$useless" -ge 2 ] && [ ! "$stopping" ]; then
      say "ending the root, which is of no use: connected to $(connected_workers) workers of $workers"
      kill -KILL "$child" 2>/dev/null
      wait "$child"
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

# Other workers connect to the same port, so it is not enough that somebody is connected. A worker that listens
# waits for its root and is well, and so is one whose root has no name right now. One that does neither hangs on
# another worker that vanished: its root has given it up.
# A root that is going and the one that follows it may both be listed: either will do.
worker_live() {
  if ! grep -qE ": [0-9A-F]{8}:$worker_port $any 01 " "$table"; then
    grep -qE ": [0-9A-F]{8}:$worker_port $any 0A " "$table" || fail 'the worker has neither a port nor a root'
    exit 0
  fi
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
