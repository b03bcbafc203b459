"""The serial console of a board: logs in, runs a command, returns what it printed.

As a technician with a terminal program. Everything that came is in the board's log. Not to be used
by two at once.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path

from rig.resources import Account

LOGIN_S = 120.0
RUN_S = 60.0
CONNECT_PAUSE_S = 0.05
PROMPT = r"[#$] (\x1b\[6n)?$"
"""busybox's shell asks the terminal where its cursor is."""


class ConsoleError(RuntimeError):
    """It did not say what was waited for; the end of what it did say is in the text."""


class Console:
    """Connects again by itself when the machine was started anew."""

    def __init__(self, path: Path, log: Path, account: Account) -> None:
        self._path, self._log, self._account = path, log, account
        self._news = threading.Condition()
        self._said = ""
        self._life = 0
        self._logged_in_life = -1
        self._commands_count = 0
        self._socket: socket.socket | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._listen, name="console", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        if self._socket is not None:
            self._socket.close()

    def run(self, command: str, seconds: float = RUN_S) -> tuple[int, str]:
        """Exit code and output. Logs in first when this life of the board has not seen us yet."""
        if self._logged_in_life != self._life:
            self._log_in()
        self._commands_count += 1
        tag = f"{self._commands_count}-{time.monotonic_ns() % 1_000_000}"
        begin = len(self._said)
        # In two parts, so that an echo of the line is not taken for its end.
        self._type(f"{command}; echo '<''{tag} '$?'>'\n")
        found = self._wait_for(rf"<{tag} (\d+)>", begin, seconds)
        printed = self._said[begin : found.start()].replace("\r", "")
        return int(found[1]), printed.strip("\n")

    def wait_for_login(self, seconds: float = LOGIN_S) -> None:
        self._wait_for(r"login: $", 0, seconds, is_last_line=True)

    def _log_in(self) -> None:
        self.wait_for_login()
        life = self._life
        self._type(self._account.user + "\n")
        self._wait_for(r"[Pp]assword: $", 0, RUN_S, is_last_line=True)
        self._type(self._account.password + "\n")
        self._wait_for(PROMPT, 0, RUN_S, is_last_line=True)
        begin = len(self._said)
        self._type("stty -echo; PS1=''; dmesg -n 1; echo 're''ady'\n")
        self._wait_for(r"ready\r?\n", begin, RUN_S)
        self._logged_in_life = life

    def _type(self, text: str) -> None:
        if self._socket is None:
            raise ConsoleError("the board has no power")
        self._socket.sendall(text.encode())

    def _wait_for(
        self, pattern: str, begin: int, seconds: float, is_last_line: bool = False
    ) -> re.Match[str]:
        """In what it said from ``begin`` on, counted from its power on."""
        end_s = time.monotonic() + seconds
        with self._news:
            while True:
                if is_last_line:
                    begin = self._said.rfind("\n") + 1
                if found := re.compile(pattern).search(self._said, begin):
                    return found
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    said = f"the console said at last: {self._said[-600:]!r}"
                    raise ConsoleError(f"no {pattern!r} within {seconds:.0f} s; {said}")
                self._news.wait(left_s)

    def _listen(self) -> None:
        while not self._is_closed:
            found = socket.socket(socket.AF_UNIX)
            try:
                found.connect(str(self._path))
            except OSError:
                found.close()
                time.sleep(CONNECT_PAUSE_S)
                continue
            with self._news:
                self._said, self._socket = "", found
                self._life += 1
            self._read_all(found)
            self._socket = None
            found.close()

    def _read_all(self, found: socket.socket) -> None:
        with self._log.open("ab", buffering=0) as log:
            while not self._is_closed:
                try:
                    some = found.recv(65_536)
                except OSError:
                    return
                if not some:
                    return
                log.write(some)
                with self._news:
                    self._said += some.decode(errors="replace")
                    self._news.notify_all()
