#!/usr/bin/env bash
# Makes what both emulated boards boot: Debian's own kernel, our device tree, and a root in memory.
#
#   hil-tests/image/build.sh FOLDER     -> FOLDER/uImage, FOLDER/bmc.dtb, FOLDER/initrd.cpio
#
# bmcha and its libraries come cross-built as wheels from .ci/cross.sh, all else from Debian's armhf
# packages, unpacked and not installed. Needs no root. Does nothing when FOLDER is up to date. Exit 3
# and one sentence, with the command that helps, where this machine lacks something.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
[ $# = 1 ] || {
    echo "usage: hil-tests/image/build.sh FOLDER" >&2
    exit 2
}
mkdir -p "$1"
out=$(cd "$1" && pwd -P)
cd "$here/../.."
checkout=$(pwd -P)
PATH=$PATH:/sbin:/usr/sbin
say() { echo "image: $*" >&2; }
lacks() {
    echo "skipped: $1; to get it: $2" >&2
    exit 3
}
for pair in kmod:depmod cpio:cpio xz-utils:xz device-tree-compiler:fdtput make:make gcc:gcc; do
    command -v "${pair#*:}" >/dev/null || lacks "needs ${pair#*:}" "apt install ${pair%:*}"
done
exec 6>"$out/lock"
flock 6

.ci/cross.sh armhf >&2 || exit $?
wheels=build/cross/armhf/wheels
python=build/cross/python/bin/python
prefix=arm-linux-gnueabihf-

# With LPAE. A kernel without it shuts its memory domains at every entry and exit, which QEMU answers by
# emptying its whole TLB: 40,000 times a second, and the board is several times slower.
kernel=$(.ci/debian.sh armhf depends linux-image-armmp-lpae) || exit $?
version=${kernel#linux-image-}
packages=(busybox-static gpiod libgpiod2 libc6 libgcc-s1 python3.11-minimal libpython3.11-minimal
    libpython3.11-stdlib zlib1g libexpat1 libffi8 libsqlite3-0 libsodium23)
candidates=$(.ci/debian.sh armhf candidates "$kernel" "${packages[@]}") || exit $?
fingerprint=$({
    echo "$candidates"
    cat .ci/debian.sh board/ast2600-evb.toml
    find "$here" "$checkout/$wheels" -type f -print0 | sort -z | xargs -0 sha256sum
} | sed "s#$checkout##" | sha256sum | cut -c1-32)
[ "$(cat "$out/stamp" 2>/dev/null)" != "$fingerprint" ] || exit 0
rm -f "$out/stamp"

# The kernel's makefiles cannot live with a space in a name, a checkout can.
scratch=$(mktemp -d /var/tmp/bmcha-image.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root

# ------------------------------------------------------------------ kernel and device tree

say "kernel $version"
file=$(.ci/debian.sh armhf fetch "$kernel") || exit $?
# Of its 3700 modules a dozen are needed.
dpkg-deb --fsys-tarfile "$file" | tar -x -C "$scratch" --wildcards './boot/vmlinuz*' './lib/modules/*' \
    '*/aspeed-ast2600-evb.dtb'
python3 "$here/uimage.py" "$scratch/boot/vmlinuz-$version" "$scratch/uImage"
python3 "$here/device_tree.py" "$scratch/usr/lib/$kernel/aspeed-ast2600-evb.dtb" "$scratch/bmc.dtb"

# ------------------------------------------------------------------ the driver of the power supplies

# Debian's kernel has no isl68137, which knows QEMU's isl69260, so it is built from Debian's source of
# the same kernel. Kept, since it costs more than all else together.
driver=isl68137
kept=build/hil/drivers
mkdir -p $kept
sources=$(.ci/debian.sh armhf candidates linux-source-6.1 "linux-headers-$version") || exit $?
sources_print=$(echo "$version $driver $sources" | sha256sum | cut -c1-32)
if [ "$(cat $kept/stamp 2>/dev/null)" != "$sources_print" ]; then
    say "building $driver"
    files=$(.ci/debian.sh armhf fetch linux-source-6.1 "linux-headers-$version" \
        "linux-headers-${version%%-armmp*}-common") || exit $?
    # Programs of the kernel's build, which run here.
    files+=$'\n'$(.ci/debian.sh "$(dpkg --print-architecture)" fetch linux-kbuild-6.1) || exit $?
    mkdir -p "$scratch"/{kbuild,driver}
    while read -r file; do
        case $file in
        */linux-source-*)
            # tar ends as soon as it has both; the others then find their pipe closed.
            { dpkg-deb --fsys-tarfile "$file" | tar -xO ./usr/src/linux-source-6.1.tar.xz |
                tar -xJ --occurrence=1 --strip-components=4 -C "$scratch/driver" \
                    linux-source-6.1/drivers/hwmon/pmbus/{$driver.c,pmbus.h}; } 2>/dev/null || true
            ;;
        *) dpkg-deb -x "$file" "$scratch/kbuild" ;;
        esac
    done <<<"$files"
    headers=$scratch/kbuild/usr/src/linux-headers-$version
    sed -i "s#^include /usr#include $scratch/kbuild/usr#" "$headers/Makefile"
    echo "obj-m := $driver.o" >"$scratch/driver/Makefile"
    make -C "$headers" M="$scratch/driver" ARCH=arm CROSS_COMPILE="$prefix" CC="${prefix}gcc" modules \
        >"$out/build.log" 2>&1 || {
        tail -n 15 "$out/build.log" >&2
        exit 1
    }
    cp "$scratch/driver/$driver.ko" $kept/
    echo "$sources_print" >$kept/stamp
fi
mkdir "$scratch/lib/modules/$version/extra"
cp "$kept/$driver.ko" "$scratch/lib/modules/$version/extra/"

# ------------------------------------------------------------------ root: Debian's part

say "root"
files=$(.ci/debian.sh armhf fetch "${packages[@]}") || exit $?
mkdir -p "$root"/{usr/{bin,sbin,lib/modules},dev,proc,sys,run,tmp,etc,var/{lib,log}}
for folder in bin sbin lib; do
    ln -s "usr/$folder" "$root/$folder"
done
library=usr/lib/python3.11
while read -r file; do
    dpkg-deb --fsys-tarfile "$file" | tar -x -C "$root" --keep-directory-symlink \
        --exclude='./usr/share' --exclude='*/gconv' --exclude='./etc/*' \
        --exclude="./$library/"{idlelib,lib2to3,pydoc_data,ensurepip,distutils,test,unittest,xmlrpc} \
        --exclude="./$library/"{tkinter,turtledemo,curses,dbm,asyncio,wsgiref,venv,multiprocessing} \
        --exclude='*/lib-dynload/_'{ssl,hashlib,curses,curses_panel,uuid,test*,codecs_*,xxtest*,bz2,lzma}.* \
        --exclude='*/libgpiodcxx*' --exclude='*/lib'{nss_compat,nss_hesiod,memusage,pcprofile}*
done <<<"$files"
rm -f "$root"/usr/lib/arm-linux-gnueabihf/libc_malloc_debug*

# ------------------------------------------------------------------ root: modules of the kernel

modules=$root/lib/modules/$version
mkdir -p "$modules"
depmod -b "$scratch" "$version"
while read -r module; do
    modprobe -d "$scratch" -S "$version" --show-depends "$module"
done <"$here/root/etc/modules" | sed -n "s#^insmod $scratch/\([^ ]*\).*#\1#p" | sort -u >"$scratch/wanted"
(cd "$scratch" && xargs cp --parents -t "$root/usr") <"$scratch/wanted"
cp "$scratch/lib/modules/$version"/modules.{builtin*,order} "$modules/"
find "$modules" -name '*.ko' -exec "${prefix}strip" --strip-debug {} +
depmod -b "$root" "$version"

# ------------------------------------------------------------------ root: ours

"$python" -m pip install --quiet --no-index --no-deps --no-compile --only-binary :all: \
    --platform linux_armv7l --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none \
    --target "$root/usr/lib/python3/dist-packages" "$wheels"/*.whl 2>"$out/build.log" || {
    tail -n 5 "$out/build.log" >&2
    exit 1
}
site=$root/usr/lib/python3/dist-packages
rm -rf "$site"/{bin,share}
ln -s python3.11 "$root/usr/bin/python3"
install -m 755 /dev/stdin "$root/usr/bin/bmcha" <<'PY'
#!/usr/bin/python3 -I
import sys
from bmcha.cli import main
sys.exit(main())
PY
install -D -m 755 "$site/bmcha/sysvinit/bmcha-respawn" "$root/usr/sbin/bmcha-respawn"
install -D -m 755 "$site/bmcha/sysvinit/bmcha.init" "$root/etc/init.d/bmcha"
cp -R "$here/root/." "$root/"
cp board/ast2600-evb.toml "$root/etc/bmcha/"
chmod 600 "$root/etc/shadow" "$root/etc/bmcha/keys"
# As for flash: compiled, without sources, and never written at run time.
"$python" -m compileall -q -b -f -j 2 -s "$root" -p / --invalidation-mode unchecked-hash \
    "$root/$library" "$root/usr/lib/python3"
find "$root/usr/lib" -name '*.py' -delete
find "$root" -name '*.a' -delete
# Every command that busybox has, but for those that are there already.
while read -r applet; do
    [ -e "$root/usr/bin/$applet" ] || [ -e "$root/usr/sbin/$applet" ] ||
        ln -s busybox "$root/usr/bin/$applet"
done < <(qemu-arm "$root/bin/busybox" | sed '1,/^Currently/d; s/[, \t]\+/\n/g' | grep .)
ln -s ../bin/busybox "$root/usr/sbin/getty"
ln -s usr/bin/busybox "$root/init"
ln -s ../proc/mounts "$root/etc/mtab"

# The same files make the same archive. Everything in it is root's.
find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . -print0 | LC_ALL=C sort -z |
    cpio --quiet --null --reproducible --owner=0:0 -o -H newc) >"$scratch/initrd.cpio"
# A machine that starts just now finds the old ones or the new ones, never a half.
mv "$scratch"/{uImage,bmc.dtb,initrd.cpio} "$out/"
echo "$fingerprint" >"$out/stamp"
say "$(cd "$out" && du -h uImage bmc.dtb initrd.cpio | awk '{ print $2, $1 }' | paste -sd' ')"
