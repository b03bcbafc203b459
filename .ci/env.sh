#!/usr/bin/env bash
# Makes and refreshes the environment in .venv/ that every make target uses.
#
#   .ci/env.sh run    what bmcha needs to run: libraries, bmcha itself (editable), its C part
#   .ci/env.sh dev    the same, and the pinned tools that the checks need
#
# Each step leaves a stamp in .venv/ that holds a fingerprint of what the step was made from. A step
# runs again only when its fingerprint changed, whatever the file times say (git changes those), so
# a second call takes a moment and needs no network. A checkout that was moved is set up anew,
# because an environment holds absolute paths.
#
# What a person has to install is told in one sentence naming the Debian package.
# PYTHON=/path/to/python chooses the interpreter of a new environment.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(pwd -P)
venv=.venv
python=$venv/bin/python
log=build/env.log
wanted=${1:-run}
unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf 'environment: %s\n' "$*" >&2; }
give_up() {
    printf 'bmcha: %s\n' "$*" >&2
    exit 1
}

# logged SENTENCE COMMAND...: quiet when it works; the end of its output and the sentence if not.
logged() {
    local sentence=$1
    shift
    if ! "$@" </dev/null >"$log" 2>&1; then
        grep -vE '^(Traceback|  File )' "$log" | tail -n 25 >&2
        give_up "$sentence (all output: $log)"
    fi
}

stamp_is() { [ -n "$2" ] && [ "$(cat "$venv/stamp-$1" 2>/dev/null)" = "$2" ]; }
# What the whole environment hangs on: where it is, and which Python. Empty if there is none.
identity() {
    "$python" -c 'import sys; print(sys.argv[1], *sys.version.split())' "$root" 2>/dev/null || true
}
stamp() { printf '%s\n' "$2" >"$venv/stamp-$1"; }

# ------------------------------------------------------------------ which Python

# Says what is missing from an interpreter, as a Debian package; nothing if it is complete.
lacking() {
    "$1" - <<'PY'
import importlib.util
import os
import sys
import sysconfig

name = "python%d.%d" % sys.version_info[:2]
parts = [importlib.util.find_spec(part) for part in ("venv", "ensurepip")]
if not all(part and part.origin for part in parts):
    print(name + "-venv")
elif not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    print(name + "-dev")
PY
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

choose_python() {
    local candidate package first_lacking=
    for candidate in ${PYTHON:+"$PYTHON"} python3.14 python3.13 python3.12 python3.11 python3; do
        is_new_enough "$candidate" || continue
        package=$(lacking "$candidate")
        if [ -z "$package" ]; then
            chosen=$(command -v "$candidate")
            return
        fi
        : "${first_lacking:=$package}"
    done
    [ -z "$first_lacking" ] ||
        give_up "Python is here, but a part of it is missing; install it with: apt install $first_lacking"
    give_up "Python 3.11 or newer is needed; install it with: apt install python3 python3-venv python3-dev"
}

# ------------------------------------------------------------------ the C compiler

need_compiler() {
    local configured
    configured=$("$1" -c 'import sysconfig; print((sysconfig.get_config_var("CC") or "cc").split()[0])')
    # An interpreter built elsewhere may name a compiler that this machine does not have.
    [ -n "${CC:-}" ] || command -v "$configured" >/dev/null || export CC=cc
    local compiler=${CC:-$configured}
    # CC may carry options, so it is split into words on purpose.
    # shellcheck disable=SC2086
    command -v ${compiler%% *} >/dev/null ||
        give_up "a C compiler is needed to build native/; install it with: apt install gcc libc6-dev"
    # shellcheck disable=SC2086
    printf '#include <stdio.h>\nint main(void) { return 0; }\n' |
        $compiler -x c - -o build/compiler-probe >"$log" 2>&1 ||
        give_up "the C compiler finds no C library to build with; install it with: apt install libc6-dev"
    rm -f build/compiler-probe
}

# ------------------------------------------------------------------ fingerprints

fingerprint() { sha256sum | cut -c1-32; }
list_from_pyproject() {
    "$python" -c '
import sys, tomllib
with open("pyproject.toml", "rb") as file:
    node = tomllib.load(file)
for key in sys.argv[1:]:
    node = node[key]
print("\n".join(node))' "$@"
}
native_sources() {
    find native -path native/tests -prune -o -type f \( -name '*.[ch]' -o -name '*.py' \) -print0 |
        sort -z
}

# ------------------------------------------------------------------ the steps

mkdir -p build
# Two makes at once wait for each other.
if command -v flock >/dev/null; then
    exec 9>build/env.lock
    flock 9
fi

base=$(identity)
if ! stamp_is base "$base"; then
    choose_python
    need_compiler "$chosen"
    say "making $venv with $("$chosen" --version)"
    rm -rf "$venv"
    logged "the environment could not be made" "$chosen" -m venv "$venv"
    base=$(identity)
    stamp base "$base"
fi

package=$({
    echo "$base"
    cat pyproject.toml setup.py
} | fingerprint)
native=$({
    echo "$base"
    native_sources | xargs -0r sha256sum
} | fingerprint)
extension=$(compgen -G 'bmcha/_native*.so' || true)

if ! stamp_is package "$package"; then
    need_compiler "$python"
    say "installing bmcha and its libraries"
    list_from_pyproject build-system requires >build/env-build.txt
    logged "the build tools could not be installed: is the Python package index reachable?" \
        "$python" -m pip install --progress-bar off -r build/env-build.txt
    # Without build isolation, so that nothing is fetched again when only bmcha changed.
    logged "bmcha could not be installed; the lines above say why" \
        "$python" -m pip install --progress-bar off --no-build-isolation -e .
    stamp package "$package"
    stamp native "$native"
elif [ -z "$extension" ] || ! stamp_is native "$native"; then
    need_compiler "$python"
    say "building the C part"
    # By force: setuptools does not see that a header changed.
    logged "native/ could not be built; the lines above say why" \
        "$python" setup.py --quiet build_ext --inplace --force
    stamp native "$native"
fi

if [ "$wanted" = dev ]; then
    list_from_pyproject project optional-dependencies dev >build/env-dev.txt
    dev=$({
        echo "$base"
        cat build/env-dev.txt
    } | fingerprint)
    if ! stamp_is dev "$dev"; then
        say "installing the tools for the checks"
        logged "the tools could not be installed: is the Python package index reachable?" \
            "$python" -m pip install --progress-bar off -r build/env-dev.txt
        stamp dev "$dev"
    fi
fi
