#!/bin/sh
# tools/bitcoin-node.sh FOLDER
# Installs a Bitcoin node into FOLDER and prints the path of its `bitcoind`.
# The node is Bitcoin Knots: the only node in Debian's archive, and only in unstable.
# Packages are downloaded with a separate apt state, unpacked, and run with their own loader and libraries. The host stays unchanged.
# Exits with 3 and a reason on standard error when no node can be installed.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
refuse() { echo "$1" >&2; exit 3; }

# The wrapper finds its files relative to itself, so the folder may be moved.
wrap() {
  loader=$(cd "$folder" && find root -name 'ld-linux*.so.*' | head -n 1)
  program=$(cd "$folder" && find root -type f -name bitcoind | head -n 1)
  [ -n "$loader" ] && [ -n "$program" ] || return 1
  libraries=$(cd "$folder" && find root -name '*.so*' -exec dirname {} + | sort -u | sed 's|^|$here/|' | paste -sd:)
  {
    printf '#!/bin/sh\nhere=$(cd "$(dirname "$0")" && pwd)\n'
    printf 'exec "$here/%s" --library-path "%s" "$here/%s" "$@"\n' "$loader" "$libraries" "$program"
  } >"$folder/bitcoind"
  chmod +x "$folder/bitcoind"
  "$folder/bitcoind" -version >/dev/null 2>&1
}

if [ -x "$folder/bitcoind" ] && "$folder/bitcoind" -version >/dev/null 2>&1; then echo "$folder/bitcoind"; exit 0; fi
if [ -d "$folder/root" ] && wrap; then echo "$folder/bitcoind"; exit 0; fi
for program in apt-get apt-cache dpkg dpkg-deb; do
  command -v "$program" >/dev/null || refuse "$program is missing. A node can be installed on Debian and its derivatives only."
done

archive=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/\?$' | head -n 1)
[ -n "$archive" ] || refuse "apt has no Debian archive in its sources."
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || refuse "$keyring is missing, so the archive cannot be verified. Install debian-archive-keyring."
mkdir -p "$folder/apt/state/lists/partial" "$folder/apt/cache/archives/partial" "$folder/packages" "$folder/root"
echo "deb [signed-by=$keyring] $archive unstable main" >"$folder/apt/sources.list"

apt() {
  program=$1
  shift
  "$program" -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State="$folder/apt/state" -o Dir::State::status=/dev/null -o Dir::Cache="$folder/apt/cache" \
    -o Acquire::Languages=none -o Acquire::http::Timeout=15 -o Acquire::Retries=0 -o APT::Sandbox::User=root "$@"
}
apt apt-get -qq update >&2 || refuse "The Debian archive cannot be reached."
[ -n "$(apt apt-cache search --names-only '^bitcoin-knots$')" ] || refuse "The Debian archive has no bitcoin-knots."
packages=$(apt apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
  --no-enhances --no-pre-depends bitcoin-knots | grep -E '^(bitcoin-knots|lib[a-z0-9.+-]+)$' | grep -vE '^lib(qt|gl|x11|xcb)' | sort -u)
(cd "$folder/packages" && apt apt-get -qq download $packages >&2) || refuse "The packages cannot be downloaded."
for package in "$folder"/packages/*.deb; do dpkg-deb -x "$package" "$folder/root"; done

wrap || { rm -f "$folder/bitcoind"; refuse "The packages contain no node that runs on this machine."; }
rm -rf "$folder/packages" "$folder/apt"
echo "$folder/bitcoind"
