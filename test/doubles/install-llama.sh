#!/bin/sh
# Brings llama.cpp's server and its tools, which some tests run, into a folder of their own: Debian sid's packages with
# the libraries they belong to, unpacked and not installed. Needs apt-get, dpkg-deb, 300 MB.
# Prints the folder to set CDK8S_LLM_PEER_LLAMA to: it has llama-server, llama-quantize and llama-gguf-split.
#
# usage: install-llama.sh FOLDER
set -eu
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 64; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
if [ ! -x "$folder/bin/llama-server" ]; then
  mkdir -p "$folder/lists/partial" "$folder/archives/partial" "$folder/root"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$folder/sid.list"
  : >"$folder/status" # as if nothing were installed, so that every dependency is fetched
  set -- -qq -o APT::Sandbox::User=root -o APT::Install-Recommends=false \
    -o Dir::Etc::SourceList="$folder/sid.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$folder/lists" -o Dir::State::status="$folder/status" \
    -o Dir::Cache::Archives="$folder/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  apt-get "$@" update >&2
  apt-get "$@" install -y --download-only llama.cpp-tools llama.cpp-tools-extra patchelf >&2
  for package in "$folder"/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
  rm -rf "$folder/archives" "$folder/lists"
  loader=$(find "$folder"/root/usr/lib* -name 'ld-linux*' | head -n 1)
  libraries=$(dirname "$(find "$folder/root/usr/lib" -name libc.so.6 | head -n 1)")
  mkdir -p "$folder/bin.new"
  relocate() { # FROM TO: to find its libraries in the folder
    "$loader" --library-path "$libraries" "$folder/root/usr/bin/patchelf" --force-rpath \
      --set-rpath "$libraries:$libraries/llama" --output "$2" "$1"
  }
  for library in "$libraries"/llama/*.so "$libraries"/libllama*.so.* "$libraries"/libggml*.so.*; do
    [ -L "$library" ] || relocate "$library" "$library"
  done
  # Programs by themselves, and no scripts around them: a router starts its own file again for each model. They find the
  # backends beside them.
  for tool in llama-server llama-quantize llama-gguf-split; do
    relocate "$folder/root/usr/bin/$tool" "$folder/bin.new/$tool"
    "$loader" --library-path "$libraries" "$folder/root/usr/bin/patchelf" --set-interpreter "$loader" \
      "$folder/bin.new/$tool"
  done
  ln -s "$libraries"/ggml/backends0/*.so "$folder/bin.new"
  "$folder/bin.new/llama-server" --version >&2
  for tool in llama-quantize llama-gguf-split; do
    # Neither knows --version; both print their usage, with a status of their own, if they find their libraries.
    "$folder/bin.new/$tool" --help 2>&1 | grep -q '^usage' || { echo "$tool does not start" >&2; exit 1; }
  done
  mv "$folder/bin.new" "$folder/bin"
fi
echo "$folder/bin"
