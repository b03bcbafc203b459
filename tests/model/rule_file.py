"""Writes what the model is told: the rules and tables of the Python, as a text of numbers.

`rules_text(board, ...)` asks the real functions: `decide` (as a decision diagram), the role
machine's TRANSITIONS, the real `Claim`, `next_epoch`, `is_claim_certain_on_silence`. No rule is
repeated here. What the model does not have is named in FIXED, each with the reason; a field of the
evidence that is neither modelled nor there is refused by `tests/model/test_rule_file.py`.

Read by tests/model/rules.h.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from bmcha.ha import claim as claiming
from bmcha.ha.evidence import is_claim_certain_on_silence
from bmcha.ha.fencing import Fence
from bmcha.ha.fencing import Step as FenceStep
from bmcha.ha.open_evidence import Value
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_machine import TRANSITIONS, OutputAct, Transition
from bmcha.ha.role_rules import decide
from bmcha.ha.rule_record import RoleDecision
from bmcha.model.event import LineLevels
from bmcha.model.identity import Succession, next_epoch
from bmcha.model.moment import ns_from_ms
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy
from tests.model.decision_diagram import (
    LINE,
    Decide,
    Implication,
    all_fields,
    defaults,
    diagram_of,
    domains,
)
from tests.world import settings_of, timers

HERE = Path(__file__).parent
UNCHANGED = Reason.FROM_NEWER_VERSION
"""Stands for every reason that the rules do not ask for; a decision with it keeps the reason."""
WHYS = (
    UNCHANGED,
    Reason.RELEASED_UNHEARD,
    Reason.SWITCHOVER_ASKED,
    Reason.STOP_ASKED,
    Reason.LEASE_OVER,
)
"""The own reason, as far as a rule asks for it; 2, 3 and 4 are named in numbers.h."""
LONG_WAIT_REASONS = (Reason.CONTEST_LOST, Reason.OUTPUTS_SHUT)
"""After these every other node goes first (`RoleKeeper._end_change`)."""

FIXED: dict[str, tuple[Value, str]] = {
    "is_slot_known": (True, "a node without a slot is FAULT and says nothing: a third process"),
    "is_slot_taken": (False, "two modules in one slot are no two nodes of these; process tests"),
    "is_cut_off": (False, "only ever forbids a claim on silence alone, on bare; unit tests"),
    "is_in_maintenance": (False, "inhibits claims; a person asked for it"),
    "is_locked_out": (False, "forbids voluntary moves; what it may not forbid is a unit test"),
    "is_lone_start_due": (False, "lone = false, the default"),
    "peer.is_stranger": (False, "another chassis on the wire is no fault of these two nodes"),
}
"""Not modelled: the value instead, and why that loses nothing that the invariants speak of."""

IMPLIED: tuple[Implication, ...] = (
    (("peer.is_heard", True), ("peer.is_silent", False)),
    (("peer.is_heard", True), ("peer.has_said_goodbye", False)),
    (("peer.is_heard", False), ("peer.role", None)),
)
"""By the way evidence is gathered, here and in the real peer view."""

EPOCHS_MAX = 40
SUCCESSION = Succession((1, 2))
STEPS = {
    claiming.Step.WAIT: 0,
    claiming.Step.STORE: 1,
    claiming.Step.RAISE: 2,
    claiming.Step.LOOK: 3,
    claiming.Step.OPEN: 4,
    claiming.Step.LET_GO: 5,
    claiming.Step.LISTEN: 6,
}
SILENCING = 0b101111
"""Faults that keep a module which lives from being heard: of the paths, and a stop. The bits of
two_nodes.pml."""
ACTS = {act: number for number, act in enumerate(OutputAct, start=1)}


@dataclass(frozen=True, slots=True)
class Ticks:
    """The waits of the model; a tick is a beat. Their order is that of the real ones."""

    dead: int = 5
    initdead: int = 8
    window: int = 1
    rank: int = 4
    unverified: int = 9
    deaf: int = 2
    store: int = 1
    contest: int = 2
    listen: int = 2
    handover: int = 7
    margin: int = 1
    probe_again: int = 2
    late: int = 1

    @property
    def warn(self) -> int:
        return self.dead // 2 + 1

    @property
    def gap(self) -> int:
        """Two beats before the dead time (`PathMonitor.gap_limit_ns`)."""
        return self.dead - 2

    @property
    def watchdog(self) -> int:
        """Shorter than the dead time, as `bmcha check` demands."""
        return self.dead - 1


@dataclass(frozen=True, slots=True)
class Rules:
    """What a model is made from; a broken rule is another function in the place of one."""

    decide: Decide = decide
    next_epoch: Mapping[tuple[int, int], int] | None = None
    transitions: Mapping[tuple[Role, Role], Transition] = field(default_factory=lambda: TRANSITIONS)
    claim: type[claiming.Claim] = claiming.Claim
    gap: int | None = None
    """None: as the ticks have it."""


@dataclass(frozen=True, slots=True)
class Board:
    """What is wired, and what is promised. ``may_be_dual``: 0 never two hands, 1 for a beat after a
    path came back, 2 also while every path is silent."""

    board_class: BoardClass
    policy: IsolationPolicy = IsolationPolicy.TRUST_SILENCE
    lines: tuple[bool, bool, bool] = (False, False, False)
    may_be_dual: int = 0


BOARDS: dict[str, Board] = {
    "gated": Board(BoardClass.GATED, lines=(True, True, True)),
    "reset": Board(BoardClass.RESET, lines=(True, True, True)),
    "lease": Board(BoardClass.LEASE, lines=(True, False, True), may_be_dual=2),
    "bare": Board(BoardClass.BARE, may_be_dual=2),
    "bare-hold": Board(BoardClass.BARE, IsolationPolicy.HOLD),
    "presence": Board(BoardClass.BARE, lines=(True, False, False), may_be_dual=2),
}


def rules_text(
    board: Board,
    faults: int,
    kinds: int,
    rules: Rules | None = None,
    ticks: Ticks | None = None,
) -> str:
    """One record a line; the first word says which. Numbers of roles, reasons and lines are the
    model's: a line is 0 unknown, 1 down, 2 up."""
    rules, ticks = rules or Rules(), ticks or Ticks()
    records = [
        *_diagram(board, rules.decide),
        *_changes(rules.transitions),
        *_epochs(rules.next_epoch),
        *_claim(rules.claim, board),
        *_announcements(board),
        *_fence(),
        *(f"setting {name} {value}" for name, value in _settings(board, rules, ticks).items()),
        f"setting is_silence_death {not kinds & SILENCING:d}",
        f"setting faults {faults}",
        f"setting kinds {kinds}",
    ]
    return "\n".join(records) + "\n"


def field_domains() -> dict[str, tuple[Value, ...]]:
    return {**domains(), "reason": WHYS}


def modelled() -> set[str]:
    """The fields of the evidence that tests/model/rules.h has, by their names here."""
    text = (HERE / "rules.h").read_text(encoding="utf-8")
    listed = text.split("#define EVIDENCE(X)")[1].split("#define SETTING")[0]
    names = set(re.findall(r"X\((\w+)\)", listed))
    return {name for name in all_fields() if _name(name) in names}


def fixed_values(board: Board) -> dict[str, Value]:
    """What has one value in the model of this board: the board itself, what is not wired, what is
    not modelled. A field that nobody has thought of yet has the record's default."""
    values: dict[str, Value] = {**defaults()}
    values = {name: value for name, value in values.items() if name not in modelled()}
    values |= {name: value for name, (value, _) in FIXED.items()}
    values |= {"board": board.board_class, "policy": board.policy}
    names = ("presence", "health", "active")
    unwired = (name for name, is_there in zip(names, board.lines, strict=True) if not is_there)
    return values | {f"peer.{name}": None for name in unwired}


def _name(asked: str) -> str:
    return "why" if asked == "reason" else asked.replace(".", "_")


def _diagram(board: Board, rule: Decide) -> Iterator[str]:
    diagram = diagram_of(rule, fixed_values(board), field_domains(), IMPLIED)
    for number, part in enumerate(diagram.parts):
        if isinstance(part, RoleDecision):
            yield f"decision {number} {_decision(part)}"
            continue
        children = list(part.children)
        if part.field == "role":
            children = [0, *children]  # roles count from 1
        elif part.field == "peer.role":
            pass  # None is 0
        yield f"question {number} {_name(part.field)} " + " ".join(map(str, children))
    # The reader takes the last part as the root.
    assert diagram.root == len(diagram.parts) - 1


def _decision(made: RoleDecision) -> str:
    why = WHYS.index(made.reason) if made.reason in WHYS else 0
    numbers = (
        made.role.value,
        made.reason.value,
        why,
        int(made.is_active_line_doubted),
        int(made.fenced_peer is not None),
        int(made.reason in LONG_WAIT_REASONS),
        int(made.is_answer_awaited),
    )
    return " ".join(map(str, numbers))


def _changes(transitions: Mapping[tuple[Role, Role], Transition]) -> Iterator[str]:
    for (before, after), transition in transitions.items():
        yield f"change {before.value} {after.value} {ACTS[transition.act]}"


def _epochs(epochs: Mapping[tuple[int, int], int] | None) -> Iterator[str]:
    for rank, slot in enumerate(SUCCESSION.slots):
        for above in range(EPOCHS_MAX):
            epoch = next_epoch(above, SUCCESSION, slot) if epochs is None else epochs[rank, above]
            yield f"epoch {rank} {above} {epoch}"


def _claim(kind: type[claiming.Claim], board: Board) -> Iterator[str]:
    """The real claim is led through its steps, in every way that a look can end; ``settled`` of one
    that no line holds up is what it does once nobody owes it an answer."""
    settle_ns = ns_from_ms(timers().line_settle_ms)
    for is_first, is_doubted, is_active, is_contest_over in product((False, True), repeat=4):
        made = kind(2, is_first, board.lines[2], is_doubted, timers(), begun_ns=0)
        begun = made.begin()
        stored = made.stored(2, now_ns=1)
        is_listening = stored is claiming.Step.LISTEN
        settled = made.answered() if is_listening else made.tick(True, 1 + settle_ns)
        yield f"claim {STEPS[begun]} {STEPS[stored]} {STEPS[settled]}"
        read_ns = 1 + settle_ns + (claiming.CONTEST_NS if is_contest_over else 0)
        looked = made.looked(is_active, read_ns)
        key = f"{is_first:d} {is_doubted:d} {is_active:d} {is_contest_over:d}"
        yield f"looked {key} {STEPS[looked]}"


def _announcements(board: Board) -> Iterator[str]:
    """What a STANDBY says of its claim, by what it knows of the peer."""
    settings = replace(settings_of(board.board_class, 1), isolation_policy=board.policy)
    for was_active, has_moved in product((False, True), repeat=2):
        peer = PeerView(2, [], 0, 0)
        peer.was_heard_active = was_active
        peer.lines.active_moved_ns = 1 if has_moved else None
        is_certain = is_claim_certain_on_silence(settings, peer)
        yield f"will {was_active:d} {has_moved:d} {is_certain:d}"


def _fence() -> Iterator[str]:
    """The real fence looks at every pair of readings, before its pulse and after."""
    for numbers in product(range(len(LINE)), repeat=4):
        active, health, active_now, health_now = (LINE[number] for number in numbers)
        fence = Fence(2, 0, timers(), 0)
        fence.tick(1)
        fence.looked(LineLevels(health=health, active=active), 2)
        after = fence.looked(LineLevels(health=health_now, active=active_now), 3)
        key = " ".join(map(str, numbers))
        yield f"fence {key} {after is FenceStep.VERIFIED:d}"


def _settings(board: Board, rules: Rules, ticks: Ticks) -> dict[str, int]:
    """Of how it is promised to end: `settle` adds up every wait that may follow the last event."""
    is_gated = board.board_class.is_gated
    take_back = ticks.handover if board.lines[2] else max(ticks.handover, 2 * ticks.dead)
    lost = len(SUCCESSION.slots) * ticks.rank
    settle = (
        ticks.initdead
        + ticks.dead
        + ticks.rank
        + take_back
        + lost
        + ticks.store
        + ticks.unverified
        + 4
    )
    return {
        "dead": ticks.dead,
        "warn": ticks.warn,
        "soon": ticks.gap,
        "gap": ticks.gap if rules.gap is None else rules.gap,
        "watchdog": ticks.watchdog,
        "initdead": ticks.initdead,
        "window": ticks.window,
        "rank": ticks.rank,
        "unverified": ticks.unverified,
        "deaf": ticks.deaf,
        "store": ticks.store,
        "contest": ticks.contest,
        "listen": ticks.listen,
        "lost": lost,
        "take_back": take_back,
        "probe_again": ticks.probe_again,
        "late": ticks.late,
        "has_presence": int(board.lines[0]),
        "has_health": int(board.lines[1]),
        "has_active": int(board.lines[2]),
        "is_gated": int(is_gated),
        "is_lease": int(board.board_class is BoardClass.LEASE),
        "lease": ticks.dead + ticks.margin,
        "take_back_lease": ticks.window + ticks.store + 1,
        "may_be_dual": board.may_be_dual,
        "holds_on_silence": int(board.policy is IsolationPolicy.HOLD),
        "dual": ticks.deaf + 2 if board.may_be_dual == 2 else 2,
        "settle": settle,
        "churn": 5,
        "lies": 7,
        **{f"role_{role.name}": role.value for role in Role},
    }
