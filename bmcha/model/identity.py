"""Who is who in one chassis.

A node is one running bmcha on one management module and is named by the slot it sits in. The
nodes of a chassis form a list in order of succession: the first one takes a chassis that nobody
holds, each later one is the successor of all before it. Two slots are shipped; nothing here or
above counts on two.
"""

from __future__ import annotations

from bmcha.model.record import dataclass

EPOCH_MAX = 0xFFFF_FFFF
"""The epoch is a u32 on the wire. A takeover a minute would need 8,000 years to reach it."""


@dataclass(frozen=True, slots=True)
class Succession:
    """The slots of a chassis, the first to claim first. Slots are 1 to 255 and differ."""

    slots: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.slots:
            raise ValueError("succession: at least one slot is needed")
        if len(set(self.slots)) != len(self.slots):
            raise ValueError(f"succession: a slot is named twice in {list(self.slots)}")
        if not all(1 <= slot <= 255 for slot in self.slots):
            raise ValueError(f"succession: slots are 1 to 255, not {list(self.slots)}")

    def rank(self, slot: int) -> int:
        """Place of ``slot`` in the list, 0 for the first to claim."""
        return self.slots.index(slot)

    def peers_of(self, slot: int) -> tuple[int, ...]:
        return tuple(other for other in self.slots if other != slot)


def next_epoch(above: int, succession: Succession, slot: int) -> int:
    """The smallest epoch above ``above`` that only ``slot`` may claim.

    Epochs are dealt out by residue: two nodes that claim at the same instant, each with the same
    knowledge, still never claim the same number.
    """
    count = len(succession.slots)
    epoch = above + 1
    return epoch + (succession.rank(slot) - epoch) % count


def claimant(epoch: int, succession: Succession) -> int | None:
    """The slot that claimed this epoch; None: nobody, it is 0."""
    return succession.slots[epoch % len(succession.slots)] if epoch else None
