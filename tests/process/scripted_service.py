"""A process with the real supervisor and loop around a core that does what its argument says.

Run by test_supervisor.py; prints what happens to lines and log, one a line.
"""

import os
import sys
import threading
import time
from typing import Any

from bmcha.diag.flight_recorder import FlightRecorder
from bmcha.diag.log import Level
from bmcha.model.effect import DriveLine, Effect, EndService, OwnLine
from bmcha.model.event import Event, StopAsked, WorkerRecovered, WorkerStalled
from bmcha.runtime import pace
from bmcha.runtime import supervisor as supervisor_module
from bmcha.runtime.effect_runner import EffectRunner, Outlets
from bmcha.runtime.mailbox import Mailbox
from bmcha.runtime.node_loop import NodeLoop
from bmcha.runtime.pace import Pace
from bmcha.runtime.published import DraftBoard
from bmcha.runtime.supervisor import Hooks, Supervisor


def say(text: str, level: Level = Level.INFO) -> None:
    # In one piece, because several threads say something; and past the buffer, whose lock a thread
    # that is left behind would hold at the interpreter's end.
    os.write(sys.stdout.fileno(), f"{text}\n".encode())


class Lines:
    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour

    def drive(self, name: str, is_up: bool) -> None:
        if self.behaviour == "line-hangs" and name == "ACTIVE" and not is_up:
            threading.Event().wait()
        say(f"line {name} {'up' if is_up else 'down'}")

    def let_go(self) -> None:
        say("let go")


class Node:
    output_gap_limit_ns = 10**9

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour

    def start(self, now_ns: int) -> list[Effect]:
        return [DriveLine(OwnLine.ACTIVE, True)]

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        if self.behaviour == "node-fails":
            raise RuntimeError("the core is broken")
        if self.behaviour == "node-stuck":
            threading.Event().wait()
        if isinstance(event, WorkerStalled):
            say(f"{event.name} is stuck")
        if isinstance(event, WorkerRecovered):
            say(f"{event.name} goes on")
        if not isinstance(event, StopAsked):
            return []
        say(f"stop asked by {event.asked_by}")
        if self.behaviour == "node-hangs":
            threading.Event().wait()
        return [] if self.behaviour == "node-never-ends" else [EndService()]

    def next_deadline_ns(self) -> int | None:
        return None

    def may_rest_ns(self, now_ns: int) -> int:
        return 0


class Worker:
    name = "worker"

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour
        self.stopped = threading.Event()
        self.pace = Pace(time.monotonic_ns)

    def run(self) -> None:
        if self.behaviour == "thread-fails":
            raise RuntimeError("the thread is broken")
        if self.behaviour == "thread-exits":
            sys.exit(0)
        if self.behaviour == "thread-returns":
            return
        if self.behaviour == "thread-hangs":
            threading.Event().wait()
        if self.behaviour == "thread-stalls":
            self.pace.begin()
            sys.stdin.readline()
            self.pace.rest()
        if self.behaviour == "helper-thread-fails":
            threading.Thread(target=self.fail, name="helper").start()
        self.stopped.wait()

    def fail(self) -> None:
        raise RuntimeError("the helper is broken")

    def stop(self) -> None:
        self.stopped.set()


def hurry() -> None:
    """What takes seconds in the field."""
    pace.STALL_NS = 50_000_000
    supervisor_module.CHECK_S = 0.05


def no_beats(_since_ns: int, _now_ns: int) -> bool:
    return False


def main(behaviour: str) -> int:
    if behaviour in ("node-stuck", "thread-stalls"):
        hurry()
    mailbox = Mailbox()
    clock = time.monotonic_ns
    lines: Any = Lines(behaviour)
    unused: Any = None
    outlets = Outlets(DraftBoard(), {}, unused, lines, unused, unused, unused, unused)
    runner = EffectRunner(outlets, lambda: 10**9, mailbox.post, clock, no_beats)
    recorder = FlightRecorder(lambda: b"")
    loop = NodeLoop(
        *(Node(behaviour), mailbox, runner, 25, clock),
        *(lambda event, now_ns: None, recorder, no_beats),
    )
    hooks = Hooks(
        on_stopping=lambda: say("stopping"),
        on_failure=lambda sentence: say(f"told: {sentence}"),
        on_hard_end=lambda: say("hard end"),
        # From the handler, perhaps in the middle of another one's word: stdout's buffer is not for
        # that, and would raise.
        on_hangup=lambda: os.write(sys.stdout.fileno(), b"hung up\n"),
    )
    supervisor = Supervisor(lines, say, mailbox.post, hooks)
    return supervisor.run(loop, [Worker(behaviour)], lambda: say("ready"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
