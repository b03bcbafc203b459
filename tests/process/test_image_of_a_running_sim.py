"""The picture in shared memory, as strangers read it, and its way to the peer on one path alone."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha.image import Reader
from bmcha.model.reading import Quality
from tests import needs
from tests.process.sims import Sim, run_bmcha, running_sim
from tests.waiting import wait_until

SOURCE = Path(__file__).with_name("print_temperatures.c")
WARNINGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wconversion", "-Werror"]


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    with running_sim(tmp_path_factory.mktemp("image") / "sim") as found:
        found.wait_until_ready()
        wait_until(lambda: is_synced(found), "the standby has the picture")
        wait_until(lambda: has_readings(found), "both have a first reading")
        yield found


def is_synced(sim: Sim) -> bool:
    status = run_bmcha("--socket", str(sim.layout.module_socket(2)), "status", "--json")
    return bool(status.stdout) and json.loads(status.stdout)["mirror"]["state"] == "SYNCED"


def has_readings(sim: Sim) -> bool:
    """The first picture may be older than the first reading."""
    return all(value_at(sim, slot, "inlet_front") is not None for slot in (1, 2))


def shm_name(sim: Sim, slot: int) -> str:
    return (sim.layout.root / f"mm{slot}" / "shm").read_text().strip()


def value_at(sim: Sim, slot: int, name: str) -> int | None:
    with Reader(shm_name(sim, slot)) as reader:
        picture = reader.read()
    values = {s.name: s.value_milli for s in picture.sensors if s.quality is Quality.GOOD}
    return values.get(name)


def test_a_c_program_with_the_exported_header_prints_the_temperatures_of_both_modules(
    sim: Sim, tmp_path: Path
) -> None:
    compiler = needs.program("cc", package="gcc")
    header = run_bmcha("layout", "--c-header").stdout
    (tmp_path / "bmcha_layout.h").write_text(header)
    program = tmp_path / "print_temperatures"
    words = [compiler, *WARNINGS, f"-I{tmp_path}", "-o", str(program), str(SOURCE), "-lrt"]
    subprocess.run(words, check=True, timeout=60)
    for slot in (1, 2):
        done = subprocess.run(
            [str(program), shm_name(sim, slot)], capture_output=True, text=True, timeout=10
        )
        assert done.returncode == 0
        printed = dict(line.split() for line in done.stdout.splitlines())
        assert len(printed) == 8
        assert 10_000 < int(printed["inlet_front"]) < 50_000


@pytest.mark.parametrize(("cut", "value"), [("udp", 31_000), ("serial", 33_000)])
def test_a_reading_reaches_the_standby_over_either_path_alone(
    sim: Sim, cut: str, value: int
) -> None:
    sim.ctl("cut", cut)
    try:
        sim.ctl("set", "inlet_front", str(value))
        wait_until(lambda: value_at(sim, 1, "inlet_front") == value, "the active has read it")
        wait_until(lambda: value_at(sim, 2, "inlet_front") == value, "the standby has it")
    finally:
        sim.ctl("heal", cut)
        sim.ctl("set", "inlet_front", "auto")
