"""What two `bmcha key pair` say to each other: docs/adr/0026-pairing.md, step by step.

Sans-I/O: bytes in, bytes out; no clock, file, socket or terminal. `Giver` has keys and `Taker` has
none. Each keeps one message to say, again and again, until it has heard the next one; what it has
had already, and what is meant for somebody else, it ignores; what does not fit ends it with a
`Refusal`. Rules: one end draws once, and takes one public key, so that who sits in between has one
try; nothing is given before both people have said yes; no secret is in a repr.

A message: version, step, the run of who says it, the run of who is meant (zeros: nobody known
yet), then what the step says. What is sealed repeats that head inside the box, so that a box is
worth nothing at another step.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum, IntEnum, unique
from typing import Final

from bmcha.hal import sealing
from bmcha.model.key import KEY_BYTES, KEY_ID_MAX, KEYS_MAX, Key, KeySet, KeyState
from bmcha.model.record import dataclass

VERSION: Final = 1
RUN_BYTES: Final = 4
DIGITS: Final = 8
_NOBODY: Final = bytes(RUN_BYTES)
_HEAD: Final = struct.Struct("<BB4s4s")
_HELLO: Final = struct.Struct("<BIB")
_NUMBER: Final = struct.Struct("<IBB")
_NUMBER_TEXT: Final = b"bmcha pairing number 1"
_OPENING_BYTES: Final = 16
_KEY: Final = struct.Struct(f"<BB{KEY_BYTES}s")
_CHECK: Final = struct.Struct("<I")
_ACCEPTS_UNSIGNED: Final = 0x80
_STATES: Final = (KeyState.ACCEPT, KeyState.SEND)
"""A state on the wire is its place here."""

CheckOf = Callable[[bytes], int]


@unique
class Step(IntEnum):
    HELLO = 1
    COMMIT = 2
    PUBLIC = 3
    OPENING = 4
    YES = 5
    KEYS = 6
    TAKEN = 7
    DONE = 8
    NO = 9


@unique
class Refusal(Enum):
    """The value is the sentence for people."""

    OTHER_VERSION = (
        "The other module's `bmcha key pair` is of another version: install the same bmcha on both."
    )
    OTHER_CHASSIS = (
        "The other module belongs to another chassis: see [chassis] id in both config.toml."
    )
    SAME_SLOT = "The other module says that it is in this module's slot: see `bmcha why` on both."
    BOTH_HAVE_KEYS = (
        "Both modules have keys, and neither knows whose shall be kept: move the key file away on"
        " the module that shall take the other one's, `bmcha reload` there, and begin again."
    )
    NEITHER_HAS_KEYS = (
        "Neither module has a key: `bmcha key new` on one of them, `bmcha reload` there, and begin"
        " again."
    )
    BEGAN_ANEW = "The other module began anew meanwhile: begin again on this one, too."
    BROKEN_COMMITMENT = (
        "What the other end committed to is not what it showed: somebody may sit in between."
    )
    BAD_PUBLIC_KEY = "The other end's public key is none: somebody may sit in between."
    SEALED_OTHERWISE = (
        "What the other end sealed cannot be opened here: somebody may sit in between."
    )
    BAD_KEYS = "What the other module gave is no set of keys: install the same bmcha on both."
    STOPPED_THERE = "It was stopped at the other module, which says there why."
    OTHER_KEYS = "The other module says that it has taken other keys than these."


@dataclass(frozen=True, slots=True)
class Who:
    slot: int
    chassis_id: int
    has_keys: bool


class End:
    """What both have in common. ``said``: to be said now and until it changes. ``number``: to be
    compared by people, "" until there is one. ``other_slot`` None: nobody answered yet."""

    def __init__(self, who: Who) -> None:
        self.who = who
        self.step = Step.HELLO
        self.number = ""
        self.refusal: Refusal | None = None
        self.is_done = False
        self.other_slot: int | None = None
        # Never zeros, which are nobody.
        self._run = sealing.random_bytes(RUN_BYTES - 1) + b"\1"
        self._other_run = _NOBODY
        self._pair: sealing.KeyPair | None = None
        self._session: sealing.SessionKeys | None = None
        self._is_bound = False
        self._say_hello()

    @property
    def is_over(self) -> bool:
        return self.is_done or self.refusal is not None

    @property
    def waits_for(self) -> str:
        """In a sentence, behind "it waited"."""
        raise NotImplementedError

    def hear(self, slot: int, data: bytes) -> bool:
        """True: it is the other end's, whatever it says."""
        if self.is_over or len(data) < 2 or self.other_slot not in (None, slot):
            return False
        if data[0] != VERSION:
            return self._refuse(Refusal.OTHER_VERSION)
        if len(data) < _HEAD.size:
            return False
        _, step, run, meant = _HEAD.unpack_from(data)
        body = data[_HEAD.size :]
        if step == Step.HELLO:
            return self._hear_hello(slot, run, meant, body)
        if self.other_slot is None or run != self._other_run or meant != self._run:
            return False
        if step == Step.NO:
            return self._refuse(Refusal.STOPPED_THERE)
        self._hear_step(step, data[: _HEAD.size], body)
        return True

    def stop(self) -> bool:
        """This end goes no further. False: there is nobody to tell, or it is over anyway."""
        if self.is_over or self.other_slot is None:
            return False
        # Not sealed: two whose numbers differ could not open it.
        self._say(Step.NO, b"")
        return True

    # ---- hello

    def _hear_hello(self, slot: int, run: bytes, meant: bytes, body: bytes) -> bool:
        if len(body) != _HELLO.size or run == _NOBODY:
            return False
        other_slot, chassis_id, has_keys = _HELLO.unpack(body)
        if other_slot not in (slot, self.who.slot):
            return False
        if run != self._other_run:
            # While nothing was drawn from what the former one said it costs nothing.
            if self._is_bound:
                return self._refuse(Refusal.BEGAN_ANEW)
            self._meet(Who(other_slot, chassis_id, bool(has_keys)), run)
        if meant == self._run and not self.is_over:
            self._is_known()
        return True

    def _meet(self, other: Who, run: bytes) -> None:
        self.other_slot, self._other_run = other.slot, run
        self.step = Step.HELLO
        self._say_hello()
        if other.chassis_id != self.who.chassis_id:
            self._refuse(Refusal.OTHER_CHASSIS)
        elif other.slot == self.who.slot:
            self._refuse(Refusal.SAME_SLOT)
        elif other.has_keys and self.who.has_keys:
            self._refuse(Refusal.BOTH_HAVE_KEYS)
        elif not other.has_keys and not self.who.has_keys:
            self._refuse(Refusal.NEITHER_HAS_KEYS)

    def _is_known(self) -> None:
        """The other end has heard who this one is."""

    def _hear_step(self, step: int, head: bytes, body: bytes) -> None:
        """Of the other end, and meant for this one."""
        raise NotImplementedError

    # ---- saying

    def _say_hello(self) -> None:
        who = self.who
        self.said = self._head(Step.HELLO) + _HELLO.pack(who.slot, who.chassis_id, who.has_keys)

    def _say(self, step: Step, body: bytes) -> None:
        self.step = step
        self.said = self._head(step) + body

    def _say_sealed(self, step: Step, data: bytes) -> None:
        assert self._session is not None
        self._say(step, sealing.seal(self._head(step) + data, self._session.say))

    def _head(self, step: Step) -> bytes:
        return _HEAD.pack(VERSION, step, self._run, self._other_run)

    # ---- what both ends make of it

    def _opened(self, head: bytes, body: bytes) -> bytes | None:
        """What lay in the box; None: it was refused."""
        assert self._session is not None
        found = sealing.unseal(body, self._session.hear)
        if found is None or found[: _HEAD.size] != head:
            self._refuse(Refusal.SEALED_OTHERWISE)
            return None
        return found[_HEAD.size :]

    def _agree(self, other_public: bytes, *, is_client: bool) -> bool:
        assert self._pair is not None
        self._session = sealing.agree(self._pair, other_public, is_client=is_client)
        if self._session is None:
            self._refuse(Refusal.BAD_PUBLIC_KEY)
        return self._session is not None

    def _refuse(self, refusal: Refusal) -> bool:
        self.refusal = refusal
        return True


class Giver(End):
    def __init__(self, who: Who, keys: KeySet) -> None:
        self._keys = keys
        self._drawn = sealing.random_bytes(_OPENING_BYTES)
        self._have_they_agreed = False
        self._have_we_agreed = False
        self.has_given = False
        """Whatever became of it."""
        super().__init__(who)
        self._pair = sealing.draw_pair()
        self._opening = self._pair.public + self._drawn

    @property
    def waits_for(self) -> str:
        return {
            Step.HELLO: "for the other module, on which `bmcha key pair` has to run as well",
            Step.COMMIT: "for the other module's public key",
            Step.OPENING: "for a yes at the other module",
            Step.KEYS: "for the other module to say that it has the keys",
        }.get(self.step, "for nothing")

    def approve(self) -> None:
        """The person here has said that the numbers are the same."""
        self._have_we_agreed = bool(self.number)
        self._give_if_agreed()

    def _is_known(self) -> None:
        if self.step is Step.HELLO:
            self._say(Step.COMMIT, sealing.hash_of(self._opening))

    def _hear_step(self, step: int, head: bytes, body: bytes) -> None:
        if step == Step.PUBLIC and self.step is Step.COMMIT:
            self._hear_public(body)
        elif step == Step.YES and self.step is Step.OPENING and not self._have_they_agreed:
            if self._opened(head, body) is not None:
                self._have_they_agreed = True
                self._give_if_agreed()
        elif step == Step.TAKEN and self.step is Step.KEYS:
            self._hear_taken(head, body)

    def _hear_public(self, other: bytes) -> None:
        if len(other) != sealing.PUBLIC_BYTES or not self._agree(other, is_client=False):
            return
        assert self._pair is not None and self.other_slot is not None
        self._is_bound = True
        slots = self.who.slot, self.other_slot
        self.number = _number(self._pair.public, other, self._drawn, self.who.chassis_id, slots)
        self._say(Step.OPENING, self._opening)

    def _give_if_agreed(self) -> None:
        if self._have_we_agreed and self._have_they_agreed and self.step is Step.OPENING:
            self.has_given = True
            self._say_sealed(Step.KEYS, _packed(self._keys))

    def _hear_taken(self, head: bytes, body: bytes) -> None:
        found = self._opened(head, body)
        if found is None:
            return
        newest = self._keys.newest
        if newest is None or found != _CHECK.pack(newest.check):
            self._refuse(Refusal.OTHER_KEYS)
            return
        self._say_sealed(Step.DONE, b"")
        self.is_done = True


class Taker(End):
    """``keys``: what was given; once they are kept, `have_taken` says so to the other end."""

    def __init__(self, who: Who, check_of: CheckOf) -> None:
        self.keys: KeySet | None = None
        self._check_of = check_of
        self._commitment = b""
        super().__init__(who)

    @property
    def waits_for(self) -> str:
        return {
            Step.HELLO: "for the other module, on which `bmcha key pair` has to run as well",
            Step.PUBLIC: "for the number",
            Step.YES: "for a yes at the other module",
            Step.TAKEN: "for the other module's last word",
        }.get(self.step, "for nothing")

    def approve(self) -> None:
        """The person here has said that the numbers are the same."""
        if self.number and self.step is Step.PUBLIC and not self.is_over:
            self._say_sealed(Step.YES, b"")

    def have_taken(self) -> None:
        newest = self.keys.newest if self.keys is not None else None
        assert newest is not None
        if self.step is Step.YES:
            self._say_sealed(Step.TAKEN, _CHECK.pack(newest.check))

    def _hear_step(self, step: int, head: bytes, body: bytes) -> None:
        if step == Step.COMMIT and self.step is Step.HELLO:
            self._hear_commitment(body)
        elif step == Step.OPENING and self.step is Step.PUBLIC and not self.number:
            self._hear_opening(body)
        elif step == Step.KEYS and self.step is Step.YES and self.keys is None:
            found = self._opened(head, body)
            if found is not None:
                self.keys = _unpacked(found, self._check_of)
                if self.keys is None:
                    self._refuse(Refusal.BAD_KEYS)
        elif step == Step.DONE and self.step is Step.TAKEN:
            self.is_done = self._opened(head, body) is not None

    def _hear_commitment(self, body: bytes) -> None:
        if len(body) != sealing.HASH_BYTES:
            return
        self._is_bound = True
        self._commitment = body
        self._pair = sealing.draw_pair()
        self._say(Step.PUBLIC, self._pair.public)

    def _hear_opening(self, body: bytes) -> None:
        if len(body) != sealing.PUBLIC_BYTES + _OPENING_BYTES:
            return
        if sealing.hash_of(body) != self._commitment:
            self._refuse(Refusal.BROKEN_COMMITMENT)
            return
        other, drawn = body[: sealing.PUBLIC_BYTES], body[sealing.PUBLIC_BYTES :]
        if not self._agree(other, is_client=True):
            return
        assert self._pair is not None and self.other_slot is not None
        slots = self.other_slot, self.who.slot
        self.number = _number(other, self._pair.public, drawn, self.who.chassis_id, slots)


def _number(
    giver: bytes, taker: bytes, drawn: bytes, chassis_id: int, slots: tuple[int, int]
) -> str:
    """``slots``: the giver's and the taker's."""
    text = b"".join((_NUMBER_TEXT, giver, taker, _NUMBER.pack(chassis_id, *slots)))
    number = int.from_bytes(sealing.hash_of(text, drawn)[:8], "big") % 10**DIGITS
    return f"{number:0{DIGITS}}"


def _packed(keys: KeySet) -> bytes:
    head = len(keys.keys) | (_ACCEPTS_UNSIGNED if keys.accepts_unsigned else 0)
    packed = [_KEY.pack(key.id, _STATES.index(key.state), key.secret) for key in keys.keys]
    return bytes([head]) + b"".join(packed)


def _unpacked(data: bytes, check_of: CheckOf) -> KeySet | None:
    """None: no set that a key file could hold."""
    count = data[0] & ~_ACCEPTS_UNSIGNED if data else 0
    if not 1 <= count <= KEYS_MAX or len(data) != 1 + count * _KEY.size:
        return None
    keys = []
    for key_id, state, secret in _KEY.iter_unpack(data[1:]):
        if not 1 <= key_id <= KEY_ID_MAX or state >= len(_STATES) or not any(secret):
            return None
        keys.append(Key(key_id, _STATES[state], secret, check_of(secret)))
    are_distinct = len({key.id for key in keys}) == len({key.secret for key in keys}) == count
    senders = sum(key.state is KeyState.SEND for key in keys)
    if not are_distinct or senders > 1:
        return None
    return KeySet(tuple(keys), bool(data[0] & _ACCEPTS_UNSIGNED))
