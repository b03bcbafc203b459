"""Writes docs/role-rules.md: every combination of the evidence, its decision, its reason.

The rules themselves are asked, with evidence that does not know its own values
(`bmcha.ha.open_evidence`): when a rule reads one that is not settled yet, it is settled to each
value it can have, and the rules are asked again. What comes of it is a tree with a leaf for every
way through the rules; each combination of the evidence belongs to exactly one leaf. Values that
lead to the same are one row.

Run as ``python -m bmcha.ha.role_rules_doc > docs/role-rules.md``; a test keeps the file equal to
what this prints. Nothing in the service imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, cast

from bmcha.ha.open_evidence import Unasked, inputs_with
from bmcha.ha.role_rules import decide
from bmcha.ha.rule_record import PeerEvidence, RoleDecision, RoleInputs, Verdict
from bmcha.ha.verdicts import judge_goodbye, judge_silent, judge_spoken_line
from bmcha.model.record import dataclass
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy

BOOLS = (True, False)
LEVELS = (True, False, None)
KEPT = object()
"""Stands for whatever reason the node had before."""

_ROLES_HEARD = tuple(Role)
_THREE_VALUED = {"presence", "health", "active", "hears_us"}
_HANDING_OVER = (
    *(Reason.SWITCHOVER_ASKED, Reason.STOP_ASKED),
    *(Reason.RELEASED_UNHEARD, Reason.LEASE_OVER),
)

Chosen = Mapping[str, Any]


def values_of(name: str, chosen: Chosen) -> tuple[Any, ...]:
    """Which values the evidence called ``name`` can have beside those already ``chosen``; names
    of a peer's begin with "peer."."""
    of_node = {"board": tuple(BoardClass), "policy": tuple(IsolationPolicy)}
    if name in of_node:
        return of_node[name]
    if name == "reason":
        return _HANDING_OVER if chosen["role"] is Role.RELINQUISHING else (KEPT,)
    if name == "peer.role":
        return _ROLES_HEARD if chosen.get("peer.is_heard") else (None,)
    if name == "peer.is_silent" and chosen.get("peer.is_heard"):
        return (False,)
    if name in ("peer.is_heard", "peer.is_silent") and chosen.get("peer.has_said_goodbye"):
        return (False,) if name == "peer.is_heard" else BOOLS
    if name == "peer.has_said_goodbye" and chosen.get("peer.is_heard"):
        return (False,)
    if name == "peer.was_heard" and chosen.get("peer.is_heard"):
        return (True,)
    if name == "peer.is_deaf_rival" and chosen.get("peer.role") is not Role.ACTIVE:
        return (False,)
    if name == "peer.is_lease_over" and chosen.get("peer.is_heard"):
        return (False,)
    if name == "peer.is_claim_window_over" and chosen.get("peer.active") is not False:
        return (False,)
    return LEVELS if name.removeprefix("peer.") in _THREE_VALUED else BOOLS


@dataclass(frozen=True)
class Node:
    """``branches``: for each group of values that lead to the same, what they lead to."""

    name: str
    branches: tuple[tuple[tuple[Any, ...], Tree], ...]


Made = RoleDecision | Verdict | None
Tree = Node | Made


def tree(ask: Callable[[RoleInputs], Made], chosen: Chosen) -> Tree:
    """Of everything that ``ask`` says under the evidence ``chosen``, {"role": ...} at least."""
    try:
        return ask(inputs_with(chosen))
    except Unasked as question:
        name = question.name
    groups: dict[Tree, list[Any]] = {}
    for value in values_of(name, chosen):
        groups.setdefault(tree(ask, {**chosen, name: value}), []).append(value)
    if len(groups) == 1:
        return next(iter(groups))
    return Node(name, tuple((tuple(values), below) for below, values in groups.items()))


def rows(of: Tree, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Made]]:
    """Each leaf with the conditions that lead to it, in the order in which the rules ask."""
    if not isinstance(of, Node):
        yield before, of
        return
    for values, below in of.branches:
        yield from rows(below, (*before, condition(of.name, values)))


# ---- in words


WORDS = {
    "is_slot_known": ("the slot is known", "the slot straps are unreadable"),
    "is_slot_taken": ("another module in this slot goes first", "nobody else in this slot"),
    "is_own_gap_too_long": ("this node stood still for too long", "no gap of its own"),
    "is_boot_window_over": ("boot window over", "boot window open"),
    "is_lone_start_due": ("lone start is due", "no lone start"),
    "must_listen": ("it must listen first", "free to act"),
    "are_outputs_shut": ("the board shut the outputs", "outputs as driven"),
    "has_yielded": ("has let go once already", "has not let go yet"),
    "is_take_back_due": ("time to take back", "not yet time to take back"),
    "is_in_maintenance": ("in maintenance", "no maintenance"),
    "is_last_claimant": ("its slot made the last claim", "another slot made the last claim"),
    "is_locked_out": ("locked out", "not locked out"),
    "is_cut_off": ("cut off, by a third opinion", "not known to be cut off"),
    "is_answer_overdue": ("has claimed for a dead time", "has claimed for less than a dead time"),
    "is_active_line_doubted": ("a line of the peer is doubted", "its lines are believed"),
    "is_fence_pending": ("no pulse given yet", "no fence, or the pulse was given"),
    "peer.is_fenced": ("its life was ended by a reset", "not reset"),
    "peer.is_earlier": ("peer earlier in the succession", "peer later in the succession"),
    "peer.is_heard": ("peer heard", "peer not heard"),
    "peer.is_silent": ("every path silent", "not silent for long enough"),
    "peer.has_said_goodbye": ("said goodbye", "no goodbye"),
    "peer.is_released": ("it has released", "it has not released"),
    "peer.is_epoch_newer": ("its epoch is newer", "its epoch is not newer"),
    "peer.will_claim_on_silence": ("it would claim on silence", "it would not claim on silence"),
    "peer.calls_us_silent_soon": ("it will soon call us silent", "it will not soon call us silent"),
    "peer.has_handed_over": ("it handed over", "it handed nothing over"),
    "peer.has_line_spoken": ("a line spoke, probes unanswered", "no line spoke"),
    "peer.is_rank_delay_over": ("rank delay over", "rank delay runs"),
    "peer.is_claim_window_over": ("claim window over", "claim window runs"),
    "peer.is_contradiction_over": ("contradiction for too long", "no contradiction for long"),
    "peer.is_deaf_rival": ("ACTIVE and deaf for two beats", "no deaf rival"),
    "peer.is_stranger": ("only another chassis heard", "no stranger heard"),
    "peer.was_heard": ("heard since own start", "never heard"),
    "peer.was_heard_active": ("heard ACTIVE since own start", "never heard ACTIVE"),
    "peer.is_lease_over": ("lease over", "lease runs"),
    "peer.knows_our_epoch": ("it knows of this claim", "it does not know of this claim"),
    "peer.is_active_line_stuck": ("line unmoved for long", "line not stuck"),
}
"""For each flag what True and False mean; a flag without words fails the test of this page."""


def condition(name: str, values: tuple[Any, ...]) -> str:
    if name in WORDS:
        return " or ".join(WORDS[name][value is False] for value in values)
    if name == "peer.hears_us":
        told = {True: "hears us", False: "hears nothing of us", None: "has not said if it hears us"}
        return "it " + " or ".join(told[value] for value in values)
    if name.removeprefix("peer.") in _THREE_VALUED:
        shown = {True: "up", False: "down", None: "unknown"}
        line = name.removeprefix("peer.").upper()
        return f"{line} " + " or ".join(shown[value] for value in values)
    said = " or ".join(_shown(value) for value in values)
    return {"peer.role": f"it says {said}", "reason": f"because of {said}"}.get(name, said)


def _shown(value: Any) -> str:
    if isinstance(value, BoardClass | IsolationPolicy):
        return str(value.value)
    return str(getattr(value, "name", "nothing"))


def outcome(made: Made, role: Role) -> tuple[str, str]:
    if made is None:
        return "-", "-"
    reason = "(as before)" if made.reason is cast("Any", KEPT) else made.reason.name
    is_doubted = ", against the peer's ACTIVE line" if made.is_active_line_doubted else ""
    return _decision(made, role) + is_doubted, reason


def _decision(made: RoleDecision | Verdict, role: Role) -> str:
    if isinstance(made, Verdict):
        claims = "fences, then claims" if made.must_fence else "claims"
        return claims if made.is_clear else _waits(role)
    if made.is_answer_awaited:
        return "waits for its answer"
    if made.role is role:
        is_needless = role is Role.FENCING and made.reason is not cast("Any", KEPT)
        return "claims, without a reset" if is_needless else "stays"
    if made.role is Role.FENCING:
        return "claims" if made.fenced_peer is None else "fences, then claims"
    return made.role.name


def _waits(role: Role) -> str:
    return "STANDBY" if role is Role.STARTING else "stays"


HEAD = """# The role rules

Generated from `bmcha/ha/role_rules.py` and `verdicts.py` by asking the rules themselves; do not
edit. `make docs` writes it anew, and a test keeps it equal. Another enumerates the evidence against
what must never be decided (`tests/unit/test_role_rules.py`).

Each row is one way through the rules, its conditions in the order in which they are asked. What a
row does not mention is not looked at. Lines: up is asserted; unknown is not wired, unreadable, or
known to lie. The reasons are explained in [operator.md](operator.md#every-reason), the classes of
boards in [hardware.md](hardware.md); why the rules are so, in the records
[6](adr/0006-silent-peer.md), [11](adr/0011-fencing-and-lease.md) and
[16](adr/0016-a-claim-needs-an-answer.md).

These go before the tables:

- A node whose slot straps are unreadable is FAULT (`OWN_SLOT_UNREADABLE`). FAULT stays FAULT.
- One that hears another module in its own slot, which has the better right to it, is FAULT; if it
  holds or claims, it lets go first (`DUPLICATE_SLOT`, [why](adr/0014-strap-faults.md)).
- One that stood still for too long lets go and is STANDBY (`OWN_GAP_TOO_LONG`), unless it is
  STARTING and holds nothing.
- A waiting node that must listen first (it stood still, lost a contest, or crashed) claims nothing.
- In maintenance a waiting node claims only if its slot made the last claim, if it is STARTING, or
  if the peer handed over or said goodbye; else it is STANDBY (`IN_MAINTENANCE`). Only a STANDBY
  that would go before the restarted holder waits for it as well.
- Silence counts once every path is past its dead time, and the boot window is over or the peer was
  heard since the own start. Until then nothing moves; a STARTING node is STANDBY when its boot
  window ends.

With more than one peer a waiting node claims when it may pass over every one of them.
"""

Ask = Callable[[RoleInputs], Any]
_CALM = {"is_slot_known": True, "is_own_gap_too_long": False, "is_slot_taken": False}
_WAITING = {**_CALM, "must_listen": False, "is_in_maintenance": False}
_WORD = {"peer.is_heard": True, "peer.has_line_spoken": False}


def _of_peer(rule: Callable[[RoleInputs, PeerEvidence], Any]) -> Ask:
    return lambda i: rule(i, i.peers[0])


@dataclass(frozen=True)
class Section:
    """``ask``: the rule that the table is of; ``given``: the evidence it is under."""

    title: str
    text: str
    ask: Ask
    given: dict[str, Any]


def _silent(role: Role, board: BoardClass) -> Section:
    text = "Every path is past its dead time; no goodbye, and no line has spoken before."
    given = {"role": role, "board": board}
    title = f"{role.name}, every path silent, board {board.value}"
    return Section(title, text, _of_peer(judge_silent), given)


def _waiting(role: Role) -> Iterator[Section]:
    given = {"role": role, **_WAITING}
    name = role.name
    yield Section(f"{name}, the peer is heard", "", decide, {**given, **_WORD})
    text = 'It was read down twice, and no probe was answered. "-": it decides nothing by itself.'
    yield Section(f"{name}, a line has spoken", text, _of_peer(judge_spoken_line), given)
    for board in BoardClass:
        yield _silent(role, board)


def sections() -> Iterator[Section]:
    yield from _waiting(Role.STARTING)
    yield from _waiting(Role.STANDBY)
    bye = {"role": Role.STANDBY}
    yield Section("STARTING or STANDBY, goodbye", "", lambda i: judge_goodbye(i.peers[0]), bye)
    text = "As of a STANDBY: what would let it wait calls the fence off. Silent: as STANDBY above."
    pending = {"role": Role.FENCING, **_WAITING, "is_fence_pending": True}
    yield Section("FENCING before the reset pulse, heard", text, decide, {**pending, **_WORD})
    claim = {"role": Role.FENCING, **_CALM, "is_fence_pending": False}
    text = "A peer whose line proved the opposite of its last word is not listened to."
    yield Section("FENCING, the claim under way", text, decide, {**claim, **_WORD})
    for board in (BoardClass.BARE, BoardClass.GATED):
        names = "bare" if board is BoardClass.BARE else "gated or reset"
        title = f"FENCING, the claim under way, the peer not heard, board {names}"
        given = {**claim, "board": board, "peer.is_heard": False}
        yield Section(title, "On a lease board the claim goes on.", decide, given)
    for board in (BoardClass.GATED, BoardClass.LEASE):
        names = "lease" if board is BoardClass.LEASE else "gated, reset or bare"
        given = {"role": Role.ACTIVE, **_CALM, "board": board}
        yield Section(f"ACTIVE, board {names}", "", decide, given)
    yield Section("RELINQUISHING", "", decide, {"role": Role.RELINQUISHING, **_CALM})


def table(section: Section) -> list[str]:
    found = tree(section.ask, section.given)
    lines = ["| Evidence | Decision | Reason |", "|---|---|---|"]
    for conditions, made in rows(found):
        evidence = "; ".join(conditions) or "any"
        lines.append(f"| {evidence} | {' | '.join(outcome(made, section.given['role']))} |")
    return lines


def document() -> str:
    lines = [HEAD]
    for section in sections():
        text = [section.text, ""] if section.text else []
        lines += [f"## {section.title}", "", *text, *table(section), ""]
    return "\n".join(lines[:-1])


def flags() -> set[str]:
    """The names of all yes-or-no evidence."""
    of_node = {field.name for field in fields(RoleInputs) if field.type == "bool"}
    return of_node | {
        f"peer.{field.name}" for field in fields(PeerEvidence) if field.type == "bool"
    }


if __name__ == "__main__":
    print(document())
