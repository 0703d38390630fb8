#!/bin/sh
# Keeps an image on its node: as long as a container runs that is made from it or mounts it, the kubelet does not remove
# it. Runs by a BusyBox of ours, so that nothing of the image is run, whatever is in it; says in a file that it runs.
#
# usage: hold.sh BUSYBOX FILE
set -u
# PID 1 hears no signal that it has no trap for.
sleeper=''
trap '[ -z "$sleeper" ] || kill "$sleeper"; exit 0' TERM INT
while :; do
  echo held >"$2"
  "$1" sleep 20 &
  sleeper=$!
  wait "$sleeper"
done
