"""ARP as a way to ask: what counts as an answer, in whose name it asks, and where it cannot."""

import errno
import socket
import sys

import pytest

from bmcha.hal.arp_ping import ArpPing
from bmcha.hal.port import PortError
from tests import needs
from tests.ports.namespaces import in_namespace, needs_namespaces
from tests.ports.ping_cable import AT_FAR, AT_FENCE, AT_SILENT, FAR, NEAR
from tests.ports.test_ping_ports import story


def test_only_an_answer_to_us_for_the_asked_address_counts() -> None:
    told = story("what_counts", "arp")
    assert {name for name, counts in told.items() if counts} == {
        "an answer",
        "an answer with padding",
        "an answer of another module with that address",
        "an answer to everybody",
        "an answer to a probe",
    }
    assert len(told) == 24


def test_only_what_was_asked_is_answered_and_once() -> None:
    told = story("what_was_not_asked", "arp")
    assert told["before"] == [[AT_FENCE, 1]]
    assert sorted(told["twice"]) == [[AT_SILENT, 2], [AT_FENCE, 2]]
    assert told["older"] == [[AT_SILENT, 3]], "it came before it was asked again, and at once"
    assert sorted(told["newer"]) == [[AT_SILENT, 4], [AT_FENCE, 4]]
    assert told["not sent"] == [[AT_FENCE, 6]], "the interface was down when it was asked"
    assert told["former life"] == [[AT_FENCE, 8]]


def test_what_everybody_asks_on_the_segment_wakes_nobody_here() -> None:
    assert story("is_not_woken_by_requests", "arp") == [[AT_FENCE, 1]]


def test_it_asks_in_the_name_of_its_fitting_address_and_without_one_it_probes() -> None:
    assert story("asks_in_its_name", "arp") == {
        "one": {"sender": NEAR, "target": FAR},
        "the fitting one": {"sender": NEAR, "target": FAR},
        "the first": {"sender": "10.8.0.1", "target": "10.7.0.1"},
        "none": {"sender": "0.0.0.0", "target": FAR},
    }


def test_an_interface_without_an_address_is_enough() -> None:
    assert story("has_no_address", "arp") == [
        ["0.0.0.0", [[AT_FAR, 0]]],
        [NEAR, [[AT_FAR, 1]]],
        ["0.0.0.0", [[AT_FAR, 2]]],
    ]


def test_an_interface_that_gets_another_hardware_address_still_hears_its_answers() -> None:
    assert story("gets_another_mac", "arp") == [[AT_FAR, 1]]


def test_an_interface_that_cannot_be_used_is_told_with_what_to_do() -> None:
    assert story("cannot_open", "arp") == {
        "missing": "ARP on eth0: there is no such interface; see `ip link` for those there are",
        "down": "ARP on eth0: the interface is down; `ip link set eth0 up` starts it",
        "up": "",
        "loopback": "ARP on lo: it is no Ethernet; name one of `ip link`",
    }


OPEN = """
import sys
from bmcha.hal.arp_ping import ArpPing
from bmcha.hal.port import PortError
try:
    ArpPing(["192.0.2.1"], "lo").open()
except PortError as error:
    sys.exit(str(error))
"""


def test_a_user_without_the_right_is_told_which() -> None:
    needs_namespaces()
    needs.program("setpriv", package="util-linux")
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", OPEN]
    done = in_namespace("true", words)
    assert done.stderr.strip() == (
        "ARP on lo: raw frames are not allowed to this user; give it CAP_NET_RAW "
        "(AmbientCapabilities= and CapabilityBoundingSet= of its unit)"
    )


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EAFNOSUPPORT, "add AF_PACKET to RestrictAddressFamilies= of its unit"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_a_system_that_gives_no_such_socket_is_told(
    monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(number, "Too many open files")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(PortError, match=said):
        ArpPing([FAR], "eth0").open()
