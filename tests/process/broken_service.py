"""A real service with one part that breaks in a way that nobody foresaw, once a file is there.

Run by test_service_life.py as `python -m tests.process.broken_service PART CONFIG`, where PART is
what breaks; the file is BREAK in the current folder. Everything else is the service as it ships.
"""

import os
import sys
from time import monotonic_ns as clock

from bmcha import app
from bmcha.cli.exit_codes import EXIT_FAILED
from bmcha.hal.port import PortError
from bmcha.hal.sqlite_store import SqliteStore
from bmcha.model.effect import Effect
from bmcha.model.event import Event, Tick
from bmcha.model.invariant import check
from bmcha.model.reading import EventCell
from bmcha.node import Node
from bmcha.runtime.engine import FOR_EVER_NS, Engine

BREAK = "BREAK"
LOOK_NS = 20_000_000


class BrokenEngine(Engine):
    def run(self, until_ns: int = FOR_EVER_NS) -> int:
        while self.settings.path != "udp" or not os.path.exists(BREAK):
            if failed := super().run(min(until_ns, clock() + LOOK_NS)):
                return failed
        raise ZeroDivisionError("a driver that nobody has seen before")


WHOLE_STEP = Node.step


def broken_step(node: Node, event: Event, now_ns: int) -> list[Effect]:
    check(not (isinstance(event, Tick) and os.path.exists(BREAK)), "two and two are four")
    return WHOLE_STEP(node, event, now_ns)


class BrokenStore(SqliteStore):
    def save_event(self, record: EventCell) -> None:
        if os.path.exists(BREAK):
            raise MemoryError("no room for a record")
        super().save_event(record)


def main(part: str, config: str) -> int:
    if part == "node":
        # Not a class of its own: the recorder saves the node as what it is.
        type.__setattr__(Node, "step", broken_step)
    elif part == "path":
        vars(app)["Engine"] = BrokenEngine
    elif part == "store":
        vars(app)["SqliteStore"] = BrokenStore
    try:
        return app.run_service(config)
    except (app.CannotRun, PortError) as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
