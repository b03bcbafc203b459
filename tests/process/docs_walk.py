"""The commands in the documents, as a reader would type them: parsed, run, and compared.

A fenced block of the kind ``console`` is a terminal: lines that begin with "$ " are typed, the rest
is what the reader sees. "..." stands for anything within a line, and alone for any lines; "^C" at
the end is a Ctrl-C. An HTML comment above a block says what is special about it:

    <!-- stays open -->       it runs on a terminal of its own until the page ends
    <!-- not run: REASON -->  it cannot be run here

What is asked is asked again for a while, since a reader pauses between two commands and a test does
not; what changes something is done once.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\s*$")
SPECIAL = re.compile(r"^<!-- (stays open|not run: .+) -->$")
# A scenario too: on a machine that does much else it may miss its times, and is judged elsewhere.
QUESTION = re.compile(
    r"^(\w+=\S+ )*bmcha (status|paths|sensors|fans|why|events|check|switchover|sim --scenario)\b"
    r"(?!.*--follow)"
)
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Step:
    where: str
    command: str
    expected: tuple[str, ...] = ()
    special: str = ""

    @property
    def is_interrupted(self) -> bool:
        return self.expected[-1:] == ("^C",)


def steps_of(name: str, text: str) -> Iterator[Step]:
    """In order. A fenced block of a kind that is not known is an error: it would be read by nobody.

    Kinds without commands: ``text`` and ``toml``.
    """
    special, kind, at, step = "", None, 0, None
    for at, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if fence and kind is None:
            kind = fence[1]
            assert kind in ("console", "text", "toml"), f"{name}:{at}: a block of kind {kind!r}"
        elif fence:
            if step is not None:
                yield step
            special, kind, step = "", None, None
        elif kind == "console" and line.startswith("$ "):
            if step is not None:
                yield step
            step = Step(f"{name}:{at}", line[2:], (), special)
        elif kind == "console":
            assert step is not None, f"{name}:{at}: output without a command"
            step = Step(step.where, step.command, (*step.expected, line), special)
        elif kind is None and (found := SPECIAL.match(line)):
            special = found[1]
    assert kind is None, f"{name}:{at}: a block is not closed"


def shows(expected: tuple[str, ...], seen: str) -> bool:
    """Whether what was seen is what the page shows, columns' widths aside."""
    pattern = "".join(map(_pattern, expected))
    return re.fullmatch(pattern, _squeezed(seen)) is not None


def _pattern(line: str) -> str:
    words = " ".join(line.split())
    if words == "...":
        return r"(?:[^\n]*\n)*"
    return r"[^\n]*".join(map(re.escape, words.split("..."))) + (r"\n" if words else "")


def _squeezed(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line) + "\n" if text.strip() else ""


class Walk:
    """One reader: where he is, what he has exported, and his terminals."""

    def __init__(self, folder: Path, replaced: Mapping[str, str]) -> None:
        self._folder = folder
        self._replaced = replaced
        self._exports: list[str] = []
        self._open: list[OnTerminal] = []

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *_: object) -> None:
        for terminal in self._open:
            terminal.close()

    def take(self, step: Step) -> None:
        """Fails with what was seen where that is not what the page shows."""
        command = self._as_here(step.command)
        expected = tuple(map(self._as_here, step.expected))
        if step.special == "stays open":
            self._open.append(OnTerminal(self._with_exports(command), self._folder))
        elif command.startswith("export "):
            self._exports.append(command)
        elif step.is_interrupted:
            self._interrupt(step, command, expected[:-1])
        else:
            self._compare(step, command, expected)

    def _compare(self, step: Step, command: str, expected: tuple[str, ...]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while True:
            code, seen = self._run(command)
            if code == 0 and shows(expected, seen):
                return
            is_over = time.monotonic() > end_s or not QUESTION.match(command)
            told = f"{step.where}: $ {command}\nexit code {code}, and:\n{seen}"
            assert not is_over, told + "".join(other.last_words() for other in self._open)
            threading.Event().wait(0.2)

    def _run(self, command: str) -> tuple[int, str]:
        ended = subprocess.run(
            ["bash", "-c", self._with_exports(command)],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=90,
            check=False,
        )
        return ended.returncode, ended.stdout.decode(errors="replace")

    def _interrupt(self, step: Step, command: str, expected: tuple[str, ...]) -> None:
        terminal = OnTerminal(self._with_exports(command), self._folder)
        try:
            shown = terminal.wait_for(lambda seen: shows((*expected, "..."), seen))
            assert shown, f"{step.where}: $ {command}\nshows within a while:\n{terminal.seen()}"
            terminal.press(b"\x03")
            code = terminal.wait_for_end()
            assert code == 0, f"{step.where}: $ {command}\nends with {code} after Ctrl-C"
        finally:
            terminal.close()

    def _as_here(self, text: str) -> str:
        for theirs, ours in self._replaced.items():
            text = text.replace(theirs, ours)
        return text

    def _with_exports(self, command: str) -> str:
        return "\n".join([*self._exports, command])


class OnTerminal:
    """A command on a terminal of 80 by 24, whose output is read all the time."""

    def __init__(self, command: str, folder: Path) -> None:
        self._near, far = pty.openpty()
        os.set_blocking(self._near, False)
        self._seen = b""
        self._over = threading.Event()
        self._process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", "bash", "-c", command],
            cwd=folder,
            env=os.environ | {"TERM": "xterm", "LINES": "24", "COLUMNS": "80"},
            stdin=far,
            stdout=far,
            stderr=far,
        )
        os.close(far)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while not self._over.is_set():
            ready, _, _ = select.select([self._near], [], [], 0.1)
            if ready:
                try:
                    self._seen += os.read(self._near, 65536)
                except OSError:
                    return  # the last process has closed its end

    def seen(self) -> str:
        return self._seen.decode(errors="replace").replace("\r", "")

    def last_words(self) -> str:
        code = self._process.poll()
        return (
            ""
            if code is None
            else f"\nThe other terminal ended with {code}:\n{self.seen()[-2000:]}"
        )

    def press(self, keys: bytes) -> None:
        os.write(self._near, keys)

    def wait_for(self, holds) -> bool:
        end_s = time.monotonic() + PATIENCE_S
        while not holds(self.seen()):
            if time.monotonic() > end_s:
                return False
            self._over.wait(0.1)
        return True

    def wait_for_end(self) -> int:
        return self._process.wait(timeout=PATIENCE_S)

    def close(self) -> None:
        if self._process.poll() is None:
            self.press(b"\x03")
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.kill(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._over.set()
        self._reader.join()
        os.close(self._near)
