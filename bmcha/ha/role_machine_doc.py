"""Writes docs/role-machine.md from the role machine's table.

Run as ``python -m bmcha.ha.role_machine_doc > docs/role-machine.md``; a test keeps the file equal
to what this prints. Nothing in the service imports it.
"""

from __future__ import annotations

from bmcha.ha.role_machine import TRANSITIONS
from bmcha.model.role import Role

ROLES = {
    Role.STARTING: "Listens after its own start; outputs stay closed.",
    Role.STANDBY: "Holds the same picture and waits; outputs stay closed.",
    Role.FENCING: "Makes sure that nobody else acts: the claim is under way.",
    Role.ACTIVE: "Holds the chassis; its outputs are open.",
    Role.RELINQUISHING: "Lets go on purpose; open until the mirror has drained, then closed.",
    Role.FAULT: "Cannot know its slot; it never claims.",
}

HEAD = """# The role machine

Generated from `bmcha/ha/role_machine.py`; do not edit. `make docs` writes it anew, a test keeps
it equal.

## Roles
"""


def diagram() -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> STARTING"]
    lines += [
        f"    {source.name} --> {target.name}: {transition.act.value}"
        for (source, target), transition in TRANSITIONS.items()
    ]
    return [*lines, "```"]


def document() -> str:
    lines = [HEAD, "| Role | Meaning |", "|---|---|"]
    lines += [f"| {role.name} | {meaning} |" for role, meaning in ROLES.items()]
    lines += ["", "## Changes", "", "A change that is not here ends the process.", ""]
    lines += [*diagram(), "", "| From | To | When | What it does |", "|---|---|---|---|"]
    lines += [
        f"| {source.name} | {target.name} | {t.when} | {t.act.value} |"
        for (source, target), t in TRANSITIONS.items()
    ]
    lines += ["", "Two waits hold a change back. The **boot window** (`initdead_ms`) lets a node"]
    lines += ["that has just started listen before it claims from silence. The **hold-off**"]
    lines += ["(`hold_off_ms`) refuses a switchover that comes too soon after the last change;"]
    lines += ["a takeover that evidence asks for never waits for it.", ""]
    lines += [
        "Every reason that a change is given, and every refusal of a switchover or a drill, is in"
    ]
    lines += ["[operator.md](operator.md#every-reason), with what to do about it."]
    return "\n".join(lines)


if __name__ == "__main__":
    print(document())
