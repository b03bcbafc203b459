"""The health of a module: what counts, how much, and that the page for operators says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bmcha.answers import health
from bmcha.model.event import (
    Event,
    FanDriven,
    FanRead,
    PathSummarised,
    SensorRead,
    StoreFailed,
    Tick,
    WorkerStalled,
)
from bmcha.model.reading import Quality
from tests.speech import ms
from tests.unit.test_node import COUNTS, Life, alarms

PAGE = Path(__file__).parents[2] / "docs" / "operator.md"


def readings(life: Life) -> None:
    life.step(SensorRead(0, 30_000, Quality.GOOD, ms(life.now_ms)))
    life.step(FanRead(0, 3000, Quality.GOOD, ms(life.now_ms)))


@pytest.mark.parametrize(
    ("event", "score", "reason"),
    [
        (StoreFailed("event", "disk full"), 80, "nothing can be stored"),
        (
            PathSummarised("udp", None, None, None, COUNTS, "no such device"),
            90,
            "the port of path udp cannot be used",
        ),
        (WorkerStalled("sensors", 4000), 90, "the thread sensors is stuck"),
        (FanDriven(0, "not permitted"), 40, "1 of 1 fans cannot be read or driven from here"),
    ],
)
def test_each_fault_of_its_own_costs_its_points(event: Event, score: int, reason: str) -> None:
    life = Life()
    readings(life)
    life.step(event)
    life.step(Tick())
    assert life.node.facts.health == health.Health(score, (reason,))
    assert ("health-low" in alarms(life)) == (score <= 70)


def test_a_module_that_reads_nothing_is_ill_although_it_is_standby() -> None:
    life = Life()
    readings(life)
    life.step(Tick(), 2500)
    found = life.node.facts.health
    assert found.score == 1
    assert "1 of 1 sensors cannot be read from here" in found.reasons
    readings(life)
    life.step(Tick())
    assert life.node.facts.health == health.Health(100)


def test_without_a_slot_there_is_no_health() -> None:
    assert Life(own_slot=None).node.facts.health.score == 0


def test_the_page_for_operators_has_the_weights() -> None:
    told = re.findall(r"^\| .* \| (\d+) \|$", PAGE.read_text(), re.MULTILINE)
    costs = (
        *(health.SENSORS_COST, health.FANS_COST, health.STORE_COST),
        *(health.LINE_COST, health.PORT_COST, health.THREAD_COST),
    )
    assert [int(cost) for cost in told] == list(costs)
