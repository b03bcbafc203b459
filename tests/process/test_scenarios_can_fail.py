"""A scenario that passes whatever happens proves nothing.

Each shipped scenario is run with the reaction that it waits for disabled from outside: a step is
added that stops, kills or cuts what would have reacted. It must then fail, and say what it missed.
Each rule of `never` is broken once, too.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bmcha.sim.layout import RigLayout
from bmcha.sim.scenario import find_scenario
from bmcha.wire import tables
from tests.process.scenario_runs import Report, ScenarioRuns
from tests.process.sims import run_scenario, wait_until

SETTLED = "within 6 role active ACTIVE\nwithin 6 role standby STANDBY\n"


@dataclass(frozen=True)
class Crippled:
    """A shipped scenario with ``old`` replaced by ``new``, and what it must then complain of."""

    name: str
    board: str
    old: str
    new: str
    missed: str


STOPPED_STANDBY = "at 6.5 stop 2\nat 7 kill active\n"
CRIPPLED = [
    # Nobody is there to become ACTIVE.
    Crippled("cold-start", "gated", "within 6 role 1", "at 0.1 stop 1\nwithin 6 role 1", "role 1"),
    Crippled("cold-start", "bare", "within 6 role 1", "at 0.1 kill 1\nwithin 6 role 1", "role 1"),
    Crippled("single-module", "gated", "empty 2\n", "empty 2\nat 0.1 stop 1\n", "role 1 ACTIVE"),
    Crippled("single-module", "bare", "empty 2\n", "empty 2\nat 0.1 kill 1\n", "role 1 ACTIVE"),
    # The STANDBY stands still.
    Crippled("kill-active", "gated", "at 7 kill active\n", STOPPED_STANDBY, "role survivor ACTIVE"),
    Crippled("kill-active", "bare", "at 7 kill active\n", STOPPED_STANDBY, "role survivor ACTIVE"),
    Crippled("stop-active", "gated", "at 7", "at 6.5 stop 2\nat 7", "role survivor ACTIVE"),
    # Nobody wakes the stopped one, so it never steps down.
    Crippled("stop-active", "bare", "at 11 cont victim\n", "", "role victim STANDBY"),
    # The lines of a dead module stay up: the STANDBY believes them.
    Crippled(
        "kill-active",
        "gated",
        "at 7 kill",
        "at 6 line mm1.HEALTH high\nat 6 line mm1.ACTIVE high\nat 7 kill",
        "role survivor ACTIVE",
    ),
    # The other path is cut as well, and on a gated board the ACTIVE line lies.
    Crippled("cut-udp", "bare", "at 7 cut udp\n", "at 7 cut all\n", "never role-change"),
    Crippled(
        "cut-serial",
        "gated",
        "at 7 cut serial\n",
        "at 7 cut all\nat 7 line mm1.ACTIVE low\n",
        "never role-change",
    ),
    # There is nobody to hand over to, or to come back.
    Crippled("switchover", "gated", "at 7 switch", "at 6.9 kill 2\nat 7 switch", "switchover: "),
    Crippled("switchover", "bare", "at 7 switch", "at 6.9 kill 2\nat 7 switch", "switchover: "),
    Crippled(
        "restart-standby",
        "gated",
        "at 7 restart standby\n",
        "at 7 restart standby\nat 7 stop victim\n",
        "role victim STANDBY",
    ),
    Crippled(
        "restart-standby",
        "bare",
        "at 7 restart standby\n",
        "at 7 restart standby\nat 7 kill victim\n",
        "role victim STANDBY",
    ),
]
CASES = {f"{number}-{c.name}-{c.board}": c for number, c in enumerate(CRIPPLED)}


def run_crippled(case: Crippled, folder: Path) -> Report:
    _, text = find_scenario(case.name)
    assert case.old in text
    file = folder / f"crippled-{case.name}-{case.board}-{abs(hash(case.new))}.txt"
    file.write_text(text.replace(case.old, case.new, 1))
    return run_scenario(str(file), case.board)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScenarioRuns]:
    folder = tmp_path_factory.mktemp("crippled")
    found = ScenarioRuns({key: partial(run_crippled, c, folder) for key, c in CASES.items()})
    yield found
    found.close()


@pytest.mark.parametrize("key", list(CASES))
def test_without_its_reaction_it_fails(runs: ScenarioRuns, key: str) -> None:
    report = runs.report(key)
    assert report["result"] == "fail"
    assert any(CASES[key].missed in sentence for sentence in report["why"]), report["why"]


# ------------------------------------------------------------ the rules


def broken_rule(tmp_path: Path, board: str, text: str, *words: str) -> str:
    """The one complaint of a scenario that breaks one rule."""
    file = tmp_path / "broken.txt"
    file.write_text(SETTLED + text)
    report = run_scenario(str(file), board, *words)
    (sentence,) = report["why"]
    return str(sentence)


def test_never_dual_sees_two_gates(tmp_path: Path) -> None:
    sentence = broken_rule(tmp_path, "bare", "at 5 cut all\nuntil 9\nnever dual\n")
    assert "never dual: two gates were open for " in sentence


def test_never_stale_write_sees_a_write_of_the_replaced(tmp_path: Path) -> None:
    """Something writes a fan's file of a module that is stopped and still has its gate open."""
    text = "at 5 stop 1\nwithin 3 output 2\nuntil 9\nnever stale-write\n"
    layout = RigLayout(tmp_path / "dir")
    with interfering(layout, '"slot": 2, "name": "gate"', partial(write_pwm, layout, 1, 255)):
        sentence = broken_rule(tmp_path, "bare", text, "--dir", str(layout.root))
    assert "never stale-write: fan1 was written late as 255 by module 1" in sentence


def test_never_fan_drop_sees_a_lower_pwm(tmp_path: Path) -> None:
    text = "at 6 cut udp\nuntil 8\nnever fan-drop\n"
    layout = RigLayout(tmp_path / "dir")
    with interfering(layout, '"fault"', partial(write_pwm, layout, 1, 7)):
        sentence = broken_rule(tmp_path, "gated", text, "--dir", str(layout.root))
    assert "never fan-drop: fan1 fell to 7 by module 1" in sentence


def test_never_mirror_gap_sees_a_changed_cell(tmp_path: Path) -> None:
    """Somebody else's hand in the survivor's image, in a cell that is told only once."""
    text = "at 6 cut udp\nat 8 kill 1\nwithin 1 output 2\nnever mirror-gap\n"
    layout = RigLayout(tmp_path / "dir")

    def spoil() -> None:
        with layout.shm_file(2).open("r+b") as image:
            image.seek(tables.BLADES_OFFSET + tables.BLADES_CELL.size - 30)
            image.write(b"spoiled")

    with interfering(layout, '"fault"', spoil):
        sentence = broken_rule(tmp_path, "gated", text, "--dir", str(layout.root))
    assert "never mirror-gap: 1 cells differ: blade 0" in sentence


def test_never_mirror_gap_is_not_satisfied_by_nothing_to_compare(tmp_path: Path) -> None:
    sentence = broken_rule(tmp_path, "gated", "until 3\nnever mirror-gap\n")
    assert "no image could be compared" in sentence


def test_an_alarm_that_does_not_come_is_missed(tmp_path: Path) -> None:
    sentence = broken_rule(tmp_path, "gated", "at 4 cut udp\nwithin 1 alarm no-such-alarm\n")
    assert "within 1 alarm no-such-alarm: not seen in time" in sentence


def test_an_action_that_cannot_be_done_is_a_failure(tmp_path: Path) -> None:
    sentence = broken_rule(tmp_path, "gated", "at 4 cont 1\n")
    assert sentence.endswith("cont 1: module 1 is not stopped")


@contextmanager
def interfering(layout: RigLayout, mark: str, act: Callable[[], None]) -> Iterator[None]:
    """Does ``act`` once, soon after ``mark`` stands in the journal."""

    def watch() -> None:
        wait_until(
            lambda: layout.journal.exists() and mark in layout.journal.read_text(),
            f"{mark} in the journal",
        )
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join()


def write_pwm(layout: RigLayout, slot: int, pwm: int) -> None:
    with (layout.hw(slot) / "hwmon/hwmon1/pwm1").open("r+b") as file:
        file.write(f"{pwm}\n".encode())
