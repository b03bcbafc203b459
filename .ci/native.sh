#!/usr/bin/env bash
# Checks our own C, apart from the Python extension. Everything it makes is in build/native/.
#
#   .ci/native.sh warnings   compiles every C file with all warnings as errors
#   .ci/native.sh test       runs every native/tests/test_*.c under the address and undefined-behaviour
#                            sanitizers, linked with all of native/*.c; then each fuzzer of
#                            native/fuzz/ with its corpus and 20,000 inputs made from it; then those
#                            with threads once more under the thread sanitizer
#   .ci/native.sh fuzz [SECONDS]
#                            searches with libFuzzer for as long in each fuzzer (60); needs clang.
#                            What broke something and what reached new code is in build/native/fuzz/
#   .ci/native.sh bench      what frames cost, beside the textbook's way of doing it
#   .ci/native.sh big-endian the C tests of the codec on an emulated processor that reads numbers the
#                            other way round; exit 3 where this machine lacks it
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
fuzzers=(native/fuzz/fuzz_*.c)
if [ ${#sources[@]} -eq 0 ] || [ ${#tests[@]} -eq 0 ] || [ ${#fuzzers[@]} -eq 0 ]; then
    echo "bmcha: native/ holds no C sources, or native/tests/ no test_*.c, or native/fuzz/ none" >&2
    exit 1
fi

case ${1:-} in
warnings)
    mkdir -p "$out/strict"
    for file in "${sources[@]}" native/tests/*.c native/fuzz/*.c native/bench/*.c; do
        case $file in
        native/*/*) limits=() ;;
        */bmcha_cobs.c | */bmcha_crc32c.c | */bmcha_frame.c) limits=(-Wframe-larger-than=200) ;;
        *) limits=(-Wframe-larger-than=3000) ;;
        esac
        # -O2, because some warnings come only from the optimizer's look at the code.
        "${cc[@]}" "${strict[@]}" "${limits[@]}" -O2 -c "$file" -o "$out/strict/$(basename "$file" .c).o"
    done
    echo "${#sources[@]} sources, ${#tests[@]} tests and ${#fuzzers[@]} fuzzers, no warning"
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
    for file in "${fuzzers[@]}"; do
        name=$(basename "$file" .c)
        "${cc[@]}" "${strict[@]}" "${sanitize[@]}" "$file" native/fuzz/driver.c "${objects[@]}" -lrt -lm \
            -o "$out/sanitized/$name"
        echo "$file"
        ASAN_OPTIONS=abort_on_error=1 UBSAN_OPTIONS=abort_on_error=1 "$out/sanitized/$name" "native/fuzz/corpus/${name#fuzz_}.txt" 20000
    done
    # Without the image's sequence lock, whose fences that sanitizer does not know; two processes
    # share it, and test_seqlock.c is its test.
    mapfile -t threaded < <(printf '%s\n' "${sources[@]}" | grep -v seqlock)
    for name in published reports engine; do
        program=$out/sanitized/threads_$name
        "${cc[@]}" "${strict[@]}" -g -O1 -fsanitize=thread "native/tests/test_$name.c" "${threaded[@]}" -o "$program"
        echo "native/tests/test_$name.c, threads"
        TSAN_OPTIONS=halt_on_error=1 "$program"
    done
    ;;
fuzz)
    command -v clang >/dev/null || {
        echo "skipped: needs clang and its libFuzzer; to get them: apt install clang" >&2
        exit 3
    }
    for file in "${fuzzers[@]}"; do
        name=$(basename "$file" .c)
        here=$out/fuzz/$name
        mkdir -p "$here/corpus"
        # One file an input is what libFuzzer wants.
        python3 - "native/fuzz/corpus/${name#fuzz_}.txt" "$here/corpus" <<'PY'
import pathlib, sys
lines = pathlib.Path(sys.argv[1]).read_text().splitlines()
for number, line in enumerate(line for line in lines if line and line[0] != "#"):
    pathlib.Path(sys.argv[2], f"kept-{number:03}").write_bytes(bytes.fromhex(line))
PY
        clang "${strict[@]}" -Wno-sign-conversion -g -O1 -fsanitize=fuzzer,address,undefined \
            -fno-sanitize-recover=all "$file" "${sources[@]}" -lrt -lm -o "$here/program"
        echo "$file"
        "$here/program" -max_total_time="${2:-60}" -timeout=10 -max_len=4096 -print_final_stats=1 \
            -artifact_prefix="$here/broken-" "$here/corpus" >"$here/log" 2>&1 || {
            tail -n 40 "$here/log" >&2
            exit 1
        }
        sed -n 's/^\(Done\|stat::number_of_executed_units\)/  \1/p' "$here/log"
    done
    ;;
bench)
    mkdir -p "$out/bench"
    for file in native/bench/*.c; do
        program=$out/bench/$(basename "$file" .c)
        "${cc[@]}" "${strict[@]}" -O2 "$file" "${sources[@]}" -lrt -lm -o "$program"
        "$program"
    done
    ;;
big-endian)
    for pair in gcc-s390x-linux-gnu:s390x-linux-gnu-gcc qemu-user:qemu-s390x; do
        command -v "${pair#*:}" >/dev/null || {
            echo "skipped: needs ${pair#*:}; to get it: apt install ${pair%%:*}" >&2
            exit 3
        }
    done
    mkdir -p "$out/big-endian"
    for name in cobs crc32c frame; do
        file=native/tests/test_$name.c
        program=$out/big-endian/test_$name
        # Linked whole, so that no library of that machine is needed to run it.
        s390x-linux-gnu-gcc -static "${strict[@]}" -O2 "$file" native/bmcha_{cobs,crc32c,frame}.c -o "$program"
        echo "$file"
        qemu-s390x "$program"
    done
    ;;
*)
    echo "usage: .ci/native.sh warnings|test|fuzz [SECONDS]|bench|big-endian" >&2
    exit 2
    ;;
esac
