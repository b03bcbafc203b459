"""A client of the control socket: one call, one answer; or a stream of what is news.

Used by the command line and by the virtual chassis. Says where it tried and what to do when nobody
answers. Protocol: docs/adr/0005-control-protocol.md.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from bmcha.runtime.control_socket import connect

READ_BYTES = 65_536


class NoService(Exception):
    """Nobody answers on the socket. One sentence: which socket, and what to do."""


class Refused(Exception):
    """The service refused, or failed. ``data`` is its answer with all reasons, or None."""

    def __init__(self, text: str, code: int, data: Any) -> None:
        super().__init__(text)
        self.code = code
        self.data = data


class ControlClient:
    """Raises NoService; a call that takes longer than ``timeout_s`` is one."""

    def __init__(self, path: str, timeout_s: float = 15.0) -> None:
        self._path = path
        try:
            self._connection = connect(path)
        except OSError as error:
            raise NoService(_no_service(path, error)) from error
        self._connection.settimeout(timeout_s)
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

    def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The result. Raises Refused and NoService."""
        self._calls_count += 1
        request = {
            "jsonrpc": "2.0",
            "id": self._calls_count,
            "method": method,
            "params": params or {},
        }
        try:
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise self._gone() from error
        while True:
            message = self._receive()
            if "method" in message:
                self._news.append(message)
            elif "error" in message:
                error_object = message["error"]
                raise Refused(
                    str(error_object.get("message", "")),
                    error_object.get("code", 0),
                    error_object.get("data"),
                )
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
            except TimeoutError as error:
                text = f"The service on {self._path} does not answer; see its log."
                raise NoService(text) from error
            except OSError as error:
                raise self._gone() from error
            if not data:
                raise self._gone()
            self._tail += data
        line, _, self._tail = self._tail.partition(b"\n")
        try:
            message = json.loads(line)
        except ValueError as error:
            raise NoService(f"What answers on {self._path} is no bmcha: {error}") from error
        if not isinstance(message, dict):
            raise NoService(f"What answers on {self._path} is no bmcha.")
        return message

    def _gone(self) -> NoService:
        return NoService(f"The service on {self._path} has ended.")


def _no_service(path: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"No right to use {path}; ask as root or as a member of the service's group."
    return (
        f"No bmcha answers on {path} ({(error.strerror or str(error)).lower()}); "
        "start one (`bmcha run`) or name its socket with --socket or BMCHA_SOCKET."
    )
