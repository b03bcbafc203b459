"""The watchdog of a board: whole seconds where the kernel counts them."""

from pathlib import Path

import pytest

from tests.unit.test_config import GATED, MODULE, Folder


def board(watchdog: str, timeout_ms: int = 1000) -> str:
    text = GATED.replace('file = "watchdog"', watchdog)
    return text.replace("watchdog_ms = 1000", f"watchdog_ms = {timeout_ms}")


def test_a_file_in_place_of_a_watchdog_takes_any_time(tmp_path: Path) -> None:
    config = Folder(tmp_path).load(MODULE, board('file = "watchdog"', 300))
    assert (config.node.watchdog_ms, config.service.watchdog_pretimeout_ms) == (300, 0)


def test_the_kernels_watchdog_has_whole_seconds_and_a_pretimeout(tmp_path: Path) -> None:
    # A dead time above it, and beats to match.
    module = MODULE.replace("= 1500", "= 4500") + "\n[timers]\ninitdead_ms = 5000\n"
    text = board('file = "/dev/watchdog0"\npretimeout_ms = 1000', 3000)
    config = Folder(tmp_path).load(module, text)
    assert config.service.watchdog_file == "/dev/watchdog0"
    assert config.service.watchdog_pretimeout_ms == 1000


@pytest.mark.parametrize(
    ("watchdog", "timeout_ms", "key", "allowed"),
    [
        ('file = "/dev/watchdog0"', 1200, "watchdog_ms", "counts whole seconds"),
        (
            *('file = "/dev/watchdog0"\npretimeout_ms = 1000', 1000),
            *("watchdog.pretimeout_ms", "below watchdog_ms = 1000"),
        ),
        (
            *('file = "/dev/watchdog0"\npretimeout_ms = 500', 1000),
            *("watchdog.pretimeout_ms", "a multiple of 1000"),
        ),
        (
            *('file = "watchdog"\npretimeout_ms = 100', 1000),
            *("watchdog.pretimeout_ms", "is not the kernel's device"),
        ),
    ],
)
def test_what_the_watchdog_cannot_do_is_refused_by_name(
    tmp_path: Path, watchdog: str, timeout_ms: int, key: str, allowed: str
) -> None:
    found = Folder(tmp_path).only_problem(MODULE, board(watchdog, timeout_ms))
    assert found.key == key
    assert allowed in str(found)
