#!/bin/sh
# Runs as llama-server's preStop hook: ends when no request is under way any more. SIGTERM ends the work in the midst of
# a request, and the process then waits for the answer that it will never give.
# Without curl in the image it takes all of its time.
#
# usage: llama_drain.sh PORT SECONDS [KEY-FILE]
#   SECONDS   the most to wait for requests
#   KEY-FILE  its first line is sent as the API key
set -u
port=$1 seconds=$2 key=${3:-}

# Endpoints and proxies need a moment to learn that the pod is going, and send requests until then.
sleep 5
command -v curl >/dev/null || exec sleep "$seconds"

# The key goes by standard input: arguments of a process can be read by others.
metrics() { # SECONDS
  if [ -n "$key" ]; then
    read -r secret <"$key" || [ -n "${secret:-}" ] || return 1
    printf 'header = "Authorization: Bearer %s"\n' "$secret"
  fi | curl --silent --fail --max-time "$1" --config - "http://127.0.0.1:$port/metrics"
}

# A busy server answers late: rounds are no seconds.
end=$(($(date +%s) + seconds))
left=$seconds
while [ "$left" -gt 0 ]; do
  if text=$(metrics $((left < 5 ? left : 5))); then
    case $(printf '%s\n' "$text" | grep -E '^llamacpp:requests_(processing|deferred) ' | cut -d ' ' -f 2 | tr '\n' ' ') in
      '0 0 ') exit 0 ;;
    esac
  fi
  sleep 1
  left=$((end - $(date +%s)))
done
