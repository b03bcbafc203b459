"""Starts and joins the threads, and makes sure that the service ends: in order, or at least.

In order: a signal asks the node to stop, the node hands over or lets go and says goodbye, the
threads are told to stop and are joined. At least: if that takes longer than two seconds, or a
thread fails, the lines are lowered and the process ends with exit 1 and a sentence. Whoever fails
ends the whole process: half a service that still beats would be worse than none. Decides nothing
about roles. Called by `bmcha.app` in the main thread, because signals arrive there.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from bmcha.hal.port import LinePort, PortError
from bmcha.model.effect import OwnLine
from bmcha.runtime.node_loop import NodeLoop
from bmcha.runtime.worker import Worker

STOP_S_MAX = 1.9
"""From the signal to the end of the process; operators are promised two seconds."""
JOIN_S_MAX = 0.4
"""For all threads together, within that time; a thread that is stuck is left behind."""
THREAD_STACK_BYTES = 256 * 1024
"""The default of 8 MiB would count as locked memory once memory is locked; json needs some."""

EXIT_DONE = 0
EXIT_FAILED = 1


class Supervisor:
    """``before_lowering`` ends what may only be done while the lines are up; it takes 20 ms at
    most. ``failure``: the sentence of the first thread that failed, "" if none has."""

    def __init__(
        self,
        lines: LinePort,
        before_lowering: Callable[[], None],
        log: Callable[[str], None],
        on_stopping: Callable[[], None],
    ) -> None:
        self._lines = lines
        self._before_lowering = before_lowering
        self._log = log
        self._on_stopping = on_stopping
        self._threads: list[tuple[Worker, threading.Thread]] = []
        self.failure = ""
        self._ended = threading.Event()
        # Written by the C part of Python's signal handling, so that a signal is seen even while
        # the main thread is stuck in a call; and by whoever fails.
        self._alarm_read_fd, self._alarm_write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(self._alarm_read_fd, True)

    def start(self, worker: Worker) -> None:
        """Also before `run`, for a worker that the node needs to begin."""
        threading.stack_size(THREAD_STACK_BYTES)
        thread = threading.Thread(
            target=self._guarded, args=(worker,), name=worker.name, daemon=True
        )
        self._threads.append((worker, thread))
        thread.start()

    def run(self, loop: NodeLoop, workers: Sequence[Worker], on_ready: Callable[[], None]) -> int:
        """Until the service has ended; the exit code."""
        guard = threading.Thread(target=self._end_in_time, name="guard", daemon=True)
        guard.start()
        with self._signals(loop):
            for worker in workers:
                self.start(worker)
            try:
                loop.start()
                # What lives by now lives to the end: no collection need look at it again.
                gc.collect()
                gc.freeze()
                on_ready()
                loop.run(lambda: bool(self.failure))
            except Exception:
                self._fail("node", traceback.format_exc())
            self._raise_alarm()
            self._lower_lines()
            self._join()
            self._ended.set()
        return EXIT_FAILED if self.failure else EXIT_DONE

    @contextlib.contextmanager
    def _signals(self, loop: NodeLoop) -> Iterator[None]:
        def ask_stop(number: int, _: FrameType | None) -> None:
            # Only leaves word: a handler may run while this very thread holds a lock.
            loop.ask_stop(signal.Signals(number).name)

        former_fd = signal.set_wakeup_fd(self._alarm_write_fd, warn_on_full_buffer=False)
        former = {
            number: signal.signal(number, ask_stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(former_fd)

    def _guarded(self, worker: Worker) -> None:
        try:
            worker.run()
        except Exception:
            self._fail(worker.name, traceback.format_exc())

    def _fail(self, name: str, trace: str) -> None:
        """A traceback is for those who mend it; it goes to the log as one line with the reason."""
        last_line = trace.strip().splitlines()[-1]
        self.failure = self.failure or f"thread {name} failed: {last_line}"
        self._log(f"{self.failure} | {' | '.join(trace.splitlines())}")
        self._raise_alarm()

    def _raise_alarm(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._alarm_write_fd, b"!")

    def _lower_lines(self) -> None:
        self._before_lowering()
        for line in (OwnLine.OUTPUT_ENABLE, OwnLine.ACTIVE, OwnLine.HEALTH):
            try:
                self._lines.drive(line.value, False)
            except (PortError, OSError) as error:
                self._log(f"line {line.value} could not be lowered: {error}")

    def _join(self) -> None:
        for worker, _ in self._threads:
            worker.stop()
        end_s = time.monotonic() + JOIN_S_MAX
        for _, thread in self._threads:
            thread.join(max(0.0, end_s - time.monotonic()))
            if thread.is_alive():
                self._log(f"thread {thread.name} does not end; it is left behind")

    def _end_in_time(self) -> None:
        """The guard's thread: whatever hangs, the process ends and holds nothing."""
        os.read(self._alarm_read_fd, 1)
        self._on_stopping()
        if not self._ended.wait(STOP_S_MAX):
            self._log(f"the service did not end within {STOP_S_MAX:g} s; it is ended hard")
            self._lower_lines()
            os._exit(EXIT_FAILED)
