"""A client of a JSON-RPC 2.0 socket with one object a line: the chassis's or a module's.

It keeps answers and notifications apart and knows no method. Used by ``bmcha sim-ctl``, the
scenario runner, the story and the followers, each with a connection of its own.
"""

from __future__ import annotations

import json
import socket
from collections import deque
from pathlib import Path
from typing import Any

from bmcha.sim.layout import connect_to

CALL_TIMEOUT_S = 15.0
"""Longer than the longest action: a restart waits for a module to end."""


class RpcRefused(Exception):
    """The other end answered with an error; the text is its sentence."""

    def __init__(self, code: int, sentence: str, data: Any = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.data = data


class RpcClient:
    """One connection. OSError from every method: nobody is there, or no more."""

    def __init__(self, path: Path, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._connection = connect_to(path, timeout_s)
        self._received = b""
        self._next_id = 0
        self._notices: deque[dict[str, Any]] = deque()

    def call(self, method: str, params: Any = None) -> Any:
        """The result. RpcRefused: an error came back."""
        self._next_id += 1
        request: dict[str, Any] = {"jsonrpc": "2.0", "id": self._next_id, "method": method}
        if params is not None:
            request["params"] = params
        self._connection.settimeout(self._timeout_s)
        self._connection.sendall(json.dumps(request).encode() + b"\n")
        while True:
            reply = self._read()
            if "method" in reply:
                self._notices.append(reply)
            elif reply.get("id") == self._next_id:
                break
        if "error" in reply:
            error = reply["error"]
            raise RpcRefused(error["code"], error["message"], error.get("data"))
        return reply["result"]

    def notice(self) -> dict[str, Any]:
        """The next notification, waited for without limit: `shut` from another thread ends it."""
        if self._notices:
            return self._notices.popleft()
        self._connection.settimeout(None)
        return self._read()

    def shut(self) -> None:
        """From any thread: whoever waits in here gets an OSError."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is gone already

    def close(self) -> None:
        self._connection.close()

    def _read(self) -> dict[str, Any]:
        while b"\n" not in self._received:
            data = self._connection.recv(65536)
            if not data:
                raise ConnectionError("the other end has closed the connection")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        fields: dict[str, Any] = json.loads(line)
        return fields
