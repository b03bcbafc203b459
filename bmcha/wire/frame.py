"""What the codecs hand out: a frame whose bytes are sound, or the reason why they are not.

Says nothing about what a body means; `bmcha.wire.messages` does. Damaged input is a value here and
never an exception: a receiver counts it and goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from enum import Enum, unique
from typing import Protocol

from bmcha.model.message import Header
from bmcha.model.record import dataclass
from bmcha.wire import version


@unique
class BadReason(Enum):
    """Why bytes were not taken for a frame. The C codec returns these numbers, negated."""

    TOO_SHORT = 1
    TOO_LONG = 2
    COBS = 3
    CRC = 4
    VERSION = 5
    LENGTH = 6
    TYPE = 7
    BODY = 8
    CHASSIS = 9
    SLOT = 10
    MAC_MISSING = 11
    KEY_UNKNOWN = 12
    MAC_WRONG = 13
    OTHER_PATH = 14
    REFLECTED = 15
    REPLAYED = 16
    UNPROVEN = 17

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    BadReason.TOO_SHORT: "shorter than the smallest frame",
    BadReason.TOO_LONG: "longer than the largest frame",
    BadReason.COBS: "the byte stuffing does not add up",
    BadReason.CRC: "the checksum does not match",
    BadReason.VERSION: "the version is older than this firmware can read",
    BadReason.LENGTH: "the length field does not match the frame",
    BadReason.TYPE: "a message of a type not known here",
    BadReason.BODY: "the body does not make sense for its type",
    BadReason.CHASSIS: "from another chassis",
    BadReason.SLOT: "not from the peer, or not for this slot",
    BadReason.MAC_MISSING: "not signed, though this module has keys",
    BadReason.KEY_UNKNOWN: "signed with a key that is not in this module's key file",
    BadReason.MAC_WRONG: "the signature does not match: forged, or another key of the same id",
    BadReason.OTHER_PATH: "signed for another path to that peer: crossed cables, or carried over",
    BadReason.REFLECTED: "this module's own frame, sent back to it",
    BadReason.REPLAYED: "signed rightly by a boot that is over, or that does not hear this module",
    BadReason.UNPROVEN: "early: signed by a new boot before it had shown that it is of now",
}


FOREIGN = (BadReason.CHASSIS, BadReason.SLOT)
"""Sound frames that are none of ours: counted apart, because they are no damage."""
FORGED = (
    BadReason.MAC_MISSING,
    BadReason.KEY_UNKNOWN,
    BadReason.MAC_WRONG,
    BadReason.OTHER_PATH,
    BadReason.REFLECTED,
    BadReason.REPLAYED,
)
"""Sound frames that somebody else than the peer of now has sent (docs/adr/0025)."""
EARLY = (BadReason.UNPROVEN,)
"""A peer that has restarted says a few of these, and no harm is in them."""


@dataclass(frozen=True, slots=True)
class BadFrame:
    """``offset`` and ``size`` say which bytes of the buffer given to the codec."""

    reason: BadReason
    offset: int = field(default=0, compare=False)
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame with a sound checksum. ``mac`` is empty, or 16 bytes that nobody has judged.

    ``type_number`` may be one that is not known here. ``offset`` and ``size`` as in `BadFrame`.
    """

    header: Header
    type_number: int
    body: bytes
    mac: bytes = b""
    version: int = version.CURRENT
    offset: int = field(default=0, compare=False)
    size: int = field(default=0, compare=False)


Decoded = RawFrame | BadFrame


@dataclass(frozen=True, slots=True)
class Address:
    """Whose frames a path is for."""

    chassis_id: int
    own_slot: int
    peer_slot: int


class Sieve(Protocol):
    """Hands out the sound frames of one address, none longer than a path takes (None: of all, of
    any length), and of whoever says the own slot in the own chassis, and counts everything else, so
    that noise costs as little as it can. One a path, used by that path's thread alone."""

    @property
    def bad_counts(self) -> dict[BadReason, int]:
        """Since the start; a reason that was never met is missing."""

    @property
    def noise_bytes(self) -> int:
        """Of streams and datagrams, in no sound frame of anybody."""

    @property
    def foreign_chassis_id(self) -> int | None:
        """The last other chassis heard."""

    def sift_stream(self, buffer: bytes) -> tuple[list[RawFrame], int]:
        """As `decode_stream`."""

    def sift_datagrams(self, datagrams: list[bytes]) -> list[RawFrame]: ...


class Codec(Protocol):
    """What `bmcha.wire.codec` and `bmcha.wire.codec_native` both are, as modules."""

    @property
    def crc32c(self) -> Callable[[bytes], int]: ...

    @property
    def cobs_encode(self) -> Callable[[bytes], bytes]: ...

    @property
    def cobs_decode(self) -> Callable[[bytes], bytes | None]: ...

    @property
    def encode_frame(self) -> Callable[[Header, int, bytes, bool, bytes], bytes]: ...

    @property
    def decode_stream(self) -> Callable[[bytes], tuple[list[Decoded], int]]: ...

    @property
    def decode_datagram(self) -> Callable[[bytes], Decoded]: ...

    @property
    def make_sieve(self) -> Callable[[Address | None], Sieve]: ...


def judge_address(
    header: Header, chassis_id: int, own_slot: int, peer_slot: int
) -> BadReason | None:
    """Why a sound frame is none of ours, or None. A path calls this before it believes a frame."""
    if header.chassis_id != chassis_id:
        return BadReason.CHASSIS
    if header.source_slot != peer_slot or header.target_slot != own_slot:
        return BadReason.SLOT
    return None


def says_own_slot(header: Header, chassis_id: int, own_slot: int) -> bool:
    """An echo of ours, or another module of this chassis that takes our slot for its own."""
    return header.chassis_id == chassis_id and header.source_slot == own_slot
