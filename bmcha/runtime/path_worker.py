"""The thread of one path: opens the link, and turns the beat engine on it.

Only this thread opens, closes, reads and writes the link. A port that fails is closed, named as the
path's fault in the next summary, and opened again with growing pauses; the engine turns on
meanwhile, so that silence is reported and counted all the same. No decision is made here, and no
byte looked at: that is `native/bmcha_engine.c` (docs/adr/0003 and 0023).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from bmcha.hal.port import Link, PortError
from bmcha.model.event import LinkSigns
from bmcha.model.moment import NS_PER_MS
from bmcha.runtime.engine import FOR_EVER_NS, Engine
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Clock

BACKOFF_MIN_NS = 100 * NS_PER_MS
BACKOFF_MAX_NS = 2000 * NS_PER_MS
SUMMARY_NS = 500 * NS_PER_MS
"""The engine proves so often that it turns."""
FLUSH_NS = 5 * NS_PER_MS
GOODBYE_NS_MAX = 200 * NS_PER_MS
"""How long a stopping path tries to send what is left."""


class PathWorker:
    """``fault`` says why the port cannot be used, "" when it can."""

    stack_bytes = 128 * 1024
    """It is in C nearly all the time, which takes less than 20 KiB; opening a link takes more."""

    def __init__(
        self, engine: Engine, link: Link, clock: Clock, log: Callable[[str], None]
    ) -> None:
        self.engine = engine
        self.name = f"path {engine.settings.path}"
        self.fault = ""
        self._link = link
        self._clock = clock
        self._log = log
        # Signs are asked for by the thread that reads the reports.
        self._link_lock = Lock()
        self._is_open = False
        self._is_stopped = False
        self._openings = 0
        """The number of the present opening; 0: it is not open."""
        self._signs = LinkSigns()
        self._backoff_ns = BACKOFF_MIN_NS
        self._reopen_ns = 0
        self.pace = Pace(clock)

    def wake(self) -> None:
        """From the node's thread: there is something to send."""
        self.engine.wake()

    def stop(self) -> None:
        self._is_stopped = True
        self.engine.stop()

    def run(self) -> None:
        try:
            while not self._is_stopped:
                self._turn()
            self._send_what_is_left()
        finally:
            if self._is_open:
                self._close()

    # ---- for the thread that reads the reports

    def signs(self) -> LinkSigns:
        """The last ones while the link is being opened or closed: that may take its time, and
        every path's reports wait here."""
        if self._link_lock.acquire(blocking=False):
            try:
                self._signs = self._link.signs()
            finally:
                self._link_lock.release()
        return self._signs

    def summarised(self, openings: int, is_working: bool) -> None:
        """``is_working``: bytes have passed since that opening. Opening alone says nothing: there
        are ports that open and fail at the first byte."""
        self.pace.begin(SUMMARY_NS)
        if is_working and openings == self._openings and self.fault:
            self._log(f"{self.name}: the port is back")
            self.fault = ""

    # ---- the thread of this path

    def _turn(self) -> None:
        if not self._is_open and self._clock() >= self._reopen_ns:
            self._open()
        self.pace.begin(SUMMARY_NS)
        failed = self.engine.run(FOR_EVER_NS if self._is_open else self._reopen_ns)
        if failed:
            self._lose(self._link.failure(self.engine.has_failed_writing, failed))

    def _open(self) -> None:
        try:
            with self._link_lock:
                self._link.open()
        except PortError as error:
            self._note_fault(str(error))
            return
        self._is_open = True
        self._openings = self.engine.port_opened()

    def _close(self) -> None:
        with self._link_lock:
            self._link.close()
        self._is_open = False

    def _lose(self, error: PortError) -> None:
        if self.engine.has_heard_sound:
            # Only a port that brought something whole has proved to work.
            self._backoff_ns = BACKOFF_MIN_NS
        self._close()
        self._note_fault(str(error))

    def _note_fault(self, why: str) -> None:
        self._openings = 0
        if why != self.fault:
            self._log(f"{self.name}: {why}")
        self.fault = why
        self._reopen_ns = self._clock() + self._backoff_ns
        self._backoff_ns = min(BACKOFF_MAX_NS, self._backoff_ns * 2)

    def _send_what_is_left(self) -> None:
        """A goodbye that waits for its line still goes out, if it can in a short time."""
        end_ns = self._clock() + GOODBYE_NS_MAX
        while self._is_open and self._clock() < end_ns and not self.engine.has_said_goodbye:
            self.engine.feed(is_answer=True)
            if not self.engine.has_messages or self.engine.run(self._clock() + FLUSH_NS):
                return
