"""What is heard beside the words of the peers: of a module that says our own slot.

Plain values; what they mean is `bmcha.ha`'s affair.
"""

from __future__ import annotations

from bmcha.model.record import dataclass
from bmcha.model.role import Role


@dataclass(frozen=True, slots=True)
class Twin:
    """The last beat of another module of this chassis that says to be in our slot."""

    boot_id: int
    role: Role
    epoch: int
    heard_ns: int


@dataclass(frozen=True, slots=True)
class Opinion:
    """Of one address: when it last answered; None: never since the start."""

    address: str
    answered_ns: int | None


@dataclass(frozen=True, slots=True)
class OpinionsHeard:
    """After each round of questions. ``fault``: why nobody can be asked ("" when it can)."""

    opinions: tuple[Opinion, ...]
    told_ns: int
    fault: str = ""
