#!/bin/sh
# Finds the files that a program is to be started with, and becomes that program. Nothing that it is told is read by
# a shell again: patterns are matched, arguments are passed on.
#
# usage: llama.sh [FLAG FOLDER PATTERN SUFFIX]... -- COMMAND [ARGUMENT...]
#   FLAG     what the command calls the file: --model
#   PATTERN  of paths below FOLDER; * and ? match slashes too, [abc] one of some characters. Without them it is a path
#   SUFFIX   what follows the path in the argument: ':0.5', or nothing
# FLAG with the path of the one file that matches is added to the arguments. A flag that stands several times becomes
# one argument, its paths joined by commas. Of a file that is split into `-00001-of-00003.gguf` and so on the first part
# stands for all. As --model a file whose name begins with `mmproj` is taken only where the pattern says `mmproj`. No
# file is taken twice.
# exit codes: 64 usage, several files match, or one that is taken; 66 no file matches, or a part is missing; else the
# command's own
set -u
export LC_ALL=C

say() { echo "$(date -u +%H:%M:%SZ 2>/dev/null) $*"; }

fail() { # CODE MESSAGE
  say "FAILED (exit $1): $2"
  { printf '%s\n' "$2" >"${TERMINATION_LOG:-/dev/termination-log}"; } 2>/dev/null
  exit "$1"
}

# Prints the paths below FOLDER that match.
matching() { # FLAG FOLDER PATTERN
  find -L "$2" -type f 2>/dev/null | sort | while IFS= read -r path; do
    below=${path#"$2"/}
    # shellcheck disable=SC2254 # a pattern it is
    case $below in
      .artifact*) continue ;;
      $3) ;;
      *) continue ;;
    esac
    case $below in
      *-00001-of-[0-9][0-9][0-9][0-9][0-9].gguf) ;;
      *-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9].gguf) continue ;;
    esac
    case $1,$3,${below##*/} in
      --model,*mmproj*,*) ;;
      --model,*,mmproj*) continue ;;
    esac
    printf '%s\n' "$path"
  done
}

# One line of the paths below FOLDER, from paths as lines.
below() { # FOLDER
  while IFS= read -r path; do printf '%s ' "${path#"$1"/}"; done | cut -c 1-900
}

models() { # FOLDER
  find -L "$1" -type f -name '*.gguf' 2>/dev/null | sort | below "$1"
}

check_parts() { # FIRST
  case $1 in
    *-00001-of-[0-9][0-9][0-9][0-9][0-9].gguf) ;;
    *) return ;;
  esac
  start=${1%-00001-of-*}
  total=${1##*-of-} total=${total%.gguf}
  part=1
  while [ "$part" -le "$(echo "$total" | sed 's/^0*//')" ]; do
    file=$(printf '%s-%05d-of-%s.gguf' "$start" "$part" "$total")
    [ -f "$file" ] || fail 66 "$file is missing, a part of the model; does the artifact leave it out?"
    part=$((part + 1))
  done
}

count=0
for argument; do
  [ "$argument" != -- ] || break
  count=$((count + 1))
done
[ $((count % 4)) = 0 ] && [ $# -gt $((count + 1)) ] ||
  fail 64 'usage: llama.sh [FLAG FOLDER PATTERN SUFFIX]... -- COMMAND [ARGUMENT...]'

newline='
'
last='' joined='' taken=$newline
while [ "$1" != -- ]; do
  flag=$1 folder=$2 pattern=$3 suffix=$4
  shift 4
  [ -d "$folder" ] || fail 66 "$folder is not there, which $flag is to be from; is the model complete?"
  found=$(matching "$flag" "$folder" "$pattern")
  case $found in
    '') fail 66 "no file of $folder matches '$pattern' for $flag; there are: $(models "$folder")" ;;
    *"$newline"*)
      fail 64 "several files of $folder match '$pattern' for $flag, name one: $(echo "$found" | below "$folder")"
      ;;
  esac
  # A model would draft for itself, or be its own adapter.
  case $taken in
    *"$newline$found$newline"*) fail 64 "$found matches '$pattern' for $flag, and is taken already: name another file" ;;
  esac
  taken=$taken$found$newline
  check_parts "$found"
  say "$flag is $found"
  if [ "$flag" = "$last" ]; then
    case $joined$found in
      *,*) fail 64 "$found cannot be given beside others, because of the comma in a name" ;;
    esac
    joined=$joined,$found$suffix
  else
    [ -z "$last" ] || set -- "$@" "$last" "$joined"
    last=$flag joined=$found$suffix
  fi
done
shift
[ -z "$last" ] || set -- "$@" "$last" "$joined"
exec "$@"
