"""Where everything of one virtual chassis lives, below its directory.

Names only: nothing is created here. The names are a public contract, checked from outside:
``mm1/{config.toml,control.sock,pid,store/,log,shm,hw/}`` and ``chassis/{control.sock,
journal.jsonl}``. Called by everything in `bmcha.sim`.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

from bmcha.model.record import dataclass

SLOTS = (1, 2)
"""Two are shipped, the first to claim first; the names below serve any number."""
SHM_NAME_BYTES_MAX = 251
"""What `image_name` of a module's configuration has room for, with the leading slash."""
SHM_DIR = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class RigLayout:
    """``root`` is absolute. ``slots`` in the order of succession."""

    root: Path
    slots: tuple[int, ...] = SLOTS

    def module(self, slot: int) -> Path:
        return self.root / f"mm{slot}"

    def hw(self, slot: int) -> Path:
        return self.module(slot) / "hw"

    def config(self, slot: int) -> Path:
        return self.module(slot) / "config.toml"

    def module_socket(self, slot: int) -> Path:
        return self.module(slot) / "control.sock"

    def pid_file(self, slot: int) -> Path:
        return self.module(slot) / "pid"

    def log(self, slot: int) -> Path:
        return self.module(slot) / "log"

    @property
    def chassis(self) -> Path:
        return self.root / "chassis"

    @property
    def chassis_socket(self) -> Path:
        return self.chassis / "control.sock"

    @property
    def journal(self) -> Path:
        return self.chassis / "journal.jsonl"

    def shm_name(self, slot: int) -> str:
        """The POSIX shared-memory name, with its slash."""
        return f"{self._shm_stem}-mm{slot}"

    def shm_file(self, slot: int) -> Path:
        return SHM_DIR / self.shm_name(slot)[1:]

    @property
    def _shm_stem(self) -> str:
        return "/bmcha-" + re.sub(r"[^A-Za-z0-9._-]", "_", self.root.name)

    def complaint(self) -> str | None:
        """Why this directory cannot be used, as a sentence."""
        longest = max(len(self.shm_name(slot)) for slot in self.slots)
        if longest > SHM_NAME_BYTES_MAX:
            room = len(self.root.name) - (longest - SHM_NAME_BYTES_MAX)
            return (
                f"--dir {self.root}: the last part of the name has {len(self.root.name)} "
                f"characters; shared memory is named after it and has room for {room}"
            )
        if any(ord(char) < 0x20 for char in str(self.root)):
            return f"--dir {str(self.root)!r}: control characters are not allowed in the name"
        return None


def _at_socket(path: Path, use: Callable[[str], None]) -> None:
    """Calls ``use`` with a short name of the socket: sun_path has room for 107 bytes only, and a
    directory may be deeper. The name goes through an open descriptor of the directory."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        use(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)


def listen_at(path: Path) -> socket.socket:
    """A listening Unix stream socket, non-blocking. A left-over file is replaced. Where the name
    is there somebody listens: it gets it last, so that who waits for it is not refused."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _at_socket(draft, listener.bind)
        listener.listen(16)
        draft.replace(path)
    except BaseException:
        listener.close()
        raise
    return listener


def connect_to(path: Path, timeout_s: float) -> socket.socket:
    """OSError when nobody listens there."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.settimeout(timeout_s)
        _at_socket(path, client.connect)
    except BaseException:
        client.close()
        raise
    return client
