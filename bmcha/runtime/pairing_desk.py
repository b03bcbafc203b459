"""Carries what two `bmcha key pair` say to each other, over the serial paths (docs/adr/0026).

Looks into nothing of it, and the node never hears of it. It is open for OPEN_S at a time, which
each `say` renews, and is shut by that time alone when nobody asks any more: the engines go by it,
too. ``hear`` is called by the thread that reads the reports; everything else runs in the clerk's,
which alone publishes keys. Nothing that is carried is logged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from bmcha.diag.log import Level
from bmcha.model.effect import Answer
from bmcha.model.message import Header, Pairing
from bmcha.model.moment import NS_PER_MS, NS_PER_S
from bmcha.model.record import dataclass
from bmcha.model.settings import NodeSettings, PathKind
from bmcha.runtime.effect_runner import PathOutlet
from bmcha.runtime.key_desk import KeyDesk
from bmcha.runtime.worker import Clock, Say

OPEN_S: Final = 120
"""Two people at two consoles: as long as one of them may need for a line."""
INBOX_MAX: Final = 8
"""The other end repeats itself, and nobody may fill our memory."""
NO_SERIAL_PATH: Final = (
    "there is no serial path in this module's configuration, and keys go over no other: copy the"
    " key file instead (docs/keys.md)"
)


@dataclass(frozen=True, slots=True)
class Heard:
    slot: int
    boot_id: int
    data: bytes


class PairingDesk:
    """``outlets``: by path; none without a slot of our own."""

    def __init__(
        self,
        node: NodeSettings,
        own_slot: int | None,
        keys: KeyDesk,
        outlets: Mapping[str, PathOutlet],
        answer: Callable[[Answer], None],
        clock: Clock,
        log: Say,
    ) -> None:
        self._chassis_id = node.chassis_id
        self._own_slot = own_slot
        self._keys = keys
        self._lines = [
            (path.peer_slot, outlets[path.name])
            for path in node.paths
            if path.kind is PathKind.SERIAL and own_slot is not None
        ]
        self._answer = answer
        self._clock = clock
        self._log = log
        self._inbox: deque[Heard] = deque(maxlen=INBOX_MAX)
        self._until_ns = 0

    def hear(self, header: Header, data: bytes) -> None:
        if self.is_open:
            self._inbox.append(Heard(header.source_slot, header.boot_id, data))

    @property
    def is_open(self) -> bool:
        return self._clock() < self._until_ns

    def asked(self, request_id: int, params: Mapping[str, Any]) -> None:
        """The method "pair" of the control socket."""
        deed, data = params["deed"], params["data"]
        if not self._lines:
            self._refuse(request_id, NO_SERIAL_PATH)
        elif deed == "say" and not data:
            self._refuse(request_id, 'to say something takes "data"')
        elif deed == "open":
            self._tell(request_id, self._open())
        elif deed == "say":
            self._tell(request_id, self._say(bytes.fromhex(data)))
        elif deed == "take":
            self._tell(request_id, self._take())
        else:
            self._tell(request_id, self._close())

    def _open(self) -> dict[str, Any]:
        self._inbox.clear()
        self._renew()
        keys = self._keys.in_use
        newest = keys.newest
        return {
            "slot": self._own_slot,
            "chassis_id": self._chassis_id,
            "peers": sorted({peer_slot for peer_slot, _ in self._lines}),
            "has_keys": bool(keys.keys),
            "newest_check": f"{newest.check:08x}" if newest is not None else None,
            "remaining_s": OPEN_S,
        }

    def _say(self, data: bytes) -> dict[str, Any]:
        self._renew()
        for peer_slot, outlet in self._lines:
            outlet.queue.put(peer_slot, Pairing(data))
            outlet.wake()
        return {"paths": len(self._lines)}

    def _take(self) -> dict[str, Any]:
        messages = []
        while self._inbox:
            heard = self._inbox.popleft()
            messages.append(
                {"slot": heard.slot, "boot_id": heard.boot_id, "data": heard.data.hex()}
            )
        remaining_ns = max(0, self._until_ns - self._clock())
        return {"messages": messages, "remaining_s": remaining_ns // NS_PER_MS / 1000}

    def _close(self) -> dict[str, Any]:
        if self.is_open:
            self._log("pairing is shut", Level.NOTICE)
        self._until_ns = 0
        self._keys.board.open_pairing(0)
        self._inbox.clear()
        return {}

    def _renew(self) -> None:
        if not self.is_open:
            text = f"pairing is open for {OPEN_S} s, and longer while `bmcha key pair` speaks"
            self._log(text, Level.NOTICE)
        self._until_ns = self._clock() + OPEN_S * NS_PER_S
        self._keys.board.open_pairing(self._until_ns)

    def _tell(self, request_id: int, body: dict[str, Any]) -> None:
        self._answer(Answer(request_id, True, body))

    def _refuse(self, request_id: int, text: str) -> None:
        self._answer(Answer(request_id, False, {"text": text}))
