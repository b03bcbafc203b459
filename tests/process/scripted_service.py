"""A process with the real supervisor and loop around a core that does what its argument says.

Run by test_supervisor.py; prints what happens to lines and log, one a line.
"""

import sys
import threading
import time
from typing import Any

from bmcha.model.effect import DriveLine, Effect, EndService, OwnLine
from bmcha.model.event import Event, StopAsked
from bmcha.runtime.effect_runner import EffectRunner, Outlets
from bmcha.runtime.mailbox import Mailbox
from bmcha.runtime.node_loop import NodeLoop
from bmcha.runtime.published import DraftBoard
from bmcha.runtime.supervisor import Supervisor


def say(text: str) -> None:
    # In one piece, because several threads say something.
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Lines:
    def drive(self, name: str, is_up: bool) -> None:
        say(f"line {name} {'up' if is_up else 'down'}")


class Node:
    output_gap_limit_ns = 10**9

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour

    def start(self, now_ns: int) -> list[Effect]:
        return [DriveLine(OwnLine.ACTIVE, True)]

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        if self.behaviour == "node-fails":
            raise RuntimeError("the core is broken")
        if not isinstance(event, StopAsked):
            return []
        say(f"stop asked by {event.asked_by}")
        if self.behaviour == "node-hangs":
            threading.Event().wait()
        return [] if self.behaviour == "node-never-ends" else [EndService()]

    def next_deadline_ns(self) -> int | None:
        return None


class Worker:
    name = "worker"

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour
        self.stopped = threading.Event()

    def run(self) -> None:
        if self.behaviour == "thread-fails":
            raise RuntimeError("the thread is broken")
        if self.behaviour == "thread-hangs":
            threading.Event().wait()
        self.stopped.wait()

    def stop(self) -> None:
        self.stopped.set()


def main(behaviour: str) -> int:
    mailbox = Mailbox()
    clock = time.monotonic_ns
    lines: Any = Lines()
    unused: Any = None
    outlets = Outlets(DraftBoard(), {}, unused, lines, unused, unused, unused, unused)
    runner = EffectRunner(outlets, lambda: 10**9, mailbox.post, clock)
    loop = NodeLoop(Node(behaviour), mailbox, runner, 25, clock, lambda event, now_ns: None)
    supervisor = Supervisor(lines, lambda: None, say, lambda: say("stopping"))
    return supervisor.run(loop, [Worker(behaviour)], lambda: say("ready"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
