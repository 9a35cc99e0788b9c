#!/usr/bin/env bash
# Runs the ffi, poller and end-to-end tests on aarch64: directly on such a machine, elsewhere under the user emulation of
# qemu. The layouts (epoll_event, open flags) and system call numbers are those of aarch64 there, too.
#
#   tests/arm64.sh [TEST FILES AND FOLDERS]
#
# DENO_ARM64 may name a prepared Deno ("qemu-aarch64 -L ROOT DENO"). Otherwise one is assembled below CACHE from packages
# of Debian (which needs root) and the npm registry.
set -euo pipefail
cd "$(dirname "$0")/.."
tests=("$@")
[ $# -gt 0 ] || tests=(tests/ffi tests/loop tests/system/end_to_end_test.ts)
if [ "$(uname -m)" = aarch64 ]; then exec deno run --no-prompt -A tests/run.ts "${tests[@]}"; fi

cache=${CACHE:-${TMPDIR:-/tmp}/epollet-arm64}
version=2.9.5
prepare() {
  mkdir -p "$cache/root" "$cache/lists/partial"
  command -v qemu-aarch64 >/dev/null || { apt-get update -qq && apt-get install -y -qq qemu-user; } >&2
  if [ ! -e "$cache/root/usr/lib/aarch64-linux-gnu/libssl.so.3" ]; then
    local apt=(apt-get -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o "Dir::State::Lists=$cache/lists" -o APT::Sandbox::User=root)
    (cd "$cache" && "${apt[@]}" update -qq && "${apt[@]}" download -qq libc6 libgcc-s1 libstdc++6 libssl3) >&2
    local package
    for package in "$cache"/*.deb; do dpkg -x "$package" "$cache/root"; done
    rm -f "$cache"/*.deb
  fi
  if [ ! -x "$cache/deno" ]; then
    (cd "$cache" && npm pack --silent "@deno/linux-arm64-glibc@$version" >/dev/null && tar xzf ./*.tgz package/deno)
    mv "$cache/package/deno" "$cache/deno"
    chmod +x "$cache/deno"
    rm -rf "$cache"/package "$cache"/*.tgz
  fi
}
if [ -z "${DENO_ARM64:-}" ]; then
  prepare
  DENO_ARM64="qemu-aarch64 -L $cache/root $cache/deno"
fi
# Types were checked on this machine. The emulated executable cannot be started by its path, so the tests get its command.
export EPOLLET_TEST_DENO=$DENO_ARM64
$DENO_ARM64 --version
$DENO_ARM64 run --no-check --no-prompt -A tests/run.ts --no-check "${tests[@]}"
