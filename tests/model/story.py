"""Turns the trail of a counterexample into a story: tick, slot, what happened there.

The verifier, replaying a trail, prints one short line an event (tests/model/evidence.h, `say`);
here they get the names of roles, reasons and lines. Node 0 of the model sits in slot 1.
"""

from __future__ import annotations

from bmcha.model.role import Reason, Role

EVENTS = {
    "tick": "ticks and sends its beat",
    "hear": "hears a frame",
    "late": "hears a frame that was late or doubled",
    "see": "sees a line move",
    "stored": "its epoch is stored",
    "settled": "its ACTIVE line has settled",
    "look": "looks at the peer's ACTIVE line",
    "open": "opens its outputs",
    "drained": "releases: the mirror is drained",
    "pulse": "gives the reset pulse",
    "verify": "looks whether the reset was seen",
}
LINES = ("PRESENCE", "HEALTH", "ACTIVE")
LEVELS = ("unreadable", "down", "up")
REASONS = {int(reason.value): reason for reason in Reason}
KNOWN = {*EVENTS, "world", "clock", "broken"}


def story_of(printed: str) -> list[str]:
    """``printed``: all that the replay wrote; what is not of the model is left out."""
    told, tick = [], 0
    for line in printed.splitlines():
        words = line.split()
        if line.startswith("  ") and len(words) > 1 and words[0] in ("0", "1"):
            told.append(_row(tick, _slot(words[0]), "  " + _consequence(words[1:])))
        elif not words or line.startswith(" ") or words[0] not in KNOWN:
            continue
        elif words[0] == "clock":
            tick += 1
        elif words[0] == "world":
            told.append(_row(tick, "", _deed(words[1:])))
        elif words[0] == "broken":
            told.append(_row(tick, "", f"BROKEN: {words[1]}"))
        else:
            told.append(_row(tick, _slot(words[1]), EVENTS[words[0]]))
    return told


def _row(tick: int, who: str, what: str) -> str:
    return f"{tick:4}  {who:6}  {what}"


def _slot(node: str) -> str:
    return f"slot {int(node) + 1}"


def _consequence(words: list[str]) -> str:
    if words[0] == "becomes":
        role, reason = Role(int(words[1])), REASONS[int(words[2])]
        return f"{role.name}: {reason.sentence}"
    if words[0] == "looked:":
        return f"is {Role(int(words[1])).name}"
    return " ".join(words)


def _deed(words: list[str]) -> str:
    if words[0] != "lies" or not words[1].isdigit():
        return " ".join([*words[:-1], _slot(words[-1])] if words[-1] in ("0", "1") else words)
    reader, rest = divmod(int(words[1]) - 1, 9)
    line, level = divmod(rest, 3)
    return f"a line lies: {_slot(str(reader))} reads the peer's {LINES[line]} {LEVELS[level]}"
