"""`bmcha status` in words: one module, all that matters of it on one screen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from bmcha.cli.text.columns import (
    YES_NO,
    Body,
    Lines,
    about,
    clean,
    duration,
    indented,
    labelled,
    labelled_rows,
    milliseconds,
    table,
)


def status_lines(body: Body) -> Lines:
    node, role = body["node"], body["role"]
    slot = "unknown slot" if node["slot"] is None else f"slot {node['slot']}"
    since = duration(role["since_s"])
    yield f"{slot} is {role['state']} since {since}, epoch {role['epoch']}"
    yield from indented(role["reason_text"])
    yield ""
    up_for = duration(node["uptime_s"])
    module = f"chassis {node['chassis_id']}, bmcha {node['version']}, up for {up_for}"
    about_health = [
        f"health {node['health']} %: {clean(r)}" for r in node.get("health_reasons", ())
    ]
    keys = body.get("keys")
    about_keys = [_keys_text(keys)] if keys is not None else []
    yield from labelled("Module", [clean(module), *about_health, *about_keys])
    peers = body.get("peers") or [body.get("peer")]
    yield from labelled("Peer", [_peer_text(peer, node) for peer in peers])
    yield from labelled_rows("Paths", _short_paths(body["paths"]))
    if body.get("lines"):
        yield from labelled_rows("Lines", _short_lines(body["lines"]))
    redundancy = body["redundancy"]
    reasons = "; ".join(map(clean, redundancy["reasons"]))
    text = redundancy["state"] + (f": {reasons}" if reasons else "")
    yield from labelled("Redundancy", [text])
    yield from labelled("Mirror", [_mirror_text(body["mirror"])])
    yield from labelled("Waits", [wait_text(wait) for wait in body["waits"]] or ["none"])
    yield from labelled("Alarms", [_alarm_text(alarm) for alarm in body["alarms"]] or ["none"])


def _peer_text(peer: Body | None, node: Body) -> str:
    if peer is None:
        return "none is configured"
    lines = [
        f"{name} {YES_NO[peer.get(key)]}"
        for name, key in (
            ("present", "presence"),
            ("healthy", "healthy_line"),
            ("active", "active_line"),
            ("in reset", "reset_line"),
        )
        if peer.get(key) is not None
    ]
    said = "not heard"
    if peer.get("role") is not None:
        said = f"{peer['role']}, epoch {clean(peer['epoch'])}, health {clean(peer['health'])} %"
        own, level = node.get("firmware_level"), peer.get("firmware_level")
        if own is not None and level != own:
            said += f", firmware level {clean(level)} (this module: {clean(own)})"
    text = f"slot {peer['slot']}: {said}; {peer['state']}"
    return text + (f" (lines: {', '.join(lines)})" if lines else "")


def _keys_text(keys: Body) -> str:
    """An older service says nothing of keys."""
    if not keys["accepts"]:
        return "no keys: frames are not signed"
    sends = keys["sends"]
    text = f"signs with key {clean(sends)}" if sends is not None else "does not sign yet"
    others = [clean(each) for each in keys["accepts"] if each != sends]
    believed = [*(f"key {each}" for each in others), *["unsigned"] * keys["accepts_unsigned"]]
    return f"{text}, accepts {' and '.join(believed)} too" if believed else text


def _short_paths(paths: Mapping[str, Body]) -> Iterator[str]:
    rows = [
        [
            clean(name),
            path["health"],
            "never heard"
            if path["last_heard_ms"] is None
            else f"heard {about(path['last_heard_ms'])} ago",
            f"lost {path['lost']}",
            f"bad {path['bad']}",
            f"forged {path['forged']}" if path.get("forged") else "",
        ]
        for name, path in paths.items()
    ]
    yield from itertools.islice(table([""] * 6, rows), 1, None)


def _short_lines(lines: Sequence[Body]) -> Iterator[str]:
    """Each line, what it says, and when it was last seen to work."""
    levels = {True: "up", False: "down", None: "unreadable"}
    rows = []
    for line in lines:
        proven = "not proven yet"
        if line["proven_s"] is not None:
            how = {"moved": "moved", "drill": "drilled"}.get(line["proven_by"], "proven")
            proven = f"{how} {duration(line['proven_s'])} ago"
        is_wrong = line["expected"] is not None and line["level"] is not line["expected"]
        wrong = f"should be {levels[line['expected']]}" if is_wrong else ""
        rows.append([clean(line["name"]), levels[line["level"]], proven, wrong])
    yield from itertools.islice(table([""] * 4, rows), 1, None)


def _mirror_text(mirror: Body) -> str:
    if mirror["state"] == "NONE":
        return "NONE: no other module holds the same picture"
    behind = milliseconds(mirror["staleness_ms"])
    return (
        f"{mirror['state']}: sequence {mirror['sequence']}, acked {mirror['acked']}, {behind} old"
    )


def wait_text(wait: Body) -> str:
    return f"{clean(wait['what'])}: {milliseconds(wait['remaining_ms'])} left"


def _alarm_text(alarm: Body) -> str:
    text = f"{alarm['severity']} {clean(alarm['id'])}: {clean(alarm['text'])}"
    return f"{text} (since {duration(alarm['since_s'])})"
