"""The reset line of the virtual chassis: what a pulse does to a module, and who can end it."""

from collections.abc import Iterator

import pytest

from bmcha.sim.rpc import RpcRefused
from tests.process.sims import Sim, is_alive, running_sim
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    """Every test leaves both modules running and both lines down."""
    with running_sim(tmp_path_factory.mktemp("reset") / "sim", "--board", "reset") as found:
        found.wait_until_ready()
        yield found


def drive(sim: Sim, slot: int, is_up: bool) -> None:
    """As the module in ``slot`` does when it resets the other one."""
    with (sim.layout.hw(slot) / "lines/PEER_RESET").open("r+b") as file:
        file.write(b"1\n" if is_up else b"0\n")


def is_in_reset(sim: Sim, slot: int) -> bool:
    return bool(sim.state()["slots"][str(slot)]["in_reset"])


def pid(sim: Sim, slot: int) -> int | None:
    found: int | None = sim.state()["slots"][str(slot)]["pid"]
    return found


def wait_for_another(sim: Sim, slot: int, before: int | None) -> None:
    wait_until(lambda: pid(sim, slot) not in (None, before), f"module {slot} has booted")


def settled(sim: Sim) -> list[int | None]:
    """Both healthy, one of them holding; their processes."""

    def is_calm() -> bool:
        slots = sim.state()["slots"].values()
        is_up = all(slot["lines"]["HEALTH"] for slot in slots)
        return is_up and sorted(slot["gate"] for slot in slots) == ["open", "shut"]

    wait_until(is_calm, "both modules run and one holds")
    return [pid(sim, slot) for slot in (1, 2)]


def test_a_pulse_ends_the_process_and_another_one_boots(sim: Sim) -> None:
    before, _ = settled(sim)
    count = len(sim.journal())
    drive(sim, 2, True)
    wait_until(lambda: is_in_reset(sim, 1), "module 1 is held in reset")
    wait_until(lambda: pid(sim, 1) is None, "its process is gone")
    slot = sim.state()["slots"]["1"]
    assert slot["gate"] == "shut"
    assert not any(slot["lines"][name] for name in ("HEALTH", "ACTIVE", "OUTPUT_ENABLE"))
    assert (sim.layout.hw(2) / "lines/PEER_RESET_SENSE").read_text() == "1\n"
    drive(sim, 2, False)
    wait_for_another(sim, 1, before)
    told = [line for line in sim.journal()[count:] if line.what == "fault" or line.name == "RESET"]
    assert [(line.what, line.slot, line.value) for line in told] == [
        ("line", 1, True),
        ("line", 1, False),
    ]


def test_a_stopped_module_is_ended_by_a_reset_too(sim: Sim) -> None:
    before, _ = settled(sim)
    sim.ctl("stop", "1")
    drive(sim, 2, True)
    wait_until(lambda: pid(sim, 1) is None, "its process is gone")
    assert before is not None
    assert not is_alive(before)
    drive(sim, 2, False)
    wait_for_another(sim, 1, before)
    assert not sim.state()["slots"]["1"]["stopped"]


def test_a_module_that_is_reset_while_it_starts_starts_once_more(sim: Sim) -> None:
    before, _ = settled(sim)
    drive(sim, 2, True)
    wait_until(lambda: is_in_reset(sim, 1), "module 1 is held in reset")
    drive(sim, 2, False)
    wait_for_another(sim, 1, before)
    young = pid(sim, 1)
    drive(sim, 2, True)
    wait_until(lambda: pid(sim, 1) is None, "the young process is gone")
    drive(sim, 2, False)
    wait_for_another(sim, 1, young)


def test_a_reset_ends_with_the_process_that_held_it(sim: Sim) -> None:
    before, other = settled(sim)
    drive(sim, 2, True)
    wait_until(lambda: is_in_reset(sim, 1), "module 1 is held in reset")
    sim.ctl("kill", "2")
    assert not is_in_reset(sim, 1)
    wait_for_another(sim, 1, before)
    sim.ctl("start", "2")
    wait_for_another(sim, 2, other)


def test_of_two_that_reset_each_other_one_goes_on(sim: Sim) -> None:
    before = settled(sim)
    drive(sim, 1, True)
    drive(sim, 2, True)
    wait_until(lambda: None in [pid(sim, slot) for slot in (1, 2)], "one process is gone")
    after = [pid(sim, slot) for slot in (1, 2)]
    assert sorted(each is None for each in after) == [False, True]
    gone = after.index(None) + 1
    drive(sim, 3 - gone, False)
    wait_for_another(sim, gone, before[gone - 1])
    assert pid(sim, 3 - gone) == before[2 - gone]


def test_a_line_that_is_stuck_high_holds_the_module_and_says_so(sim: Sim) -> None:
    before = settled(sim)[1]
    sim.ctl("line", "mm2.RESET", "high")
    wait_until(lambda: pid(sim, 2) is None, "its process is gone")
    with pytest.raises(RpcRefused, match="module 2 is held in reset; it starts when that ends"):
        sim.ctl("start", "2")
    sim.ctl("pull", "2")
    assert sim.ctl("insert", "2")["text"] == "module 2 is inserted; it starts when its reset ends"
    assert pid(sim, 2) is None
    sim.ctl("line", "mm2.RESET", "follow")
    wait_for_another(sim, 2, before)


def test_a_line_that_is_stuck_low_resets_nobody(sim: Sim) -> None:
    before = settled(sim)
    sim.ctl("line", "mm1.RESET", "low")
    drive(sim, 2, True)
    # The chassis takes in what modules have written before it answers.
    assert not is_in_reset(sim, 1)
    drive(sim, 2, False)
    assert not is_in_reset(sim, 1)
    sim.ctl("line", "mm1.RESET", "follow")
    assert [pid(sim, slot) for slot in (1, 2)] == before


@pytest.mark.long
def test_the_backplane_ends_a_pulse_that_a_stopped_module_would_hold(sim: Sim) -> None:
    before, holder = settled(sim)
    drive(sim, 2, True)
    wait_until(lambda: is_in_reset(sim, 1), "module 1 is held in reset")
    sim.ctl("stop", "2")
    wait_for_another(sim, 1, before)
    assert not is_in_reset(sim, 1)
    assert (sim.layout.hw(2) / "lines/PEER_RESET").read_text() == "1\n"
    sim.ctl("kill", "2")
    sim.ctl("start", "2")
    wait_for_another(sim, 2, holder)
