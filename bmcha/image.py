"""Read the chassis image of a module from any Python program, without the service.

    with Reader("/bmcha-mm1") as reader:
        picture = reader.read()
        for sensor in picture.sensors:
            print(sensor.name, sensor.value_milli)

Read only: nothing here can change or delay the writer. Every `Picture` is consistent, as of one
sequence. Stamps are CLOCK_MONOTONIC of this module, in ns. Not thread-safe: one reader a thread.
C programs use the header that `bmcha layout --c-header` prints.
"""

from __future__ import annotations

import mmap
import os
import time
from types import TracebackType
from typing import Any

import posix_ipc

from bmcha._native import ffi, lib
from bmcha.model.moment import ms_from_ns
from bmcha.wire import tables
from bmcha.wire.image_codec import ImageHeader, Picture, unpack_picture

__all__ = ["ImageError", "ImageHeader", "Picture", "Reader", "is_stale"]


class ImageError(Exception):
    """No picture can be had; the text says why and what to look at."""


def is_stale(picture: Picture, now_ns: int | None = None) -> bool:
    """The writer has stopped, does not follow the chassis, or is overdue by its own promise.

    ``now_ns`` is CLOCK_MONOTONIC, by default this moment.
    """
    header = picture.header
    if header.is_stale or not header.is_live:
        return True
    now_ns = time.monotonic_ns() if now_ns is None else now_ns
    age_ms = ms_from_ns(now_ns - header.updated_ns)
    return header.stale_after_ms != 0 and age_ms > header.stale_after_ms


class Reader:
    """``name`` is that of the shared-memory object, with its slash. Opened at the first read.

    A service that starts anew makes a new object under the same name; a stale picture is
    therefore looked for once more under the name before it is returned.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._map: mmap.mmap | None = None
        self._view: Any = None
        self._inode = 0
        self._buffer = ffi.new("uint8_t[]", tables.IMAGE_SIZE)

    def read(self) -> Picture:
        """Raises ImageError: no such object, not ours, another layout, or torn.

        Whether the picture is fresh is another question: ask `is_stale`.
        """
        if self._map is None:
            self._open()
        picture = self._read()
        if is_stale(picture) and self._is_replaced():
            self.close()
            self._open()
            picture = self._read()
        return picture

    def close(self) -> None:
        if self._view is not None:
            ffi.release(self._view)
            self._view = None
        if self._map is not None:
            self._map.close()
            self._map = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> None:
        descriptor = self._descriptor()
        try:
            status = os.fstat(descriptor)
            if status.st_size < tables.IMAGE_SIZE:
                raise ImageError(
                    f"{self._name} has {status.st_size} bytes, an image of this version "
                    f"{tables.IMAGE_SIZE}: it belongs to another program or another version"
                )
            self._map = mmap.mmap(descriptor, tables.IMAGE_SIZE, prot=mmap.PROT_READ)
            self._inode = status.st_ino
        finally:
            os.close(descriptor)
        self._view = ffi.from_buffer(self._map)

    def _descriptor(self) -> int:
        if "\0" in self._name:  # posix_ipc 1.3.2 ends the process on such a name.
            raise ImageError(f"{self._name!r} is no name of a shared memory")
        try:
            return int(posix_ipc.SharedMemory(self._name, read_only=True).fd)
        except posix_ipc.ExistentialError as error:
            raise ImageError(
                f"there is no shared memory {self._name}: does the service run?"
            ) from error
        except (posix_ipc.PermissionsError, OSError, ValueError) as error:
            raise ImageError(f"shared memory {self._name} cannot be opened: {error}") from error

    def _is_replaced(self) -> bool:
        try:
            descriptor = self._descriptor()
        except ImageError:
            return False
        try:
            return os.fstat(descriptor).st_ino != self._inode
        finally:
            os.close(descriptor)

    def _read(self) -> Picture:
        result = lib.bmcha_image_snapshot(
            self._view, tables.IMAGE_SIZE, self._buffer, tables.IMAGE_SIZE
        )
        if result == lib.BMCHA_IMAGE_TORN:
            raise ImageError(f"{self._name}: its writer stopped in the middle of a write")
        if result != 0:
            raise ImageError(f"{self._name} does not have the layout of this version of bmcha")
        return unpack_picture(bytes(ffi.buffer(self._buffer)))
