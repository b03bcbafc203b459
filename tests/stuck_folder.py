"""A folder of value files behind a driver that can be told not to answer.

A read or write of a held file waits, in the caller's thread and in its system call, exactly as with
a bus that hangs: O_NONBLOCK changes nothing. `StuckFolder` is a FUSE server that speaks the
kernel's protocol itself (linux/fuse.h, version 7.31), so that no library is needed; the caller
waits in the kernel, and while the folder is deaf no signal gets it out, not even SIGKILL. Where
FUSE cannot be mounted, `PreloadedFolder` does it inside the C library of a service. `stuck_folder`
takes the best there is.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import struct
import subprocess
import sysconfig
import tempfile
import threading
from pathlib import Path
from typing import Protocol

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE = 1, 2, 3, 4, 14, 15, 16
RELEASE, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR = 18, 25, 26, 27, 28, 29
INTERRUPT, BATCH_FORGET = 36, 42
NO_ANSWER = (FORGET, BATCH_FORGET)
IN_HEADER = struct.Struct("<IIQQIIIHH")
OUT_HEADER = struct.Struct("<IiQ")
ATTR = struct.Struct("<6Q3I7I")
DIRECT_IO = 1  # every read and write of the caller comes here
REQUEST_BYTES_MAX = 1 << 18
MNT_DETACH = 2
ROOT = 1

_LIBC = ctypes.CDLL(None, use_errno=True)


def _mount(folder: Path, fd: int) -> None:
    options = f"fd={fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}".encode()
    if _LIBC.mount(b"bmcha-test", bytes(folder), b"fuse", 6, options) != 0:
        raise OSError(ctypes.get_errno(), "mount")


class Stuck(Protocol):
    environment: dict[str, str]
    """What a service needs that is to get stuck here."""

    def get(self, name: str) -> str: ...

    def hold(self, name: str) -> None:
        """From now on accesses to this file do not return."""

    def release(self, name: str) -> None:
        """Whoever waits goes on."""

    def is_waited_for(self, name: str) -> bool: ...

    def close(self) -> None: ...


@functools.cache
def is_fuse_there() -> bool:
    """This process may mount such a folder."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            StuckFolder(Path(folder), {}).close()
    except OSError:
        return False
    return True


def stuck_folder(folder: Path, files: dict[str, str]) -> Stuck:
    """``files``: their first contents. The folder exists."""
    return StuckFolder(folder, files) if is_fuse_there() else PreloadedFolder(folder, files)


class PreloadedFolder:
    """Plain files, and a library that waits in the place of a driver."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder
        library = folder.parent / "stuck_access.so"
        source = Path(__file__).with_name("stuck_access.c")
        compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
        command = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", source, "-o", library]
        subprocess.run(command, check=True)
        self.environment = {"LD_PRELOAD": str(library), "STUCK_FOLDER": str(folder.resolve())}
        for name, text in files.items():
            (folder / name).write_text(text)

    def get(self, name: str) -> str:
        return (self.folder / name).read_text()

    def hold(self, name: str) -> None:
        (self.folder / f".held-{name}").touch()

    def release(self, name: str) -> None:
        (self.folder / f".held-{name}").unlink(missing_ok=True)

    def is_waited_for(self, name: str) -> bool:
        return (self.folder / f".waiting-{name}").exists()

    def close(self) -> None:
        for held in self.folder.glob(".held-*"):
            held.unlink()


class StuckFolder:
    """``files``: their first contents. A folder that ``is_deaf`` ignores interrupts."""

    def __init__(self, folder: Path, files: dict[str, str], is_deaf: bool = False) -> None:
        self.folder = folder
        self.is_deaf = is_deaf
        self.files = {name: text.encode() for name, text in files.items()}
        self.environment: dict[str, str] = {}
        self._nodes = dict(enumerate(self.files, ROOT + 1))
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._waiting: dict[int, tuple[str, int, bytes]] = {}
        self._fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        try:
            _mount(folder, self._fd)
        except OSError:
            os.close(self._fd)
            raise
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def get(self, name: str) -> str:
        with self._lock:
            return self.files[name].decode()

    def hold(self, name: str) -> None:
        with self._lock:
            self._held.add(name)

    def release(self, name: str) -> None:
        with self._lock:
            self._held.discard(name)
            for unique, (waiting, opcode, body) in list(self._waiting.items()):
                if waiting == name:
                    del self._waiting[unique]
                    self._access(unique, name, opcode, body)

    def is_waited_for(self, name: str) -> bool:
        with self._lock:
            return any(waiting == name for waiting, _, _ in self._waiting.values())

    def close(self) -> None:
        for name in list(self._held):
            self.release(name)
        _LIBC.umount2(bytes(self.folder), MNT_DETACH)
        self._thread.join(10)
        os.close(self._fd)
        assert not self._thread.is_alive()

    # ------------------------------------------------------------ the kernel's side

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._fd, REQUEST_BYTES_MAX)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                return  # unmounted
            with self._lock:
                self._take(request)

    def _take(self, request: bytes) -> None:
        _, opcode, unique, node, *_ = IN_HEADER.unpack_from(request)
        body = request[IN_HEADER.size :]
        if opcode == INTERRUPT:
            (interrupted,) = struct.unpack_from("<Q", body)
            if not self.is_deaf and self._waiting.pop(interrupted, None) is not None:
                self._answer(interrupted, errno.EINTR)
        elif opcode not in NO_ANSWER:
            self._dispatch(opcode, unique, node, body)

    def _dispatch(self, opcode: int, unique: int, node: int, body: bytes) -> None:
        name = self._nodes.get(node, "")
        if opcode == INIT:
            limits = (8, 6, 4096, 1, 1, 0, 0)
            self._answer(unique, 0, struct.pack("<4I2H2I2HI28x", 7, 31, 4096, 0, *limits))
        elif opcode == LOOKUP:
            self._look_up(unique, body.rstrip(b"\0").decode())
        elif opcode == SETATTR:
            valid, _, _, size = struct.unpack_from("<IIQQ", body)
            if valid & 8:
                self.files[name] = self.files[name][:size].ljust(size, b"\0")
            self._answer(unique, 0, struct.pack("<QII", 0, 0, 0) + self._attributes(node))
        elif opcode == GETATTR:
            self._answer(unique, 0, struct.pack("<QII", 0, 0, 0) + self._attributes(node))
        elif opcode in (OPEN, OPENDIR):
            self._answer(unique, 0, struct.pack("<QII", 0, DIRECT_IO if opcode == OPEN else 0, 0))
        elif opcode == READDIR:
            self._list(unique, body)
        elif opcode in (READ, WRITE) and name in self._held:
            self._waiting[unique] = (name, opcode, body)
        elif opcode in (READ, WRITE):
            self._access(unique, name, opcode, body)
        elif opcode in (RELEASE, RELEASEDIR, FLUSH):
            self._answer(unique, 0)
        else:
            self._answer(unique, errno.ENOSYS)

    def _look_up(self, unique: int, name: str) -> None:
        node = next((number for number, known in self._nodes.items() if known == name), None)
        if node is None:
            self._answer(unique, errno.ENOENT)
            return
        entry = struct.pack("<4Q2I", node, 0, 0, 0, 0, 0)
        self._answer(unique, 0, entry + self._attributes(node))

    def _attributes(self, node: int) -> bytes:
        is_folder = node == ROOT
        size = 0 if is_folder else len(self.files[self._nodes[node]])
        mode = 0o040755 if is_folder else 0o100644
        return ATTR.pack(node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def _list(self, unique: int, body: bytes) -> None:
        (offset,) = struct.unpack_from("<Q", body, 8)
        entries = b""
        for place, (node, name) in enumerate(self._nodes.items(), 1):
            if place > offset:
                encoded = name.encode()
                entry = struct.pack("<QQII", node, place, len(encoded), 8) + encoded
                entries += entry.ljust((len(entry) + 7) // 8 * 8, b"\0")
        self._answer(unique, 0, entries)

    def _access(self, unique: int, name: str, opcode: int, body: bytes) -> None:
        _, offset, size = struct.unpack_from("<QQI", body)
        content = self.files[name]
        if opcode == READ:
            self._answer(unique, 0, content[offset : offset + size])
            return
        data = body[40 : 40 + size]
        self.files[name] = content[:offset] + data + content[offset + size :]
        self._answer(unique, 0, struct.pack("<II", size, 0))

    def _answer(self, unique: int, error: int, body: bytes = b"") -> None:
        header = OUT_HEADER.pack(OUT_HEADER.size + len(body), -error, unique)
        # Who asked may be gone.
        with contextlib.suppress(FileNotFoundError):
            os.write(self._fd, header + body)
