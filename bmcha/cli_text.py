"""The control socket's answers as text for people, in 80 columns: values in, lines out.

Knows no socket and no arguments. Rules: columns line up, every value has its unit, what is unknown
is "-", reasons are sentences, and nothing that came from outside can move the cursor. Called by
`bmcha.cli`.
"""

from __future__ import annotations

import itertools
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]
Lines = Iterator[str]

WIDTH = 80
LABEL_WIDTH = 12
_UNITS = {"temperature": "°C", "voltage": "V", "current": "A", "power": "W"}
_DECIMALS = {"temperature": 1, "voltage": 3, "current": 3, "power": 1}
_YES_NO = {True: "yes", False: "no", None: "-"}


def clean(value: object) -> str:
    """Names and texts come from files and from the peer; control characters stay out."""
    text = "-" if value is None else str(value)
    return "".join(char if char.isprintable() else "?" for char in text)


def duration(seconds: float | None) -> str:
    """Two figures are enough to act on: 340 ms, 12 s, 4 min 10 s, 3 h 12 min, 9 d 4 h."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    for large, large_s, small, small_s in (
        ("min", 60, "s", 1),
        ("h", 3600, "min", 60),
        ("d", 86400, "h", 3600),
    ):
        if whole < large_s * (60 if large == "min" else 24) or large == "d":
            rest = whole % large_s // small_s
            return f"{whole // large_s} {large}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def milliseconds(value_ms: int | None) -> str:
    return "-" if value_ms is None else duration(value_ms / 1000)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """Columns as wide as their widest cell; a head that begins with ">" aligns to the right."""
    cells = [[head.lstrip(">") for head in heads], *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        aligned = [
            cell.rjust(width) if head.startswith(">") else cell.ljust(width)
            for head, cell, width in zip(heads, row, widths, strict=True)
        ]
        yield "  ".join(aligned).rstrip()


def labelled(label: str, texts: Iterable[str]) -> Lines:
    """A label at the left, its texts beside it, wrapped."""
    indent = " " * LABEL_WIDTH
    first = f"{label:<{LABEL_WIDTH}}"
    for text in texts:
        lines = textwrap.wrap(
            text, WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
        )
        yield from lines or [first.rstrip()]
        first = indent


def labelled_rows(label: str, rows: Iterable[str]) -> Lines:
    """The same for a table, which is as wide as it is."""
    for row in list(rows) or ["none"]:
        yield f"{label:<{LABEL_WIDTH}}{row}"
        label = ""


def status_lines(body: Body) -> Lines:
    node, role = body["node"], body["role"]
    slot = "unknown slot" if node["slot"] is None else f"slot {node['slot']}"
    since = duration(role["since_s"])
    yield f"{slot} is {role['state']} since {since}, epoch {role['epoch']}"
    yield from _indented(role["reason_text"])
    yield ""
    up_for = duration(node["uptime_s"])
    about = f"chassis {node['chassis_id']}, bmcha {node['version']}, up for {up_for}"
    yield from labelled("Module", [clean(about)])
    peers = body.get("peers") or [body.get("peer")]
    yield from labelled("Peer", [_peer_text(peer) for peer in peers])
    yield from labelled_rows("Paths", _short_paths(body["paths"]))
    redundancy = body["redundancy"]
    reasons = "; ".join(map(clean, redundancy["reasons"]))
    text = redundancy["state"] + (f": {reasons}" if reasons else "")
    yield from labelled("Redundancy", [text])
    yield from labelled("Mirror", [_mirror_text(body["mirror"])])
    yield from labelled("Waits", [_wait_text(wait) for wait in body["waits"]] or ["none"])
    yield from labelled("Alarms", [_alarm_text(alarm) for alarm in body["alarms"]] or ["none"])


def _indented(text: str) -> Lines:
    yield from textwrap.wrap(clean(text), WIDTH, initial_indent="  ", subsequent_indent="  ")


def _peer_text(peer: Body | None) -> str:
    if peer is None:
        return "none is configured"
    lines = [
        f"{name} {_YES_NO[peer.get(key)]}"
        for name, key in (
            ("present", "presence"),
            ("healthy", "healthy_line"),
            ("active", "active_line"),
        )
        if peer.get(key) is not None
    ]
    said = "not heard"
    if peer.get("role") is not None:
        said = f"{peer['role']}, epoch {clean(peer['epoch'])}, health {clean(peer['health'])}"
    text = f"slot {peer['slot']}: {said}; {peer['state']}"
    return text + (f" (lines: {', '.join(lines)})" if lines else "")


def _short_paths(paths: Mapping[str, Body]) -> Iterator[str]:
    rows = [
        [
            clean(name),
            path["health"],
            "never heard"
            if path["last_heard_ms"] is None
            else f"heard {milliseconds(path['last_heard_ms'])} ago",
            f"lost {path['lost']}",
            f"bad {path['bad']}",
        ]
        for name, path in paths.items()
    ]
    yield from itertools.islice(table([""] * 5, rows), 1, None)


def _mirror_text(mirror: Body) -> str:
    if mirror["state"] == "NONE":
        return "NONE: no other module holds the same picture"
    behind = milliseconds(mirror["staleness_ms"])
    return (
        f"{mirror['state']}: sequence {mirror['sequence']}, acked {mirror['acked']}, {behind} old"
    )


def _wait_text(wait: Body) -> str:
    return f"{clean(wait['what'])}: {milliseconds(wait['remaining_ms'])} left"


def _alarm_text(alarm: Body) -> str:
    text = f"{alarm['severity']} {clean(alarm['id'])}: {clean(alarm['text'])}"
    return f"{text} (since {duration(alarm['since_s'])})"


def paths_lines(body: Body) -> Lines:
    paths: Mapping[str, Body] = body["paths"]
    heads = ["PATH", "KIND", ">SLOT", "HEALTH", ">HEARD", ">RTT", ">RX", ">TX", ">LOST", ">BAD"]
    rows = [
        [
            clean(name),
            path["kind"],
            str(path["peer"]),
            path["health"],
            milliseconds(path["last_heard_ms"]),
            _microseconds(path["rtt_us"]),
            *(str(path[key]) for key in ("rx", "tx", "lost", "bad")),
        ]
        for name, path in paths.items()
    ]
    yield from table(heads, rows)
    yield ""
    for name, path in paths.items():
        yield from labelled(clean(name), [" ".join(_path_sentences(path))])


def _microseconds(value_us: int | None) -> str:
    return "-" if value_us is None else f"{value_us / 1000:.1f} ms"


def _path_sentences(path: Body) -> Lines:
    yield (
        f"A beat every {path['interval_ms']} ms; late after {path['warntime_ms']} ms, "
        f"silent after {path['deadtime_ms']} ms."
    )
    if path["fault"]:
        yield f"The port cannot be used: {clean(path['fault'])}."
    if path["one_way"] == "tx":
        yield "What this module sends does not arrive there."
    elif path["one_way"] == "rx":
        yield "What the peer sends does not arrive here."
    elif path["peer_hears_us"]:
        yield "The peer hears this module here."


def sensors_lines(body: Body) -> Lines:
    heads = ["SENSOR", ">VALUE", ">LOW", ">HIGH", "STATE", "QUALITY", ">AGE"]
    yield from table(
        heads,
        [
            [
                clean(sensor["name"]),
                _quantity(sensor["value_milli"], sensor["kind"]),
                _quantity(sensor["low_milli"], sensor["kind"]),
                _quantity(sensor["high_milli"], sensor["kind"]),
                clean(sensor["state"]),
                clean(sensor["quality"]),
                milliseconds(sensor["age_ms"]),
            ]
            for sensor in body["sensors"]
        ],
    )


def _quantity(value_milli: int | None, kind: str) -> str:
    if value_milli is None:
        return "-"
    return f"{value_milli / 1000:.{_DECIMALS.get(kind, 3)}f} {_UNITS.get(kind, '')}".rstrip()


def fans_lines(body: Body) -> Lines:
    heads = ["FAN", "ZONE", ">SPEED", ">PWM", ">DRIVE", "STATE", ">AGE"]
    yield from table(
        heads,
        [
            [
                clean(fan["name"]),
                clean(fan["zone"]),
                "-" if fan["rpm"] is None else f"{fan['rpm']} rpm",
                clean(fan["pwm"]),
                "-" if fan["pwm"] is None else f"{fan['pwm'] * 100 // 255} %",
                clean(fan["state"]),
                milliseconds(fan["age_ms"]),
            ]
            for fan in body["fans"]
        ],
    )


def events_lines(body: Body) -> Lines:
    for event in body["events"]:
        yield from event_lines(event)


def event_lines(event: Body) -> Lines:
    head = f"{_wall(event['wall_ms'])} {event['severity']:<8} slot {event['slot']}  "
    yield from textwrap.wrap(
        clean(event["text"]), WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
    ) or [head.rstrip()]


def role_lines(role: Body, now_s: float) -> Lines:
    """A role notification, which carries no time of day of its own."""
    head = f"{_wall(round(now_s * 1000))} {'ROLE':<8} slot {role['slot']}  "
    text = f"{role['state']} (was {role['from']}), epoch {role['epoch']}. {role['reason_text']}"
    yield from textwrap.wrap(
        clean(text), WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
    )


def _wall(wall_ms: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall_ms / 1000))
    except (OverflowError, ValueError, OSError):
        return "-" * 19


def why_lines(body: Body) -> Lines:
    since = duration(body["since_s"])
    yield f"{body['role']} since {since}, epoch {body['epoch']}"
    yield from _indented(body["reason_text"])
    yield ""
    yield from labelled("Evidence", list(_evidence_texts(body["evidence"])) or ["none"])
    yield from labelled("Waits", [_wait_text(wait) for wait in body["waits"]] or ["none"])
    yield ""
    yield "History, the latest first:"
    for change in body["history"]:
        head = f"  {duration(change['ago_s'])} ago  "
        text = f"{change['from']} -> {change['to']}, epoch {change['epoch']}. "
        yield from textwrap.wrap(
            clean(text + change["reason_text"]),
            WIDTH,
            initial_indent=head,
            subsequent_indent="    ",
        )


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
    return _YES_NO[value] if isinstance(value, bool) or value is None else clean(value)


def switchover_lines(body: Body) -> Lines:
    if body.get("result") == "done":
        took = milliseconds(body.get("took_ms"))
        yield from textwrap.wrap(f"{clean(body.get('text', 'done'))} (took {took})", WIDTH)
        return
    yield from textwrap.wrap(clean(body.get("text", "refused")), WIDTH)
    for refusal in body.get("refusals") or []:
        yield from textwrap.wrap(
            clean(refusal["text"]), WIDTH, initial_indent="  - ", subsequent_indent="    "
        )


RENDERERS = {
    "status": status_lines,
    "paths": paths_lines,
    "sensors": sensors_lines,
    "fans": fans_lines,
    "events": events_lines,
    "why": why_lines,
}
