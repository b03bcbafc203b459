"""Says in plain words which rule for a silent peer a board gets, and why.

The rules themselves are `bmcha.ha.role_rules`, their reasons docs/adr/0006-silent-peer.md and
docs/adr/0011-fencing-and-lease.md; here is only how the configuration chooses among them. Called by
`bmcha.check.run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bmcha.check.finding import Finding
from bmcha.check.subject import Subject
from bmcha.model.board import PeerLines
from bmcha.model.record import dataclass
from bmcha.model.settings import BoardClass, IsolationPolicy

_LINES_FELL: Final = (
    "ACTIVE down: nobody holds the chassis. It takes over after the claim window.",
    "HEALTH and ACTIVE down, or PRESENCE with one more: the peer is dead or gone. It takes over at"
    " once, without waiting for silence.",
)
_GATED: Final = (
    "Every path silent, and PRESENCE, HEALTH and ACTIVE still up: the peer lives. Nothing moves;"
    " the alarm says isolated.",
    *_LINES_FELL,
    "Only HEALTH down: one line may lie. It waits unverified_takeover_ms for ACTIVE to fall, then"
    " takes over with a critical alarm.",
)
_RESET: Final = (
    "Every path silent, and a line says that the peer holds, or cannot be read: a STANDBY that has"
    " heard the peer ACTIVE resets it, and takes over once the reset is seen to have happened.",
    "A module that never heard it, as one that starts cut off, resets nobody. The alarm says"
    " isolated.",
    *_LINES_FELL,
)
_UNSEEN: Final = (
    "A reset that is not seen to happen is given again every second; after unverified_takeover_ms"
    " it takes over with a critical alarm.",
)
_LEASE: Final = (
    "A holder that is no longer echoed lets go once, lease_margin_ms after its peer calls it"
    " silent: outputs shut, ACTIVE down for the claim window; then it takes back what nobody took.",
    "Every path silent, and ACTIVE down: it takes over at once.",
    "Every path silent, and ACTIVE up, but seen to move since the last beat: the peer lives and"
    " holds. Nothing moves; the alarm says isolated.",
    "Every path silent, and ACTIVE up and still: unverified_takeover_ms later it takes over with a"
    " critical alarm. If that peer only stood still, both hold until it goes on and looks at its"
    " clock, or a beat comes through: never two hands is not promised here.",
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


_GATED_WHY: Final = (
    "class {}: the lines of the peer are wired, and its hardware watchdog lets HEALTH and ACTIVE"
    " fall and shuts its outputs"
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
    match subject.board.board_class:
        case BoardClass.GATED:
            return SilentPeerRule("the lines decide", _GATED_WHY.format("gated"), _GATED)
        case BoardClass.RESET:
            why = f"{_GATED_WHY.format('reset')}; a line resets it"
            fences = tuple(_fence(peer) for peer in subject.board.lines.peers if peer.reset)
            return SilentPeerRule("it is reset first", why, (*_RESET, *fences, *_UNSEEN))
        case BoardClass.LEASE:
            why = (
                "class lease: PRESENCE and ACTIVE of the peer are wired, and no watchdog lets"
                " ACTIVE fall: a line that moves proves life, one that does not proves nothing"
            )
            return SilentPeerRule("the holder lets go by itself", why, _LEASE)
        case BoardClass.BARE:
            return _bare_rule(subject)


def _fence(peer: PeerLines) -> str:
    """How it is seen that a reset of this peer has happened."""
    signs = [name for name, line in (("HEALTH", peer.health), ("ACTIVE", peer.active)) if line]
    falls = f"{' or '.join(signs)} that was up and falls"
    which = f"Slot +{peer.offset}: a reset is seen by"
    if peer.reset_sense is not None:
        return f"{which} its reset_sense, or by {falls}."
    if not signs:
        return f"Slot +{peer.offset}: a reset is unverifiable: no line shows whether it happened."
    return f"{which} {falls}. Where neither was up it is unverifiable: no reset_sense is wired."


def check_fences(subject: Subject) -> Iterator[Finding]:
    """Advice: what is wired for a reset and not used, or could prove one and is not wired."""
    if silent_peer_rule(subject) is None or not subject.is_sound(
        subject.board_file_of("lines"), "lines"
    ):
        return
    board_class = subject.board.board_class
    for number, peer in enumerate(subject.board.lines.peers):
        if peer.reset is None:
            continue
        key = f"lines.peer[{number}]"
        if board_class is not BoardClass.RESET:
            allowed = "class reset, which resets a silent peer that seems to hold"
            value = f"a line that no rule of class {board_class.value} uses"
            remedy = 'write class = "reset" if a watchdog gates the modules, or take reset out'
            yield subject.in_board(f"{key}.reset", value, allowed, remedy, True)
        elif peer.reset_sense is None:
            remedy = "wire the reset line back, from where the peer sees it, to an input"
            allowed = "a line: without it a reset is verified only where HEALTH or ACTIVE was up"
            yield subject.in_board(f"{key}.reset_sense", "missing", allowed, remedy, True)


def _bare_rule(subject: Subject) -> SilentPeerRule:
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
