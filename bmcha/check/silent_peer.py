"""Says in plain words which rule for a silent peer a board gets, and why.

The rules themselves are `bmcha.ha.role_rules`, their reasons docs/adr/0006-silent-peer.md; here is
only how the configuration chooses among them. Called by `bmcha.check.run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bmcha.check.subject import Subject
from bmcha.model.settings import BoardClass, IsolationPolicy

_GATED: Final = (
    "Every path silent, and PRESENCE, HEALTH and ACTIVE still up: the peer lives. Nothing moves;"
    " the alarm says isolated.",
    "ACTIVE down: nobody holds the chassis. It takes over after the claim window.",
    "HEALTH and ACTIVE down, or PRESENCE with one more: the peer is dead or gone. It takes over at"
    " once, without waiting for silence.",
    "Only HEALTH down: one line may lie. It waits unverified_takeover_ms for ACTIVE to fall, then"
    " takes over with a critical alarm.",
)
_TRUST: Final = (
    "Every path silent past its dead time: the peer counts as dead, and it takes over.",
    "If only the paths were cut, both hold the chassis until a beat comes through again; then the"
    " newer claim stays. So the paths must not share anything.",
)
_HOLD: Final = (
    "Every path silent: nothing moves, the alarm says held by policy.",
    'A dead holder is replaced only by an operator, who writes isolation_policy = "trust-silence"'
    " into this file and calls bmcha reload.",
)


@dataclass(frozen=True, slots=True)
class SilentPeerRule:
    name: str
    why: str
    sentences: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {"rule": self.name, "why": self.why, "sentences": list(self.sentences)}


def silent_peer_rule(subject: Subject) -> SilentPeerRule | None:
    """None: the class of the board is not known."""
    if not subject.is_sound(subject.board_file_of("class"), "class"):
        return None
    if subject.board.board_class is BoardClass.GATED:
        why = (
            "class gated: the lines of the peer are wired, and its hardware watchdog lets HEALTH"
            " and ACTIVE fall and shuts its outputs"
        )
        return SilentPeerRule("the lines decide", why, _GATED)
    node = subject.node
    if node is None:
        why = (
            "class bare: no line tells anything of the peer; policy.isolation_policy in the"
            " module's file decides (trust-silence unless it says hold)"
        )
        return SilentPeerRule("the policy decides", why, ())
    why = (
        "class bare: no line tells anything of the peer, and policy.isolation_policy is"
        f' "{node.isolation_policy.value}"'
    )
    if node.isolation_policy is IsolationPolicy.TRUST_SILENCE:
        return SilentPeerRule("silence means dead", why, _TRUST)
    more: tuple[str, ...] = ()
    if node.is_lone_start_allowed:
        wait_ms = node.timers.lone_start_ms
        more = (f"A module that never heard of the other starts alone after {wait_ms} ms (lone).",)
    return SilentPeerRule("silence means nothing", why, _HOLD + more)
