#!/bin/sh
# Brings moto and huggingface_hub, which some tests run against, into a folder of their own: Debian sid's
# packages with the interpreter they belong to, unpacked and not installed. Needs apt-get, dpkg-deb, 300 MB.
# Prints the interpreter to set CDK8S_LLM_PEER_PYTHON to.
#
# usage: install-peers.sh FOLDER
set -eu
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 64; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
python=$folder/python
if [ ! -x "$python" ]; then
  mkdir -p "$folder/lists/partial" "$folder/archives/partial" "$folder/root"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
  architecture=$(dpkg --print-architecture)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$folder/sid.list"
  : >"$folder/status" # as if nothing were installed, so that every dependency is fetched
  set -- -qq -o APT::Sandbox::User=root -o APT::Install-Recommends=false \
    -o Dir::Etc::SourceList="$folder/sid.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$folder/lists" -o Dir::State::status="$folder/status" \
    -o Dir::Cache::Archives="$folder/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  apt-get "$@" update >&2
  apt-get "$@" install -y --download-only python3-moto python3-flask python3-flask-cors python3-huggingface-hub >&2
  for package in "$folder"/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
  rm -rf "$folder/archives" "$folder/lists"
  loader=$(find "$folder"/root/usr/lib* -name 'ld-linux*' | head -n 1)
  libraries=$(dirname "$(find "$folder/root/usr/lib" -name libc.so.6 | head -n 1)")
  {
    echo '#!/bin/sh'
    echo "exec '$loader' --library-path '$libraries' '$folder/root/usr/bin/python3' \"\$@\""
  } >"$python.new"
  chmod +x "$python.new"
  "$python.new" -c 'import moto.server, huggingface_hub'
  mv "$python.new" "$python"
fi
echo "$python"
