"""The control socket's thread: clients' lines to the node, the node's answers to clients.

Knows sockets and `control_protocol`; the node is a function to post events to. Rules: nothing that
a client does or fails to do blocks anybody: clients, lines, waiting answers and bytes not fetched
are bounded, and who goes over a bound is dropped. The node's thread only ever leaves word in a
bounded inbox. The socket listens before anything else is started (`app`), so that a taken name is
known early; this thread closes it and removes its file.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import socket
from collections import deque
from collections.abc import Callable, Mapping
from threading import Event as Flag
from typing import Any

from bmcha import __version__
from bmcha.model.effect import Answer, EnterRole
from bmcha.model.event import (
    DrillAsked,
    Event,
    LockoutClearAsked,
    MaintenanceAsked,
    StatusAsked,
    SwitchoverAsked,
)
from bmcha.model.moment import NS_PER_S
from bmcha.model.reading import EventCell
from bmcha.model.record import dataclass
from bmcha.runtime import control_protocol as protocol
from bmcha.runtime.control_client_link import ClientLink
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Clock, Post

CLIENTS_MAX = 32
ANSWERS_WAITING_MAX = 16
"""For one client."""
ANSWER_NS_MAX = 10 * NS_PER_S
"""A switchover takes two seconds at most; a node that does not answer by then does not turn."""
NEWS_MAX = 1024
POLL_S = 1.0
ACCEPT_PAUSE_S = 0.05


Desk = Callable[[int, Mapping[str, Any]], bool]
"""Takes a request by its number, with its parameters. False: there is no room for it."""


@dataclass(frozen=True, slots=True)
class Pending:
    client: ClientLink
    call: protocol.Call
    asked_ns: int


class ControlServer:
    """Constructed around a listening socket; ``path`` is its file's name. ``desks``: who is asked
    instead of the node, by method; each answers through `answered`, from whichever thread."""

    name = "control"

    def __init__(
        self,
        listener: socket.socket,
        path: str,
        own_slot: int | None,
        post: Post,
        clock: Clock,
        desks: Mapping[str, Desk] | None = None,
    ) -> None:
        self._listener = listener
        self._path = path
        self._own_slot = own_slot
        self._post = post
        self._desks = desks or {}
        self._clock = clock
        self._stopped = Flag()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._inbox: deque[Callable[[], None]] = deque(maxlen=NEWS_MAX)
        self._request_ids = itertools.count(1)
        self._pending: dict[int, Pending] = {}
        self._clients: dict[int, ClientLink] = {}
        self._role_line: bytes | None = None
        self._selector = selectors.DefaultSelector()
        self.pace = Pace(clock)

    # ------------------------------------------------------------ from the node's thread

    def role_entered(self, entered: EnterRole, now_ns: int) -> None:
        params = {
            "t_ns": now_ns,
            "slot": self._own_slot,
            "state": entered.role.name,
            "reason": entered.reason.name,
            "reason_text": entered.reason.sentence,
            "epoch": entered.epoch,
            "from": entered.from_role.name,
        }
        self._leave_word(lambda: self._tell_role(protocol.notification_line("role", params)))

    def event_recorded(self, record: EventCell, now_ns: int) -> None:
        params = {
            "t_ns": now_ns,
            "epoch": record.epoch,
            "number": record.number,
            "slot": record.slot,
            "severity": record.severity.name,
            "wall_ms": record.wall_ms,
            "kind": record.kind,
            "text": record.text,
        }
        self._leave_word(lambda: self._tell(protocol.notification_line("event", params)))

    def answered(self, answer: Answer) -> None:
        self._leave_word(lambda: self._deliver(answer))

    def stop(self) -> None:
        self._stopped.set()
        self._wake()

    def _leave_word(self, word: Callable[[], None]) -> None:
        self._inbox.append(word)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_write(self._wake_fd, 1)

    # ------------------------------------------------------------ in the server's thread

    def run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_fd, selectors.EVENT_READ)
        try:
            while not self._stopped.is_set():
                self._turn()
            self._read_inbox()
        finally:
            self._close()

    def _turn(self) -> None:
        self.pace.begin(round(POLL_S * NS_PER_S))
        for key, mask in self._selector.select(POLL_S):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fd == self._wake_fd:
                os.eventfd_read(self._wake_fd)
            elif key.fd in self._clients:
                self._serve(self._clients[key.fd], mask)
        self._read_inbox()
        self._give_up_answers()
        for client in list(self._clients.values()):
            self._settle(client)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            # It went away again; or no descriptor is left, and then this must not spin.
            self._stopped.wait(ACCEPT_PAUSE_S)
            return
        client = ClientLink(connection)
        if len(self._clients) >= CLIENTS_MAX:
            text = f"{CLIENTS_MAX} clients are connected already; try again later"
            client.send(protocol.error_line(None, protocol.OVERRUN, text))
            connection.close()
            return
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ)

    def _serve(self, client: ClientLink, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            client.flush()
        if not mask & selectors.EVENT_READ:
            return
        lines = client.read_lines()
        if lines is None:
            text = f"a line is longer than {protocol.LINE_BYTES_MAX} bytes"
            client.send(protocol.error_line(None, protocol.PARSE_ERROR, text))
            client.is_lost = True
            return
        for line in lines:
            self._obey(client, protocol.parse_call(line))

    def _obey(self, client: ClientLink, call: protocol.Call | bytes) -> None:
        if isinstance(call, bytes):
            client.send(call)
        elif call.method == protocol.VERSION:
            self._say(client, call, {"version": __version__, "slot": self._own_slot})
        elif call.method == protocol.FOLLOW:
            self._say(client, call, {"following": True})
            client.is_follower = True
            if self._role_line:
                client.send(self._role_line)
        else:
            self._ask_node(client, call)

    def _ask_node(self, client: ClientLink, call: protocol.Call) -> None:
        request_id = next(self._request_ids)
        desk = self._desks.get(call.method)
        if client.waiting_count >= ANSWERS_WAITING_MAX:
            text = f"{ANSWERS_WAITING_MAX} requests wait for their answer already"
            self._fail(client, call, protocol.OVERRUN, text)
        elif not (
            desk(request_id, call.params) if desk else self._post(_event_of(call, request_id))
        ):
            text = "the node has more to do than it can; try again"
            self._fail(client, call, protocol.OVERRUN, text)
        else:
            client.waiting_count += 1
            self._pending[request_id] = Pending(client, call, self._clock())

    def _deliver(self, answer: Answer) -> None:
        pending = self._pending.pop(answer.request_id, None)
        if pending is None:
            return
        pending.client.waiting_count -= 1
        if answer.is_done:
            self._say(pending.client, pending.call, answer.body)
        else:
            text = _text_of(answer.body)
            self._fail(pending.client, pending.call, protocol.REFUSED, text, answer.body)

    def _give_up_answers(self) -> None:
        now_ns = self._clock()
        for request_id, pending in list(self._pending.items()):
            if pending.client.is_lost:
                del self._pending[request_id]
            elif now_ns - pending.asked_ns > ANSWER_NS_MAX:
                del self._pending[request_id]
                pending.client.waiting_count -= 1
                text = "the node did not answer in time; see its log"
                self._fail(pending.client, pending.call, protocol.OVERRUN, text)

    def _say(self, client: ClientLink, call: protocol.Call, result: Any) -> None:
        if call.wants_answer:
            client.send(protocol.result_line(call.request_id, result))

    def _fail(
        self, client: ClientLink, call: protocol.Call, code: int, text: str, data: Any = None
    ) -> None:
        if call.wants_answer:
            client.send(protocol.error_line(call.request_id, code, text, data))

    def _tell_role(self, line: bytes) -> None:
        self._role_line = line
        self._tell(line)

    def _tell(self, line: bytes) -> None:
        for client in self._clients.values():
            if client.is_follower:
                client.send(line)

    def _read_inbox(self) -> None:
        while self._inbox:
            self._inbox.popleft()()

    def _settle(self, client: ClientLink) -> None:
        if client.is_done:
            self._drop(client)
            return
        wanted = selectors.EVENT_WRITE if client.has_unsent else 0
        if not client.is_leaving:
            wanted |= selectors.EVENT_READ
        self._watch(client.connection, wanted)

    def _watch(self, connection: socket.socket, wanted: int) -> None:
        is_watched = connection.fileno() in self._selector.get_map()
        if wanted and is_watched:
            self._selector.modify(connection, wanted)
        elif wanted:
            self._selector.register(connection, wanted)
        elif is_watched:
            self._selector.unregister(connection)

    def _drop(self, client: ClientLink) -> None:
        client.is_lost = True
        self._watch(client.connection, 0)
        del self._clients[client.connection.fileno()]
        client.connection.close()

    def _close(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.close()
        # In this order: once nobody listens, the file may be that of the next service.
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        self._listener.close()
        # `_wake_fd` stays open: the node's thread may still leave word until the process ends.


def _event_of(call: protocol.Call, request_id: int) -> Event:
    """What the node is asked; its answer has the same ``request_id``."""
    if call.method == protocol.SWITCHOVER:
        params = call.params
        return SwitchoverAsked(request_id, "control", params["to"], params["force"])
    if call.method == protocol.MAINTENANCE:
        return MaintenanceAsked(request_id, "control", call.params["for_s"])
    if call.method == protocol.LOCKOUT_CLEAR:
        return LockoutClearAsked(request_id, "control")
    if call.method == protocol.DRILL:
        return DrillAsked(request_id, "control", call.params["path"])
    return StatusAsked(request_id, protocol.QUESTIONS[call.method])


def _text_of(body: Any) -> str:
    """The one sentence of a refusal; all of it is in the error's data."""
    text = body.get("text") if isinstance(body, dict) else None
    return text if isinstance(text, str) and text else "refused"
