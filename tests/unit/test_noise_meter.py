"""When noise is called noise, and when it is over."""

import pytest

from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.runtime.noise_meter import QUIET_NS, WINDOW_NS, NoiseMeter

STEP_NS = 500 * NS_PER_MS


class Line:
    def __init__(self, limit_per_s: int) -> None:
        self.meter = NoiseMeter(limit_per_s)
        self._count = 0
        self._now_ns = 10 * NS_PER_S
        self.meter.sample(0, self._now_ns)

    def goes_on(self, for_ns: int, per_s: int) -> None:
        for _ in range(for_ns // STEP_NS):
            self._now_ns += STEP_NS
            self._count += per_s * STEP_NS // NS_PER_S
            self.meter.sample(self._count, self._now_ns)


@pytest.fixture
def line() -> Line:
    return Line(limit_per_s=200)


def test_a_quiet_line_is_not_noisy(line: Line) -> None:
    line.goes_on(60 * NS_PER_S, 0)
    assert (line.meter.per_s, line.meter.is_noisy) == (0, False)


def test_noise_is_measured_over_the_window_and_called_so(line: Line) -> None:
    line.goes_on(WINDOW_NS, 1000)
    assert (line.meter.per_s, line.meter.is_noisy) == (1000, True)


def test_a_short_burst_counts_only_for_its_share_of_the_window(line: Line) -> None:
    line.goes_on(STEP_NS, 700)
    assert line.meter.per_s == 175
    line.goes_on(10 * NS_PER_S, 0)
    assert not line.meter.is_noisy


def test_less_than_the_limit_is_no_noise_however_long(line: Line) -> None:
    line.goes_on(600 * NS_PER_S, 198)
    assert not line.meter.is_noisy


def test_noise_is_over_after_it_was_quiet_for_a_while(line: Line) -> None:
    line.goes_on(WINDOW_NS, 1000)
    line.goes_on(QUIET_NS, 0)
    assert line.meter.is_noisy
    line.goes_on(WINDOW_NS, 0)
    assert not line.meter.is_noisy


def test_what_comes_and_goes_is_one_noise(line: Line) -> None:
    line.goes_on(WINDOW_NS, 1000)
    for _ in range(10):
        line.goes_on(QUIET_NS - WINDOW_NS - STEP_NS, 0)
        assert line.meter.is_noisy
        line.goes_on(STEP_NS, 1000)
