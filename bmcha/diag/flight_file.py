"""Writes a flight recorder's copy to a file: bounded, whole or not at all, one former one kept.

Knows names and sizes; what stands in the lines is `flight_recorder`'s. Used at a crash, when a node
enters FAULT, and for `bmcha report`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Final

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Some three times of what a full recorder makes; a flash of a module has room for a few."""


def flight_file(state_dir: str, cause: str) -> str:
    """``cause``: crash, fault or report. The former one of each is beside it, with ``.1``."""
    return os.path.join(state_dir, f"flight-{cause}.jsonl")


def write_flight_file(file: str, lines: Iterable[str]) -> None:
    """Raises OSError; then the file is as it was before."""
    draft = f"{file}.new"
    # Not through a link that somebody put there: the service may be root.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open(os.open(draft, flags, 0o600), "w", encoding="utf-8") as written:
            size = 0
            for line in lines:
                size += len(line) + 1
                if size > FILE_BYTES_MAX:
                    break
                written.write(f"{line}\n")
        with contextlib.suppress(FileNotFoundError):
            os.replace(file, f"{file}.1")
        os.replace(draft, file)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
