"""The lines of a board file: GPIO lines, proofs of the straps, reset lines; and what is refused."""

from pathlib import Path

import pytest

from bmcha.config import Config, ConfigError, ConfigProblem, load_config
from bmcha.model.board import Bias, LineGpio, LineLed, StrapCheck
from bmcha.model.settings import BoardClass

MODULE = """
board = "BOARD"
[chassis]
id = 1
succession = [1, 2]
[[paths]]
name = "udp"
kind = "udp"
peer = 2
local = "127.0.0.1:40001"
remote = "127.0.0.1:40002"
heartbeat_interval_ms = 100
warntime_ms = 500
deadtime_ms = 1500
"""


def board(
    presence: str = '{ line = "P" }', straps: str = "", reset: str = '{ led = "reset" }'
) -> str:
    return f"""
name = "test"
class = "gated"
watchdog_ms = 1000
watchdog = {{ file = "watchdog" }}
[straps]
bits = [{{ line = "ID0" }}]
{straps}
[lines.own]
health = {{ line = "HEALTH" }}
active = {{ line = "ACTIVE", drive = "open-drain" }}
[[lines.peer]]
offset = 1
presence = {presence}
health = {{ chip = "1e780000.gpio", line = 12 }}
active = {{ line = "PEER_ACTIVE" }}
reset = {reset}
"""


def load(folder: Path, text: str, name: str = "board.toml") -> Config:
    (folder / "config.toml").write_text(MODULE.replace("BOARD", name))
    if text:
        (folder / name).write_text(text)
    file = str(folder / "config.toml")
    return load_config(file, version="1", firmware_level=1, layout_id=1)


def only_problem(folder: Path, **changed: str) -> ConfigProblem:
    with pytest.raises(ConfigError) as caught:
        load(folder, board(**changed))
    (problem,) = caught.value.problems
    return problem


def test_the_example_board_can_be_used_as_it_is(tmp_path: Path) -> None:
    config = load(tmp_path, "", "example-gpio.toml")
    lines = config.service.lines
    assert config.node.board_class is BoardClass.GATED
    assert lines.straps.check is StrapCheck.EVEN
    assert lines.own.health == LineGpio(None, "MM_HEALTH")
    assert lines.peers[0].presence == LineGpio(None, "PEER_PRES_N", True, Bias.PULL_UP)


@pytest.mark.parametrize(
    ("line", "key", "allowed"),
    [
        ("{ chip = 0, line = 1 }", "chip", "a chip"),
        ("{ line = 7 }", "chip", "as the line is a number"),
        ('{ chip = "c" }', "line", "a name of 1 to 31"),
        ('{ chip = "c", line = -1 }', "line", "0 to 65535"),
        ('{ chip = "c", line = true }', "line", "or a number from 0"),
        (f'{{ line = "{"x" * 32}" }}', "line", "a name of 1 to 31"),
        ('{ line = "X", bias = "up" }', "bias", "pull-up"),
        ('{ line = "X", drive = "push-pull" }', "drive", "bias"),
        ('{ line = "X", file = "x" }', "line", "one of"),
    ],
)
def test_a_gpio_line_that_cannot_be_meant_is_told(
    tmp_path: Path, line: str, key: str, allowed: str
) -> None:
    problem = only_problem(tmp_path, presence=line)
    assert problem.key.endswith(f"presence.{key}")
    assert allowed in problem.allowed


@pytest.mark.parametrize(
    ("straps", "key", "allowed"),
    [
        ('parity = { line = "P" }', "parity_is", "even"),
        ('parity = { line = "P" }\nparity_is = "both"', "parity_is", "one of even, odd"),
        ('complement = [{ line = "C0" }, { line = "C1" }]', "complement", "as many as bits: 1"),
        ('complement = [{ line = "C0" }]\nparity = { line = "P" }', "parity", "left out where"),
    ],
)
def test_a_proof_of_the_straps_that_proves_nothing_is_told(
    tmp_path: Path, straps: str, key: str, allowed: str
) -> None:
    problem = only_problem(tmp_path, straps=straps)
    assert problem.key == f"straps.{key}"
    assert allowed in problem.allowed


@pytest.mark.parametrize(
    ("reset", "key"),
    [
        ('{ line = "R" }', "one_shot"),
        ('{ line = "R", one_shot = false }', "one_shot"),
        ('{ led = "../x" }', "led"),
        ('{ led = "x", active_low = true }', "active_low"),
    ],
)
def test_a_reset_line_that_a_dead_process_would_hold_is_refused(
    tmp_path: Path, reset: str, key: str
) -> None:
    assert only_problem(tmp_path, reset=reset).key.endswith(f"reset.{key}")


@pytest.mark.parametrize(
    ("reset", "line"),
    [
        ('{ line = "R", one_shot = true }', LineGpio(None, "R")),
        ('{ led = "peer_reset" }', LineLed("peer_reset")),
    ],
)
def test_a_reset_line_whose_end_is_certain_is_taken(
    tmp_path: Path, reset: str, line: object
) -> None:
    assert load(tmp_path, board(reset=reset)).service.lines.peers[0].reset == line
