"""The fire drill: does each path carry both ways just now, and do the lines say what they should?

Moves no role and resets nobody. On each path to each peer a probe is sent, again and again for a
second, and answered by the peer's node loop on the same path: that proves both directions. The
lines are read afresh and compared with what each should say. The answer lists every item with a
sentence; one that failed makes it a failure. Pure; kept by `bmcha.ha.role_keeper`.
"""

from __future__ import annotations

from bmcha.ha.path_monitor import OneWay, PathMonitor
from bmcha.ha.proofs import Line, Proofs, lines_of
from bmcha.ha.seat import Seat
from bmcha.model.effect import Answer, ReadLines, SendMessage
from bmcha.model.event import DrillAsked
from bmcha.model.message import Probe
from bmcha.model.moment import NS_PER_MS, ns_from_ms
from bmcha.model.record import dataclass
from bmcha.model.role import Refusal, Role

ANSWER_NS = ns_from_ms(1000)
"""An answer takes milliseconds, on a slow serial line behind a mirror frame some hundred."""
REPEAT_NS = ns_from_ms(250)
"""A lost frame is no broken path."""
NONCE_BIT = 0x8000_0000
"""The probes of line examinations (`bmcha.ha.line_watch`) count from 1 and never get there."""


@dataclass(slots=True)
class _Probing:
    slot: int
    monitor: PathMonitor
    nonce: int
    sent_ns: int
    sent_count: int = 1
    answered_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    what: str
    is_proven: bool
    text: str


@dataclass(frozen=True, slots=True)
class Findings:
    """``asked_by`` for the log."""

    asked_by: str
    items: tuple[Item, ...]

    @property
    def failed(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if not item.is_proven)

    @property
    def sentence(self) -> str:
        if not self.failed:
            count = len(self.items)
            return (
                f"all {count} items are proven" if count != 1 else f"{self.items[0].what} is proven"
            )
        names = ", ".join(item.what for item in self.failed)
        return f"{len(self.failed)} of {len(self.items)} items failed: {names}"


class Drill:
    def __init__(self, seat: Seat, proofs: Proofs) -> None:
        self._seat = seat
        self._proofs = proofs
        self._asked: DrillAsked | None = None
        self._begun_ns = 0
        self._has_read = False
        self._probes: dict[str, _Probing] = {}
        self._nonce = 0
        self._findings: Findings | None = None

    def asked(self, asked: DrillAsked, now_ns: int) -> None:
        refusal = self._refusal(asked.path)
        if refusal is not None:
            listed = [{"id": refusal.name, "text": refusal.advice}]
            body = {"result": "refused", "text": "drill refused", "refusals": listed, "items": []}
            self._seat.emit(Answer(asked.request_id, False, body))
            return
        self._asked, self._begun_ns, self._has_read = asked, now_ns, False
        for peer in self._seat.peers:
            for monitor in peer.monitors:
                if asked.path in (None, monitor.name):
                    self._nonce += 1
                    nonce = NONCE_BIT | self._nonce
                    probing = _Probing(peer.slot, monitor, nonce, now_ns)
                    self._probes[monitor.name] = probing
                    self._send(probing)
        self._seat.emit(ReadLines())

    def _refusal(self, path: str | None) -> Refusal | None:
        if self._asked is not None:
            return Refusal.DRILL_UNDER_WAY
        if self._seat.machine.role in (Role.FENCING, Role.RELINQUISHING):
            return Refusal.CHANGE_UNDER_WAY
        names = {monitor.name for peer in self._seat.peers for monitor in peer.monitors}
        return None if path is None or path in names else Refusal.NO_SUCH_PATH

    @property
    def is_under_way(self) -> bool:
        return self._asked is not None

    # ---- what comes back

    def replied(self, path: str, nonce: int, heard_ns: int) -> None:
        probing = self._probes.get(path)
        if probing is not None and probing.nonce == nonce and probing.answered_ns is None:
            probing.answered_ns = heard_ns

    def lines_read(self, read_ns: int) -> None:
        self._has_read = self._has_read or read_ns >= self._begun_ns

    def tick(self, now_ns: int) -> None:
        if self._asked is None:
            return
        waiting = [each for each in self._probes.values() if each.answered_ns is None]
        is_over = now_ns - self._begun_ns >= ANSWER_NS
        if is_over or (not waiting and self._has_read):
            self._end(self._asked, now_ns)
            return
        for probing in waiting:
            if now_ns - self._begun_ns >= probing.sent_count * REPEAT_NS:
                probing.sent_count += 1
                self._send(probing)

    def take_findings(self) -> Findings | None:
        """Of a drill that has ended since this was asked last, for the log."""
        findings, self._findings = self._findings, None
        return findings

    # ---- how

    def _send(self, probing: _Probing) -> None:
        self._seat.emit(SendMessage(probing.monitor.name, probing.slot, Probe(probing.nonce)))

    def _end(self, asked: DrillAsked, now_ns: int) -> None:
        items = [self._of_path(probing, now_ns) for probing in self._probes.values()]
        if asked.path is None:
            items += [self._of_line(line, now_ns) for line in lines_of(self._seat)]
        found = self._findings = Findings(asked.asked_by, tuple(items))
        self._asked = None
        self._probes = {}
        listed = [{"what": i.what, "ok": i.is_proven, "text": i.text} for i in items]
        body = {
            "result": "failed" if found.failed else "done",
            "text": found.sentence,
            "refusals": [],
            "items": listed,
        }
        self._seat.emit(Answer(asked.request_id, not found.failed, body))

    def _of_path(self, probing: _Probing, now_ns: int) -> Item:
        monitor = probing.monitor
        what = f"path {monitor.name} to slot {probing.slot}"
        if probing.answered_ns is not None:
            monitor.prove(probing.answered_ns)
            tenths = (probing.answered_ns - probing.sent_ns) * 10 // NS_PER_MS
            probes = f" to one of {probing.sent_count} probes" if probing.sent_count > 1 else ""
            return Item(what, True, f"answered{probes} after {tenths / 10:.1f} ms")
        text = f"no answer to {probing.sent_count} probes; see `bmcha paths`"
        one_way = monitor.one_way(now_ns)
        if one_way is not None:
            lost = "what we send" if one_way is OneWay.TX else "what the peer sends"
            text = f"{lost} is lost; see `bmcha paths`"
        return Item(what, False, text)

    def _of_line(self, line: Line, now_ns: int) -> Item:
        level = "cannot be read" if line.level is None else f"is {_WORDS[line.level]}"
        if not self._has_read or line.level is None:
            return Item(line.name, False, "it cannot be read; see `bmcha check`")
        if line.expected is None:
            return Item(line.name, False, f"it {level}; nobody is heard who could say if rightly")
        if line.level is not line.expected:
            return Item(line.name, False, f"it {level} and should be {_WORDS[line.expected]}")
        self._proofs.drilled(line.name, now_ns)
        return Item(line.name, True, f"it {level}, as it should be")


_WORDS = {True: "up", False: "down"}
