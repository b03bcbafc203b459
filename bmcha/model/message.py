"""What modules say to each other, as values. How they look in bytes is `bmcha.wire.schema`.

The header fields that every frame carries are in `Header`; the engine that sends a frame fills
in the sequence and, for a heartbeat, the per-path fields (interval, dead time, echo).
"""

from __future__ import annotations

from enum import Enum, unique

from bmcha.model.key import KeyMark
from bmcha.model.reading import Cell
from bmcha.model.record import dataclass
from bmcha.model.role import Reason, Role

AGE_NEVER_NS = -1
"""Echo age of a path on which nothing was heard since this node booted."""


@dataclass(frozen=True, slots=True)
class Header:
    """Who said it. ``sequence`` counts frames per path and sender from 1 at boot; a `Pairing` has
    no place in it and says 0."""

    chassis_id: int
    source_slot: int
    target_slot: int
    boot_id: int
    epoch: int
    sequence: int
    key_id: int = 0


@dataclass(frozen=True, slots=True)
class PathEcho:
    """What the speaker last heard from the listener on one path, and how long ago.

    On the wire ``sequence`` is cut to its low 16 bits: compare it so.
    """

    sequence: int
    age_ns: int

    @property
    def is_never(self) -> bool:
        return self.age_ns == AGE_NEVER_NS


@dataclass(frozen=True, slots=True)
class Progress:
    """Wrapping u8 counters: each proves that one loop of the speaker still turns."""

    sensors: int
    cooling: int
    power: int


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Nobody takes the chassis unasked for ``remaining_s`` more (0: it is off; u16). ``stamp`` is a
    wrapping u16 from 1: the newest command wins."""

    stamp: int
    remaining_s: int


@dataclass(frozen=True, slots=True)
class HeartbeatDraft:
    """What the node has to say in every beat; replaced whole, never changed in place.

    ``revision`` is a wrapping u16 that grows with every change of role, reason, flags or epoch:
    it orders the words of one boot across paths of unlike speed. ``epoch`` is the highest epoch
    that the node has seen. ``is_holding`` says that its outputs are open,
    ``is_released`` that it was ACTIVE and has let go, so that a STANDBY may take over.
    ``will_claim_on_silence`` says that its rules end in a takeover when every path stays silent.
    ``health`` is 0 (dead) to 100. ``mirror_sequence`` travels as its low 16 bits.
    ``maintenance`` is None until there was one since boot. ``is_locked_out``: there were too many
    failovers, and only a command ends that. ``key_mark``: the newest key, while the speaker has
    more than one way to believe.
    """

    revision: int
    epoch: int
    role: Role
    reason: Reason
    is_holding: bool
    is_released: bool
    will_claim_on_silence: bool
    health: int
    echo_boot_id: int
    mirror_sequence: int
    settings_sequence: int
    progress: Progress
    firmware_level: int
    maintenance: Maintenance | None = None
    is_locked_out: bool = False
    key_mark: KeyMark | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A draft as it went over one path: with that path's timers and the echo of all paths.

    ``echoes`` is in the order of the configured paths, the same order at both ends.
    """

    draft: HeartbeatDraft
    interval_ms: int
    deadtime_ms: int
    echoes: tuple[PathEcho, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """Asks for an answer by the peer's node loop at once, on the path it came."""

    nonce: int


@dataclass(frozen=True, slots=True)
class ProbeReply:
    nonce: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Sent after outputs and ACTIVE line were released; nothing is sent after it."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Handover:
    """The ACTIVE has released and asks the peer to claim. Repeated until confirmed.

    ``nonce`` names this handover; ``image_sequence`` is the last one that the peer must have;
    ``revision`` as in `HeartbeatDraft`: every beat of an older revision is overtaken by this.
    """

    nonce: int
    image_sequence: int
    revision: int


@dataclass(frozen=True, slots=True)
class MirrorJoin:
    """A STANDBY asks for the whole image. ``layout_id`` names the image layout it knows."""

    layout_id: int
    join_id: int


@unique
class DeltaKind(Enum):
    CHANGES = 0
    WHOLE = 1


@dataclass(frozen=True, slots=True)
class Delta:
    """The image's changes from ``base`` (exclusive) to ``sequence``; part ``part`` of ``parts``.

    The receiver collects all parts and applies them at once, so its image is always the
    sender's as of one sequence. WHOLE answers the join ``join_id`` and replaces everything.
    """

    kind: DeltaKind
    layout_id: int
    join_id: int
    base: int
    sequence: int
    part: int
    parts: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class DeltaAck:
    """Everything up to ``sequence`` of the stream of join ``join_id`` is applied."""

    join_id: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Pairing:
    """What `bmcha key pair` says to its like at the other end, 1 to 255 bytes. The service carries
    it over serial paths, does not look into it, and its node never hears of it."""

    data: bytes


Message = (
    Heartbeat | Probe | ProbeReply | Goodbye | Handover | MirrorJoin | Delta | DeltaAck | Pairing
)


@unique
class MessageType(Enum):
    """The wire's type byte: append, never renumber."""

    HEARTBEAT = 1
    PROBE = 2
    PROBE_REPLY = 3
    GOODBYE = 4
    HANDOVER = 5
    MIRROR_JOIN = 6
    DELTA = 7
    DELTA_ACK = 8
    PAIRING = 9
