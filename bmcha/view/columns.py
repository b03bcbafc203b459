"""One module's column, as sections of rows: what it says of itself, and what its peer is to it.

A frame puts columns side by side; the same section of each begins in the same row, so that two
modules can be compared by eye. Called by `bmcha.view.frame`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bmcha.view.cells import clean, duration, width_of
from bmcha.view.labels import WIDE_FROM, indented, known, label, label_width, plain, state
from bmcha.view.model import AlarmShown, ModuleShown, PeerShown, SlotTruth
from bmcha.view.paths import path_rows
from bmcha.view.spans import Glyphs, Row, Span, Style, row_width

Sections = Mapping[str, list[Row]]
SECTIONS = ("head", "why", "waits", "paths", "mirror", "peer", "redundancy", "alarms", "gate")
"""From top to bottom."""
SHRINKING = (
    *(("peer", 0), ("alarms", 2), ("why", 2), ("redundancy", 1), ("alarms", 1), ("why", 1)),
    *(("mirror", 0), ("waits", 1), ("why", 0), ("redundancy", 0), ("gate", 0), ("waits", 0)),
    *(("alarms", 0), ("paths", 1)),
)
"""What gives up rows when there is no room, and down to how many; the first one first."""
FACT_WIDTH = 10

_ROLE_STYLES = {"ACTIVE": Style.GOOD, "STANDBY": Style.STRONG, "FAULT": Style.ALARM}
_MIRROR_STYLES = {"SYNCED": Style.GOOD, "JOINING": Style.WARN, "STALE": Style.WARN}
_REDUNDANCY_STYLES = {"FULL": Style.GOOD, "DEGRADED": Style.WARN, "LOST": Style.ALARM}
_SEVERITY_STYLES = {"CRITICAL": Style.ALARM, "MAJOR": Style.ALARM, "MINOR": Style.WARN}
_LIFE_STYLES = {
    "running": Style.PLAIN,
    **dict.fromkeys(("stopped", "dead", "in reset"), Style.ALARM),
}


def module_sections(
    module: ModuleShown, truth: SlotTruth | None, width: int, glyphs: Glyphs
) -> Sections:
    sections: dict[str, list[Row]] = {"head": [], "gate": []}
    if truth is not None:
        sections["gate"] = [_gate(truth, width, glyphs)]
    if module.trouble:
        sections["head"] = [state(Style.ALARM, module.trouble, glyphs)]
    if not module.has_answered:
        sections["why"] = plain(module.reason_text, width, Style.DIM)
        return sections
    if module.trouble:
        # What it said last may not be true any more: nothing of it in a colour.
        last = f"last said: {module.role}, epoch {known(module.epoch)}. {module.reason_text}"
        sections["why"] = plain(last, width, Style.DIM)
        return sections
    sections["head"] = [_role_row(module, width, glyphs)]
    sections["why"] = plain(module.reason_text, width, Style.PLAIN)
    sections["waits"] = [
        [label("waits", width), Span(f"{duration(left_ms / 1000)} left: {what}", Style.WARN)]
        for what, left_ms in module.waits
    ]
    sections["paths"] = path_rows(module.paths, width, glyphs)
    sections["mirror"] = [_mirror(module, width, glyphs)]
    sections["peer"] = [_peer_row(peer, width) for peer in module.peers]
    sections["redundancy"] = _redundancy(module, width, glyphs)
    sections["alarms"] = _alarms(module.alarms, width, glyphs)
    return sections


def peer_sections(peer: PeerShown, width: int, glyphs: Glyphs) -> Sections:
    """A module that is not asked itself: what another one knows of it."""
    style = _ROLE_STYLES.get(peer.role or "", Style.WARN)
    role = peer.role or f"not heard, {peer.state}"
    head = state(style if peer.role else Style.ALARM, role, glyphs)
    if peer.epoch is not None:
        head.append(Span(f"  epoch {peer.epoch}", Style.PLAIN))
    lines = (
        ("PRESENCE", peer.presence),
        ("HEALTH", peer.healthy_line),
        ("ACTIVE", peer.active_line),
    )
    levels: list[Row] = [[Span(name.ljust(FACT_WIDTH), Style.DIM)] for name, _ in lines]
    for row, (name, level) in zip(levels, lines, strict=True):
        told = "not wired" if level is None else "up" if level else "down"
        row.append(Span(told, _line_style(name, level)))
    facts = (
        ("health", None if peer.health is None else f"{peer.health} %"),
        ("firmware", None if peer.firmware_level is None else f"level {peer.firmware_level}"),
        ("hears us", None if peer.hears_us is None else "yes" if peer.hears_us else "no"),
    )
    health, firmware, hears = (
        [Span(name.ljust(FACT_WIDTH), Style.DIM), Span(value or "-")] for name, value in facts
    )
    # Spread over the sections of the module beside it, so that neither column has gaps.
    return {
        "head": [head],
        "why": plain("as its peer knows it", width, Style.DIM),
        "paths": levels,
        "mirror": [health],
        "redundancy": [firmware],
        "alarms": [hears],
    }


def _role_row(module: ModuleShown, width: int, glyphs: Glyphs) -> Row:
    style = _ROLE_STYLES.get(module.role, Style.WARN)
    is_worse = module.health is not None and module.health < 100
    head = state(style, module.role, glyphs)
    head.append(Span(f"  epoch {known(module.epoch)}"))
    since = duration(module.since_s)
    health = Span(f"  health {known(module.health)} %", Style.WARN if is_worse else Style.PLAIN)
    # What is said first is left out first; a health that is not whole never.
    endings = ([Span(f"  since {since}"), health], [Span(f"  {since}"), health], [health])
    if not is_worse:
        endings = (endings[0], [Span(f"  since {since}")], [Span(f"  {since}")])
    for ending in endings:
        if row_width([*head, *ending]) <= width:
            return [*head, *ending]
    return [*head, *endings[-1]]


def _mirror(module: ModuleShown, width: int, glyphs: Glyphs) -> Row:
    style = _MIRROR_STYLES.get(module.mirror, Style.WARN)
    row = [label("mirror", width), *state(style, module.mirror or "-", glyphs)]
    if module.mirror_staleness_ms is not None and module.mirror != "NONE":
        behind = "behind" if module.role == "ACTIVE" else "old"
        row.append(Span(f"  {duration(module.mirror_staleness_ms / 1000)} {behind}"))
    return row


def _redundancy(module: ModuleShown, width: int, glyphs: Glyphs) -> list[Row]:
    style = _REDUNDANCY_STYLES.get(module.redundancy, Style.WARN)
    name = "redundancy" if width >= WIDE_FROM else "redund."
    rows: list[Row] = [[label(name, width), *state(style, module.redundancy or "-", glyphs)]]
    why = "; ".join(module.redundancy_reasons)
    if why:
        # In the same row where it fits: it saves the row in a small window.
        room = width - sum(width_of(span.text) for span in rows[0]) - 2
        if width_of(clean(why)) <= room:
            rows[0].append(Span(f"  {why}"))
        else:
            rows += indented(why, width, Style.PLAIN)
    return rows


def _alarms(alarms: Sequence[AlarmShown], width: int, glyphs: Glyphs) -> list[Row]:
    if not alarms:
        return [[label("alarms", width), Span("none")]]
    rows: list[Row] = []
    for alarm in alarms:
        style = _SEVERITY_STYLES.get(alarm.severity, Style.PLAIN)
        name = label("" if rows else "alarms", width)
        since = "" if alarm.since_s is None else f"  {duration(alarm.since_s)}"
        text = clean(alarm.text or alarm.alarm_id)
        room = width - label_width(width) - 2 - len(since)
        row = [name, Span(f"{glyphs.of(style)} ", style), Span(text, style)]
        if width_of(text) <= room:
            row.append(Span(since, Style.DIM))
        rows.append(row)
    return rows


def _peer_row(peer: PeerShown, width: int) -> Row:
    said = peer.role or f"not heard, {peer.state}"
    heard = {True: ", hears us", False: ", does not hear us", None: ""}[peer.hears_us]
    health = "" if peer.health is None else f", health {peer.health} %"
    style = Style.WARN if peer.hears_us is False or peer.role is None else Style.PLAIN
    return [label("peer", width), Span(f"slot {known(peer.slot)}: {said}{health}{heard}", style)]


def _gate(truth: SlotTruth, width: int, glyphs: Glyphs) -> Row:
    """The chassis's word on this slot, in one row."""
    row: Row = [label("gate", width)]
    if truth.life != "running":
        style = _LIFE_STYLES.get(truth.life, Style.WARN)
        row.append(Span(f"{glyphs.of(style)} {truth.life}  ", style))
    is_open = truth.is_open
    row.append(Span("open" if is_open else "shut", Style.GOOD if is_open else Style.PLAIN))
    for line in truth.lines:
        if line.is_forced:
            row.append(
                Span(f"  {line.name} {'stuck up' if line.is_up else 'stuck down'}", Style.WARN)
            )
        elif line.is_up and line.name != "OUTPUT_ENABLE":
            row.append(Span(f"  {line.name}"))
    return row


def _line_style(name: str, level: bool | None) -> Style:
    if level is None:
        return Style.DIM
    return Style.ALARM if not level and name != "ACTIVE" else Style.PLAIN


def shrink(heights: Mapping[str, int], room: int) -> dict[str, int]:
    """Rows for each section so that all fit; what is least missed gives up first."""
    fitted = dict(heights)
    for name, least in SHRINKING:
        too_many = sum(fitted.values()) - room
        if too_many > 0 and fitted.get(name, 0) > least:
            fitted[name] = max(least, fitted[name] - too_many)
    return fitted


def stack(
    sections: Sections, heights: Mapping[str, int], order: Iterable[str], glyphs: Glyphs
) -> list[Row]:
    """The column: each section as high as told; where rows are left out it says so."""
    rows: list[Row] = []
    for name in order:
        height, mine = heights.get(name, 0), list(sections.get(name, []))
        hidden = len(mine) - height
        if hidden > 0 and height > 0:
            mine, rest = mine[:height], mine[height:]
            if name == "redundancy":
                # The first words of why say more than that there is a why.
                mine[-1] = _unfinished([*mine[-1], Span("  "), *rest[0][1:]], glyphs)
            elif name == "alarms":
                more = Span(f"+{hidden} more: ", Style.WARN)
                mine[-1] = [*mine[-1][:1], more, *mine[-1][1:]]
            else:
                mine[-1] = _unfinished(mine[-1], glyphs)
        rows += mine[:height] + [[] for _ in range(height - len(mine))]
    return rows


def _unfinished(row: Row, glyphs: Glyphs) -> Row:
    """The ellipsis is part of the last text: where that fills the row, it is cut to show it."""
    return [*row[:-1], row[-1]._replace(text=row[-1].text + glyphs.ellipsis)]
