"""The guardian: a tiny process that cleans up after a rig, however the rig dies.

It holds the reading end of a pipe from the rig. Lines on it register what must not stay; the end
of the pipe (the rig has ended, or was killed by a signal that nobody can catch) starts the
clean-up: processes are killed through pidfds (SIGKILL works on stopped ones too), then shared
memory, sockets and the temporary directory are removed. It ignores the signals of a terminal and
lives in its own session, so that nothing that ends a rig ends it.

Lines: ``pid N``, ``shm NAME``, ``file PATH`` (any name that may be there), ``dir PATH`` (removed
with all below), ``token TEXT``. Processes of the rig carry the token in their environment: one
that was started but not yet registered when the rig died is found by it. The pipe ends only when
no forked copy of it is left, hence after the last exec, hence with the token in place.

Run by path with ``python -I -S``: it imports nothing of ours and little of the standard library.
The other half, `Guardian`, is the rig's handle.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

TOKEN_VARIABLE = "BMCHA_SIM_RIG"
IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGTSTP)
KILL_WAIT_MS = 5000
"""A killed process is gone in milliseconds; longer only in uninterruptible sleep."""


class _Estate:
    """What was registered."""

    def __init__(self) -> None:
        self.pidfds: list[int] = []
        self.shm_names: list[str] = []
        self.files: list[str] = []
        self.dirs: list[str] = []
        self.token = ""

    def register(self, line: str) -> None:
        kind, _, what = line.partition(" ")
        if kind == "pid":
            with suppress(ProcessLookupError):
                self.pidfds.append(os.pidfd_open(int(what)))
        elif kind == "shm":
            self.shm_names.append(what)
        elif kind == "file":
            self.files.append(what)
        elif kind == "dir":
            self.dirs.append(what)
        elif kind == "token":
            self.token = what

    def forget_dead(self) -> None:
        """Without it a rig that restarts modules for days would fill the table."""
        dead = select.select(self.pidfds, [], [], 0)[0] if self.pidfds else []
        for pidfd in dead:
            os.close(pidfd)
            self.pidfds.remove(pidfd)


def _token_holders(token: str) -> list[int]:
    """pidfds of all processes that carry the token."""
    mark = f"{TOKEN_VARIABLE}={token}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            pidfd = os.pidfd_open(int(name))
        except OSError:
            continue
        try:
            # Read after the pidfd was opened: the environment is that of this very process.
            with open(f"/proc/{name}/environ", "rb") as environ:
                is_ours = mark in environ.read().split(b"\0")
        except OSError:
            is_ours = False
        if is_ours:
            found.append(pidfd)
        else:
            os.close(pidfd)
    return found


def _kill(pidfds: list[int]) -> None:
    for pidfd in pidfds:
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except OSError:
            continue
    for pidfd in pidfds:
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        poller.poll(KILL_WAIT_MS)


def _remove_tree(root: str) -> None:
    """Removes what can be removed. Links are not followed."""
    for folder, dirs, files in os.walk(root, topdown=False):
        for name in files:
            _quietly(os.unlink, os.path.join(folder, name))
        for name in dirs:
            path = os.path.join(folder, name)
            _quietly(os.unlink if os.path.islink(path) else os.rmdir, path)
    _quietly(os.rmdir, root)


def _quietly(remove: Callable[[str], None], path: str) -> None:
    with suppress(OSError):
        remove(path)


def _clean(estate: _Estate) -> None:
    _kill(estate.pidfds)
    while estate.token:
        late = _token_holders(estate.token)
        if not late:
            break
        _kill(late)
    for name in estate.shm_names:
        _quietly(os.unlink, "/dev/shm/" + name.lstrip("/"))
    for path in estate.files:
        _quietly(os.unlink, path)
    for path in estate.dirs:
        _remove_tree(path)


def main() -> int:
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # The rig started us with them blocked: those that came meanwhile are dropped now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)
    estate = _Estate()
    pending = b""
    while chunk := os.read(0, 65536):
        *lines, pending = (pending + chunk).split(b"\n")
        estate.forget_dead()
        for line in lines:
            estate.register(os.fsdecode(line))
    _clean(estate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
