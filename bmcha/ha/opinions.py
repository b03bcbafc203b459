"""What pings of the peers and of a reference address tell: who answers, and is this node cut off?

A third opinion may forbid a claim on silence alone, for a while, and is shown; it never makes
anything happen. Rules: a reference that fell silent before the paths, that never answered, or that
was not asked just now, says nothing. docs/adr/0015-third-opinions.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable

from bmcha.ha.peer_view import PeerView
from bmcha.model.hearsay import OpinionsHeard
from bmcha.model.moment import NS_PER_S, ns_from_ms
from bmcha.model.settings import ThirdOpinionSettings

TELLING_SLACK_NS = ns_from_ms(500)
"""By so much a round of pings may be late, on a busy module, before it counts as not asked."""


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
        answered_ns = self._answered_ns(address)
        since_ns = self._asked_since_ns if answered_ns is None else answered_ns
        is_silent = now_ns - (since_ns or 0) >= ns_from_ms(settings.silent_after_ms)
        if answered_ns is None and not is_silent:
            return None
        return not is_silent

    def is_cut_off(
        self, settings: ThirdOpinionSettings | None, peers: Iterable[PeerView], now_ns: int
    ) -> bool:
        """Reference and paths fell silent together, and not too long ago."""
        if self.forbids_until_ns(settings) <= now_ns or settings is None:
            return False
        answered_ns = self._answered_ns(settings.address)
        if answered_ns is None or self.answers(settings.address, settings, now_ns) is not False:
            return False
        silent_ns = ns_from_ms(settings.silent_after_ms)
        return any(_fell_with(peer, answered_ns, silent_ns) for peer in peers)

    def forbids_until_ns(self, settings: ThirdOpinionSettings | None) -> int:
        """0: it forbids nothing."""
        answered_ns = self._answered_ns(settings.address) if settings is not None else None
        if settings is None or answered_ns is None or not settings.forbid_max_s:
            return 0
        silent_at_ns = answered_ns + ns_from_ms(settings.silent_after_ms)
        return silent_at_ns + settings.forbid_max_s * NS_PER_S

    def _is_asking(self, settings: ThirdOpinionSettings, now_ns: int) -> bool:
        if self._asked_since_ns is None or self.fault:
            return False
        late_ns = now_ns - self._heard.told_ns
        return late_ns <= 2 * ns_from_ms(settings.period_ms) + TELLING_SLACK_NS

    def _answered_ns(self, address: str) -> int | None:
        found = (each.answered_ns for each in self._heard.opinions if each.address == address)
        return next(found, None)


def _fell_with(peer: PeerView, answered_ns: int, silent_ns: int) -> bool:
    """The reference still answered when ``peer`` was heard last, as far as can be told."""
    heard_ns = peer.last_heard_ns()
    return heard_ns is not None and not peer.is_heard() and answered_ns >= heard_ns - silent_ns
