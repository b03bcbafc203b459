"""A scenario that passes whatever happens proves nothing.

Each shipped scenario is run with the reaction that it waits for disabled from outside: a step is
added that stops, kills or cuts what would have reacted. It must then fail, and say what it missed.
Each rule of `never` is broken once, too.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bmcha.sim.layout import RigLayout
from bmcha.sim.scenario import find_scenario
from bmcha.wire import tables
from tests.process.scenario_runs import Report, ScenarioRuns
from tests.process.sims import run_scenario
from tests.waiting import wait_until

SETTLED = "settle 20\n"


@dataclass(frozen=True)
class Crippled:
    """A shipped scenario with ``old`` replaced by ``new``, and what it must then complain of."""

    name: str
    board: str
    old: str
    new: str
    missed: str


STOPPED_STANDBY = "at 0.5 stop 2\nat 1 kill active\n"
CRIPPLED = [
    # Nobody is there to become ACTIVE.
    Crippled(
        "cold-start", "gated", "within 12 role 1", "at 0.1 stop 1\nwithin 12 role 1", "role 1"
    ),
    Crippled("cold-start", "bare", "within 12 role 1", "at 0.1 kill 1\nwithin 12 role 1", "role 1"),
    Crippled("single-module", "gated", "empty 2\n", "empty 2\nat 0.1 stop 1\n", "role 1 ACTIVE"),
    Crippled("single-module", "bare", "empty 2\n", "empty 2\nat 0.1 kill 1\n", "role 1 ACTIVE"),
    # The STANDBY stands still.
    Crippled("kill-active", "gated", "at 1 kill active\n", STOPPED_STANDBY, "role survivor ACTIVE"),
    Crippled("kill-active", "bare", "at 1 kill active\n", STOPPED_STANDBY, "role survivor ACTIVE"),
    Crippled("stop-active", "gated", "at 1", "at 0.5 stop 2\nat 1", "role survivor ACTIVE"),
    # Nobody wakes the stopped one, so it never steps down.
    Crippled(
        "stop-active",
        "bare",
        "on gated,reset,bare: at 5 cont victim\n",
        "",
        "role victim STANDBY",
    ),
    Crippled("stop-active", "lease", "on lease: at 9 cont victim\n", "", "role victim STANDBY"),
    # A reset line that is broken; a holder that stands still and lets nothing go.
    Crippled("cut-both", "reset", "at 1 cut", "at 0 line mm1.RESET low\nat 1 cut", "role 2 ACTIVE"),
    Crippled("cut-both", "lease", "at 1 cut", "at 0.9 stop 1\nat 1 cut", "role 2 ACTIVE"),
    # The policy that the board's default is instead.
    Crippled("cut-both-hold", "bare", "isolation_policy hold", "lone true", "never dual"),
    Crippled("reset-line-broken", "reset", "line mm1.RESET low", "heal all", "unverified-takeover"),
    # What was to boot again is gone; what was to die lives.
    Crippled("fencer-killed", "reset", "at 2.75 kill 2", "at 2.75 pull 1", "role 1 ACTIVE"),
    Crippled("kill-standby", "lease", "at 1 kill 2", "at 1 cut udp", "alarm peer-lost"),
    # One path is left, or nothing is cut.
    Crippled("one-way-all", "reset", "cut all --one-way 1", "cut udp --one-way 1", "role 2 ACTIVE"),
    Crippled("one-way-all", "gated", "cut all --one-way 1", "heal all", "alarm isolated"),
    Crippled("start-cut-off", "lease", "at 0 cut all", "at 0 cut udp", "alarm isolated"),
    Crippled("quick-restart", "bare", "at 1.1 start victim", "at 1.1 stop 2", "survivor ACTIVE"),
    Crippled("stop-cut-continue", "lease", "cont victim", "heal udp", "role victim STANDBY"),
    # The lines of a dead module stay up: the STANDBY believes them.
    Crippled(
        "kill-active",
        "gated",
        "at 1 kill",
        "at 0 line mm1.HEALTH high\nat 0 line mm1.ACTIVE high\nat 1 kill",
        "role survivor ACTIVE",
    ),
    # The other path is cut as well, and on a gated board the ACTIVE line lies.
    Crippled("cut-udp", "bare", "at 1 cut udp\n", "at 1 cut all\n", "never role-change"),
    Crippled(
        "cut-serial",
        "gated",
        "at 1 cut serial\n",
        "at 1 cut all\nat 1 line mm1.ACTIVE low\n",
        "never role-change",
    ),
    # There is nobody to hand over to, or to come back.
    Crippled("switchover", "gated", "at 1 switch", "at 0.9 kill 2\nat 1 switch", "switchover: "),
    Crippled("switchover", "bare", "at 1 switch", "at 0.9 kill 2\nat 1 switch", "switchover: "),
    Crippled(
        "restart-standby",
        "gated",
        "at 1 restart standby\n",
        "at 1 restart standby\nat 1 stop victim\n",
        "role victim STANDBY",
    ),
    Crippled(
        "restart-standby",
        "bare",
        "at 1 restart standby\n",
        "at 1 restart standby\nat 1 kill victim\n",
        "role victim STANDBY",
    ),
    # Not all is cut, or a line lies beside the cut.
    Crippled("cut-both", "bare", "at 1 cut all\n", "at 1 cut udp\n", "role 2 ACTIVE"),
    Crippled(
        "cut-both",
        "gated",
        "at 1 cut all\n",
        "at 1 cut all\nat 1 line mm1.ACTIVE low\n",
        "never dual",
    ),
    # Nobody is there to take over, or what is put back does not come up.
    *(
        Crippled("pull-active", board, "at 1 pull", "at 0.5 stop 2\nat 1 pull", "survivor ACTIVE")
        for board in ("gated", "bare")
    ),
    Crippled(
        "pull-standby",
        "gated",
        "at 5 insert victim\n",
        "at 5 insert victim\nat 5 stop victim\n",
        "role victim STANDBY",
    ),
    Crippled("pull-standby", "bare", "at 1 pull standby\n", "at 1 cut udp\n", "alarm peer-lost"),
    # There is no noise, or it is not the noise alone.
    Crippled("serial-noise", "gated", "noise serial 20000", "noise serial 0", "path-serial-silent"),
    Crippled(
        "serial-noise",
        "bare",
        "at 1 noise serial 20000\n",
        "at 1 noise serial 20000\nat 1 cut udp\n",
        "never role-change",
    ),
    Crippled("udp-loss", "bare", "loss udp 30", "loss all 100", "never dual"),
    Crippled("udp-loss", "gated", "at 8 kill", "at 7.9 stop 2\nat 8 kill", "output survivor"),
    # The path is dead both ways, or well.
    Crippled("one-way-udp", "gated", " --one-way active", "", "alarm path-udp-one-way"),
    Crippled("one-way-serial", "bare", " --one-way standby", "", "alarm path-serial-one-way"),
    Crippled(
        "strap-broken", "gated", "mm2.SLOT_ID0 high", "mm2.HEALTH high", "alarm slot-straps-changed"
    ),
    Crippled("strap-broken", "gated", "mm2.SLOT_ID0 follow", "mm2.HEALTH follow", "role 2 STANDBY"),
    Crippled("stuck-health", "gated", "mm1.HEALTH low", "mm1.HEALTH high", "line-fault-slot1"),
    *(
        Crippled("stuck-health", board, "at 7 kill", "at 6.9 stop 2\nat 7 kill", "survivor ACTIVE")
        for board in ("gated", "bare")
    ),
    Crippled("slow-sensor", "gated", "exhaust_rear slow", "exhaust_rear ok", "alarm sensor-"),
    Crippled("slow-sensor", "bare", "exhaust_rear ok", "exhaust_rear slow", "no alarm sensor-"),
    Crippled("disk-full", "gated", "disk 1 full", "disk 1 ok", "4 alarm store-failed"),
    Crippled("disk-full", "bare", "disk 1 ok", "disk 1 full", "no alarm store-failed"),
    Crippled("simultaneous-start", "gated", "at 1 start 1", "at 1 stop 2", "settle 20: "),
    Crippled("simultaneous-start", "bare", "at 1 start 1", "at 1 stop 2", "settle 20: "),
    # The newcomer does not come up, or the holder is gone too early.
    Crippled(
        "newcomer-while-active",
        "gated",
        "insert 1\n",
        "insert 1\nat 0.5 stop 1\n",
        "role 1 STANDBY",
    ),
    Crippled(
        "newcomer-while-active",
        "bare",
        "settle 20\nwithin 0 role 2",
        "at 12 switchover\nsettle 20\nwithin 0 role 2",
        "role 2 ACTIVE",
    ),
    # The right module is put in, so that nobody complains; or the holder is no more.
    Crippled("foreign-chassis", "gated", " --chassis 4712", "", "alarm foreign-chassis"),
    Crippled(
        "foreign-chassis", "bare", "at 13.5 heal", "at 13 kill 1\nat 13.5 heal", "role 1 ACTIVE"
    ),
]
CASES = {f"{number}-{c.name}-{c.board}": c for number, c in enumerate(CRIPPLED)}
FIRST_OF_NAME = {c.name: key for key, c in reversed(CASES.items())}
"""Every scenario is crippled once in `make test`, and in all these ways in `make scenarios`."""


def run_crippled(case: Crippled, folder: Path) -> Report:
    _, text = find_scenario(case.name)
    assert case.old in text
    file = folder / f"crippled-{case.name}-{case.board}-{abs(hash(case.new))}.txt"
    file.write_text(text.replace(case.old, case.new, 1))
    return run_scenario(str(file), case.board)


# ------------------------------------------------------------ the rules


@dataclass(frozen=True)
class Broken:
    """A scenario of which one step or rule must be missed, and nothing else.

    ``act`` is done once, soon after ``mark`` stands in the journal.
    """

    board: str
    text: str
    missed: str
    mark: str = ""
    act: Callable[[RigLayout], None] = lambda layout: None


def write_pwm(layout: RigLayout, slot: int, pwm: int) -> None:
    """Something else writes a fan's file of this module."""
    with (layout.hw(slot) / "hwmon/hwmon1/pwm1").open("r+b") as file:
        file.write(f"{pwm}\n".encode())


def spoil_image(layout: RigLayout) -> None:
    """Somebody else's hand in the survivor's image, in a cell that is told only once."""
    with layout.shm_file(2).open("r+b") as image:
        image.seek(tables.BLADES_OFFSET + tables.BLADES_CELL.size - 30)
        image.write(b"spoiled")


BROKEN = {
    "two gates are open": Broken(
        "bare", "at 2 cut all\nuntil 5\nnever dual\n", "never dual: two gates were open for "
    ),
    "a stopped module's fan is written": Broken(
        "bare",
        "at 2 stop 1\nwithin 3 output 2\nuntil 5\nnever stale-write\n",
        "never stale-write: fan1 was written late as 255 by module 1",
        '"slot": 2, "name": "gate"',
        partial(write_pwm, slot=1, pwm=255),
    ),
    "a fan is slowed down": Broken(
        "gated",
        "at 3 cut udp\nuntil 5\nnever fan-drop\n",
        "never fan-drop: fan1 fell to 7 by module 1",
        '"fault"',
        partial(write_pwm, slot=1, pwm=7),
    ),
    "a cell differs": Broken(
        "gated",
        "at 2 cut udp\nat 3 kill 1\nwithin 1 output 2\nnever mirror-gap\n",
        "never mirror-gap: 1 cells differ: blade 0",
        '"fault"',
        spoil_image,
    ),
    "no takeover, so nothing to compare": Broken(
        "gated", "until 1\nnever mirror-gap\n", "never mirror-gap: no image could be compared"
    ),
    "a role changes": Broken(
        "gated", "at 1 kill 1\nuntil 3\nnever role-change\n", "never role-change: module 2 became"
    ),
    "an alarm does not come": Broken(
        "gated",
        "at 1 cut udp\nwithin 1 alarm no-such-alarm\n",
        "within 1 alarm no-such-alarm: not seen in time",
    ),
    "an alarm does not end": Broken(
        "bare",
        "at 1 cut udp\nwithin 3 alarm path-udp-silent\n"
        "at 4 heal serial\nwithin 1 no alarm path-udp-silent\n",
        "within 1 no alarm path-udp-silent: not seen in time",
    ),
    "an action cannot be done": Broken("gated", "at 1 cont 1\n", "cont 1: module 1 is not stopped"),
}


def run_broken(name: str, folder: Path) -> Report:
    case = BROKEN[name]
    layout = RigLayout(folder / name.replace(" ", "-"))
    file = folder / f"{layout.root.name}.txt"
    file.write_text(SETTLED + case.text)

    def interfere() -> None:
        wait_until(
            lambda: layout.journal.exists() and case.mark in layout.journal.read_text(),
            f"{case.mark} in the journal",
        )
        case.act(layout)

    thread = threading.Thread(target=interfere)
    thread.start()
    try:
        return run_scenario(str(file), case.board, "--dir", str(layout.root))
    finally:
        thread.join()


# ------------------------------------------------------------ the tests


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScenarioRuns]:
    folder = tmp_path_factory.mktemp("crippled")
    crippled = {key: partial(run_crippled, case, folder) for key, case in CASES.items()}
    broken = {name: partial(run_broken, name, folder) for name in BROKEN}
    selected = {
        value
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
        for value in item.callspec.params.values()
    }
    found = ScenarioRuns({k: run for k, run in {**crippled, **broken}.items() if k in selected})
    yield found
    found.close()


@pytest.mark.parametrize(
    "key",
    [
        key if key in FIRST_OF_NAME.values() else pytest.param(key, marks=pytest.mark.long)
        for key in CASES
    ],
)
def test_without_its_reaction_it_fails(runs: ScenarioRuns, key: str) -> None:
    report = runs.report(key)
    assert report["result"] == "fail"
    assert any(CASES[key].missed in sentence for sentence in report["why"]), report["why"]


@pytest.mark.parametrize("name", list(BROKEN))
def test_every_rule_can_be_broken(runs: ScenarioRuns, name: str) -> None:
    report = runs.report(name)
    assert len(report["why"]) == 1, report["why"]
    assert BROKEN[name].missed in report["why"][0]
