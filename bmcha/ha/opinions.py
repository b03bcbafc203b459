"""What the peers and a reference, asked beside the paths, tell: is this node cut off?

A third opinion may forbid a claim on silence alone, for a while, and names a fault for as long as
it lasts; it never makes anything happen. It knows not how they are asked. Rules: a reference that
fell silent before the paths, that never answered, or that was not asked just now, says nothing.
docs/adr/0015-third-opinions.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable

from bmcha.ha.peer_view import PeerView
from bmcha.model.hearsay import OpinionsHeard
from bmcha.model.moment import NS_PER_S, ns_from_ms
from bmcha.model.settings import ThirdOpinionSettings

TELLING_SLACK_NS = ns_from_ms(500)
"""By so much a round may be late, on a busy module, before it counts as not asked."""


class Opinions:
    def __init__(self) -> None:
        self._heard = OpinionsHeard((), 0)
        self._asked_since_ns: int | None = None

    @property
    def fault(self) -> str:
        return self._heard.fault

    def heard(self, event: OpinionsHeard) -> None:
        if self._asked_since_ns is None:
            self._asked_since_ns = event.told_ns
        self._heard = event

    def answers(
        self, address: str, settings: ThirdOpinionSettings | None, now_ns: int
    ) -> bool | None:
        """None: it is not asked, cannot be, or was not for long enough."""
        if settings is None or not self._is_asking(settings, now_ns):
            return None
        if all(each.address != address for each in self._heard.opinions):
            return None
        answered_ns = self._answered_ns(address)
        since_ns = self._asked_since_ns if answered_ns is None else answered_ns
        is_silent = now_ns - (since_ns or 0) >= ns_from_ms(settings.silent_after_ms)
        if answered_ns is None and not is_silent:
            return None
        return not is_silent

    def forbids_claim(
        self, settings: ThirdOpinionSettings | None, peers: Iterable[PeerView], now_ns: int
    ) -> bool:
        """The reference fell silent no earlier than the paths to one peer, and not too long ago."""
        if self.forbids_until_ns(settings) <= now_ns or settings is None:
            return False
        answered_ns = self._silent_since_ns(settings, now_ns)
        if answered_ns is None:
            return False
        silent_ns = ns_from_ms(settings.silent_after_ms)
        return any(_fell_before_or_with(peer, answered_ns, silent_ns) for peer in peers)

    def is_cut_off(
        self, settings: ThirdOpinionSettings | None, peers: Iterable[PeerView], now_ns: int
    ) -> bool:
        """Nobody is heard, and the reference fell silent together with a peer whose silence nothing
        else explains. For people: not ended by ``forbid_max_s``, and forbids nothing."""
        known = list(peers)
        if settings is None or any(peer.is_heard() for peer in known):
            return False
        answered_ns = self._silent_since_ns(settings, now_ns)
        if answered_ns is None:
            return False
        silent_ns = ns_from_ms(settings.silent_after_ms)
        return any(
            not _is_explained(peer) and _fell_together(peer, answered_ns, silent_ns)
            for peer in known
        ) and not self._does_a_peer_answer(settings, known, now_ns)

    def forbids_until_ns(self, settings: ThirdOpinionSettings | None) -> int:
        """0: it forbids nothing."""
        answered_ns = self._answered_ns(settings.address) if settings is not None else None
        if settings is None or answered_ns is None or not settings.forbid_max_s:
            return 0
        silent_at_ns = answered_ns + ns_from_ms(settings.silent_after_ms)
        return silent_at_ns + settings.forbid_max_s * NS_PER_S

    def _silent_since_ns(self, settings: ThirdOpinionSettings, now_ns: int) -> int | None:
        """The last answer of a reference that is silent; None: it is not, as far as is known."""
        if self.answers(settings.address, settings, now_ns) is not False:
            return None
        return self._answered_ns(settings.address)

    def _does_a_peer_answer(
        self, settings: ThirdOpinionSettings, peers: Iterable[PeerView], now_ns: int
    ) -> bool:
        addresses = {m.settings.remote[0] for peer in peers for m in peer.monitors}
        return any(self.answers(address, settings, now_ns) for address in addresses)

    def _is_asking(self, settings: ThirdOpinionSettings, now_ns: int) -> bool:
        if self._asked_since_ns is None or self.fault:
            return False
        late_ns = now_ns - self._heard.told_ns
        return late_ns <= 2 * ns_from_ms(settings.period_ms) + TELLING_SLACK_NS

    def _answered_ns(self, address: str) -> int | None:
        found = (each.answered_ns for each in self._heard.opinions if each.address == address)
        return next(found, None)


def _fell_before_or_with(peer: PeerView, answered_ns: int, silent_ns: int) -> bool:
    """The reference still answered when ``peer`` was heard last, as far as can be told."""
    heard_ns = peer.last_heard_ns()
    return heard_ns is not None and not peer.is_heard() and answered_ns >= heard_ns - silent_ns


def _fell_together(peer: PeerView, answered_ns: int, silent_ns: int) -> bool:
    """A reference that still answered when the paths were known to be dead speaks of itself."""
    heard_ns = peer.last_heard_ns()
    if heard_ns is None:
        return False
    dead_ns = max((monitor.deadtime_ns for monitor in peer.monitors), default=0)
    return heard_ns - silent_ns <= answered_ns <= heard_ns + dead_ns


def _is_explained(peer: PeerView) -> bool:
    """It left in order, or a line says that it is gone: its silence is its own."""
    levels = peer.lines.believed
    return peer.has_said_goodbye or levels.presence is False or levels.health is False
