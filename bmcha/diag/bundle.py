"""A support bundle: named texts and pieces of files in one archive that a stranger can read.

Knows files and archives, nothing of bmcha. Rules: what is taken in are regular files only, never
through a link, each to a bound (of a longer one its end); what could not be had is remembered with
the reason; the archive is private (0600), complete or not there, and its contents depend on
nothing but what was put in. Called by `bmcha.cli.report`.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import stat
import tarfile
from collections.abc import Callable
from typing import Final

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
PACKED_S_MAX: Final = 2**32 - 1
"""What gzip has room for; a module whose clock has lost its battery may say anything."""
BUNDLE_BYTES_MAX: Final = 32 * 1024 * 1024
"""Before packing, which makes it some ten times smaller."""


class Bundle:
    """``missing``: what could not be had → why."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._parts: dict[str, bytes] = {}
        self._size = 0
        self.missing: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        return sorted(self._parts)

    def add_text(self, name: str, text: str) -> None:
        self._add(name, text.encode(errors="backslashreplace"))

    def add_file(self, name: str, file: str, change: Callable[[str], str] | None = None) -> bool:
        """``change`` is given the text before it is taken in."""
        try:
            data = read_bounded(file, FILE_BYTES_MAX)
        except OSError as error:
            self.missing[name] = f"{file}: {error.strerror or error}"
            return False
        if change is not None:
            data = change(data.decode(errors="replace")).encode(errors="backslashreplace")
        self._add(name, data)
        return True

    def write(self, file: str, packed_s: int) -> None:
        """``packed_s``: Unix time, as all files' date. Raises OSError; then there is no archive."""
        # Replacing takes away what stands there: as root that could be /dev/null.
        if os.path.lexists(file) and not (os.path.isfile(file) or os.path.islink(file)):
            raise OSError("it is there and no regular file; name another one")
        packed_s = min(max(0, packed_s), PACKED_S_MAX)
        draft = f"{file}.new"
        # A link that stands at `file` is replaced, not followed.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        try:
            with (
                open(os.open(draft, flags, 0o600), "wb") as opened,
                gzip.GzipFile("", "wb", 6, opened, packed_s) as packed,
                tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
            ):
                for name in self.names:
                    archive.addfile(*self._member(name, packed_s))
            os.replace(draft, file)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise

    def _add(self, name: str, data: bytes) -> None:
        if self._size + len(data) > BUNDLE_BYTES_MAX:
            self.missing[name] = f"it would make the bundle larger than {BUNDLE_BYTES_MAX} bytes"
            return
        self._size += len(data)
        self._parts[name] = data

    def _member(self, name: str, packed_s: int) -> tuple[tarfile.TarInfo, io.BytesIO]:
        member = tarfile.TarInfo(f"{self._top}/{name}")
        member.size = len(self._parts[name])
        member.mtime = packed_s
        member.mode = 0o600
        return member, io.BytesIO(self._parts[name])


def read_bounded(file: str, bytes_max: int) -> bytes:
    """The file's end, if it is longer, from the first whole line on. Raises OSError, also for what
    is no regular file, and for a link."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    with open(fd, "rb") as opened:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("not a regular file")
        if found.st_size <= bytes_max:
            return opened.read(bytes_max)
        opened.seek(found.st_size - bytes_max)
        data = opened.read(bytes_max)
    return b"(its beginning was cut off)\n" + data[data.find(b"\n") + 1 :]
