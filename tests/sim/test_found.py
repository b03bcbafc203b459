"""Stories in which something was wrong once, cut down to what it took."""

from __future__ import annotations

import pytest

from tests.sim.storm import run_story
from tests.sim.story import parse_story

FOUND = {
    # Nothing was: both had started alone, and each had to prove first that it was of now, which
    # takes three beats. The judge had allowed one.
    "two holders who have never met": """
        seed 2003055
        setup board=bare paths=1 tick_ms=50 deadtime_ms=400 failovers_max=0 health_margin=20
        era paths quiet 0
        era paths quiet 0
        +50 clog 0 udp 0 0
        +465 swizzle 2 - 5 90
        +3517 gate-ok 2 - 0 0
    """,
    # Nothing was: who stands still in the middle of a claim that was right finds the other one well
    # again, and lets go. The judge had looked at the claim only then.
    "a claim that was right when it was decided": """
        seed 2001636
        setup board=gated policy=trust-silence paths=2 tick_ms=75 deadtime_ms=500 failovers_max=3
        era paths quiet 0
        +750 switchover 2 - 1 0
        era paths quiet 0
        +50 kill 2 - 0 0
        +31 pull 1 - 0 0
        era paths quiet 0
        +1002 die-at 2 - 3 150
        era lines quiet 0
        +913 stop-service 2 - 0 0
        +5 heal 2 - 0 0
        era paths quiet 0
        +2 hang 1 - 3000 0
        +20 short 1 serial 95 0
        +200 pause-at 2 - 8 3000
        +600 start 1 - 0 0
    """,
    # A line that was stuck fell only after the peer had booted again: the fence called its new
    # life ended, and it was never heard again.
    "a reset that is seen late": """
        seed 100004
        setup board=reset policy=trust-silence tick_ms=50 deadtime_ms=500
        era lines quiet 0
        +20 stick 2 active 1 0
        +1 pause-at 1 - 40 900
        +2131 cut-all 2 - 0 0
    """,
    # Both restart, and the last word of a dead one arrives after the first of the living one, at a
    # node that heard neither before: the living one was never heard again.
    "the last word of the dead, on the only path": """
        seed 100010
        setup board=bare paths=1 tick_ms=50 deadtime_ms=400
        era paths quiet 0
        +61 jitter 2 udp 300 0
        +1601 pull 1 - 0 0
        +301 kill 2 - 0 0
    """,
    # Who said goodbye was started again unheard, and took the chassis while the other stood still;
    # its ACTIVE line, which had risen since, was taken for one that is stuck since the goodbye.
    "a goodbye, and somebody who runs there again": """
        seed 20667
        setup board=reset policy=hold paths=2 tick_ms=50 deadtime_ms=400
        era lines quiet 0
        +0 stop-service 2 - 0 0
        +0 start-foreign 2 - 0 0
        +1 pause-in-write 1 - 1 1800
        +4901 nothing 0 - 0 0
    """,
    # One that could not read the other's ACTIVE line claimed on a word some beats old, while that
    # other one, which it heard no more, had just claimed.
    "a claim beside a line that cannot be read": """
        seed 40124
        setup board=reset tick_ms=50 deadtime_ms=700 failovers_max=3 is_failing_back=True
        era lines quiet 0
        era paths quiet 0
        era lines quiet 0
        era paths quiet 0
        +1501 cut-all 0 - 0 0
        +1800 start 1 - 0 0
        era paths quiet 0
        +308 die-at 2 - 40 2
        +300 stop-service 1 - 0 0
        +750 store-broken 1 - 0 0
        era lines quiet 0
        +200 stop 1 - 300 0
        era paths quiet 0
        +5 blind 1 active 0 0
        +10 swizzle 1 - 0 700
        +1000 cut-all 2 - 0 0
        +1530 flip 2 serial 70 0
    """,
    # The picture of a holder came before its first beat, and was labelled with an older epoch.
    "a picture before the beat that names its epoch": """
        seed 53202
        setup board=reset paths=2 tick_ms=50 deadtime_ms=500 failovers_max=3
        era lines quiet 0
        era paths quiet 0
        era paths quiet 0
        +500 stop 2 - 10 0
        era paths quiet 0
        +30 pause-in-write 1 - 1 1250
        +50 clog 1 serial 0 0
        +1600 cut-all 0 - 0 0
        +1180 heal 2 - 0 0
        +15 maintenance 2 - 1 0
    """,
    # A change of the former holder's picture, late, was put into one that had become another's own.
    "a change that is late for who held meanwhile": """
        seed 54986
        setup board=bare paths=2 tick_ms=50 deadtime_ms=500
        era paths quiet 0
        +10 switchover 1 - 1 0
        +5 pause-in-write 2 - 0 1000
    """,
    # Old beats, held up on the way, made the holder forget who followed it, which did not know.
    "a follower that was forgotten for a moment": """
        seed 58035
        setup board=bare deadtime_ms=500 failovers_max=3
        era paths quiet 0
        +50 clog 0 udp 0 0
        +2250 kill 1 - 0 0
        +751 start 1 - 0 0
        +300 flip 1 serial 95 0
        +1600 stop 2 - 125 0
    """,
    # The loser of a split brain wrote what it had read last under the winner's epoch.
    "the last readings of who lets go to a newer epoch": """
        seed 146
        setup board=bare paths=1 tick_ms=75 deadtime_ms=500
        era paths quiet 0
        +306 cut 0 udp 0 0
        era paths quiet 0
        +0 cut-all 0 - 0 0
        +700 pause-at 1 - 8 2
        +220 heal 2 - 0 0
        +1500 stop 1 - 1 0
    """,
    # It stood still for less than its watchdog's time, but was fed last before that: what it raised
    # then stayed down, and it took a chassis whose gate did not open.
    "a claim whose ACTIVE line the hardware let fall": """
        seed 409690
        setup board=reset paths=2 tick_ms=75 deadtime_ms=700 failovers_max=0
        era paths quiet 0
        era lines quiet 0
        era paths quiet 0
        +5 pause-at 1 - 1 900
        +4220 stop 2 - 10 0
        era paths quiet 0
        +987 stop-service 2 - 0 0
        era lines quiet 0
        +20 switchover 1 - 1 0
        +5 stop 2 - 500 0
        +275 reload 1 - 1 73
    """,
    # Slow steps: the answer of the living lay in the mailbox while the wait for it ran out.
    "an answer that nobody has looked at yet": """
        seed 900082
        setup board=reset policy=hold tick_ms=50 deadtime_ms=700 failovers_max=1 has_reference=True
        era lines quiet 0
        +3000 slow 1 - 60 9000
        +763 stick 1 presence 0 0
        +300 swizzle 1 - 5 2
        +200 slow 1 - 30 2500
    """,
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_wrong_once_is_right(name: str) -> None:
    assert run_story(parse_story(FOUND[name].splitlines())).violations == []
