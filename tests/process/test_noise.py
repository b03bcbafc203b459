"""Noise on one path leaves the roles and the other path as they were, and costs a bounded share.

A few seconds each; `make endurance` blows for a minute.
"""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.process.storm import Noise, Storm, calm_pair, serial, udp
from tests.sim.conftest import STORMS

SECONDS = 2.0
CPU_PERCENT_MAX = 90
"""Of one core. A thread that takes apart whatever comes would be at 100; measured are 10 to 30."""


@pytest.fixture(scope="module")
def storm(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storm]:
    storms = request.config.stash.get(STORMS, None)
    with (
        storms.held_up() if storms is not None else nullcontext(),
        calm_pair(tmp_path_factory.mktemp("storm")) as found,
    ):
        yield found


@pytest.mark.parametrize(
    "noises",
    [
        (serial("random"),),
        (serial("alternating"),),
        (udp("random", is_from_peer=False),),
        (udp("random"),),
        (udp("damaged"),),
        (udp("foreign"),),
        (udp("empty"), udp("huge", 2000)),
    ],
    ids=lambda noises: " and ".join(map(str, noises)),
)
def test_noise_on_one_path_moves_no_role_and_leaves_the_other_path(
    storm: Storm, noises: tuple[Noise, ...]
) -> None:
    outcome = storm.blow(noises, SECONDS)
    print(outcome)
    assert sum(outcome.said_count) > 1000, "it was not noisy"
    assert outcome.faults(noises) == []
    assert max(outcome.cpu_percent) < CPU_PERCENT_MAX
    assert outcome.log_lines_count < 200
    storm.wait_calm()


def test_noise_is_counted_by_its_reason_and_raises_one_alarm(storm: Storm) -> None:
    outcome = storm.blow([udp("damaged", 5000)], 3.5)
    assert outcome.bad["udp"] > 1000
    status = storm.modules[0].ask()
    line = storm.modules[0].ask("paths")["paths"]["udp"]["line"]
    assert line["bad"]["CRC"] > 1000
    assert line["noise_per_s"] > 0
    assert [alarm["id"] for alarm in status["alarms"]].count("path-udp-noise") == 1
    raised = [
        event
        for event in storm.modules[0].ask("events")["events"]
        if event["kind"] == "alarm" and "udp" in event["text"] and "noise" in event["text"]
    ]
    assert len(raised) <= 8
    storm.wait_calm()
