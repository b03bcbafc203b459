"""What is left of a life when it ends badly: the flight recorder's file and the life file.

Brings the recorder together with the node, the state directory and the log; decides nothing.
`failed` is called by the supervisor once the lines are lowered; a dump at FAULT and for a report is
a job for the clerk.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import Any, Final

from bmcha.config import Config
from bmcha.diag.flight_file import flight_file, write_flight_file
from bmcha.diag.flight_recorder import FlightRecorder, lines_of
from bmcha.diag.life_file import LifeFile
from bmcha.diag.log import Level
from bmcha.diag.value_text import encode
from bmcha.model.effect import EnterRole
from bmcha.model.moment import NS_PER_MS
from bmcha.model.restart import Restart
from bmcha.model.role import Role
from bmcha.model.settings import NodeSettings
from bmcha.node import Node
from bmcha.runtime.worker import Clock, Say

PICKLE_PROTOCOL: Final = 5


class BlackBox:
    """``recorder`` is told every step; it needs `watch` first."""

    def __init__(
        self, config: Config, own_slot: int | None, boot_id: int, clock: Clock, log: Say
    ) -> None:
        self._state_dir = config.service.state_dir
        self._facts: dict[str, Any] = {
            "version": config.node.version,
            "slot": own_slot,
            "boot_id": boot_id,
            "config_file": config.service.config_file,
            "board": config.service.board_name,
        }
        self._settings = config.node
        self._clock = clock
        self._log = log
        self._life = LifeFile(self._state_dir, clock)
        self._node: Node | None = None
        self._has_told_unsaved = False
        self.recorder = FlightRecorder(self._saved)

    def begin_life(self) -> Restart:
        restart = self._life.begin()
        if self._life.fault:
            text = f"crashes in a row cannot be counted now: {self._life.fault}"
            self._log(text, Level.WARNING)
        if restart.crashes_count:
            text = (
                f"crashed {restart.crashes_count} times in a row, claims nothing for "
                f"{restart.hold_off_ms / 1000:g} s; the last: {restart.why}"
            )
            self._log(text, Level.WARNING)
        return restart

    def watch(self, node: Node, stored_epoch: int) -> None:
        self._node = node
        self._facts["stored_epoch"] = stored_epoch

    def dump(self, cause: str, why: str) -> str:
        """``cause``: crash, fault or report. The file's name, "" if it could not be written."""
        file = flight_file(self._state_dir, cause)
        header = {
            **self._facts,
            "why": why,
            "t": self._clock(),
            "wall_ms": time.time_ns() // NS_PER_MS,
            "settings": encode(self._settings, NodeSettings),
        }
        try:
            write_flight_file(file, lines_of(self.recorder.copy(), header))
        except (OSError, TimeoutError) as error:
            text = f"the flight recorder could not be written: {error}"
            self._log(text, Level.WARNING)
            return ""
        self._log(f"the flight recorder is written to {file}: {why}", Level.NOTICE)
        return file

    def failed(self, sentence: str) -> None:
        self._life.failed(sentence)
        self.dump("crash", sentence)

    def ended(self) -> None:
        self._life.ended()

    def on_role(self, ask: Callable[[Callable[[], object]], bool], entered: EnterRole) -> None:
        """``ask`` gives a job to the clerk: the node does not wait for a disk."""
        if entered.role is Role.FAULT:
            ask(lambda: self.dump("fault", entered.reason.sentence))

    def _saved(self) -> bytes:
        """The whole node. That it can be saved is tested; should it not be, nothing else breaks."""
        try:
            return pickle.dumps(self._node, PICKLE_PROTOCOL)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            if not self._has_told_unsaved:
                self._has_told_unsaved = True
                self._log(f"the flight recorder has no checkpoint: {error}", Level.WARNING)
            return b""
