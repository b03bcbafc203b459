"""What a node says of itself: the JSON-ready bodies behind every question on the control socket.

One file a question; the shapes are the public contract (docs/control.md). They read the node,
change nothing, and turn times into ages because a monotonic clock means nothing to others.
"""

from __future__ import annotations

from bmcha.answers.chassis import events, fans, sensors
from bmcha.answers.facts import Body, Facts
from bmcha.answers.paths import paths
from bmcha.answers.status import status
from bmcha.answers.why import why
from bmcha.model.event import Question, StatusAsked

__all__ = ["Facts", "answer"]


def answer(facts: Facts, asked: StatusAsked, now_ns: int) -> Body:
    match asked.question:
        case Question.STATUS:
            return status(facts, now_ns)
        case Question.PATHS:
            return {"paths": paths(facts, now_ns)}
        case Question.SENSORS:
            return {"sensors": sensors(facts, now_ns)}
        case Question.FANS:
            return {"fans": fans(facts, now_ns)}
        case Question.EVENTS:
            return {"events": events(facts)}
        case Question.WHY:
            return why(facts, now_ns)
