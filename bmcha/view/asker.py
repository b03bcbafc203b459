"""One connection to a control socket that is never waited for: JSON-RPC 2.0, one object a line.

Questions go out, answers come back to whoever asked, when they come. A socket that is gone is
tried again; a module that stands still keeps its connection and answers late. It knows no method.
The selector's owner calls; everything happens in that one thread. Protocol: docs/adr/0005.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import socket
from collections.abc import Callable
from typing import Any

from bmcha.runtime.control_socket import connect_at_once

RETRY_S = 0.25
READ_BYTES = 65_536
UNREAD_BYTES_MAX = 8 << 20
"""The longest answer is a log of 256 records; what is longer is no bmcha."""

Then = Callable[[Any, Any], None]
"""Gets (result, None) or (None, error object). A connection that breaks answers with an error."""
Told = Callable[[str, Any], None]
"""Gets method and params of a notification."""


class Asker:
    """Opened and opened again by `tick`. ``came`` is called after each opening, ``went`` after
    each break."""

    def __init__(
        self,
        path: str,
        selector: selectors.BaseSelector,
        came: Callable[[], None],
        told: Told,
        went: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.why_down = "not tried yet"
        self._selector = selector
        self._came = came
        self._told = told
        self._went = went
        self._connection: socket.socket | None = None
        self._unread = b""
        self._next_id = 0
        self._waiting: dict[int, Then] = {}
        self._retry_s = 0.0

    @property
    def is_up(self) -> bool:
        return self._connection is not None

    def tick(self, now_s: float) -> None:
        if self._connection is None and now_s >= self._retry_s:
            self._retry_s = now_s + RETRY_S
            self._connect()

    def ask(self, method: str, params: Any, then: Then) -> None:
        if self._connection is None:
            then(None, {"message": self.why_down})
            return
        self._next_id += 1
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        data = json.dumps(request).encode() + b"\n"
        self._waiting[self._next_id] = then
        try:
            sent = self._connection.send(data)
        except OSError as error:
            self._break(_sentence(error))
            return
        if sent < len(data):
            # Questions are a few bytes: a buffer that is full is one that nobody has read for long.
            self._break("it does not read what it is asked")

    def close(self) -> None:
        self._waiting.clear()
        self._drop()

    # ------------------------------------------------------------ how

    def _connect(self) -> None:
        try:
            connection = connect_at_once(self.path)
        except OSError as error:
            self.why_down = _sentence(error)
            return
        try:
            connection.getpeername()
        except OSError:
            # Its queue is full: it lives, and takes nobody in.
            connection.close()
            self.why_down = "it takes no more connections"
            return
        self._connection = connection
        self._unread = b""
        self._selector.register(connection, selectors.EVENT_READ, self._receive)
        self._came()

    def _receive(self) -> None:
        if self._connection is None:
            return
        try:
            data = self._connection.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._break(_sentence(error))
            return
        if not data:
            self._break("it has ended")
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        if len(self._unread) > UNREAD_BYTES_MAX:
            self._break("what answers is no bmcha")
            return
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            self._break("what answers is no bmcha")
            return
        if not isinstance(message, dict):
            return
        if "method" in message:
            self._told(str(message["method"]), message.get("params"))
            return
        number = message.get("id")
        then = self._waiting.pop(number, None) if isinstance(number, int) else None
        if then is not None:
            then(message.get("result"), message.get("error"))

    def _break(self, why: str) -> None:
        self.why_down = why
        self._drop()
        waiting, self._waiting = self._waiting, {}
        for then in waiting.values():
            then(None, {"message": why})
        self._went()

    def _drop(self) -> None:
        if self._connection is not None:
            self._selector.unregister(self._connection)
            self._connection.close()
            self._connection = None


def _sentence(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
        return "nobody answers there"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "no right to use it"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def sentence_of(error: Any) -> str:
    """What a refusal says, whatever came."""
    text = error.get("message") if isinstance(error, dict) else None
    return text if isinstance(text, str) and text else "refused"
