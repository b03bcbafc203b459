"""Redis and its replica, in the place of the two pictures.

Two servers on the same cable that keep nothing on a disk, each asked over a socket of its own file
by the bench itself, in Redis's own protocol (RESP).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from pathlib import Path
from typing import Final

from bmcha.bench.cable import ADDRESSES, Cable
from bmcha.bench.pair import READY_S, wait_until
from bmcha.bench.rival import PATH, is_installed, not_installed

PROGRAM: Final = "redis-server"
PACKAGE: Final = "redis-server"
PORT: Final = 6379
REPLY_BYTES_MAX: Final = 1 << 20
NOT_THERE: Final = not_installed(PACKAGE)


def is_there() -> bool:
    return is_installed(PROGRAM)


class Server:
    """A context manager. ``words``: more of its configuration, as on its command line."""

    def __init__(self, folder: Path, at: list[str], *words: str) -> None:
        folder.mkdir()
        self._socket_file = folder / "socket"
        self._log = folder / "log"
        settings = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
        places = ["--unixsocket", str(self._socket_file), "--logfile", str(self._log)]
        self._process = subprocess.Popen(
            [*at, PROGRAM, *settings, *places, *words],
            env=os.environ | {"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(READY_S)
        try:
            wait_until(self._is_reached, READY_S, self._why)
        except BaseException:
            self.close()
            raise

    def set(self, key: bytes, value: bytes) -> None:
        self._ask(b"SET", key, value)

    def get(self, key: bytes) -> bytes:
        """b"" if there is no such key."""
        reply = self._ask(b"GET", key)
        return reply.partition(b"\r\n")[2][:-2]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, *words: bytes) -> bytes:
        """OSError: it is gone, or does not answer."""
        parts = [b"*%d\r\n" % len(words)]
        parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self._socket.sendall(b"".join(parts))
        reply = b""
        while not _is_whole(reply):
            more = self._socket.recv(REPLY_BYTES_MAX)
            if not more:
                raise ConnectionResetError(f"{PROGRAM} hung up: {self._why()}")
            reply += more
        return reply

    def _is_reached(self) -> bool:
        with contextlib.suppress(OSError):
            self._socket.connect(str(self._socket_file))
            return True
        return False

    def _why(self) -> str:
        with contextlib.suppress(OSError):
            return self._log.read_text(errors="replace")[-1000:]
        return f"{PROGRAM} ended with {self._process.poll()}"


def _is_whole(reply: bytes) -> bool:
    """Of the two kinds that are asked for here: a line, or a string with its length."""
    line, end, rest = reply.partition(b"\r\n")
    if not end or not line.startswith(b"$") or line == b"$-1":
        return bool(end)
    return len(rest) >= int(line[1:]) + 2


class RedisPair:
    """A context manager. ``first`` (in slot 1) is written to, ``replica`` is in slot 2."""

    def __init__(self, folder: Path, cable: Cable) -> None:
        first = ["--bind", ADDRESSES[1], "--port", str(PORT), "--protected-mode", "no"]
        second = ["--port", "0", "--replicaof", ADDRESSES[1], str(PORT)]
        with contextlib.ExitStack() as stack:
            self.first = stack.enter_context(Server(folder / "first", cable.at(1), *first))
            self.replica = stack.enter_context(Server(folder / "replica", cable.at(2), *second))
            self._stack = stack.pop_all()

    def settle(self) -> None:
        self.first.set(b"ready", b"1")
        wait_until(lambda: self.replica.get(b"ready") == b"1", READY_S, lambda: "no replica")

    def __enter__(self) -> RedisPair:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
