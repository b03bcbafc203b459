"""Hears what the modules and the chassis say, each on its own connection and thread.

Everything comes into one queue, in the order of arrival. A module that is not there yet, or dies,
is asked for again until `close`. It judges nothing. Used by the scenario runner and the story.
"""

from __future__ import annotations

import queue
import threading
from typing import Any

from bmcha.model.record import dataclass
from bmcha.sim.journal import Line
from bmcha.sim.layout import RigLayout
from bmcha.sim.rpc import RpcClient, RpcRefused

RETRY_S = 0.02
"""A fresh module opens its socket some hundred milliseconds after its start."""
CONNECT_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class RoleTold:
    """A module says which role it is in, since ``t_ns``."""

    slot: int
    t_ns: int
    state: str
    reason: str
    reason_text: str
    epoch: int


@dataclass(frozen=True, slots=True)
class EventTold:
    """A record of the chassis log, as this module tells it. ``key``: epoch, number, slot."""

    slot: int
    t_ns: int
    key: tuple[int, int, int]
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class ModuleGone:
    """Its socket was closed: the process has ended."""

    slot: int


@dataclass(frozen=True, slots=True)
class JournalTold:
    line: Line


Told = RoleTold | EventTold | ModuleGone | JournalTold


class Followers:
    """Owns the threads and connections."""

    def __init__(self, layout: RigLayout) -> None:
        self._layout = layout
        self.told: queue.Queue[Told] = queue.Queue()
        self._is_closing = threading.Event()
        self._lock = threading.Lock()
        self._clients: set[RpcClient] = set()
        # Before the modules start, so that no line of the journal is missed.
        chassis = RpcClient(layout.chassis_socket)
        self._clients.add(chassis)
        chassis.call("follow")
        self._threads = [threading.Thread(target=self._follow_chassis, args=(chassis,))]
        for slot in layout.slots:
            self._threads.append(threading.Thread(target=self._follow_module, args=(slot,)))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._is_closing.set()
        with self._lock:
            for client in self._clients:
                client.shut()
        for thread in self._threads:
            thread.join()

    def _follow_chassis(self, client: RpcClient) -> None:
        try:
            while True:
                params = client.notice()["params"]
                line = Line(*(params[key] for key in ("t_ns", "what", "slot", "name", "value")))
                self.told.put(JournalTold(line))
        except OSError:
            return
        finally:
            self._drop(client)

    def _follow_module(self, slot: int) -> None:
        while not self._is_closing.is_set():
            client = self._connect(slot)
            if client is None:
                self._is_closing.wait(RETRY_S)
                continue
            try:
                client.call("follow")
                while True:
                    notice = client.notice()
                    told = _told(slot, notice.get("method", ""), notice.get("params", {}))
                    if told is not None:
                        self.told.put(told)
            except (OSError, RpcRefused):
                self.told.put(ModuleGone(slot))
            finally:
                self._drop(client)

    def _connect(self, slot: int) -> RpcClient | None:
        try:
            client = RpcClient(self._layout.module_socket(slot), CONNECT_TIMEOUT_S)
        except OSError:
            return None
        with self._lock:
            self._clients.add(client)
            if self._is_closing.is_set():
                client.shut()
        return client

    def _drop(self, client: RpcClient) -> None:
        with self._lock:
            self._clients.discard(client)
        client.close()


def _told(slot: int, method: str, params: dict[str, Any]) -> Told | None:
    if method == "role":
        return RoleTold(
            slot,
            params["t_ns"],
            params["state"],
            params["reason"],
            params["reason_text"],
            params["epoch"],
        )
    if method == "event":
        key = (params["epoch"], params["number"], params["slot"])
        return EventTold(slot, params["t_ns"], key, params["kind"], params["text"])
    return None  # a newer module may tell more
