"""What becomes of bytes on a faulty wire: how much, in which order, and the same again by seed."""

from itertools import pairwise
from random import Random

import pytest

from bmcha.sim.wire_faults import (
    LINE_BYTES_PER_S,
    LOST_RUN_BYTES,
    NS_PER_MS,
    Delay,
    Loss,
    Noise,
    WireFaults,
)

PERIOD_NS = 10 * NS_PER_MS


def lost_share(loss: Loss, percent: float, size: int = 80, count: int = 4000) -> float:
    kept = sum(len(loss.survivors(bytes(size), percent)) for _ in range(count))
    return 1 - kept / (size * count)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("percent", [1, 10, 50, 90])
def test_as_much_is_lost_as_was_asked_for(percent: float, is_stream: bool) -> None:
    share = lost_share(Loss(Random(1), is_stream), percent)
    assert share == pytest.approx(percent / 100, rel=0.2, abs=0.005)


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_ends_are_exact(is_stream: bool) -> None:
    loss = Loss(Random(1), is_stream)
    assert lost_share(loss, 100) == 1
    assert lost_share(loss, 0) == 0


def test_a_datagram_is_lost_whole_or_not_at_all() -> None:
    loss = Loss(Random(1), is_stream=False)
    assert {len(loss.survivors(bytes(80), 50)) for _ in range(100)} == {0, 80}


def test_a_stream_loses_runs_and_keeps_the_order() -> None:
    sent = bytes(range(256)) * 40
    kept = Loss(Random(1), is_stream=True).survivors(sent, 20)
    gaps = [(b - a) % 256 - 1 for a, b in pairwise(kept)]
    runs = [gap for gap in gaps if gap]
    assert LOST_RUN_BYTES / 2 < sum(runs) / len(runs) < LOST_RUN_BYTES * 2


def test_what_a_stream_loses_does_not_depend_on_how_it_is_cut_into_pieces() -> None:
    sent = Random(7).randbytes(5000)
    whole = Loss(Random(1), is_stream=True).survivors(sent, 15)
    piecewise = Loss(Random(1), is_stream=True)
    pieces = [piecewise.survivors(sent[i : i + 37], 15) for i in range(0, len(sent), 37)]
    assert b"".join(pieces) == whole


def test_the_same_seed_loses_the_same() -> None:
    def pattern(seed: int) -> list[bytes]:
        loss = Loss(Random(seed), is_stream=False)
        return [loss.survivors(b"x", 50) for _ in range(50)]

    assert pattern(1) == pattern(1)
    assert pattern(1) != pattern(2)


def test_what_is_delayed_comes_later_and_in_order() -> None:
    delay = Delay()
    delay.send(b"one", 100, now_ns=0)
    delay.send(b"two", 50, now_ns=10 * NS_PER_MS)  # would overtake the first one
    assert delay.arrived(99 * NS_PER_MS) == []
    assert delay.due_ns() == 100 * NS_PER_MS
    assert delay.arrived(100 * NS_PER_MS) == [b"one", b"two"]
    assert delay.due_ns() is None


def test_without_delay_it_comes_at_once() -> None:
    delay = Delay()
    delay.send(b"now", 0, now_ns=5)
    assert delay.arrived(5) == [b"now"]


def test_noise_comes_at_its_rate() -> None:
    noise = Noise(Random(1))
    total = sum(len(noise.grown(20_000, round_ * PERIOD_NS)) for round_ in range(101))
    assert total == pytest.approx(20_000, abs=2)


def test_noise_does_not_catch_up_after_a_stall() -> None:
    noise = Noise(Random(1))
    noise.grown(1000, 0)
    assert len(noise.grown(1000, 60_000_000_000)) == 100


def test_noise_of_the_time_without_noise_is_not_made_up_for() -> None:
    noise = Noise(Random(1))
    noise.grown(1000, 0)
    assert noise.grown(0, PERIOD_NS) == b""
    assert noise.grown(1000, 50 * PERIOD_NS) == b""


def test_noise_on_a_line_hits_frames_as_often_as_it_meets_them() -> None:
    noise = Noise(Random(1))
    frame = bytes(80)
    hit = sum(noise.mixed_into(frame, LINE_BYTES_PER_S // 80) != frame for _ in range(500))
    assert 450 < hit <= 500  # one byte of noise in the time of a frame
    hit = sum(noise.mixed_into(frame, LINE_BYTES_PER_S // 800) != frame for _ in range(500))
    assert 20 < hit < 90


def test_mixed_noise_keeps_every_byte_of_the_frame_in_order() -> None:
    frame = bytes(range(1, 81))
    mixed = iter(Noise(Random(1)).mixed_into(frame, LINE_BYTES_PER_S // 8))
    assert all(byte in mixed for byte in frame)


def test_noise_on_a_network_is_datagrams() -> None:
    noise = Noise(Random(1))
    datagrams = noise.datagrams(bytes(1000))
    assert sum(map(len, datagrams)) == 1000
    assert all(1 <= len(each) <= 200 for each in datagrams)


def test_who_answers_for_a_missing_process() -> None:
    faults = WireFaults(deaf={2})
    assert faults.answers_for(missing=2, asker=1)
    assert not faults.answers_for(missing=1, asker=2)
    for slot in (1, 2):
        assert not WireFaults(deaf={2}, unplugged={slot}).answers_for(2, 1)
        assert not WireFaults(deaf={2}, cut_senders={slot}).answers_for(2, 1)


def test_healing_leaves_alone_who_is_plugged_in() -> None:
    faults = WireFaults({1}, {1}, {2}, {1: 5.0}, {2: 40}, 1000)
    faults.heal()
    assert faults == WireFaults(unplugged={1}, deaf={2})
