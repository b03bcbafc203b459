"""`bmcha top` and `bmcha sim` on a real pty, seen through a terminal emulator."""

import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bmcha.sim.layout import RigLayout
from tests.process.sims import BMCHA, Sim, leftovers_of, run_bmcha, running_sim
from tests.terminal import Terminal, running
from tests.waiting import wait_until

COLOUR = re.compile(rb"\x1b\[[0-9;]*3[1-7][0-9;]*m")
CTRL_C, CTRL_Z = "\x03", "\x1a"


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    """Every test leaves both modules running and level."""
    with running_sim(tmp_path_factory.mktemp("view") / "a sim") as found:
        found.wait_until_ready()
        yield found


def top_words(sim: Sim) -> list[str]:
    return [
        *(*BMCHA, "top"),
        *("--socket", str(sim.layout.module_socket(1))),
        *("--socket", str(sim.layout.module_socket(2))),
    ]


def is_level(terminal: Terminal) -> bool:
    return terminal.text().count("● FULL") == 2


def check_layout(terminal: Terminal) -> None:
    """The frame fills the screen, and the rule between the columns stands upright."""
    rows = terminal.rows()
    assert rows[0].startswith(" bmcha ")
    assert re.search(r"\d\d:\d\d:\d\d $", rows[0])
    assert "q quit" in rows[-1]
    place = rows[1].index("┬")
    upright = [row for row in rows[2:] if "│" in row]
    assert len(upright) >= 6
    assert all(row[place] == "│" for row in upright[:6])


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 60), (60, 16)])
def test_both_modules_are_shown_at_every_size(sim: Sim, columns: int, lines: int) -> None:
    with running(top_words(sim), columns, lines) as terminal:
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        terminal.wait_for(lambda: "inlet_front" in terminal.text() or lines < 20, "readings")
        check_layout(terminal)
        for word in ("ACTIVE", "STANDBY", "udp", "serial", "ALIVE", "SYNCED"):
            assert word in terminal.text()
        assert COLOUR.search(terminal.sent)


def test_a_window_may_change_its_size_at_any_time(sim: Sim) -> None:
    with running(top_words(sim), 80, 24) as terminal:
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        for columns, lines in ((200, 60), (60, 16), (133, 43)):
            terminal.resize(columns, lines)
            terminal.wait_for(lambda: "q quit" in terminal.rows()[-1], f"{columns}x{lines}")
            terminal.wait_for(lambda: is_level(terminal), "both are level")
            check_layout(terminal)
        terminal.resize(50, 10)
        terminal.wait_for_text("needs 60x16")
        terminal.resize(80, 24)
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        check_layout(terminal)


def test_a_module_that_stands_still_never_freezes_the_view(sim: Sim) -> None:
    with running(top_words(sim)) as terminal:
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        standby = sim.gates().index("shut") + 1
        sim.ctl("stop", str(standby))
        try:
            terminal.wait_for_text("no answer for 3 s")
            terminal.press("?")
            terminal.wait_for_text("hand the chassis over")
            terminal.press("?")
            terminal.wait_for_text("last said: STANDBY")
        finally:
            sim.ctl("cont", str(standby))
        terminal.wait_for(lambda: is_level(terminal), "both are level again")
        assert "no answer" not in terminal.text()


def test_a_module_that_ends_is_found_again(sim: Sim) -> None:
    with running(top_words(sim)) as terminal:
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        standby = sim.gates().index("shut") + 1
        sim.ctl("kill", str(standby))
        try:
            terminal.wait_for_text("no answer")
        finally:
            sim.ctl("start", str(standby))
        terminal.wait_for(lambda: is_level(terminal), "both are level again")


def test_one_socket_shows_the_peer_as_the_module_knows_it(sim: Sim) -> None:
    words = [*BMCHA, "--socket", str(sim.layout.module_socket(1)), "top"]
    with running(words) as terminal:
        terminal.wait_for_text("as its peer knows it")
        terminal.wait_for_text("hears us  yes")
        assert "PRESENCE  up" in terminal.text()


def test_a_switchover_is_asked_for_only_after_a_yes(sim: Sim) -> None:
    with running(top_words(sim)) as terminal:
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        before = sim.gates()
        terminal.press("o")
        terminal.wait_for_text("y/n")
        terminal.press("n")
        terminal.wait_for_text("not done")
        assert sim.gates() == before
        terminal.press("oy")
        terminal.wait_for(lambda: sim.gates() == before[::-1], "the other one holds the outputs")
        terminal.wait_for_text("asked to hand over")
        terminal.wait_for(lambda: is_level(terminal), "both are level again")


def test_events_scroll(sim: Sim) -> None:
    with running(top_words(sim)) as terminal:
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        terminal.press("kk")
        terminal.wait_for_text("2 newer ones below")
        terminal.press("j")
        terminal.wait_for_text("1 newer ones below")
        terminal.press("\x1b[A")
        terminal.wait_for_text("2 newer ones below")


def test_keys_that_mean_nothing_do_nothing_however_many_there_are(sim: Sim) -> None:
    with running(top_words(sim)) as terminal:
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        for _ in range(40):
            # Delete, one by one: each is heard for itself.
            terminal.press("\x1b[3~")
            terminal.read(0.01)
        terminal.press("h")
        terminal.wait_for_text("hand the chassis over")
        terminal.press("q")
        assert terminal.wait_for_end() == 0


# ------------------------------------------------------------ what a terminal can show


def test_no_colour_is_sent_where_none_is_wanted(sim: Sim) -> None:
    with running(top_words(sim), environment={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        assert not COLOUR.search(terminal.sent)


def test_without_utf_8_everything_is_ascii(sim: Sim) -> None:
    with running(top_words(sim), environment={"TERM": "vt100", "LANG": "C"}) as terminal:
        terminal.wait_for(lambda: terminal.text().count("+ FULL") == 2, "both are level")
        assert terminal.sent.isascii()
        assert not COLOUR.search(terminal.sent)


@pytest.mark.parametrize("name", ["dumb", "no-such-terminal"])
def test_a_terminal_without_a_cursor_gets_plain_frames_and_has_keys(sim: Sim, name: str) -> None:
    with running(top_words(sim), environment={"TERM": name}) as terminal:
        before = terminal.settings()
        terminal.wait_for(lambda: terminal.sent.count("● FULL".encode()) >= 2, "a frame")
        assert b"\x1b" not in terminal.sent
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert terminal.settings() == before


def test_without_a_terminal_one_frame_is_printed(sim: Sim) -> None:
    environment = {**os.environ, "COLUMNS": "80", "LINES": "24", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        top_words(sim), capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert done.stdout.count("● FULL") == 2
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout


def test_where_nobody_answers_the_exit_code_says_so(tmp_path: Path) -> None:
    done = run_bmcha("top", "--socket", str(tmp_path / "none.sock"))
    assert done.returncode == 3
    assert "nobody answers there" in " ".join(done.stdout.split()), "wrapped, where it is long"


# ------------------------------------------------------------ the terminal is given back


def is_cooked(settings: list[Any]) -> bool:
    wanted = termios.ECHO | termios.ICANON
    return bool(settings[3] & wanted == wanted)


@pytest.mark.parametrize(
    ("how", "code"), [("q", 0), (CTRL_C, 0), (signal.SIGTERM, 128 + 15), (signal.SIGHUP, 128 + 1)]
)
def test_the_terminal_is_given_back(sim: Sim, how: "str | signal.Signals", code: int) -> None:
    with running(top_words(sim), environment={"TERM": "xterm"}) as terminal:
        before = terminal.settings()
        terminal.wait_for_text("STANDBY")
        assert not is_cooked(terminal.settings())
        if isinstance(how, str):
            terminal.press(how)
        else:
            terminal.signal(how)
        assert terminal.wait_for_end() == code
        assert terminal.settings() == before
        assert is_cooked(before)
        left, shown = terminal.sent.rfind(b"\x1b[?1049l"), terminal.sent.rfind(b"\x1b[?25h")
        assert left > terminal.sent.rfind(b"\x1b[?1049h")  # the other screen is shown again
        assert shown > terminal.sent.rfind(b"\x1b[?25l")  # and the cursor


def test_an_exception_gives_the_terminal_back(sim: Sim) -> None:
    broken = (
        "import sys, bmcha.view.live as live\n"
        "from bmcha.view.top import run_top\n"
        "def fail(*words): raise RuntimeError('a defect')\n"
        "live.Live.scroll = fail\n"
        "run_top(sys.argv[1:])\n"
    )
    words = [sys.executable, "-c", broken, str(sim.layout.module_socket(1))]
    with running(words) as terminal:
        before = terminal.settings()
        terminal.wait_for_text("as its peer knows it")
        terminal.press("k")
        assert terminal.wait_for_end() == 1
        assert terminal.settings() == before
        assert b"a defect" in terminal.sent


def test_it_can_be_put_aside_and_taken_up_again(sim: Sim) -> None:
    with running(["bash", "--norc", "--noprofile", "-i"], environment={"PS1": "$ "}) as terminal:
        terminal.wait_for_text("$")
        quoted = " ".join(f"'{word}'" for word in top_words(sim))
        terminal.press(f"{quoted}\n")
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        terminal.press(CTRL_Z)
        terminal.wait_for_text("Stopped")
        terminal.press("echo still $((40+2))\n")
        terminal.wait_for_text("still 42")
        terminal.press("fg\n")
        terminal.wait_for(lambda: terminal.rows()[0].startswith(" bmcha top"), "it is drawn anew")
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        check_layout(terminal)
        terminal.press("q")
        terminal.wait_for(lambda: is_cooked_or_prompt(terminal), "the shell's prompt")
        terminal.press("exit\n")
        assert terminal.wait_for_end() == 0


def is_cooked_or_prompt(terminal: Terminal) -> bool:
    return any(row.startswith("$ ") for row in terminal.rows()[-3:])


# ------------------------------------------------------------ bmcha sim


def test_keys_break_and_mend_a_running_sim(tmp_path: Path) -> None:
    root = tmp_path / "chassis"
    with running([*BMCHA, "sim", "--dir", str(root)], 100, 40) as terminal:
        before = terminal.settings()
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        terminal.wait_for_text("module 1 holds")
        check_layout(terminal)
        terminal.press("u")
        terminal.wait_for_text("cut udp: path udp carries nothing")
        terminal.wait_for_text("■ SILENT")
        terminal.wait_for_text("u heal udp")
        terminal.press("u")
        terminal.wait_for(lambda: is_level(terminal), "healed")
        terminal.press("o")
        terminal.wait_for_text("module 2 holds")
        terminal.wait_for(lambda: is_level(terminal), "the standby has the picture again")
        terminal.press("k")
        terminal.wait_for_text("kill active: module 2 is dead")
        terminal.wait_for_text("module 1 holds")
        terminal.wait_for_text("■ dead")
        terminal.press("r")
        terminal.wait_for_text("start 2: module 2 is started")
        terminal.wait_for(lambda: is_level(terminal), "both are level again")
        terminal.press("t")
        terminal.wait_for_text("inlet_front is HIGH")
        terminal.press("h")
        terminal.wait_for_text("kill the ACTIVE")
        terminal.press("h")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert terminal.settings() == before
    assert leftovers_of(RigLayout(root)) == []


def test_a_deed_from_another_terminal_is_shown_too(tmp_path: Path) -> None:
    root = tmp_path / "chassis"
    with running([*BMCHA, "sim", "--dir", str(root)], 200, 60) as terminal:
        terminal.wait_for(lambda: is_level(terminal), "both are level")
        assert run_bmcha("sim-ctl", "--dir", str(root), "cut", "serial").returncode == 0
        terminal.wait_for_text("cut serial")
        terminal.wait_for_text("broken by hand  serial cut")
        terminal.press(CTRL_C)
        assert terminal.wait_for_end() == 0
    wait_until(lambda: leftovers_of(RigLayout(root)) == [], "everything is taken down")
