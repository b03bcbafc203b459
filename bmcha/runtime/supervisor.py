"""Starts and joins the threads, and makes sure that the service ends: in order, or at least.

In order: a signal asks the node to stop, the node hands over or lets go and says goodbye, the
threads are told to stop and are joined. At least: if that takes longer than two seconds, or a
thread fails, the lines are lowered and the process ends with exit 1 and a sentence. Whoever fails
ends the whole process: half a service that still beats would be worse than none. A thread that is
stuck is told to the node as an alarm; a node that is stuck ends the service. Decides nothing about
roles. Called by `bmcha.app` in the main thread, because signals arrive there.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from bmcha.diag.log import Level
from bmcha.hal.port import LinePort, PortError
from bmcha.model.effect import OwnLine
from bmcha.model.event import WorkerRecovered, WorkerStalled
from bmcha.model.moment import ms_from_ns
from bmcha.model.record import dataclass
from bmcha.runtime.node_loop import NodeLoop
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Post, Say, Worker

STOP_S_MAX = 1.9
"""From the signal to lowered lines and, if nothing failed, the end; operators are promised two
seconds."""
WRECK_S_MAX = 6.0
"""After a failure, with lowered lines: for the crash file and the flight recorder's."""
JOIN_S_MAX = 0.4
"""For all threads together, within that time; a thread that is stuck is left behind."""
THREAD_STACK_BYTES = 256 * 1024
"""The default of 8 MiB would count as locked memory once memory is locked; json needs some. A
worker that needs less says so (``stack_bytes``)."""
CHECK_S = 1.0
STALLED_CHECKS = 2
"""In a row: a process that was stopped finds all its threads late once, and they go on."""
NODE_CHECKS_MAX = 7
"""With `STALL_NS` ten seconds: a node that is stuck for so long does not come back; a restart
does."""
STUCK_CALLS = 4
"""The innermost ones, in the sentence; the log has had all of them by then."""
STUCK_TELL_S_MAX = 4.0
"""Then nobody waits for an end within two seconds, and where the node hung is worth writing down.
The unit's WatchdogSec= must not come first: it would leave the lines as they are."""
LOWER_S_MAX = 0.1
"""For each line at a hard end: it may be its chip that hangs."""
LOWERED = (OwnLine.OUTPUT_ENABLE, OwnLine.ACTIVE, OwnLine.HEALTH)

EXIT_DONE = 0
EXIT_FAILED = 1


def _nothing() -> None:
    """Nobody needs to be told."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the service around has to do at certain moments.

    ``before_lowering`` ends what may only be done while the lines are up; it takes 20 ms at
    most. ``on_stopping``: an end has begun. ``on_failure``: with the sentence, after the lines were
    lowered. ``on_hard_end``: last before the process ends without another word. ``on_hangup``:
    SIGHUP, from the handler: no lock may be taken.
    """

    before_lowering: Callable[[], None] = _nothing
    on_stopping: Callable[[], None] = _nothing
    on_failure: Callable[[str], None] = lambda sentence: None
    on_hard_end: Callable[[], None] = _nothing
    on_hangup: Callable[[], object] = _nothing


class Supervisor:
    """``failure``: the sentence of the first thread that failed, "" if none has."""

    def __init__(self, lines: LinePort, log: Say, post: Post, hooks: Hooks) -> None:
        self._lines = lines
        self._log = log
        self._post = post
        self._hooks = hooks
        self._threads: list[tuple[Worker, threading.Thread]] = []
        self.failure = ""
        self._is_ending = False
        self._has_told_failure = threading.Lock()
        self._are_lowered = threading.Event()
        self._ended = threading.Event()
        self._late_checks: dict[str, int] = {}
        # Written by the C part of Python's signal handling, so that a signal is seen even while
        # the main thread is stuck in a call; and by whoever fails.
        self._alarm_read_fd, self._alarm_write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def start(self, worker: Worker) -> None:
        """Also before `run`, for a worker that the node needs to begin."""
        threading.stack_size(getattr(worker, "stack_bytes", THREAD_STACK_BYTES))
        thread = threading.Thread(
            target=self._guarded, args=(worker,), name=worker.name, daemon=True
        )
        self._threads.append((worker, thread))
        thread.start()

    def run(self, loop: NodeLoop, workers: Sequence[Worker], on_ready: Callable[[], None]) -> int:
        """Until the service has ended; the exit code."""
        threading.excepthook = self._thread_died
        guard = threading.Thread(target=self._guard, args=(loop,), name="guard", daemon=True)
        guard.start()
        # What lives by now lives to the end: no collection need look at it again. Before the node
        # begins to decide: on a small board this takes most of a second.
        gc.collect()
        gc.freeze()
        with self._signals(loop):
            for worker in workers:
                self.start(worker)
            try:
                loop.start()
                on_ready()
                loop.run(lambda: bool(self.failure))
            except Exception:
                self._fail("node", traceback.format_exc())
            self._is_ending = True
            self._raise_alarm()
            self._lower_lines()
            if self.failure:
                self._tell_failure()
            self._join()
            self._ended.set()
        return EXIT_FAILED if self.failure else EXIT_DONE

    @contextlib.contextmanager
    def _signals(self, loop: NodeLoop) -> Iterator[None]:
        def ask_stop(number: int, _: FrameType | None) -> None:
            # Only leaves word: a handler may run while this very thread holds a lock.
            loop.ask_stop(signal.Signals(number).name)

        def hang_up(_number: int, _: FrameType | None) -> None:
            self._hooks.on_hangup()

        former_fd = signal.set_wakeup_fd(self._alarm_write_fd, warn_on_full_buffer=False)
        handlers = {signal.SIGTERM: ask_stop, signal.SIGINT: ask_stop, signal.SIGHUP: hang_up}
        former = {number: signal.signal(number, each) for number, each in handlers.items()}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(former_fd)

    # ---- threads that fail

    def _guarded(self, worker: Worker) -> None:
        try:
            worker.run()
        except BaseException:
            self._fail(worker.name, traceback.format_exc())
        else:
            if not self._is_ending:
                self._fail(worker.name, "it ended although nobody had asked it to")

    def _thread_died(self, died: threading.ExceptHookArgs) -> None:
        """Threads that others have started: the log's, the guard."""
        trace = traceback.format_exception(died.exc_type, died.exc_value, died.exc_traceback)
        self._fail(died.thread.name if died.thread else "?", "".join(trace))

    def _fail(self, name: str, trace: str) -> None:
        """A traceback is for those who mend it; it goes to the log as one line with the reason."""
        last_line = trace.strip().splitlines()[-1]
        self.failure = self.failure or f"thread {name} failed: {last_line}"
        text = f"thread {name} failed: {last_line}"
        if trace != last_line:
            text += f" | {' | '.join(trace.splitlines())}"
        self._log(text, Level.ERROR)
        self._raise_alarm()

    def _tell_failure(self) -> None:
        """Once, by the main thread or, where that is stuck, by the guard."""
        if self._has_told_failure.acquire(blocking=False):
            self._hooks.on_failure(self.failure)

    def _raise_alarm(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._alarm_write_fd, b"!")

    # ---- the end

    def _lower_lines(self) -> None:
        self._lines.let_go()
        self._hooks.before_lowering()
        for line in LOWERED:
            self._lower(line)
        self._are_lowered.set()

    def _lower(self, line: OwnLine) -> None:
        try:
            self._lines.drive(line.value, False)
        except (PortError, OSError) as error:
            self._log(f"line {line.value} could not be lowered: {error}", Level.ERROR)

    def _join(self) -> None:
        for worker, _ in self._threads:
            worker.stop()
        end_s = time.monotonic() + JOIN_S_MAX
        for _, thread in self._threads:
            thread.join(max(0.0, end_s - time.monotonic()))
            if thread.is_alive():
                text = f"thread {thread.name} does not end; it is left behind"
                self._log(text, Level.WARNING)

    # ---- the guard's thread: whatever hangs, the process ends and holds nothing

    def _guard(self, loop: NodeLoop) -> None:
        while not self._is_alarm_raised(CHECK_S):
            self._check_workers()
            if self._checks_late("node", loop.pace) >= NODE_CHECKS_MAX:
                self._fail("node", f"it is stuck in {_stack_of_main(STUCK_CALLS)}")
                self._end_hard(STUCK_TELL_S_MAX)
            elif self._late_checks["node"] == STALLED_CHECKS:
                self._log(f"the node does not turn; it is in {_stack_of_main()}", Level.ERROR)
        end_s = time.monotonic() + STOP_S_MAX
        self._hooks.on_stopping()
        self._are_lowered.wait(STOP_S_MAX)
        if self.failure and self._are_lowered.is_set():
            end_s += WRECK_S_MAX
        if not self._ended.wait(end_s - time.monotonic()):
            text = f"the service did not end within {STOP_S_MAX:g} s; it is ended hard"
            self._log(text, Level.ERROR)
            self.failure = self.failure or text
            self._end_hard(JOIN_S_MAX)

    def _is_alarm_raised(self, wait_s: float) -> bool:
        """SIGHUP writes there too, and ends nothing."""
        if not select.select([self._alarm_read_fd], [], [], wait_s)[0]:
            return False
        return any(number != signal.SIGHUP for number in os.read(self._alarm_read_fd, 64))

    def _end_hard(self, tell_s: float) -> None:
        """Each in a thread of its own: a chip or a disk may hang, and be why it came to this. A
        node that was stuck may go on meanwhile: it raises nothing any more."""
        self._lines.let_go()
        try:
            _do_within(LOWER_S_MAX, self._hooks.before_lowering)
            for line in LOWERED:
                if not _do_within(LOWER_S_MAX, self._lower, line):
                    text = f"line {line.value} could not be lowered: its driver does not return"
                    self._log(text, Level.ERROR)
            _do_within(tell_s, self._tell_failure)
            self._hooks.on_hard_end()
        finally:
            os._exit(EXIT_FAILED)

    def _check_workers(self) -> None:
        for worker, _ in self._threads:
            pace = getattr(worker, "pace", None)
            if not isinstance(pace, Pace):
                continue
            before = self._late_checks.get(worker.name, 0)
            now = self._checks_late(worker.name, pace)
            if now == STALLED_CHECKS:
                self._post(WorkerStalled(worker.name, ms_from_ns(pace.overdue_ns())))
            elif not now and before >= STALLED_CHECKS:
                self._post(WorkerRecovered(worker.name))

    def _checks_late(self, name: str, pace: Pace) -> int:
        """In how many checks in a row it was found to be late."""
        count = self._late_checks.get(name, 0) + 1 if pace.overdue_ns() else 0
        self._late_checks[name] = count
        return count


def _do_within(time_s: float, work: Callable[..., None], *values: OwnLine) -> bool:
    """False: it is not over; it is left behind."""
    thread = threading.Thread(target=work, args=values, name="last work", daemon=True)
    thread.start()
    thread.join(time_s)
    return not thread.is_alive()


def _stack_of_main(calls_max: int | None = None) -> str:
    """The innermost call first: it is what says where it hangs, and what is left of a long one."""
    ident = threading.main_thread().ident
    frame = sys._current_frames().get(ident) if ident is not None else None
    calls = traceback.extract_stack(frame)[::-1] if frame is not None else []
    return ", called by ".join(
        f"{call.name} ({os.path.basename(call.filename)}:{call.lineno})"
        for call in calls[:calls_max]
    )
