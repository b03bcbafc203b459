"""The contract of `PingPort`, kept by pings and by ARP, over a real cable."""

import json
import sys
from typing import Any

import pytest

from tests import needs
from tests.ports.namespaces import in_namespace, needs_namespaces
from tests.ports.ping_cable import AT_FAR


def story(name: str, via: str) -> Any:
    """What `tests.ports.ping_world` saw in it."""
    needs_namespaces()
    needs.program("setpriv", package="util-linux")
    done = in_namespace("true", [sys.executable, "-m", "tests.ports.ping_world", name, via])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("via", ["ping", "arp"])
class TestPingPort:
    def test_who_answers_is_heard_and_who_does_not_is_not(self, via: str) -> None:
        assert story("answers", via) == [[[AT_FAR, 65535]], [[AT_FAR, 0]]]

    def test_it_may_be_opened_twice_and_again_and_closed_is_closed(self, via: str) -> None:
        told = story("lives", via)
        assert told["heard"] == [[[AT_FAR, 1]], [[AT_FAR, 3]]]
        assert all("not open" in refused for refused in told["refused"])
        assert told["left"] == 0

    def test_a_wait_ends_when_it_is_woken_before_and_meanwhile(self, via: str) -> None:
        told = story("wakes", via)
        assert told["heard"] == [[], []]
        assert told["s"] < 30

    def test_an_interface_that_was_down_works_again(self, via: str) -> None:
        heard = story("comes_back", via)
        assert heard == [each for n in range(3) for each in ([[AT_FAR, 10 + n]], [])]

    def test_an_interface_that_was_deleted_and_made_anew_works_again(self, via: str) -> None:
        heard = story("is_made_anew", via)
        assert heard == [each for n in range(3) for each in ([[AT_FAR, 10 + n]], [], [])]
