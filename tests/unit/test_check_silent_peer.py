"""What `bmcha check` says of a silent peer on boards that fence or lease, and of the fence."""

from pathlib import Path

import pytest

from bmcha.check.report import Report
from bmcha.check.run import Options, check_file
from tests.unit.test_config import BARE, GATED, MODULE
from tests.unit.test_relations import LEASE, RESET, RESET_LINE

SENSE = 'reset_sense = { file = "RESET_SENSE" }\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def check(folder: Path, board: str, module: str = MODULE) -> Report:
    (folder / "config.toml").write_text(module)
    (folder / "board.toml").write_text(board)
    return check_file(str(folder / "config.toml"), Options(is_offline=True))


def sentences(report: Report) -> str:
    assert report.rule is not None
    return " ".join(report.rule.sentences)


def test_a_reset_board_says_that_it_resets_and_how_that_is_seen(folder: Path) -> None:
    report = check(folder, RESET + SENSE)
    assert (report.problems, report.advice) == ([], [])
    assert report.rule is not None
    assert report.rule.name == "it is reset first"
    assert "class reset" in report.rule.why
    assert "by its reset_sense, or by HEALTH or ACTIVE that was up and falls" in sentences(report)


def test_a_fence_without_a_sense_is_called_unverifiable_where_no_line_was_up(folder: Path) -> None:
    report = check(folder, RESET)
    assert "Where neither was up it is unverifiable: no reset_sense is wired" in sentences(report)
    (advice,) = report.advice
    assert (advice.key, advice.value) == ("lines.peer[0].reset_sense", "missing")


def test_a_fence_without_any_line_back_is_unverifiable(folder: Path) -> None:
    """A board file alone: what its class needs is told with a module's file."""
    bald = RESET.replace('health = { file = "PEER_HEALTH" }\n', "")
    (folder / "board.toml").write_text(bald.replace('active = { file = "PEER_ACTIVE" }\n', ""))
    report = check_file(str(folder / "board.toml"), Options(is_offline=True))
    assert "a reset is unverifiable: no line shows whether it happened" in sentences(report)


@pytest.mark.parametrize("board", [GATED, BARE + "[[lines.peer]]\noffset = 1\n", LEASE])
def test_a_reset_line_that_no_rule_uses_is_an_advice(folder: Path, board: str) -> None:
    report = check(folder, board + RESET_LINE)
    assert report.problems == []
    (advice,) = report.advice
    assert advice.key == "lines.peer[0].reset"
    assert advice.value.startswith("a line that no rule of class ")
    assert 'class = "reset"' in advice.remedy


def test_a_lease_board_says_what_is_promised_and_what_is_not(folder: Path) -> None:
    report = check(folder, LEASE)
    assert (report.problems, report.advice) == ([], [])
    assert report.rule is not None
    assert report.rule.name == "the holder lets go by itself"
    assert "class lease" in report.rule.why
    assert "never two hands is not promised here" in sentences(report)


def test_a_reset_board_has_the_times_of_a_gated_one_and_of_its_reset(folder: Path) -> None:
    timers = "\n[timers]\nreset_pulse_ms = 80\nunverified_takeover_ms = 2000\n"
    rows = dict(check(folder, RESET, MODULE + timers).rows)
    assert rows["peer dies"] == "its lines fall: takeover in about 20 ms, no dead time waited"
    assert rows["peer +1"].endswith("; resets it by LED peer_reset")
    assert "reset for 80 ms, takeover in about 1505 ms; 3505 when" in rows["isolation"]


def test_a_lease_board_has_the_times_of_its_lease(folder: Path) -> None:
    timers = "\n[timers]\nlease_margin_ms = 200\nunverified_takeover_ms = 2000\n"
    rows = dict(check(folder, LEASE, MODULE + timers).rows)
    assert "takeover in about 1505 ms" in rows["peer dies"]
    assert "takeover in about 3500 ms after its last beat" in rows["peer hangs"]
    assert "lets go once, about 1700 ms after" in rows["cut off"]
    assert rows["cut off"].endswith("nobody holds for up to about 535 ms")
    assert "isolation" not in rows
