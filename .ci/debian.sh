#!/usr/bin/env bash
# Packages of Debian 12 for another architecture, beside this machine's apt and without touching it.
#
#   .ci/debian.sh ARCH candidates PACKAGE...   -> a line NAME=VERSION for each
#   .ci/debian.sh ARCH depends PACKAGE         -> the names that it depends on
#   .ci/debian.sh ARCH fetch PACKAGE...        -> the files, one a line; only missing ones are fetched
#
# apt has a root of its own in build/cross/ARCH/apt: its own architecture, lists, status and sources.
# No foreign architecture is added to this machine and nothing is installed; the mirrors are those
# that this machine uses. The lists are fetched once, and again when a package that they name is gone;
# `rm -r build/cross` looks for newer ones. Needs no root. Exit 3 and one sentence, with the command
# that helps, where something is lacking.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
arch=$1 what=$2
shift 2
home=$PWD/build/cross/$arch/apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

lacks() {
    echo "skipped: $1; to get it: $2" >&2
    exit 3
}
for pair in apt:apt-get dpkg:dpkg-deb util-linux:flock; do
    command -v "${pair#*:}" >/dev/null || lacks "needs ${pair#*:}" "run this on Debian 12 or later"
done
[ -e "$keyring" ] || lacks "needs Debian's keys" "apt install debian-archive-keyring"

mkdir -p "$home"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,debs}
# What is printed here is read by others, so only the lock is shared with them.
exec 8>"$home/lock"
flock 8
export APT_CONFIG=$home/apt.conf
if [ ! -e "$home/etc/sources.list" ]; then
    : >"$home/status"
    {
        # How this machine reaches the network: its proxy, its certificates.
        APT_CONFIG='' apt-config dump Acquire | grep -E '^Acquire::(http|https)' || true
        echo "APT::Architecture \"$arch\"; APT::Architectures { \"$arch\"; };"
        echo "Dir::State \"$home/state\"; Dir::State::status \"$home/status\";"
        echo "Dir::Cache \"$home/cache\"; Dir::Etc \"$home/etc\";"
        # apt's own user may not read a checkout in a home folder.
        echo 'Acquire::Languages "none"; APT::Sandbox::User "root";'
    } >"$APT_CONFIG"
    format="deb [signed-by=$keyring] \$(REPO_URI) \$(RELEASE) main"
    APT_CONFIG='' apt-get indextargets --format "$format" 'Created-By: Packages' 'Origin: Debian' |
        grep -E ' bookworm(-updates|-security)? main$' | sort -u >"$home/etc/sources.list" || {
        rm "$home/etc/sources.list"
        lacks "needs apt's lists of Debian 12" "apt-get update, on Debian 12"
    }
fi
update() {
    # The index of the security archive does not fit its signature while a mirror is being filled.
    # Then the other lists do: what is missing is said below, by name.
    apt-get -qq update >"$home/log" 2>&1 8>&- || true
}
compgen -G "$home/state/lists/*_Packages" >/dev/null || update

# candidates PACKAGE...: fails when one has none.
candidates() {
    apt-cache policy "$@" | awk -v wanted=$# '
        /^[^ ]/ { name = $1; sub(/:$/, "", name) }
        $1 == "Candidate:" && $2 != "(none)" { print name "=" $2; found++ }
        END { exit found != wanted }'
}

# As apt names it: the colon of an epoch is %3a.
file_of() { compgen -G "$home/debs/${1%%=*}_$(sed 's/:/%3a/' <<<"${1#*=}")_*.deb"; }

fetch() {
    local found pair missing=()
    found=$(candidates "$@") || return 1
    for pair in $found; do
        file_of "$pair" >/dev/null || missing+=("$pair")
    done
    [ ${#missing[@]} = 0 ] || (cd "$home/debs" && apt-get -qq download "${missing[@]}") \
        >"$home/log" 2>&1 8>&- || return 1
    for pair in $found; do
        file_of "$pair"
    done
}

depends() { apt-cache depends "$@" 2>/dev/null | sed -n 's/^ *Depends: //p' | grep .; }

give_up() {
    tail -n 3 "$home/log" >&2 || true
    lacks "not to be had for $arch: $* (all output: $home/log)" "a network, and try again"
}
case $what in
candidates | depends | fetch)
    answer=$("$what" "$@") || { update && answer=$("$what" "$@"); } || give_up "$@"
    echo "$answer"
    ;;
*)
    echo "usage: .ci/debian.sh ARCH candidates|depends|fetch PACKAGE..." >&2
    exit 2
    ;;
esac
