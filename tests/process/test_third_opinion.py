"""Real services that ask third parties, by ping and by ARP: a STANDBY that is cut off waits, an
ACTIVE says so and goes on, and one whose peer is dead takes over."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ports.namespaces import in_namespace, needs_namespaces


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    needs_namespaces()


def story(folder: Path, what: str, via: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "tests.process.third_opinion_world", str(folder), what, via]
    done = in_namespace("ip link set lo up", words)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("via", ["ping", "arp"])
def test_a_standby_whose_only_cable_falls_out_says_so_and_waits_before_it_claims(
    tmp_path: Path, via: str
) -> None:
    told = story(tmp_path, "cut", via)
    during = told["during"]
    assert (during["role"], during["reason"]) == ("STANDBY", "CUT_OFF")
    assert {"cut-off", "reference-silent"} <= set(during["alarms"])
    assert during["severities"]["cut-off"] == "CRITICAL"
    assert during["diagnosis"] == "cut off"
    assert told["first"] == "ACTIVE"


def test_an_active_whose_only_cable_falls_out_says_so_and_goes_on(tmp_path: Path) -> None:
    during = story(tmp_path, "cut-active", "arp")["during"]
    assert during["role"] == "ACTIVE"
    assert during["severities"]["cut-off"] == "MAJOR"
    assert during["diagnosis"] == "cut off"


@pytest.mark.parametrize("via", ["ping", "arp"])
def test_a_standby_whose_peer_died_takes_over_because_the_reference_answers(
    tmp_path: Path, via: str
) -> None:
    during = story(tmp_path, "kill", via)["during"]
    assert (during["role"], during["reason"]) == ("ACTIVE", "PEER_SILENT")
    assert during["pinged"]["reference"] is True
    assert during["diagnosis"] == "peer failed", "its kernel refuses the port, and answers"
