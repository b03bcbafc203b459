"""What is heard beside the words of the peers: of a module that says our own slot.

Plain values; what they mean is `bmcha.ha`'s affair.
"""

from __future__ import annotations

from dataclasses import dataclass

from bmcha.model.role import Role


@dataclass(frozen=True, slots=True)
class Twin:
    """The last beat of another module of this chassis that says to be in our slot."""

    boot_id: int
    role: Role
    epoch: int
    heard_ns: int
