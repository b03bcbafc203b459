"""A client of the control socket: one call, one answer; or a stream of what is news.

Used by the command line and by the virtual chassis. Never waits without a bound, and says what is
wrong when nobody answers (`bmcha.control_trouble`). Protocol: docs/adr/0005-control-protocol.md.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from bmcha.control_trouble import no_service, silent_service
from bmcha.runtime.control_socket import connect, process_behind

READ_BYTES = 65_536
QUESTION_TIMEOUT_S = 3.0
"""A service that lives answers in milliseconds; who asks at night should not wait for long."""
DEED_TIMEOUT_S = 20.0
"""For what the service itself may need time for: twice what it gives its node (10 s)."""


class NoService(Exception):
    """Nobody answers on the socket. One sentence: which socket, and what to do."""


class Refused(Exception):
    """The service refused, or failed. ``data`` is its answer with all reasons, or None."""

    def __init__(self, text: str, code: int, data: Any) -> None:
        super().__init__(text)
        self.code = code
        self.data = data


class ControlClient:
    """Raises NoService; a question that waits longer than ``timeout_s`` is one."""

    def __init__(self, path: str, timeout_s: float = QUESTION_TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s
        try:
            self._connection = connect(path, timeout_s)
        except OSError as error:
            raise NoService(no_service(path, error)) from error
        self._tail = b""
        self._calls_count = 0
        self._news: deque[dict[str, Any]] = deque()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def call(
        self, method: str, params: dict[str, Any] | None = None, timeout_s: float | None = None
    ) -> Any:
        """The result, within ``timeout_s`` (default: the client's). Raises Refused, NoService."""
        waits_s = self._timeout_s if timeout_s is None else timeout_s
        self._calls_count += 1
        request = {
            "jsonrpc": "2.0",
            "id": self._calls_count,
            "method": method,
            "params": params or {},
        }
        end_s = time.monotonic() + waits_s
        try:
            self._connection.settimeout(waits_s)
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        except TimeoutError as error:
            raise self._silent(waits_s) from error
        except OSError as error:
            raise self._gone() from error
        while True:
            # News may come in between; the bound holds for all of it.
            self._connection.settimeout(max(0.001, end_s - time.monotonic()))
            try:
                message = self._receive()
            except TimeoutError as error:
                raise self._silent(waits_s) from error
            if "method" in message:
                self._news.append(message)
            elif "error" in message:
                raise _refused(message["error"])
            else:
                return message.get("result")

    def start_following(self) -> None:
        """From now on what happens is news; the present role is the first."""
        self.call("follow")

    def news(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(method, params) of each notification. Ends with NoService when the service does."""
        self._connection.settimeout(None)
        while True:
            message = self._news.popleft() if self._news else self._receive()
            if "method" in message:
                yield message["method"], message["params"]

    def _receive(self) -> dict[str, Any]:
        while b"\n" not in self._tail:
            try:
                data = self._connection.recv(READ_BYTES)
            except TimeoutError:
                raise  # Who called knows how long that was.
            except OSError as error:
                raise self._gone() from error
            if not data:
                raise self._gone()
            self._tail += data
        line, _, self._tail = self._tail.partition(b"\n")
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise NoService(f"What answers on {self._path} is no bmcha: {error}") from error
        if not isinstance(message, dict) or not isinstance(message.get("error", {}), dict):
            raise NoService(f"What answers on {self._path} is no bmcha.")
        return message

    def _gone(self) -> NoService:
        return NoService(f"The service on {self._path} has ended.")

    def _silent(self, waited_s: float) -> NoService:
        return NoService(silent_service(self._path, process_behind(self._connection), waited_s))


def _refused(error: dict[str, Any]) -> Refused:
    return Refused(str(error.get("message", "")), error.get("code", 0), error.get("data"))
