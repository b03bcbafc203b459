#!/usr/bin/env bash
# Checks our own C, apart from the Python extension. Everything it makes is in build/native/.
#
#   .ci/native.sh warnings   compiles every C file with all warnings as errors
#   .ci/native.sh test       runs every native/tests/test_*.c under the address and undefined-behaviour
#                            sanitizers, linked with all of native/*.c
#
# Files that begin with build_ or _ are the cffi wrapper's and not ours to judge.
set -euo pipefail
shopt -s nullglob

cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=build/native
read -ra cc <<<"${CC:-cc}"
command -v "${cc[0]}" >/dev/null || {
    echo "bmcha: a C compiler is needed; install it with: apt install gcc libc6-dev" >&2
    exit 1
}
strict=(-std=gnu11 -Wall -Wextra -Wconversion -Werror -pthread -Inative)
sanitize=(-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all)

sources=()
for file in native/*.c; do
    case ${file##*/} in build_* | _*) ;; *) sources+=("$file") ;; esac
done
tests=(native/tests/test_*.c)
if [ ${#sources[@]} -eq 0 ] || [ ${#tests[@]} -eq 0 ]; then
    echo "bmcha: native/ holds no C sources, or native/tests/ no test_*.c" >&2
    exit 1
fi

case ${1:-} in
warnings)
    mkdir -p "$out/strict"
    for file in "${sources[@]}" native/tests/*.c; do
        # -O2, because some warnings come only from the optimizer's look at the code.
        "${cc[@]}" "${strict[@]}" -O2 -c "$file" -o "$out/strict/$(basename "$file" .c).o"
    done
    echo "${#sources[@]} sources and ${#tests[@]} tests, no warning"
    ;;
test)
    mkdir -p "$out/sanitized"
    if ! echo 'int main(void) { return 0; }' |
        "${cc[@]}" "${sanitize[@]}" -x c - -o "$out/probe" 2>"$out/probe.log"; then
        echo "bmcha: the compiler's sanitizers are missing; install them with: apt install gcc" \
            "(with clang: libclang-rt-dev); its words are in $out/probe.log" >&2
        exit 1
    fi
    objects=()
    for file in "${sources[@]}"; do
        object=$out/sanitized/$(basename "$file" .c).o
        "${cc[@]}" "${strict[@]}" "${sanitize[@]}" -c "$file" -o "$object"
        objects+=("$object")
    done
    for file in "${tests[@]}"; do
        program=$out/sanitized/$(basename "$file" .c)
        "${cc[@]}" "${strict[@]}" "${sanitize[@]}" "$file" "${objects[@]}" -lrt -lm -o "$program"
        echo "$file"
        "./$program"
    done
    ;;
*)
    echo "usage: .ci/native.sh warnings|test" >&2
    exit 2
    ;;
esac
