"""Real pings, in network namespaces of their own: the unprivileged socket, the raw one, none."""

import sys

import pytest

from tests import needs
from tests.ports.namespaces import in_namespace, needs_namespaces

ASK = """
import sys, time
from bmcha.hal.icmp_ping import IcmpPing
from bmcha.hal.port import PortError

ping = IcmpPing(sys.argv[1:])
try:
    ping.open()
except PortError as error:
    sys.exit(str(error))
print(sorted({opened.type.name for _, opened in ping._sockets.values()}))
for place in range(len(sys.argv) - 1):
    ping.ask(place, 40000 + place)
heard = []
ends_s = time.monotonic() + 10
wanted = sum(address in ("127.0.0.1", "::1") for address in sys.argv[1:])
while len(heard) < wanted and time.monotonic() < ends_s:
    heard += ping.read(0.1)
heard += ping.read(0.1)
print(sorted(heard))
ping.close()
"""


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    needs_namespaces()


def ask(setup: str, *addresses: str) -> "tuple[int, list[str], str]":
    words = [sys.executable, "-c", ASK, *addresses]
    done = in_namespace(f"ip link set lo up; {setup}", words)
    return done.returncode, done.stdout.splitlines(), done.stderr.strip()


ALLOW = 'echo "0 0" > /proc/sys/net/ipv4/ping_group_range'
FORBID = "true"
"""A new network lets no group in."""


@pytest.mark.parametrize(("setup", "kind"), [(ALLOW, "SOCK_DGRAM"), (FORBID, "SOCK_RAW")])
def test_who_answers_is_heard_by_either_kind_of_socket(setup: str, kind: str) -> None:
    assert ask(setup, "127.0.0.1", "::1") == (0, [f"['{kind}']", "[(0, 40000), (1, 40001)]"], "")


@pytest.mark.parametrize("setup", [ALLOW, FORBID])
def test_a_host_that_cannot_be_reached_does_not_answer(setup: str) -> None:
    code, said, _ = ask(setup, "192.0.2.1", "127.0.0.1", "2001:db8::1", "fe80::1%no-such")
    assert (code, said[-1]) == (0, "[(1, 40001)]")


def test_a_host_that_drops_pings_does_not_answer() -> None:
    drop = "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all"
    assert ask(f"{ALLOW}; {drop}", "127.0.0.1", "::1")[1][-1] == "[(1, 40001)]"


def test_where_neither_is_allowed_it_says_what_to_set() -> None:
    needs.program("setpriv", package="util-linux")
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    words += [sys.executable, "-c", ASK, "127.0.0.1"]
    done = in_namespace(FORBID, words)
    assert done.returncode == 1
    assert "pings are not allowed to this user: group 0 is not in" in done.stderr
    assert 'sysctl -w net.ipv4.ping_group_range="0 0"' in done.stderr
