#!/bin/sh
# Runs a downloader that fills a folder, unless the artifact is complete. In the downloader's own image: a POSIX shell
# with mkdir and sleep; flock where the folder is shared; mkfifo and grep with --denied.
#
# usage: custom.sh --key=KEY --dir=FOLDER [--codes=CODES] [--denied=REGEX] -- COMMAND [ARGUMENT...]
#   KEY      names the artifact; the command finds it as MODEL_KEY
#   FOLDER   the artifact's, where the marker of a complete one is
#   CODES    what exit codes of the command mean to us: 3=66,7=64
#   REGEX    extended; a line of the command's log that it matches means 77, unless the code is one of ours. The log
#            then loses the queries of addresses, as signatures are in them.
# The command fills the folder MODEL_DIR. Where that is FOLDER itself, nobody else has it and no lock is needed.
# exit codes: 0 done; 64 usage, 65 checksum, 66 not found, 73 full, 77 no access are final; others may be retried
set -u

say() { echo "$(date -u +%H:%M:%SZ 2>/dev/null) $*"; }

# The termination message is ours alone: everybody who may read pods reads it, and a tool may write of its Secrets.
fail() { # CODE MESSAGE
  say "FAILED (exit $1): $2"
  { printf '%s\n' "$2" >"${TERMINATION_LOG:-/dev/termination-log}"; } 2>/dev/null
  exit "$1"
}

key='' folder='' codes='' denied=''
while [ $# -gt 0 ]; do
  case $1 in
    --key=*) key=${1#*=} ;;
    --dir=*) folder=${1#*=} ;;
    --codes=*) codes=${1#*=} ;;
    --denied=*) denied=${1#*=} ;;
    --) break ;;
    *) fail 64 "custom.sh does not know $1" ;;
  esac
  shift
done
[ -n "$key" ] && [ -n "$folder" ] && [ $# -gt 1 ] ||
  fail 64 'usage: custom.sh --key=KEY --dir=FOLDER [--codes=CODES] [--denied=REGEX] -- COMMAND [ARGUMENT...]'
shift
marker=$folder/.artifact.json
lock=$folder/.artifact.parts/lock
log=${TMPDIR:-/tmp}/downloader.log # of the command, where it is read
export MODEL_KEY="$key" MODEL_DIR="${MODEL_DIR:-$folder/.artifact.parts/files}"

# PID 1 hears no signal that it has no trap for.
stopped=''
child=''
trap 'stopped=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT

is_complete() {
  [ -f "$marker" ] || return 1
  while IFS= read -r line; do
    case $line in
      " \"key\": \"$key\"" | " \"key\": \"$key\",") return 0 ;;
    esac
  done <"$marker" || return 1 # withdrawn just now
  fail 64 "$folder holds another artifact than the one with key $key; give this one a folder of its own"
}

end_if_complete() {
  is_complete || return 0
  say "$folder is complete already; the downloader is not needed"
  exit 0
}

make() { # FOLDER
  said=$(mkdir -p "$1" 2>&1) && return
  case $said in
    *'No space'* | *uota*) fail 73 "$said" ;;
    *denied* | *'ead-only'* | *'not permitted'*) fail 77 "$said; is the volume read-only, or fsGroup not set?" ;;
  esac
  fail 75 "$said"
}

# Held by this shell and by the downloader, so that neither another downloader nor the program that verifies is at
# work at the same time. Ends with them, however they end.
take_lock() {
  command -v flock >/dev/null ||
    fail 64 "the image has no flock, by which two downloaders keep out of each other's way: say 'shell: false' of the \
source, so that it gets a disk of its own"
  told=''
  while :; do
    make "$folder/.artifact.parts"
    command exec 9>>"$lock" || fail 75 "cannot open $lock"
    while ! said=$(flock -n 9 2>&1); do
      if [ -n "$said" ]; then
        say "$folder has no locks ($said); going on without"
        return
      fi
      [ -n "$told" ] || say "another copy is at work in $folder; waiting for it"
      told=yes
      sleep 1
      [ -z "$stopped" ] || fail 75 'stopped by SIGTERM while it waited'
      end_if_complete
    done
    [ ! -e "$lock" ] || return 0 # gone with the folder that the other copy was done with
    end_if_complete
  done
}

# Passes lines on, and keeps them in the log. By the shell itself: no `sed` of every image lets a line out at once.
without_queries() {
  while IFS= read -r rest || [ -n "$rest" ]; do
    line=''
    while :; do
      case $rest in
        *\?*) ;;
        *) break ;;
      esac
      line="$line${rest%%\?*}?"
      rest=${rest#*\?}
      query=${rest%%[\"[:space:]]*}
      [ -z "$query" ] || line="$line***"
      rest=${rest#"$query"}
    done
    printf '%s\n' "$line$rest"
    printf '%s\n' "$line$rest" >&8
  done 8>"$log"
}

end_if_complete
if [ "$folder" != "$MODEL_DIR" ]; then
  take_lock
  end_if_complete
fi
make "$MODEL_DIR"
[ -z "$stopped" ] || fail 75 'stopped by SIGTERM'

reader=''
if [ -n "$denied" ]; then
  rm -f "$log.pipe"
  mkfifo "$log.pipe" || fail 75 "cannot make $log.pipe, by which the log of $1 is read"
  without_queries <"$log.pipe" 9>&- &
  reader=$!
  "$@" >"$log.pipe" 2>&1 &
else
  "$@" &
fi
child=$!
while :; do
  wait "$child"
  code=$?
  # A signal interrupts the wait, and the downloader may be at work still.
  if [ -z "$stopped" ] || ! kill -0 "$child" 2>/dev/null; then break; fi
done
[ -z "$reader" ] || wait "$reader"
[ "$code" != 0 ] || exit 0
[ -z "$stopped" ] || fail 75 "stopped by SIGTERM; what is in $MODEL_DIR is kept"

meaning=$code
case ,$codes, in
  *",$code="*) meaning=,$codes meaning=${meaning##*",$code="} meaning=${meaning%%,*} ;;
esac
told="the downloader $1 ended with $code; its own lines in the log say why"
case $code in
  126 | 127) fail 64 "the command $1 is not in the image, or cannot be run there" ;;
  137) told="the downloader $1 was killed; does it need more memory?" ;;
esac
case $meaning in
  64 | 65 | 66 | 73 | 77) ;;
  *)
    [ -z "$denied" ] || ! line=$(grep -Em1 -e "$denied" "$log") ||
      fail 77 "the downloader $1 is not let in: $line"
    # Few tools have a code for it, and a retry makes no room.
    free=$(df -Pk "$MODEL_DIR" 2>/dev/null | { read -r _ && read -r _ _ _ free _ && echo "$free"; })
    [ "$free" != 0 ] || fail 73 "$told; the disk of $MODEL_DIR is full: enlarge it"
    ;;
esac
fail "$meaning" "$told"
