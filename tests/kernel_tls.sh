#!/usr/bin/env bash
# Runs the tests of TLS on a kernel that can encrypt (kTLS), in a virtual machine: many kernels have no such module.
#
#   tests/kernel_tls.sh [TEST FILES]
#
# KERNEL names a package of Debian with a kernel; by default the newest one for cloud machines. The machine has no disk and
# no network. Everything that it needs is assembled below CACHE, as root, and is in its memory. The processor is emulated;
# with ACCEL=kvm CPU=host it is not. FILTER is a word in the names of the tests to run.
set -euo pipefail
cd "$(dirname "$0")/.."
tests=("$@")
[ $# -gt 0 ] || tests=(tests/connection/{kernel_tls,kernel_tls_ends,hand_over}_test.ts tests/connection/transport_{contract,full}_test.ts
  tests/connection/tls_test.ts tests/connection/tls_limits_test.ts)
cache=${CACHE:-${TMPDIR:-/tmp}/epollet-kernel-tls}
deno=${DENO:-$(command -v deno)}
mkdir -p "$cache"

missing=()
for pair in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio xz:xz-utils openssl:openssl; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; fi

# The package linux-image-cloud-amd64 depends on the newest one, which may be signed; "-unsigned" has the same kernel in it.
kernel=${KERNEL:-$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -1)-unsigned}
if [ ! -d "$cache/$kernel" ]; then
  (cd "$cache" && apt-get -o APT::Sandbox::User=root download -qq "$kernel")
  dpkg-deb -x "$cache/$kernel"_*.deb "$cache/$kernel"
  rm "$cache/$kernel"_*.deb
fi
version=$(ls "$cache/$kernel/lib/modules")

root=$(mktemp -d)
trap 'rm -rf "$root" "$root.cpio"' EXIT
mkdir -p "$root"/{bin,sbin,proc,sys,dev,tmp,root,repository,deno-dir,etc,usr/bin} "$root/lib/modules/$version"
for name in $(busybox --list); do ln -sf /bin/busybox "$root/bin/$name"; done
ln -sf /bin/busybox "$root/sbin/modprobe" # the kernel calls it by this path
rm "$root/bin/busybox"
cp "$(command -v busybox)" "$root/bin/busybox"
for program in "$deno" "$(command -v openssl)"; do
  cp -L "$program" "$root/usr/bin/$(basename "$program")"
  ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"
  done
done
mv -n "$root/usr/bin/$(basename "$deno")" "$root/usr/bin/deno" || true
mkdir -p "$root/usr/lib/ssl" && cp -L /usr/lib/ssl/openssl.cnf "$root/usr/lib/ssl/"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo '127.0.0.1 localhost' >"$root/etc/hosts"

modules=$cache/$kernel/lib/modules/$version
for folder in net/tls crypto arch/x86/crypto lib/crypto; do
  [ -d "$modules/kernel/$folder" ] || continue
  mkdir -p "$root/lib/modules/$version/kernel/$folder"
  cp -r "$modules/kernel/$folder/." "$root/lib/modules/$version/kernel/$folder/"
done
cp "$modules"/modules.{builtin,order} "$root/lib/modules/$version/"
find "$root/lib/modules" -name '*.ko.xz' -exec xz -d {} +
busybox depmod -b "$root" "$version"

tar -c --exclude=.git --exclude=node_modules . | tar -x -C "$root/repository"
export DENO_DIR=$cache/deno-dir
"$deno" cache -q --lock=tests/deno.lock "${tests[@]}"
cp -r "$DENO_DIR/." "$root/deno-dir/"

cat >"$root/init" <<'INIT'
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
ip link set lo up
export PATH=/bin:/sbin:/usr/bin HOME=/root DENO_DIR=/deno-dir NO_COLOR=1 DENO_NO_UPDATE_CHECK=1
modprobe tls
cd /repository
echo "Linux $(uname -r), $(openssl version)"
deno test --cached-only --no-check --lock=tests/deno.lock --no-prompt -A $(cat /tests) ${FILTER:+--filter "$FILTER"}
status=$?
grep -v '[[:space:]]0$' /proc/net/tls_stat
echo "exit status $status"
poweroff -f
INIT
chmod +x "$root/init"
echo "${tests[*]}" >"$root/tests"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$root.cpio"

log=$(mktemp)
timeout "${TIMEOUT:-1800}" qemu-system-x86_64 -accel "${ACCEL:-tcg}" -cpu "${CPU:-max}" -m 3072 -smp 2 -nographic -no-reboot \
  -nic none -kernel "$cache/$kernel/boot/vmlinuz-$version" -initrd "$root.cpio" \
  -append "console=ttyS0 quiet panic=-1 FILTER=${FILTER:-}" </dev/null | tee "$log"
status=1
grep -q '^exit status 0' "$log" && status=0
rm -f "$log"
exit "$status"
