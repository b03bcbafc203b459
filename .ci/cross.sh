#!/usr/bin/env bash
# Builds bmcha and what it imports for a board, and runs it there: in an emulated processor.
#
#   .ci/cross.sh armhf|arm64   -> build/cross/ARCH/wheels/*.whl; bmcha's own also in dist/
#
# build/cross/ARCH/sysroot holds Debian 12's C library, headers and Python 3.11 for the board, unpacked
# and not installed. C is compiled against those, never against this machine's, so a newer host makes
# no wheel that is too new for the board. The wheels then run on that Python under qemu-user, and so do
# the C tests. Needs no root. Nothing is written into the checkout but build/ and dist/.
#
# Each step has a stamp with a fingerprint of what it was made from, so a second call takes a moment.
# Exit 3 and one sentence, with the command that helps, where this machine lacks something.
# PYTHON=/path/to/python3.11 chooses the interpreter that the tools run in.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
checkout=$(pwd -P)
arch=${1:-}
case $arch in
armhf) triplet=arm-linux-gnueabihf platform=linux-armv7l emulator=qemu-arm ;;
arm64) triplet=aarch64-linux-gnu platform=linux-aarch64 emulator=qemu-aarch64 ;;
*)
    echo "usage: .ci/cross.sh armhf|arm64" >&2
    exit 2
    ;;
esac
here=build/cross/$arch
sysroot=$here/sysroot
wheels=$here/wheels
log=$checkout/$here/log
unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
# The same sources make the same wheel: zip files cannot hold an older time than this, 1980-01-01.
export SOURCE_DATE_EPOCH=315532800

say() { printf 'cross %s: %s\n' "$arch" "$*" >&2; }
lacks() {
    echo "skipped: $1; to get it: $2" >&2
    exit 3
}
# logged SENTENCE COMMAND...: quiet when it works; the end of its output and the sentence if not.
logged() {
    local sentence=$1
    shift
    if ! "$@" </dev/null >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        echo "cross $arch: $sentence (all output: $log)" >&2
        exit 1
    fi
}
fingerprint() { sha256sum | cut -c1-32; }
stamp_is() { [ "$(cat "$here/stamp-$1" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >"$here/stamp-$1"; }

for pair in gcc-"$triplet":"$triplet-gcc" qemu-user:"$emulator"; do
    command -v "${pair#*:}" >/dev/null || lacks "needs ${pair#*:}" "apt install ${pair%%:*}"
done
mkdir -p "$here"
exec 9>"$here/lock"
flock 9

# ------------------------------------------------------------------ the board's Python, unpacked

to_run=(libc6 libgcc-s1 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib zlib1g libexpat1
    libssl3 libffi8 libsqlite3-0 libsodium23 libbz2-1.0 liblzma5 libuuid1 libcrypt1)
to_build=(libc6-dev linux-libc-dev libcrypt-dev libpython3.11-dev libffi-dev)

candidates=$(.ci/debian.sh "$arch" candidates "${to_run[@]}" "${to_build[@]}") || exit $?
root_print=$({
    echo "$candidates"
    cat .ci/cross.sh .ci/debian.sh
} | fingerprint)
if ! stamp_is sysroot "$root_print"; then
    say "unpacking Debian's Python for the board"
    files=$(.ci/debian.sh "$arch" fetch "${to_run[@]}" "${to_build[@]}") || exit $?
    rm -rf "$sysroot" "$here"/stamp-*
    mkdir -p "$sysroot/usr/lib"
    ln -s usr/lib "$sysroot/lib"
    while read -r file; do
        # Static libraries and documents are half of it and of no use here.
        dpkg-deb --fsys-tarfile "$file" | tar -x -C "$sysroot" --keep-directory-symlink \
            --exclude='*.a' --exclude='./usr/share/*' --exclude='*/gconv' --exclude='./usr/src'
        # The two that a C library leaves in an archive even today.
        case $file in */libc6-dev_*)
            dpkg-deb --fsys-tarfile "$file" |
                tar -x -C "$sysroot" --wildcards '*/libc_nonshared.a' '*/libpthread.a' '*/librt.a'
            ;;
        esac
    done <<<"$files"
    stamp sysroot "$root_print"
fi

# ------------------------------------------------------------------ tools that run here

# As old as the board's: a wheel with C that is not of the stable ABI is for one version of Python.
is_3_11() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }
tools=build/cross/python
tools_print=$(cat .ci/cross/tools.txt <(echo "$checkout") | fingerprint)
(
    # Both architectures build with them; another make may be at it.
    flock 7
    [ "$(cat $tools/stamp 2>/dev/null)" != "$tools_print" ] || exit 0
    for candidate in ${PYTHON:+"$PYTHON"} .venv/bin/python python3.11 /usr/bin/python3.11; do
        if is_3_11 "$candidate"; then
            say "making $tools with $("$candidate" --version)"
            rm -rf $tools
            logged "the tools' environment could not be made" "$candidate" -m venv $tools
            logged "the tools could not be installed: is the Python package index reachable?" \
                $tools/bin/python -m pip install --require-hashes --no-deps --only-binary :all: \
                -r .ci/cross/tools.txt
            echo "$tools_print" >$tools/stamp
            exit 0
        fi
    done
    lacks "needs Python 3.11, the board's version, to build with" "apt install python3.11-venv"
) 7>build/cross/python.lock

# A folder whose name has no space, whatever the checkout's has: compilers' options are split at spaces.
scratch=$(mktemp -d /var/tmp/bmcha-cross.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/sysroot
ln -s "$checkout/$sysroot" "$root"
compiler=("$triplet-gcc" "--sysroot=$root")

# for_target COMMAND...: Python here, which believes that it is the board's.
for_target() {
    local headers=$root/usr/include
    # Alone in a folder: the board's standard library is not to be imported from.
    mkdir -p "$scratch/config"
    ln -sf "$root/usr/lib/python3.11/_sysconfigdata__$triplet.py" "$scratch/config/"
    env _PYTHON_HOST_PLATFORM="$platform" _PYTHON_SYSCONFIGDATA_NAME="_sysconfigdata__$triplet" \
        PYTHONPATH="$scratch/config" PYTHONDONTWRITEBYTECODE=1 CC="${compiler[*]}" \
        LDSHARED="${compiler[*]} -shared" PKG_CONFIG=false \
        CFLAGS="-I$headers/python3.11 -I$headers -O2 -g0 -DNDEBUG -fwrapv -ffile-prefix-map=$scratch=." \
        LDFLAGS="" "$@"
}
wheel_from() {
    for_target "$tools/bin/python" -m pip wheel --no-deps --no-build-isolation --no-cache-dir \
        --wheel-dir "$scratch/made" "$@"
}

# ------------------------------------------------------------------ what bmcha imports

wheels_print=$({
    echo "$root_print $tools_print"
    cat .ci/cross/target.txt
} | fingerprint)
if ! stamp_is libraries "$wheels_print"; then
    say "building cffi and posix_ipc"
    rm -rf "$wheels" "$scratch/made"
    logged "the sources could not be fetched: is the Python package index reachable?" \
        "$tools/bin/python" -m pip download --require-hashes --no-deps --no-build-isolation \
        --no-binary cffi,posix_ipc -r .ci/cross/target.txt --dest "$scratch/fetched"
    logged "a library could not be built; the lines above say why" \
        wheel_from "$scratch"/fetched/*.tar.gz
    mkdir -p "$wheels"
    mv "$scratch"/made/*.whl "$scratch"/fetched/*.whl "$wheels/"
    stamp libraries "$wheels_print"
fi

# ------------------------------------------------------------------ bmcha, from its own archive

needed=(bmcha native board docs/schema docs/man setup.py pyproject.toml README.md LICENSE)
sources_print=$({
    echo "$wheels_print"
    cat .ci/cross/prove.py
    find "${needed[@]}" -type d -name __pycache__ -prune -o -type f ! -name '*.so' -print0 |
        sort -z | xargs -0 sha256sum
} | fingerprint)
if ! stamp_is bmcha "$sources_print"; then
    say "building bmcha"
    mkdir "$scratch/copy"
    tar -c --exclude=__pycache__ --exclude='*.so' "${needed[@]}" | tar -x -C "$scratch/copy"
    # By way of the source archive, so that one which lacks a file is found here.
    pack() (cd "$scratch/copy" && "$checkout/$tools/bin/python" setup.py --quiet sdist --dist-dir ..)
    logged "the source archive could not be made" pack
    mkdir "$scratch/archive"
    tar -x -C "$scratch/archive" --strip-components=1 -f "$scratch"/bmcha-*.tar.gz
    rm -rf "$scratch/made"
    logged "bmcha could not be built; the lines above say why" wheel_from "$scratch/archive"
    case $(cd "$scratch/made" && echo *.whl) in
    bmcha-*-cp311-abi3-"${platform//-/_}".whl) ;;
    *)
        echo "cross $arch: the wheel has a wrong name: $(ls "$scratch/made")" >&2
        exit 1
        ;;
    esac

    say "running it under $emulator"
    # As pip on the board would: a wheel that is not for this processor and this Python is refused.
    logged "the wheels are not for a board of this kind" \
        "$tools/bin/python" -m pip install --no-index --no-deps --only-binary :all: \
        --platform "${platform//-/_}" --python-version 3.11 --implementation cp --abi cp311 --abi abi3 \
        --abi none --target "$scratch/site" "$wheels"/[!b]*.whl "$scratch"/made/*.whl
    "$emulator" -L "$root" -E PYTHONHOME="$root/usr" -E PYTHONPATH="$scratch/site" -U LD_LIBRARY_PATH \
        "$root/usr/bin/python3.11" -S -W error .ci/cross/prove.py
    sources=()
    for file in native/*.c; do
        case ${file##*/} in build_* | _*) ;; *) sources+=("$file") ;; esac
    done
    for file in native/tests/test_*.c; do
        echo "$file"
        "${compiler[@]}" -std=gnu11 -Wall -Wextra -Wconversion -Werror -O2 -pthread -Inative "$file" \
            "${sources[@]}" -lrt -lm -o "$scratch/test"
        "$emulator" -L "$root" "$scratch/test"
        # The emulator's own choice of processor has all there is; most boards' is like this one.
        [ "$arch" != armhf ] || "$emulator" -cpu cortex-a7 -L "$root" "$scratch/test" >/dev/null
    done

    mkdir -p dist
    rm -f "$wheels"/bmcha-*.whl
    cp "$scratch"/made/*.whl "$wheels/"
    cp "$scratch"/made/*.whl dist/
    stamp bmcha "$sources_print"
fi
