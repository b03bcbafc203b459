"""Opens a Unix stream socket by a name of any length, as server or as client.

The kernel has room for 107 bytes of a socket's name. A longer one is reached through the folder:
/proc/self/fd/N/NAME, with N the opened folder; nobody has to change the working directory, which
belongs to all threads. Knows nothing of what is said on the socket.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator

from bmcha.control_trouble import taken_socket

ADDRESS_BYTES_MAX = 107
"""sun_path of Linux is 108 bytes with its final zero, see unix(7)."""
BACKLOG = 16
SOCKET_MODE = 0o660
"""Whoever may ask for a switchover is in the group of the service."""


class SocketTaken(Exception):
    """Somebody listens there, or something else stands there. The text says what to do."""


@contextlib.contextmanager
def reachable(path: str) -> Iterator[str]:
    """A name that fits for the socket ``path``, valid within the context. OSError: no folder."""
    if len(os.fsencode(path)) <= ADDRESS_BYTES_MAX:
        yield path
        return
    folder, name = os.path.split(path)
    folder_fd = os.open(folder or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder_fd}/{name}"
    finally:
        os.close(folder_fd)


def connect(path: str, timeout_s: float = 3.0) -> socket.socket:
    """OSError: nobody listens there; BlockingIOError: somebody does, but takes nobody in."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        # Where a stopped listener's queue is full, connect(2) waits for room: bound that.
        microseconds = round(timeout_s * 1e6)
        bound = struct.pack("@ll", *divmod(microseconds, 1_000_000))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bound)
        with reachable(path) as address:
            opened.connect(address)
    except BaseException:
        opened.close()
        raise
    return opened


def listen(path: str) -> socket.socket:
    """A non-blocking listening socket. A file left by a dead process is replaced.

    SocketTaken: a living one listens. OSError, with the file's name: it cannot be made there.
    """
    _remove_stale(path)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        # Before bind, so that the file never exists with other rights; the umask still counts.
        os.fchmod(opened.fileno(), SOCKET_MODE)
        with reachable(path) as address:
            opened.bind(address)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except BaseException as error:
        opened.close()
        if isinstance(error, OSError):
            # bind(2) does not say which name it was about.
            error.filename = path
        raise
    return opened


def _remove_stale(path: str) -> None:
    try:
        is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise SocketTaken(f"{path} exists and is no socket; move it away or choose another name")
    try:
        with connect_at_once(path) as connection:
            pid = process_behind(connection)
    except ConnectionRefusedError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        raise SocketTaken(f"{path} cannot be judged: {error.strerror}") from error
    else:
        raise SocketTaken(taken_socket(path, pid))


def process_behind(connection: socket.socket) -> int:
    """The process that listens there; 0 if it is not to be seen from here (another container)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], sys.byteorder, signed=True)


def connect_at_once(path: str) -> socket.socket:
    """Without waiting for a process that is stopped. A full queue is a living listener."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    opened.setblocking(False)
    with reachable(path) as address:
        result = opened.connect_ex(address)
    if result not in (0, errno.EAGAIN, errno.EINPROGRESS):
        opened.close()
        raise OSError(result, os.strerror(result))
    return opened
