"""`bmcha status|paths|sensors|fans|why`: one question, one answer."""

from __future__ import annotations

from bmcha.cli.asking import ask
from bmcha.cli.commands import Commands

QUESTIONS = {
    "status": (
        "role, peer, paths, redundancy, mirror, waits and alarms",
        {
            "bmcha status": "the module of this machine",
            "bmcha status --json": "the same for a program",
        },
    ),
    "paths": (
        "the heartbeat paths in detail",
        {"bmcha paths": "round trip, losses and what is wrong with each"},
    ),
    "sensors": (
        "temperatures, voltages, currents and powers with their limits",
        {"bmcha sensors": "every sensor, with the quality of its last reading"},
    ),
    "fans": ("speeds and drive of the fans", {"bmcha fans": "every fan, by zone"}),
    "why": (
        "why the role is what it is, and what it was before",
        {"bmcha why": "the reason, the evidence, and the last changes"},
    ),
}


def add(commands: Commands) -> None:
    for name, (help, examples) in QUESTIONS.items():
        parser = commands.add(name, help, ask, examples=examples, asks_service=True)
        parser.set_defaults(question=name)
