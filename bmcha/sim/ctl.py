"""``DIR/chassis/control.sock``: JSON-RPC 2.0, one object a line; the chassis's end of it.

Belongs to the chassis thread and decides nothing: a whole request comes out, an answer goes in. A
method is an action's first word, its params are the other words; ``follow`` answers with one
result and from then on sends every journal line as a notification. A client that does not read is
dropped, so that it never slows the chassis. The other end is `bmcha.sim.rpc`.
"""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bmcha.model.record import dataclass
from bmcha.sim.layout import listen_at

REQUEST_BYTES_MAX = 65536
UNSENT_BYTES_MAX = 4 << 20
"""Minutes of a whole chassis's journal."""
CLIENTS_MAX = 64

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
UNKNOWN_METHOD = -32601
INVALID_PARAMS = -32602
REFUSED = 1


class _Client:
    """One connection's buffers."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""
        self.unsent = b""
        self.is_following = False


@dataclass(frozen=True, slots=True)
class Request:
    """One call, to be answered once with `ControlServer.answer` or `ControlServer.refuse`."""

    client: _Client
    request_id: Any
    method: str
    words: tuple[str, ...]


class ControlServer:
    """Registers itself with the chassis's selector; ``asked`` gets each whole request."""

    def __init__(
        self, path: Path, selector: selectors.BaseSelector, asked: Callable[[Request], None]
    ) -> None:
        self._selector = selector
        self._asked = asked
        self._clients: dict[int, _Client] = {}
        self._listener = listen_at(path)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def answer(self, request: Request, result: Any) -> None:
        self._reply(request.client, request.request_id, {"result": result})

    def refuse(self, request: Request, code: int, sentence: str) -> None:
        error = {"code": code, "message": sentence}
        self._reply(request.client, request.request_id, {"error": error})

    def follow(self, request: Request) -> None:
        self.answer(request, {"following": True})
        request.client.is_following = True

    def tell_followers(self, params: dict[str, Any]) -> None:
        followers = [client for client in self._clients.values() if client.is_following]
        if followers:
            text = {"jsonrpc": "2.0", "method": "journal", "params": params}
            for client in followers:
                self._send(client, text)

    def close(self) -> None:
        """May be called twice."""
        for client in list(self._clients.values()):
            self._drop(client)
        if self._listener.fileno() < 0:
            return
        self._selector.unregister(self._listener)
        self._listener.close()

    # ------------------------------------------------------------ how

    def _accept(self, _mask: int) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= CLIENTS_MAX:
            connection.close()
            return
        connection.setblocking(False)
        client = _Client(connection)
        self._clients[connection.fileno()] = client
        self._selector.register(
            connection, selectors.EVENT_READ, lambda mask: self._serve(client, mask)
        )

    def _serve(self, client: _Client, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush(client)
        if mask & selectors.EVENT_READ and client.connection.fileno() >= 0:
            self._receive(client)

    def _receive(self, client: _Client) -> None:
        try:
            data = client.connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(client.received) > REQUEST_BYTES_MAX:
            self._drop(client)
            return
        *texts, client.received = (client.received + data).split(b"\n")
        for text in texts:
            if text.strip() and client.connection.fileno() >= 0:
                self._parse(client, text)

    def _parse(self, client: _Client, text: bytes) -> None:
        try:
            fields = json.loads(text)
        except ValueError:
            error = {"code": PARSE_ERROR, "message": "this line is no JSON object"}
            self._reply(client, None, {"error": error})
            return
        method = fields.get("method") if isinstance(fields, dict) else None
        words = (fields.get("params") or []) if isinstance(fields, dict) else []
        request_id = fields.get("id") if isinstance(fields, dict) else None
        if not isinstance(method, str) or not _are_words(words):
            message = 'a request is {"jsonrpc": "2.0", "id": 1, "method": "cut", "params": ["udp"]}'
            self._reply(
                client, request_id, {"error": {"code": INVALID_REQUEST, "message": message}}
            )
            return
        self._asked(Request(client, request_id, method, tuple(str(word) for word in words)))

    def _reply(self, client: _Client, request_id: Any, body: dict[str, Any]) -> None:
        self._send(client, {"jsonrpc": "2.0", "id": request_id, **body})

    def _send(self, client: _Client, fields: dict[str, Any]) -> None:
        if client.connection.fileno() < 0:
            return  # it has gone since it asked
        client.unsent += json.dumps(fields).encode() + b"\n"
        self._flush(client)

    def _flush(self, client: _Client) -> None:
        try:
            sent = client.connection.send(client.unsent) if client.unsent else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(client)
            return
        client.unsent = client.unsent[sent:]
        if len(client.unsent) > UNSENT_BYTES_MAX:
            self._drop(client)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
        key = self._selector.get_key(client.connection)
        if key.events != wanted:
            self._selector.modify(client.connection, wanted, key.data)

    def _drop(self, client: _Client) -> None:
        if client.connection.fileno() >= 0:
            self._selector.unregister(client.connection)
            del self._clients[client.connection.fileno()]
            client.connection.close()


def _are_words(words: Any) -> bool:
    return isinstance(words, list) and all(isinstance(word, str | int) for word in words)
