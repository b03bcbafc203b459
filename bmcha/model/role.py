"""The roles a node can have, and why it has them.

Every decision carries a ``Reason`` and every "no" a ``Refusal``; each is an enumeration with a
sentence and a remedy, and the console, the log and the control socket show them, so a decision
reads the same everywhere. docs/operator.md lists them all, from here. Numbers are wire values:
append, never renumber.
"""

from __future__ import annotations

from enum import Enum, unique


@unique
class Role(Enum):
    """Wire value = enum value. Order has no meaning."""

    STARTING = 1
    STANDBY = 2
    FENCING = 3
    ACTIVE = 4
    RELINQUISHING = 5
    FAULT = 6


class _Sentence(Enum):
    """An enumeration whose members carry a wire number, a sentence, and what a person should do:
    "" where nothing needs to be done."""

    sentence: str
    remedy: str

    def __new__(cls, number: int, sentence: str, remedy: str = "") -> _Sentence:
        member = object.__new__(cls)
        member._value_ = number
        member.sentence = sentence
        member.remedy = remedy
        return member

    @property
    def advice(self) -> str:
        """The sentence, and what to do."""
        return f"{self.sentence} {self.remedy}".rstrip()


@unique
class Reason(_Sentence):
    """Why a node is in its role, and what to do about it."""

    BOOT_LISTENING = 1, "Just started; listens for the peer before it decides."
    OWN_SLOT_UNREADABLE = (
        2,
        "The slot straps cannot be read; without a slot no role is safe.",
        "Reseat the module; if that does not help, check the strap lines with `bmcha check`.",
    )
    PEER_IS_ACTIVE = 3, "The peer is heard and says that it is ACTIVE."
    PEER_IS_CLAIMING = 4, "The peer is heard and is taking the chassis."
    PEER_HOLDS_NEWER_EPOCH = (
        5,
        "Both were ACTIVE; the peer's epoch is newer, so this node let go.",
        "Find out why both were ACTIVE: every path was lost. See `bmcha events` on both.",
    )
    PEER_CLAIMS_FIRST = 6, "Nobody is ACTIVE; the peer is earlier in the succession and goes first."
    ISOLATED = (
        7,
        "Every path is silent, but the lines say that the peer holds the chassis.",
        "Mend a path: see `bmcha paths`. Until then nobody takes over from a holder that fails.",
    )
    LINE_FAULT_SUSPECTED = (
        8,
        "Every path is silent and the peer's lines contradict each other.",
        "Reseat the peer; see its lines in `bmcha why`.",
    )
    HELD_BY_POLICY = (
        9,
        "The peer does not answer, and isolation_policy = hold forbids a claim without it.",
        "Mend a path. If the peer is dead, set isolation_policy = trust-silence and reload.",
    )
    CONTEST_LOST = (
        10,
        "Both claimed at once; the other claim goes first by the rules.",
        "Nothing, if it does not repeat. Else see the peer's ACTIVE line in `bmcha why`.",
    )
    OWN_GAP_TOO_LONG = (
        11,
        "This node stood still for too long; it let go of the chassis.",
        "Find what held this module up: see its load, its log, and `bmcha events`.",
    )
    OUTPUTS_SHUT = (
        12,
        "The board shut this module's outputs; it let go of the chassis.",
        "Check the module's watchdog and its output gate.",
    )
    HANDED_OVER = 13, "A planned switchover: the peer has taken the chassis."
    RELEASED_UNHEARD = (
        14,
        "The peer says that it hears nothing from here; let go before it claims.",
        "Mend the direction that is lost: `bmcha paths` on both modules says which.",
    )
    FIRST_IN_SUCCESSION = 15, "Nobody is ACTIVE and this node is the first in the succession."
    RANK_DELAY_OVER = 16, "Nobody is ACTIVE and no earlier node in the succession has claimed."
    STANDBY_BEFORE_STARTING = 17, "Nobody is ACTIVE; a STANDBY goes before a node that starts."
    PEER_IN_FAULT = (
        18,
        "The peer is in FAULT and cannot hold the chassis.",
        "Mend the peer: `bmcha status` there says what is wrong.",
    )
    PEER_SAID_GOODBYE = 19, "The peer released its outputs and said goodbye."
    PEER_RELEASED = 20, "The peer has released its outputs."
    PEER_ABSENT = (
        21,
        "The PRESENCE line is down: the peer's slot is empty or without power.",
        "Insert the module, or see to its power. Redundancy is lost until then.",
    )
    PEER_HEALTH_DOWN = (
        22,
        "The peer's HEALTH and ACTIVE lines fell: it died or its watchdog shut it.",
        "See the log of the peer: it died, hung, or was shut by its watchdog.",
    )
    PEER_ACTIVE_LINE_DOWN = (
        23,
        "Every path is silent and the ACTIVE line says that nobody holds.",
        "Mend a path: see `bmcha paths`. The peer may run and hear nothing.",
    )
    PEER_SILENT = (
        24,
        "Every path is silent past its dead time and no line can tell more.",
        "See to the peer. If it runs, only the paths are lost: mend one at once.",
    )
    UNVERIFIED_TAKEOVER = (
        25,
        "The lines contradict each other for too long; cooling cannot wait.",
        "Go there: the peer may still drive the chassis. Pull it if it does.",
    )
    LONE_START = (
        26,
        "No peer was heard since the start and the node is configured to run alone.",
        "Nothing, in a chassis with one module.",
    )
    HANDOVER_ASKED = 27, "A planned switchover: the peer handed the chassis over."
    HANDOVER_TIMED_OUT = (
        28,
        "The peer did not confirm the handover; the chassis was taken back.",
        "See `bmcha why` on the peer, which did not take the chassis.",
    )
    TAKEN_BACK = (
        29,
        "Let go for a peer that hears nothing from here, but it did not claim.",
        "Mend a path: see `bmcha paths` on both modules.",
    )
    SWITCHOVER_ASKED = 30, "A planned switchover was asked for; the chassis is being handed over."
    STOP_ASKED = (
        31,
        "The service was asked to stop.",
        "Nothing; start the service again when you are done.",
    )
    PEER_HEARS_NOTHING = (
        32,
        "Both were ACTIVE; the peer hears nothing and cannot let go.",
        "Mend what we send: `bmcha paths` on both modules says which direction is lost.",
    )
    IN_MAINTENANCE = (
        33,
        "Nobody is known to hold the chassis, but maintenance forbids to take it.",
        "End maintenance with `bmcha maintenance off` if nobody holds the chassis.",
    )
    ACTIVE_LINE_UNREADABLE = (
        34,
        "The peer does not answer, and its ACTIVE line cannot be read: a claim would be a guess.",
        "Mend the line, or a path: see `bmcha check` and `bmcha paths`.",
    )
    OTHER_CHASSIS = (
        35,
        "Only a module of another chassis is heard: one of the two is misplaced.",
        "Put each module into its own chassis, or correct chassis.id.",
    )
    FENCING_PEER = (
        36,
        "Every path is silent and a line says that the peer holds: it is reset first.",
        "Nothing now: it takes milliseconds.",
    )
    PEER_FENCED = (
        37,
        "The peer was reset, as its lines or its restart show: it holds nothing.",
        "Mend the paths: see `bmcha paths`. Then see why the peer was silent.",
    )
    FENCE_CALLED_OFF = (
        38,
        "The peer was heard again before its reset; it was not reset.",
        "Mend the paths: they were all silent for a moment. See `bmcha paths`.",
    )
    LEASE_OVER = (
        39,
        "The peer echoes nothing any more; let go once, so that it may take over.",
        "Mend a path: see `bmcha paths`. Outputs rest for a moment, fans hold.",
    )
    DUPLICATE_SLOT = (
        44,
        "Another module says that it is in the same slot, and goes first.",
        "Compare both slots with the straps, reseat the module that is wrong, then restart both.",
    )
    CUT_OFF = (
        45,
        "Every path is silent, and the reference outside fell silent with them: cut off.",
        "Mend this module's network and paths. It waits for forbid_max_s before it claims.",
    )
    LOCKED_OUT = (
        48,
        "Every path is silent, but after too many failovers silence alone moves nothing.",
        "See to the peer; if it holds nothing, `bmcha lockout clear`. `bmcha events` says why.",
    )
    HEALTH_SWITCHOVER = (
        49,
        "The peer has been clearly healthier for long; the chassis is handed over to it.",
        "Mend this module: `bmcha status` says what its health suffers from.",
    )
    FAILBACK = 50, "The peer is well and in the preferred slot; the chassis is handed over to it."
    FROM_NEWER_VERSION = (
        255,
        "The peer's firmware is newer and gives a reason not known here.",
        "Bring both modules to one firmware level.",
    )


@unique
class Refusal(_Sentence):
    """Why a command was not done, and what to do about it."""

    NOT_ACTIVE = 1, "This module is not ACTIVE.", "Ask the ACTIVE module."
    ALREADY_THERE = 2, "The asked slot is ACTIVE already.", "Nothing needs to be done."
    NO_SUCH_SLOT = 3, "No such slot in this chassis.", "Name one of the configured slots."
    PEER_NOT_HEARD = (
        4,
        "The peer is not heard on any path.",
        "See `bmcha paths`; mend one first.",
    )
    PEER_DOES_NOT_HEAR = (
        5,
        "The peer does not hear this module.",
        "See `bmcha paths`; mend one first.",
    )
    PEER_NOT_STANDBY = 6, "The peer is not STANDBY.", "Wait until `bmcha status` shows it so."
    PEER_UNHEALTHY = (
        7,
        "The peer's health is worse than this module's.",
        "See `bmcha status` on the peer; mend it, or use --force.",
    )
    PEER_HEALTH_LINE_DOWN = 8, "The peer's HEALTH line is down.", "Mend the peer first."
    MIRROR_NOT_SYNCED = (
        9,
        "The peer has not got the whole picture yet.",
        "Wait, or use --force.",
    )
    ROLE_TOO_FRESH = (
        10,
        "The last role change is too recent (hold-off).",
        "Wait, or use --force.",
    )
    CHANGE_UNDER_WAY = 11, "A role change is under way.", "Wait until it has ended."
    STOPPING = 12, "The service is stopping.", "When it has ended, ask the other module."
    HANDOVER_FAILED = 13, "The peer did not confirm in time.", "See `bmcha why` on both modules."
    LOCKED_OUT = (
        14,
        "Too many failovers: moves are locked out.",
        "Find out why, then `bmcha lockout clear`, or use --force.",
    )
    DRILL_UNDER_WAY = 15, "A drill is under way already.", "Wait a second and ask again."
    NO_SUCH_PATH = 16, "There is no such path.", "Name one of those in `bmcha paths`."
    ISOLATED = (
        17,
        "This module holds the chassis and hears no other one, which may hold it too.",
        "Mend a path first: see `bmcha paths`. If the other module holds nothing, use --force.",
    )

    @property
    def yields_to_force(self) -> bool:
        return self in (
            *(Refusal.PEER_UNHEALTHY, Refusal.MIRROR_NOT_SYNCED),
            *(Refusal.ROLE_TOO_FRESH, Refusal.LOCKED_OUT, Refusal.ISOLATED),
        )


@unique
class Severity(Enum):
    INFO = 1
    MINOR = 2
    MAJOR = 3
    CRITICAL = 4
