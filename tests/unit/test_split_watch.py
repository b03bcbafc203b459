"""Since when a holder may not have been the only one, and for how long it says that it lost."""

from __future__ import annotations

import pytest

from bmcha.ha.seat import Seat
from bmcha.ha.split_watch import JUDGED_NS, LOST_SPLIT, TOLD_NS, SplitWatch
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.world import settings_of

HELD_MS = 1000
"""When this node took the chassis."""


class Holder:
    def __init__(self) -> None:
        self.seat = Seat(settings_of(BoardClass.BARE, 1), 1, 0, 0)
        self.seat.machine.enter(Role.FENCING, Reason.PEER_SILENT, 3, ms(HELD_MS))
        self.seat.machine.enter(Role.ACTIVE, Reason.PEER_SILENT, 3, ms(HELD_MS))
        self.watch = SplitWatch(self.seat)

    def hear(self, now_ms: int) -> None:
        (peer,) = self.seat.peers
        assert peer.meet(header(), "udp", ms(now_ms))
        peer.monitors[0].heard(ms(now_ms), 3)
        peer.hear(beat(draft()), OWN_BOOT, ms(now_ms))

    def lose(self, now_ms: int) -> None:
        """Every path falls silent."""
        (peer,) = self.seat.peers
        for monitor in peer.monitors:
            monitor.overdue(monitor.last_heard_ns, ms(now_ms), False)

    def alone_since(self, now_ns: int) -> int | None:
        self.watch.judge(now_ns)
        return self.watch.alone_since_ns


def test_who_hears_the_other_is_alone_since_never() -> None:
    holder = Holder()
    holder.hear(2000)
    assert holder.alone_since(ms(2001)) is None


def test_a_holder_is_alone_since_the_last_beat_of_the_other() -> None:
    holder = Holder()
    holder.hear(2000)
    holder.lose(3000)
    assert holder.alone_since(ms(3000)) == ms(2000)


@pytest.mark.parametrize("was_heard", [False, True])
def test_nobody_is_alone_for_longer_than_it_holds(was_heard: bool) -> None:
    holder = Holder()
    if was_heard:
        holder.hear(HELD_MS - 500)
    holder.lose(3000)
    assert holder.alone_since(ms(3000)) == ms(HELD_MS)


def test_a_word_that_breaks_off_again_does_not_begin_the_time_anew() -> None:
    holder = Holder()
    holder.hear(2000)
    holder.lose(3000)
    holder.alone_since(ms(3000))
    holder.hear(4000)
    assert holder.alone_since(ms(4000)) == ms(2000)
    holder.lose(5000)
    assert holder.alone_since(ms(5000)) == ms(2000)
    holder.hear(6000)
    assert holder.alone_since(ms(6000)) == ms(2000)
    assert holder.alone_since(ms(4000) + JUDGED_NS) == ms(2000), "it was not heard all the while"
    assert holder.alone_since(ms(6000) + JUDGED_NS - 1) == ms(2000), "a rival is not judged yet"
    assert holder.alone_since(ms(6000) + JUDGED_NS) is None


def test_who_lets_go_begins_anew() -> None:
    holder = Holder()
    holder.lose(3000)
    assert holder.alone_since(ms(3000)) == ms(HELD_MS)
    holder.seat.machine.enter(Role.STANDBY, Reason.OWN_GAP_TOO_LONG, 3, ms(3001))
    assert holder.alone_since(ms(3001)) is None


@pytest.mark.parametrize("reason", [*LOST_SPLIT, Reason.PEER_IS_ACTIVE])
def test_that_it_lost_is_told_for_a_while(reason: Reason) -> None:
    holder = Holder()
    assert not holder.watch.is_being_told(ms(4000))
    holder.seat.machine.enter(Role.STANDBY, reason, 3, ms(4000))
    assert holder.watch.is_being_told(ms(4000) + TOLD_NS - 1) == (reason in LOST_SPLIT)
    assert not holder.watch.is_being_told(ms(4000) + TOLD_NS)


def test_a_holder_that_keeps_such_a_reason_tells_of_no_loss() -> None:
    holder = Holder()
    holder.seat.machine.enter(Role.ACTIVE, LOST_SPLIT[0], 3, ms(HELD_MS))
    assert not holder.watch.is_being_told(ms(HELD_MS))
