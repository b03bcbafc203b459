"""A holder that stands still, for a few lengths; `make sleeper` tries many."""

import random
from pathlib import Path

from tests.process.sleeper import LENGTH_MS, TIMES, Nap, lengths_ms, sleep_on

SOUND = Nap(5.0, False, 0.0, 5.0, 0.0, 0)


def test_a_holder_that_stands_still_is_followed_and_never_joined(tmp_path: Path) -> None:
    """Shorter than a beat, than the dead time; about as long as the watchdog's; much longer."""
    naps = list(sleep_on("reset", [1, 30, 700, 1000, 2500], tmp_path / "sim"))
    assert [fault for nap in naps for fault in nap.faults()] == []
    assert [nap.is_moved for nap in naps[:3]] == [False, False, False]
    assert naps[-1].is_moved


def test_what_must_not_be_is_a_fault() -> None:
    assert SOUND.faults() == []
    for bad in (
        Nap(5.0, True, 0.0, 5.0, 0.1, 0),
        Nap(5.0, True, 1501.0, 5.0, 0.0, 0),
        Nap(5.0, True, 0.0, 2501.0, 0.0, 0),
        Nap(5.0, True, 0.0, 5.0, 0.0, 1),
    ):
        (fault,) = bad.faults()
        assert fault.startswith("after 5.0 ms: ")


def test_the_lengths_reach_from_a_millisecond_to_a_minute() -> None:
    lengths = lengths_ms(TIMES, random.Random(1))
    assert lengths == lengths_ms(TIMES, random.Random(1))
    assert len(lengths) == TIMES
    assert LENGTH_MS[0] <= min(lengths) < 3
    assert 30_000 < max(lengths) <= LENGTH_MS[1]
    assert sum(900 <= length <= 1100 for length in lengths) > TIMES / 10
