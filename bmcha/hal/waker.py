"""Ends another thread's wait: an eventfd that is polled beside the device.

Belongs to an adapter for as long as that lives, not only while its device is open: so a wake is
never lost between a close and the next open, and no thread can write to a number that has been
given to another file. Used by the adapters whose port has `wake`.
"""

from __future__ import annotations

import contextlib
import os
import select


class Waker:
    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __del__(self) -> None:
        # Nobody can call `wake` any more. Not in `close` of the adapter: that may be opened again.
        if hasattr(self, "fd"):
            os.close(self.fd)

    def wake(self) -> None:
        """From any thread. Wakes that nobody has taken yet count as one."""
        # A full counter is a wake already.
        with contextlib.suppress(BlockingIOError):
            os.eventfd_write(self.fd, 1)

    def wait(self, fd: int, timeout_s: float) -> bool:
        """True: ``fd`` has something to read. At most ``timeout_s`` later, or once `wake` was
        called; that is taken then."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        poll.register(fd, select.POLLIN)
        ready = {each for each, _ in poll.poll(max(0.0, timeout_s) * 1000)}
        if self.fd in ready:
            self.take()
        return fd in ready

    def take(self) -> None:
        """By the thread that polls: the next poll waits again."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.fd)
