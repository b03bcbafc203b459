"""QEMU's monitor: commands and answers, one at a time or several in one go.

QMP, as QEMU's documentation has it: one JSON object a line; answers come in the order of the
commands, events in between. Events are not kept: what the rig has to know it sees elsewhere.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONNECT_S = 20.0
ANSWER_S = 20.0
GPIO = "/machine/soc/gpio"
PARTS = "/machine/peripheral/"
IN_FLIGHT_MAX = 6
"""QEMU takes eight commands before it stops reading."""


class MonitorError(RuntimeError):
    """QEMU is gone, or refuses a command."""


class Monitor:
    """Any thread may ask; they take turns."""

    def __init__(self, path: Path) -> None:
        self._socket = _connect(path)
        self._file = self._socket.makefile("rb")
        self._turn = threading.Lock()
        self._read()  # the greeting
        self.ask("qmp_capabilities")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, command: str, **arguments: object) -> Any:
        return self._ask_all([{"execute": command, "arguments": arguments}])[0]

    def levels(self, pins: Sequence[str]) -> list[bool]:
        return [bool(level) for level in self._ask_all([_get(GPIO, pin) for pin in pins])]

    def drive(self, levels: dict[str, bool]) -> None:
        self._ask_all([_set(GPIO, pin, level) for pin, level in levels.items()])

    def set_part(self, part: str, name: str, value: int) -> None:
        """A property of a device on a bus, as `temperature` of a sensor."""
        self._ask_all([_set(PARTS + part, name, value)])

    def _ask_all(self, commands: Sequence[dict[str, Any]]) -> list[Any]:
        answers: list[Any] = []
        with self._turn:
            for begin in range(0, len(commands), IN_FLIGHT_MAX):
                few = commands[begin : begin + IN_FLIGHT_MAX]
                try:
                    self._socket.sendall(
                        b"".join(json.dumps(each).encode() + b"\n" for each in few)
                    )
                except OSError as error:
                    raise MonitorError(f"QEMU is gone: {error}") from error
                answers += [self._answer() for _ in few]
        return answers

    def _answer(self) -> Any:
        while True:
            message = self._read()
            if "error" in message:
                raise MonitorError(message["error"]["desc"])
            if "return" in message:
                return message["return"]

    def _read(self) -> dict[str, Any]:
        try:
            line = self._file.readline()
        except (OSError, ValueError) as error:
            raise MonitorError(f"QEMU does not answer: {error}") from error
        if not line:
            raise MonitorError("QEMU is gone")
        found: dict[str, Any] = json.loads(line)
        return found


def _get(path: str, name: str) -> dict[str, Any]:
    return {"execute": "qom-get", "arguments": {"path": path, "property": name}}


def _set(path: str, name: str, value: bool | int) -> dict[str, Any]:
    return {"execute": "qom-set", "arguments": {"path": path, "property": name, "value": value}}


def _connect(path: Path) -> socket.socket:
    end_s = time.monotonic() + CONNECT_S
    while True:
        found = socket.socket(socket.AF_UNIX)
        found.settimeout(ANSWER_S)
        try:
            found.connect(str(path))
        except OSError as error:
            found.close()
            if time.monotonic() > end_s:
                raise MonitorError(f"{path}: no monitor after {CONNECT_S:.0f} s") from error
            time.sleep(0.01)
        else:
            return found
