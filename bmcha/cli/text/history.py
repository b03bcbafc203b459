"""What happened and why, in words: events, roles and their reasons, a switchover's answer."""

from __future__ import annotations

import time

from bmcha.cli.text.columns import (
    YES_NO,
    Body,
    Lines,
    clean,
    duration,
    indented,
    labelled,
    milliseconds,
    table,
    wrapped,
)
from bmcha.cli.text.status import wait_text


def events_lines(body: Body) -> Lines:
    for event in body["events"]:
        yield from event_lines(event)


def event_lines(event: Body) -> Lines:
    head = f"{_wall(event['wall_ms'])} {event['severity']:<8} slot {event['slot']}  "
    yield from wrapped(clean(event["text"]), head, " " * len(head)) or [head.rstrip()]


def role_lines(role: Body, now_s: float) -> Lines:
    """A role notification, which carries no time of day of its own."""
    head = f"{_wall(round(now_s * 1000))} {'ROLE':<8} slot {role['slot']}  "
    text = f"{role['state']} (was {role['from']}), epoch {role['epoch']}. {role['reason_text']}"
    yield from wrapped(clean(text), head, " " * len(head))


def _wall(wall_ms: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall_ms / 1000))
    except (OverflowError, ValueError, OSError):
        return "-" * 19


def drill_lines(body: Body) -> list[str]:
    """Refused, or each item with its outcome."""
    if body["result"] == "refused":
        return [each for r in body["refusals"] for each in wrapped(clean(r["text"]), "", "")]
    rows = [
        ["proven" if item["ok"] else "FAILED", clean(item["what"]), clean(item["text"])]
        for item in body["items"]
    ]
    lines = list(table([""] * 3, rows))[1:]
    return [*lines, *wrapped(clean(body["text"]).capitalize() + ".")]


def why_lines(body: Body) -> Lines:
    since = duration(body["since_s"])
    yield f"{body['role']} since {since}, epoch {body['epoch']}"
    yield from indented(body["reason_text"])
    if body.get("remedy"):
        yield from indented(body["remedy"])
    yield ""
    yield from labelled("Evidence", list(_evidence_texts(body["evidence"])) or ["none"])
    yield from labelled("Waits", [wait_text(wait) for wait in body["waits"]] or ["none"])
    yield ""
    yield "History, the latest first:"
    for change in body["history"]:
        head = f"  {duration(change['ago_s'])} ago  "
        text = f"{change['from']} -> {change['to']}, epoch {change['epoch']}. "
        yield from wrapped(clean(text + change["reason_text"]), head, "    ")


def _evidence_texts(evidence: Body) -> Lines:
    """Flat facts as "name value"; a list of records as one line each."""
    facts = [
        f"{_spelled(name)} {_shown(value)}"
        for name, value in evidence.items()
        if not isinstance(value, list | dict)
    ]
    if facts:
        yield "; ".join(facts)
    for name, value in evidence.items():
        records = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
        for record in records:
            told = "; ".join(f"{_spelled(key)} {_shown(each)}" for key, each in record.items())
            yield f"{_spelled(name).rstrip('s')}: {told}"


def _spelled(name: str) -> str:
    return clean(name).replace("_", " ")


def _shown(value: object) -> str:
    return YES_NO[value] if isinstance(value, bool) or value is None else clean(value)


def switchover_lines(body: Body) -> Lines:
    if body.get("result") == "done":
        took = milliseconds(body.get("took_ms"))
        yield from wrapped(f"{clean(body.get('text', 'done'))} (took {took})")
        return
    yield from wrapped(clean(body.get("text", "refused")))
    for refusal in body.get("refusals") or []:
        yield from wrapped(clean(refusal["text"]), "  - ", "    ")
