"""Why nobody answers on a control socket, or why it is taken, in one sentence that says what to do.

Looks at the socket's file and at the process behind it; asks nobody. Called by
`bmcha.control_client` when a connection or an answer did not come about, and by
`bmcha.runtime.control_socket` when a service finds its socket taken.
"""

from __future__ import annotations

import os
import stat

HOW_TO_START = (
    "start one (`systemctl start bmcha`, or `bmcha run --config FILE`), "
    "or name another socket with --socket or BMCHA_SOCKET"
)
LINGERS = (
    "but a thread of it still waits in the kernel for a device and keeps open what it had; "
    "when the device answers it is gone, else only a reset of this module ends it"
)
"""Of a dead process everything is closed, unless a thread of it cannot die."""


def no_service(path: str, error: OSError) -> str:
    """``error`` is what connecting ended with."""
    if not path:
        return f"The socket's name is empty: {HOW_TO_START}."
    if isinstance(error, BlockingIOError):
        return (
            f"The module on {path} does not answer: so many callers wait there already that it "
            f"takes no more; its process is stopped or hangs. {_where_to_look()}"
        )
    if isinstance(error, PermissionError):
        return f"No right to use {path}{_rights(path)}: ask as root, or as a member of its group."
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"No bmcha answers on {path} (there is no such socket): {HOW_TO_START}."
    if isinstance(error, ConnectionRefusedError):
        is_socket = stat.S_ISSOCK(_mode(path))
        what = "nobody listens any more: the service has ended" if is_socket else "it is no socket"
        return f"No bmcha answers on {path} ({what}): {HOW_TO_START}."
    return f"No bmcha answers on {path} ({error.strerror or error}): {HOW_TO_START}."


def silent_service(path: str, pid: int, waited_s: float) -> str:
    """``pid`` is the process that listens on ``path``, or 0 where that is not known."""
    head = f"The module on {path} does not answer (waited {waited_s:g} s)"
    state = _state_of(pid)
    match state:
        case "":
            return f"{head}. {_where_to_look()}"
        case "T":
            return (
                f"{head}: its process {pid} is stopped; `kill -CONT {pid}` lets it go on, "
                f"`kill -KILL {pid}` ends it for good. The other module acts on its own."
            )
        case "t":
            return f"{head}: a debugger holds its process {pid}."
        case "Z" | "X":
            return f"{head}: its process {pid} is dead, {LINGERS}."
        case "D":
            return f"{head}: its process {pid} waits in the kernel for a device. {_where_to_look()}"
        case _:
            return f"{head}: its process {pid} lives, but hangs. {_where_to_look()}"


def taken_socket(path: str, pid: int) -> str:
    """``pid`` listens on ``path``, 0 where that is not known."""
    if _state_of(pid) in ("Z", "X"):
        return f"process {pid}, which had {path}, is dead, {LINGERS}"
    advice = "stop it first, or give this one another control_socket"
    if pid:
        return f"another bmcha listens on {path}, process {pid}; {advice}"
    return (
        f"another bmcha listens on {path} and takes in no callers any more, as one that is stopped "
        f"or hangs in the kernel; {advice}"
    )


def _where_to_look() -> str:
    return "Look at its log: `journalctl -u bmcha`, or the log_file of its configuration."


def _state_of(pid: int) -> str:
    """The kernel's letter for what a process does, see proc(5); "" where it is not to be seen."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name before it may hold spaces and brackets.
            return file.read().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0


def _rights(path: str) -> str:
    """Whose it is; "" where even that may not be known."""
    import grp
    import pwd

    try:
        status = os.stat(path)
        owner = pwd.getpwuid(status.st_uid).pw_name
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return ""
    return f" ({stat.filemode(status.st_mode)}, owner {owner}, group {group})"
