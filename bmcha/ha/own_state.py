"""What this node knows of itself that the rules ask for: its gaps, its senses, what it held.

Plain facts and the waits that belong to them; it decides nothing. Kept by
`bmcha.ha.role_keeper`, which alone writes here, but for the hold-off after a crash (`bmcha.node`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from bmcha.ha.opinions import Opinions
from bmcha.ha.peer_view import PeerView
from bmcha.ha.strap_watch import StrapWatch
from bmcha.ha.twin_watch import TwinWatch
from bmcha.model.event import LinesRead
from bmcha.model.moment import ns_from_ms
from bmcha.model.record import dataclass

OUTPUTS_SENSE_NS = ns_from_ms(500)
"""After opening, the sense of the own gate may lag for this long before its word counts."""


@dataclass(slots=True)
class OwnState:
    """``outputs_open`` and ``active_sense`` are None where the board has no such sense.

    ``held_off_until_ns``: after a crash nothing is claimed before, unless who held it hands over
    or is gone.
    ``unproven_until_ns``: somebody signs beats in the peer's name and has not shown that he is of
    now (docs/adr/0025, A8).
    ``is_late``: this node stood still, and the rules have not judged that yet.
    ``has_yielded``: it let go once for a peer that hears nothing, or took the chassis on a lease
    board, and was not heard since.
    ``is_unverified``: the present claim went on against a line. Epochs: 0 for none.
    """

    started_ns: int
    seen_epoch: int
    must_listen_until_ns: int
    held_off_until_ns: int = 0
    unproven_until_ns: int = 0
    held_epoch: int = 0
    outputs_open: bool | None = None
    active_sense: bool | None = None
    lines_read_ns: int = 0
    is_late: bool = False
    has_yielded: bool = False
    is_unverified: bool = False
    straps: StrapWatch = field(default_factory=StrapWatch)
    twins: TwinWatch = field(default_factory=TwinWatch)
    opinions: Opinions = field(default_factory=Opinions)

    @property
    def epoch(self) -> int:
        """What it says on every message: the epoch that it holds, or the highest seen."""
        return self.held_epoch or self.seen_epoch

    def read_lines(self, lines: LinesRead) -> None:
        self.lines_read_ns = lines.read_ns
        self.outputs_open = lines.outputs_open
        self.active_sense = lines.own_active

    def listen_until(self, until_ns: int) -> None:
        self.must_listen_until_ns = max(self.must_listen_until_ns, until_ns)

    def must_listen(self, now_ns: int) -> bool:
        """It stood still, or lost a claim: the others come first."""
        return now_ns < self.must_listen_until_ns

    def is_held_off(self, now_ns: int) -> bool:
        return now_ns < self.held_off_until_ns

    def hears_unproven_only(self, peers: Iterable[PeerView], now_ns: int) -> bool:
        """Somebody speaks who may hear nothing of this node. Once the peer was heard, or a line has
        spoken, this is no reason to wait: a replay could keep a chassis from being taken over."""
        is_known = any(peer.was_heard() or peer.lines.has_spoken for peer in peers)
        return now_ns < self.unproven_until_ns and not is_known

    def are_outputs_shut(self, role_since_ns: int) -> bool:
        """The board sensed the own gate shut a while after this node had opened it."""
        is_lagging = self.lines_read_ns - role_since_ns < OUTPUTS_SENSE_NS
        return self.outputs_open is False and not is_lagging
