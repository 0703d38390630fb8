#!/bin/sh
# Brings rclone, which some tests run against doubles of Google Cloud Storage and Azure, into a folder of its own:
# Debian sid's, which is as new as the image that we name and has been built without Azure, and that of this
# machine's release, which knows Azure. Unpacked and not installed. Needs apt-get, dpkg-deb, 200 MB.
# Prints the folder to set CDK8S_LLM_PEER_RCLONE to.
#
# usage: install-rclone.sh FOLDER
set -eu
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 64; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)

unpack() { # SUITE PACKAGE APT-OPTION...
  suite=$folder/$1 package=$2
  shift 2
  download=$(mktemp -d)
  (cd "$download" && apt-get -qq -o APT::Sandbox::User=root "$@" download "$package" >&2)
  dpkg-deb -x "$download"/"$package"_*.deb "$suite"
  rm -rf "$download"
}

mkdir -p "$folder/lists/partial" "$folder/archives/partial"
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$folder/sid.list"
: >"$folder/status"
set -- -o Dir::Etc::SourceList="$folder/sid.list" -o Dir::Etc::SourceParts=/dev/null \
  -o Dir::State::Lists="$folder/lists" -o Dir::State::status="$folder/status" \
  -o Dir::Cache::Archives="$folder/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
if [ ! -x "$folder/sid/usr/bin/rclone" ]; then
  apt-get -qq -o APT::Sandbox::User=root "$@" update >&2
  unpack sid rclone "$@"
fi
if [ ! -x "$folder/release/bin/busybox" ]; then
  apt-get -qq update >&2
  unpack release rclone
  unpack release busybox-static
fi
"$folder/sid/usr/bin/rclone" version >&2
"$folder/release/usr/bin/rclone" version >&2
rm -rf "$folder/lists" "$folder/archives"
echo "$folder"
