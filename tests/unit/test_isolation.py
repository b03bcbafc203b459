"""What an ACTIVE that hears nobody refuses: every combination of what is asked."""

from __future__ import annotations

from itertools import product

import pytest

from bmcha.ha.isolation import refusals_of_risk
from bmcha.ha.peer_list import PeerList
from bmcha.model.event import LineLevels
from bmcha.model.role import Refusal, Role
from bmcha.model.settings import BoardClass
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.world import settings_of

NOW_NS = ms(10_000)


def peers(how: str) -> PeerList:
    """One peer: heard, silent (it was heard before), never heard, left in order, slot empty."""
    found = PeerList(settings_of(BoardClass.GATED, 1), 1, NOW_NS)
    (peer,) = found
    if how != "never":
        assert peer.meet(header(2001), "udp", NOW_NS)
        for monitor in peer.monitors:
            monitor.heard(NOW_NS, 3)
        peer.hear(beat(draft(Role.STANDBY, revision=1)), OWN_BOOT, NOW_NS)
    if how == "left":
        peer.hear_goodbye()
    elif how == "empty":
        peer.lines.read(LineLevels(presence=False), NOW_NS)
    if how in ("silent", "empty"):
        found.listen_anew(NOW_NS)
    return found


@pytest.mark.parametrize("how", ["heard", "silent", "never", "left", "empty"])
def test_only_a_holder_that_hears_nobody_who_may_be_there_refuses(how: str) -> None:
    for role, is_lone, is_forced in product(Role, (False, True), (False, True)):
        found = refusals_of_risk(role, peers(how), is_lone, is_forced)
        is_isolated = how == "silent" or (how == "never" and not is_lone)
        is_refused = role is Role.ACTIVE and is_isolated and not is_forced
        assert (Refusal.ISOLATED in found) == is_refused, (role, is_lone, is_forced)


def test_a_module_without_peers_is_never_isolated() -> None:
    assert refusals_of_risk(Role.ACTIVE, (), False, False) == frozenset()
