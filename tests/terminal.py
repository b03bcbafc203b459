"""A program on a real pty, its screen kept by a terminal emulator: what a person would see.

Used by the tests of the live view and by docs/captures/make_captures.py.
"""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyte

from tests.waiting import WAIT_S


class Screen(pyte.Screen):
    """pyte knows no faint text (SGR 2): here it is italics, which bmcha does not use."""

    def select_graphic_rendition(self, *attributes: int, **kwargs: Any) -> None:
        as_italics = {2: 3, 22: 23}
        shown = [as_italics.get(each, each) for each in attributes]
        super().select_graphic_rendition(*shown, **kwargs)


class Terminal:
    """Made by `running`. ``sent_bytes``: all that the program has written so far."""

    def __init__(self, pid: int, fd: int, columns: int, lines: int) -> None:
        self.pid = pid
        self.fd = fd
        self.screen = Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.sent = bytearray()
        self.exit_code: int | None = None

    def read(self, for_s: float) -> None:
        """Takes in what comes until then, or until the program has ended."""
        until_s = time.monotonic() + for_s
        while (left_s := until_s - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left_s)[0]:
                return
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return  # the last program on the other end has gone
            if not data:
                return
            self.sent += data
            self._stream.feed(data)

    def rows(self) -> list[str]:
        return list(self.screen.display)

    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows())

    def wait_for(self, holds: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> Any:
        give_up_s = time.monotonic() + timeout_s
        while not (answer := holds()):
            assert time.monotonic() < give_up_s, (
                f"not within {timeout_s:g} s: {what}\n{self.text()}"
            )
            self.read(0.05)
        return answer

    def wait_for_text(self, text: str, timeout_s: float = WAIT_S) -> None:
        self.wait_for(lambda: text in self.text(), repr(text), timeout_s)

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """As a terminal window does: the kernel tells the program by SIGWINCH."""
        self.screen.resize(lines, columns)
        _set_size(self.fd, columns, lines)

    def settings(self) -> list[Any]:
        """Echo, line mode and the like, as they are now."""
        return termios.tcgetattr(self.fd)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait_for_end(self, timeout_s: float = WAIT_S) -> int:
        """The exit code; minus the signal that ended it."""

        def ended() -> bool:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
            return self.exit_code is not None

        if self.exit_code is None:
            self.wait_for(ended, "the program has ended", timeout_s)
        self.read(0.05)
        assert self.exit_code is not None
        return self.exit_code


def _set_size(fd: int, columns: int, lines: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


@contextlib.contextmanager
def running(
    command: Sequence[str],
    columns: int = 80,
    lines: int = 24,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Terminal]:
    """``environment`` is added to one that is the same everywhere: colour, UTF-8, and a
    terminal of which the emulator understands everything."""
    full = {**os.environ, "TERM": "linux", "LANG": "C.UTF-8"}
    for name in ("NO_COLOR", "LC_ALL", "LC_CTYPE", "COLUMNS", "LINES"):
        full.pop(name, None)
    full.update(environment or {})
    pid, fd = pty.fork()
    if pid == 0:
        try:
            _set_size(0, columns, lines)
            os.execvpe(command[0], list(command), full)
        finally:
            os._exit(127)
    terminal = Terminal(pid, fd, columns, lines)
    try:
        yield terminal
    finally:
        if terminal.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                terminal.signal(signal.SIGTERM)
            try:
                terminal.wait_for_end()
            except AssertionError:
                terminal.signal(signal.SIGKILL)
                terminal.wait_for_end()
        os.close(fd)
