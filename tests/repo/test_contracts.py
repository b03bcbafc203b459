"""The import contracts hold, and each of them is seen to break under a one-line cheat.

Without the second half a contract that forbids nothing would look just as green.
"""

import shutil
from pathlib import Path

import pytest

from tests.repo import contracts

ROOT = Path(__file__).parents[2]

# The part whose reach is tried → the file that cheats, and how.
REACH_CHEATS = {
    "bmcha.model": ("model/cheat.py", "import bmcha.diag"),
    "bmcha.diag": ("diag/cheat.py", "from bmcha import node"),
    "bmcha.config": ("config/cheat.py", "from bmcha.hal import port"),
    "bmcha.ha": ("ha/cheat.py", "from bmcha.chassis import image"),
    "bmcha.chassis": ("chassis/cheat.py", "from ..ha import role_rules"),
    "bmcha.duties": ("duties/cheat.py", "import bmcha.ha.role_rules"),
    "bmcha.wire": ("wire/cheat.py", "import bmcha.hal.port"),
    "bmcha.console": ("console/cheat.py", "import bmcha.wire.codec"),
    "bmcha.hal": ("hal/cheat.py", "from bmcha import runtime"),
    "bmcha.answers": ("answers/cheat.py", "import bmcha.wire"),
    "bmcha.hearing": ("hearing.py", "import bmcha.wire"),
    "bmcha.chronicle": ("chronicle.py", "import bmcha.wire"),
    "bmcha.mirroring": ("mirroring.py", "import bmcha.wire"),
    "bmcha.node": ("node.py", "def later() -> None: import bmcha.wire"),
    "bmcha.runtime": ("runtime/cheat.py", "from bmcha.hal import serial_link"),
    "bmcha.app": ("app.py", "import bmcha.sim"),
    "bmcha.check": ("check/cheat.py", "import bmcha.app"),
    "bmcha.view": ("view/cheat.py", "import bmcha.sim"),
    "bmcha.sim": ("sim/cheat.py", "from bmcha import cli"),
    "bmcha.bench": ("bench/cheat.py", "import bmcha.app"),
    "bmcha.cli.text": ("cli/text/cheat.py", "import bmcha.model"),
    "bmcha.control_trouble": ("control_trouble.py", "import bmcha.runtime.control_socket"),
    "bmcha.control_client": ("control_client.py", "import bmcha.runtime.mailbox"),
    "bmcha.cli": ("cli/cheat.py", "import bmcha.hal.udp_link"),
    "bmcha.__main__": ("__main__.py", "import bmcha.app"),
    "bmcha.image": ("image.py", "import bmcha.chassis"),
    "bmcha": ("__init__.py", "from bmcha import model"),
}
CHEATS = {
    **{f"reach of {part}": cheat for part, cheat in REACH_CHEATS.items()},
    "the core touches no clock, thread, file or device": ("ha/cheat.py", "from time import sleep"),
    "door of serial": ("hal/cheat.py", "import serial.tools"),
    "door of posix_ipc": ("app.py", "import posix_ipc"),
    "door of periphery": ("app.py", "from periphery import GPIO"),
    "door of sqlite3": ("runtime/cheat.py", "import sqlite3"),
    "door of construct": ("wire/cheat.py", "from construct import Struct"),
    "door of bmcha._native": ("runtime/cheat.py", "from bmcha import _native"),
    "every outside library has a door": ("app.py", 'x = __import__("requests")'),
    "every module belongs to a part": ("helpers.py", "import math"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package's sources. Modules that the cheats import are there, if only empty."""
    unwanted = shutil.ignore_patterns("*.so", "*.pyc", "*.txt")
    shutil.copytree(ROOT / "bmcha", tmp_path / "bmcha", ignore=unwanted)
    for name in (
        "node",
        "hal/serial_link",
        "hal/udp_link",
        "ha/role_rules",
        "chassis/image",
    ):
        (tmp_path / "bmcha" / f"{name}.py").touch()
    return tmp_path


def test_the_contracts_hold() -> None:
    assert [str(violation) for violation in contracts.check(ROOT)] == []


def test_every_contract_has_a_cheat() -> None:
    assert [contract.name for contract in contracts.CONTRACTS] == list(CHEATS)


@pytest.mark.parametrize("contract", CHEATS)
def test_a_cheat_breaks_exactly_its_contract(tree: Path, contract: str) -> None:
    name, line = CHEATS[contract]
    file = tree / "bmcha" / name
    file.parent.mkdir(exist_ok=True)
    before = set(contracts.check(tree))
    with file.open("a") as out:
        out.write(f"\n{line}\n")
    after = set(contracts.check(tree))
    assert {violation.contract for violation in after - before} == {contract}


@pytest.mark.parametrize("library", contracts.PURE.libraries)
@pytest.mark.parametrize("part", contracts.PURE.parts)
def test_no_part_of_the_core_gets_any_forbidden_library(part: str, library: str) -> None:
    assert contracts.PURE.forbids(f"{part}.cheat", library)


def test_a_door_is_open_to_its_keeper_only() -> None:
    for door in contracts.DOORS:
        for keeper in door.doors:
            assert not door.forbids(keeper, door.library)
        assert door.forbids("bmcha.app", door.library)


def test_no_sibling_reaches_another() -> None:
    siblings = ("ha", "chassis", "duties", "wire", "console", "hal")
    for one in siblings:
        reach = contracts.place_of(f"bmcha.{one}.cheat")
        assert reach is not None
        for other in siblings:
            assert reach.forbids(f"bmcha.{one}.cheat", f"bmcha.{other}.x") == (one != other)
