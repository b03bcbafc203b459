"""Makes the names of a rig its own: no two living rigs share shared memory or a directory.

The claim is a socket in the abstract namespace, of which nothing stays however its holders end.
The guardian holds it too, so that a new rig of the same name waits until the old one is cleaned
up. Modules that run outside any rig are found by looking who has the shared memory open.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import time
from pathlib import Path

from bmcha.sim.layout import RigLayout

RETRIES = 20
RETRY_DELAY_S = 0.1
"""Two seconds: a killed rig's guardian has cleaned up by then."""


class RigRefused(Exception):
    """The rig cannot be set up. The text says why; nothing was left behind."""


def claim_names(layout: RigLayout) -> socket.socket:
    """The names are ours as long as the returned socket is open anywhere.

    RigRefused: a living process has one of them. Shared memory that a dead one left is removed.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        _bind(claim, layout)
        for slot in layout.slots:
            _take_shm(layout, slot)
    except BaseException:
        claim.close()
        raise
    return claim


def _bind(claim: socket.socket, layout: RigLayout) -> None:
    # Hashed, because the name may be longer than a socket's.
    digest = hashlib.sha256(layout.shm_name(layout.slots[0]).encode()).hexdigest()
    for retries_left in reversed(range(RETRIES)):
        try:
            claim.bind(f"\0bmcha-sim-{digest}")
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise RigRefused(f"the sim's names cannot be claimed: {error.strerror}") from None
        if retries_left:
            time.sleep(RETRY_DELAY_S)
    names = " and ".join(layout.shm_name(slot) for slot in layout.slots)
    raise RigRefused(
        f"shared memory {names} belongs to another sim that is running; "
        "end it, or use a --dir with another last part"
    )


def _take_shm(layout: RigLayout, slot: int) -> None:
    file = layout.shm_file(slot)
    if not file.exists():
        return
    holders = _holders(file)
    if holders or _is_locked(file):
        who = f"process {holders[0]}" if holders else "a living process"
        raise RigRefused(
            f"shared memory {layout.shm_name(slot)} is in use by {who}; "
            "end it, or use a --dir with another last part"
        )
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise RigRefused(
            f"shared memory {layout.shm_name(slot)} was left by another user and cannot be "
            f"removed: {error.strerror}; use a --dir with another last part"
        ) from None


def _is_locked(file: Path) -> bool:
    """A module holds a lock on its image as long as it lives."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # another user's: it cannot be asked
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _holders(file: Path) -> list[int]:
    """Living processes that have it open or mapped, as far as this user may look."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and (_has_open(process, file) or _has_mapped(process, file)):
            found.append(int(process.name))
    return found


def _has_open(process: Path, file: Path) -> bool:
    try:
        return any(os.readlink(link) == str(file) for link in (process / "fd").iterdir())
    except OSError:
        return False


def _has_mapped(process: Path, file: Path) -> bool:
    try:
        lines = (process / "maps").read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(line.endswith(f" {file}") for line in lines)
