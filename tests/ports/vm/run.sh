#!/usr/bin/env bash
# Boots the virtual machine once, runs something in this checkout inside it, ends with its exit code.
#
#   tests/ports/vm/run.sh pytest [ARGS...]     pytest with the marker `vm` (make vm-ports)
#   tests/ports/vm/run.sh COMMAND [ARGS...]    any command of this checkout, as root of the guest
#
# See README.md beside this file. Exit 3 and one sentence where this machine lacks something.
# BMCHA_VM_ACCEL=kvm uses KVM; without it instructions are emulated, which is
# slower and works everywhere. BMCHA_VM_SECONDS bounds the whole run (default 600).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
checkout=$(cd "$here/../../.." && pwd -P)
image=$checkout/build/vm

command -v qemu-system-x86_64 >/dev/null || {
    echo "skipped: needs qemu-system-x86_64; to get it: apt install qemu-system-x86" >&2
    exit 3
}
"$here/build.sh" "$image"

scratch=$(mktemp -d /tmp/bmcha-vm.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/out"
if [ "${1:-}" = pytest ]; then
    shift
    # On an emulated processor everything takes ten times as long; and a stack that is written while
    # the process runs on, as faulthandler does it, can end it there.
    set -- .venv/bin/python -m pytest -m vm -o timeout=240 -o faulthandler_timeout=0 "$@"
fi
{
    echo "export HOME=/tmp BMCHA_VM=1 CI=${CI:-} BMCHA_NO_SKIP=${BMCHA_NO_SKIP:-} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1"
    echo "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    printf 'cd %q && exec' "$checkout"
    printf ' %q' "$@"
    echo
} >"$scratch/out/job"
printf %s "$checkout" >"$scratch/out/checkout"

# Started in the background and waited for, so that a signal to this script ends it at once.
timeout "${BMCHA_VM_SECONDS:-600}" qemu-system-x86_64 \
    -M q35 -cpu max -accel "${BMCHA_VM_ACCEL:-tcg}" -smp 2 -m 1024 \
    -display none -nodefaults -no-user-config -no-reboot \
    -kernel "$image/vmlinuz" -initrd "$image/initrd" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check" \
    -serial "file:$scratch/console" \
    -chardev "socket,id=near,path=$scratch/wire,server=on,wait=off" -serial chardev:near \
    -chardev "socket,id=far,path=$scratch/wire" -serial chardev:far \
    -device i6300esb -action watchdog=none \
    -virtfs local,id=host,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
    -virtfs "local,id=out,path=$scratch/out,mount_tag=out,security_model=none" \
    </dev/null 2>"$scratch/qemu" &
machine=$!
trap 'kill $machine 2>/dev/null || true; wait $machine 2>/dev/null || true; rm -rf "$scratch"' EXIT
tail -n +1 -F --pid=$machine "$scratch/out/output" 2>/dev/null &
wait $machine || true
wait || true

if [ ! -s "$scratch/out/exit" ]; then
    echo "vm-ports: the virtual machine ended without a result; its last words:" >&2
    tail -n 25 "$scratch/console" "$scratch/qemu" >&2
    exit 1
fi
cp "$scratch/out/dmesg" "$scratch/console" "$image/"
exit "$(cat "$scratch/out/exit")"
