"""The keys that frames are signed with, as values (docs/adr/0025). Files are `bmcha.config`'s."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import Enum, unique
from typing import Final

from bmcha.model.record import dataclass

KEY_BYTES: Final = 32
KEYS_MAX: Final = 4
"""Two are enough to rotate; more is room for who forgets to drop."""
KEY_ID_MAX: Final = 255
"""A byte of the header; 0 there is an unsigned frame."""


@unique
class KeyState(Enum):
    """The key in state SEND is accepted too."""

    ACCEPT = "accept"
    SEND = "send"


# The standard one: ours shows every field.
@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """``secret``: KEY_BYTES, and nothing to print. ``check``: 32 bits that tell two keys apart
    and tell nothing of the secret (`bmcha.hal.mac.check_of`)."""

    id: int
    state: KeyState
    secret: bytes = dataclasses.field(repr=False)
    check: int


@dataclass(frozen=True, slots=True)
class KeyMark:
    """The newest key of a module that has more than one way to believe, as its beats tell the
    peer: ``check`` is the upper 16 bits of the key's."""

    id: int
    check: int


@dataclass(frozen=True, slots=True)
class KeyView:
    """What may be told of a key set, and is all that the core knows of it: ids in the order of
    the file, the newest last, and that one's check. ``sends`` None: frames go out unsigned."""

    sends: int | None = None
    accepts: tuple[int, ...] = ()
    accepts_unsigned: bool = True
    newest_check: int | None = None

    @property
    def is_rotating(self) -> bool:
        """There is more than one way to believe."""
        return len(self.accepts) + self.accepts_unsigned > 1

    @property
    def mark(self) -> KeyMark | None:
        """For the beats, while it rotates."""
        if self.newest_check is None or not self.is_rotating:
            return None
        return KeyMark(self.accepts[-1], self.newest_check >> 16)


@dataclass(frozen=True, slots=True)
class KeySet:
    """In the order of the file: the newest last. One at most has state SEND; without it frames
    go out unsigned."""

    keys: tuple[Key, ...] = ()
    accepts_unsigned: bool = True

    @property
    def sender(self) -> Key | None:
        return next((key for key in self.keys if key.state is KeyState.SEND), None)

    @property
    def newest(self) -> Key | None:
        return self.keys[-1] if self.keys else None

    @property
    def view(self) -> KeyView:
        sender, newest = self.sender, self.newest
        return KeyView(
            sender.id if sender is not None else None,
            tuple(key.id for key in self.keys),
            self.accepts_unsigned or not self.keys,
            newest.check if newest is not None else None,
        )

    def of(self, key_id: int) -> Key | None:
        return next((key for key in self.keys if key.id == key_id), None)


NO_KEYS: Final = KeySet()


def mark_of(key: Key) -> KeyMark:
    return KeyMark(key.id, key.check >> 16)


def free_id(keys: Sequence[Key]) -> int:
    """The next one after the newest that no key has, from 1 to KEY_ID_MAX and round."""
    taken = {key.id for key in keys}
    last = keys[-1].id if keys else 0
    after = range(last + 1, last + 1 + KEY_ID_MAX)
    return next(found for each in after if (found := (each - 1) % KEY_ID_MAX + 1) not in taken)
