#!/usr/bin/env bash
# Makes what the virtual machine boots: Debian's own kernel, the drivers it needs, a chip to wire.
#
#   tests/ports/vm/build.sh FOLDER      -> FOLDER/vmlinuz, FOLDER/initrd
#
# Needs no root and installs nothing: packages are fetched by apt and unpacked into a scratch folder.
# Does nothing when FOLDER is up to date. Exit 3 and one sentence, with the command that helps, where
# this machine lacks something; 1 where the build failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
mkdir -p "$1"
out=$(cd "$1" && pwd -P)

lacks() {
    echo "skipped: $1; to get it: $2" >&2
    exit 3
}
command -v apt-get >/dev/null || lacks "needs a Debian system (the kernel comes from its archive)" \
    "run this on Debian 12 or later"
[ "$(dpkg --print-architecture)" = amd64 ] || lacks "needs an amd64 system" "run this on one"
for pair in kmod:depmod cpio:cpio gcc:gcc make:make binutils:ld busybox-static:busybox; do
    PATH=$PATH:/sbin:/usr/sbin command -v "${pair#*:}" >/dev/null ||
        lacks "needs ${pair#*:}" "apt install ${pair%:*}"
done
PATH=$PATH:/sbin:/usr/sbin

image=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -1)
[ -n "$image" ] || lacks "needs apt's lists of packages" "apt-get update"
kernel=${image#linux-image-}
kernel=${kernel%-unsigned}
base=${kernel%-amd64}
kbuild=$(apt-cache depends "linux-headers-$kernel" | sed -n 's/^ *Depends: \(linux-kbuild-.*\)/\1/p')

fingerprint=$({
    apt-cache policy "$image" | sed -n 's/^ *Candidate: //p'
    cat "$here/build.sh" "$here/init" "$here/bench_gpio.c"
} | sha256sum | cut -c1-32)
[ "$(cat "$out/stamp" 2>/dev/null)" != "$fingerprint" ] || exit 0

# Not under FOLDER: the kernel's makefiles cannot live with a space in a name, a checkout can.
scratch=$(mktemp -d /var/tmp/bmcha-vm.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

echo "virtual machine: fetching $image" >&2
apt-get -qq download "$image" "linux-headers-$kernel" "linux-headers-$base-common" "$kbuild" \
    >"$out/build.log" 2>&1 || {
    tail -n 3 "$out/build.log" >&2
    lacks "the kernel could not be fetched" "apt-get update, and a network"
}
for package in *.deb; do
    dpkg-deb -x "$package" root
done

echo "virtual machine: building the test's GPIO chip for $kernel" >&2
headers=$scratch/root/usr/src/linux-headers-$kernel
sed -i "s#^include /usr#include $scratch/root/usr#" "$headers/Makefile"
mkdir module
cp "$here/bench_gpio.c" module/
echo 'obj-m := bench_gpio.o' >module/Makefile
compiler=$(sed -n 's/.*)\(gcc-[0-9]*\)$/\1/p' "$headers/.kernelvariables")
command -v "$compiler" >/dev/null || compiler=gcc
make -C "$headers" M="$scratch/module" CC="$compiler" modules >>"$out/build.log" 2>&1 || {
    tail -n 15 "$out/build.log" >&2
    exit 1
}

mkdir -p tree/{bin,dev,proc,sys,mnt,host,top,lib/modules/"$kernel"}
depmod -b root "$kernel"
for module in virtio_pci 9pnet_virtio 9p overlay i2c-dev i2c-stub lm75 adt7475 softdog i6300esb \
    leds-gpio ledtrig-oneshot veth 8021q; do
    modprobe -d "$scratch/root" -S "$kernel" --show-depends "$module"
done | sed -n "s#^insmod $scratch/root/\([^ ]*\).*#\1#p" | sort -u >wanted
(cd root && xargs cp --parents -t ../tree) <wanted
strip --strip-debug -o "tree/lib/modules/$kernel/bench_gpio.ko" module/bench_gpio.ko
cp root/lib/modules/"$kernel"/modules.{builtin*,order} "tree/lib/modules/$kernel/"
depmod -b tree "$kernel"
cp "$(command -v busybox)" tree/bin/busybox
install -m 755 "$here/init" tree/init

(cd tree && find . -print0 | cpio --quiet --null -o -H newc) | gzip -1 >"$out/initrd"
cp root/boot/vmlinuz-"$kernel" "$out/vmlinuz"
echo "$fingerprint" >"$out/stamp"
