"""One module's column, as sections of rows: what it says of itself, and what its peer is to it.

A frame puts columns side by side; the same section of each begins in the same row, so that two
modules can be compared by eye. Called by `bmcha.view.frame`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bmcha.view.cells import clean, duration, width_of, wrap
from bmcha.view.model import AlarmShown, ModuleShown, PathShown, PeerShown, SlotTruth
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
WIDE_FROM = 50
LABEL_WIDTH, WIDE_LABEL_WIDTH = 8, 11
FACT_WIDTH = 10
_FIELDS = (("round trip", 12), ("loss", 8), ("heard", 9), ("lost", 8), ("bad", 7))
_NARROW_FIELDS = (("rtt", 8), ("loss", 6), ("heard", 6))
"""Of a path, the most telling first, with the cells that each takes."""

_HEALTH_STYLES = {
    "ALIVE": Style.GOOD,
    "LATE": Style.WARN,
    "ONE_WAY": Style.WARN,
    "SILENT": Style.ALARM,
}
_ROLE_STYLES = {"ACTIVE": Style.GOOD, "STANDBY": Style.STRONG, "FAULT": Style.ALARM}
_MIRROR_STYLES = {"SYNCED": Style.GOOD, "JOINING": Style.WARN, "STALE": Style.WARN}
_REDUNDANCY_STYLES = {"FULL": Style.GOOD, "DEGRADED": Style.WARN, "LOST": Style.ALARM}
_SEVERITY_STYLES = {"CRITICAL": Style.ALARM, "MAJOR": Style.ALARM, "MINOR": Style.WARN}
_LIFE_STYLES = {"running": Style.PLAIN, "stopped": Style.ALARM, "dead": Style.ALARM}


def module_sections(
    module: ModuleShown, truth: SlotTruth | None, width: int, glyphs: Glyphs
) -> Sections:
    sections: dict[str, list[Row]] = {"head": [], "gate": []}
    if truth is not None:
        sections["gate"] = [_gate(truth, width, glyphs)]
    if module.trouble:
        sections["head"] = [_state(Style.ALARM, module.trouble, glyphs)]
    if not module.has_answered:
        return sections
    if module.trouble:
        # What it said last may not be true any more: nothing of it in a colour.
        last = f"last said: {module.role}, epoch {_known(module.epoch)}. {module.reason_text}"
        sections["why"] = _plain(last, width, Style.DIM)
        return sections
    sections["head"] = [_role_row(module, width, glyphs)]
    sections["why"] = _plain(module.reason_text, width, Style.PLAIN)
    sections["waits"] = [
        [_label("waits", width), Span(f"{what}, {duration(left_ms / 1000)} left", Style.WARN)]
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
    head = _state(style if peer.role else Style.ALARM, role, glyphs)
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
        ("firmware", None if peer.version is None else f"level {peer.version}"),
        ("hears us", None if peer.hears_us is None else "yes" if peer.hears_us else "no"),
    )
    health, firmware, hears = (
        [Span(name.ljust(FACT_WIDTH), Style.DIM), Span(value or "-")] for name, value in facts
    )
    # Spread over the sections of the module beside it, so that neither column has gaps.
    return {
        "head": [head],
        "why": _plain("as its peer knows it", width, Style.DIM),
        "paths": levels,
        "mirror": [health],
        "redundancy": [firmware],
        "alarms": [hears],
    }


def path_rows(paths: Sequence[PathShown], width: int, glyphs: Glyphs) -> list[Row]:
    """A head and a row each; as many columns as there is room for."""
    longest = max((width_of(clean(path.name)) for path in paths), default=0)
    name_width = max(_label_width(width) - 1, min(16, longest))
    fields = _FIELDS if width >= WIDE_FROM else _NARROW_FIELDS
    left = width - name_width - 10
    shown = []
    for head, field_width in fields:
        if field_width <= left:
            shown.append((head, field_width))
            left -= field_width
    row = [Span("path".ljust(name_width), Style.DIM), Span("   health ", Style.DIM)]
    rows: list[Row] = [row + [Span(head.rjust(size), Style.DIM) for head, size in shown]]
    for path in paths:
        style = _HEALTH_STYLES.get(path.health, Style.WARN)
        name = clean(path.name)[:name_width]
        cells = _path_cells(path)
        rows.append(
            [
                Span(name + " " * (name_width - width_of(name))),
                Span(f" {glyphs.of(style)} ", style),
                Span(_health_word(path).ljust(7)[:7], style),
                *(Span(cells[head].rjust(size)) for head, size in shown),
            ]
        )
        if path.fault:
            rows.append([Span(" " * (name_width + 1)), Span(path.fault, style)])
    return rows


def _health_word(path: PathShown) -> str:
    """ONE_WAY and which way fails."""
    failing = {"tx": "TX LOST", "rx": "RX LOST"}.get(path.one_way or "")
    return failing or path.health or "-"


def _path_cells(path: PathShown) -> dict[str, str]:
    is_heard = path.health in ("ALIVE", "LATE", "ONE_WAY")
    rtt_ms = None if path.rtt_us is None else path.rtt_us / 1000
    heard_s = None if path.last_heard_ms is None else path.last_heard_ms / 1000
    loss = path.loss_percent if is_heard else None
    trip = f"{rtt_ms:.1f} ms" if rtt_ms is not None and is_heard else "-"
    return {
        "round trip": trip,
        "rtt": trip,
        "loss": "-" if loss is None else f"{loss:.1f} %" if 0 < loss < 9.95 else f"{loss:.0f} %",
        # Tenths: a module tells when it last heard to half a second anyway.
        "heard": "-" if heard_s is None else f"{heard_s:.1f} s" if heard_s < 60 else _age(heard_s),
        "lost": _known(path.lost),
        "bad": _known(path.bad),
    }


def _role_row(module: ModuleShown, width: int, glyphs: Glyphs) -> Row:
    style = _ROLE_STYLES.get(module.role, Style.WARN)
    is_worse = module.health is not None and module.health < 100
    head = _state(style, module.role, glyphs)
    head.append(Span(f"  epoch {_known(module.epoch)}"))
    age = _age(module.since_s)
    health = Span(f"  health {_known(module.health)} %", Style.WARN if is_worse else Style.PLAIN)
    # What is said first is left out first; a health that is not whole never.
    endings = ([Span(f"  since {age}"), health], [Span(f"  {age}"), health], [health])
    if not is_worse:
        endings = (endings[0], [Span(f"  since {age}")], [Span(f"  {age}")])
    for ending in endings:
        if row_width([*head, *ending]) <= width:
            return [*head, *ending]
    return [*head, *endings[-1]]


def _mirror(module: ModuleShown, width: int, glyphs: Glyphs) -> Row:
    style = _MIRROR_STYLES.get(module.mirror, Style.WARN)
    row = [_label("mirror", width), *_state(style, module.mirror or "-", glyphs)]
    if module.mirror_staleness_ms is not None and module.mirror != "NONE":
        behind = "behind" if module.role == "ACTIVE" else "old"
        row.append(Span(f"  {_age(module.mirror_staleness_ms / 1000)} {behind}"))
    return row


def _redundancy(module: ModuleShown, width: int, glyphs: Glyphs) -> list[Row]:
    style = _REDUNDANCY_STYLES.get(module.redundancy, Style.WARN)
    name = "redundancy" if width >= WIDE_FROM else "redund."
    rows: list[Row] = [[_label(name, width), *_state(style, module.redundancy or "-", glyphs)]]
    why = "; ".join(module.redundancy_reasons)
    if why:
        # In the same row where it fits: it saves the row in a small window.
        room = width - sum(width_of(span.text) for span in rows[0]) - 2
        if width_of(clean(why)) <= room:
            rows[0].append(Span(f"  {why}"))
        else:
            rows += _indented(why, width, Style.PLAIN)
    return rows


def _alarms(alarms: Sequence[AlarmShown], width: int, glyphs: Glyphs) -> list[Row]:
    if not alarms:
        return [[_label("alarms", width), Span("none")]]
    rows: list[Row] = []
    for alarm in alarms:
        style = _SEVERITY_STYLES.get(alarm.severity, Style.PLAIN)
        label = _label("" if rows else "alarms", width)
        since = "" if alarm.since_s is None else f"  {_age(alarm.since_s)}"
        text = clean(alarm.text or alarm.alarm_id)
        room = width - _label_width(width) - 2 - len(since)
        row = [label, Span(f"{glyphs.of(style)} ", style), Span(text, style)]
        if width_of(text) <= room:
            row.append(Span(since, Style.DIM))
        rows.append(row)
    return rows


def _peer_row(peer: PeerShown, width: int) -> Row:
    said = peer.role or f"not heard, {peer.state}"
    heard = {True: ", hears us", False: ", does not hear us", None: ""}[peer.hears_us]
    health = "" if peer.health is None else f", health {peer.health} %"
    style = Style.WARN if peer.hears_us is False or peer.role is None else Style.PLAIN
    return [_label("peer", width), Span(f"slot {_known(peer.slot)}: {said}{health}{heard}", style)]


def _gate(truth: SlotTruth, width: int, glyphs: Glyphs) -> Row:
    """The chassis's word on this slot, in one row."""
    row: Row = [_label("gate", width)]
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


# ------------------------------------------------------------ how


def _label_width(width: int) -> int:
    return WIDE_LABEL_WIDTH if width >= WIDE_FROM else LABEL_WIDTH


def _label(text: str, width: int) -> Span:
    """``width``: the column's."""
    size = _label_width(width)
    return Span(text.ljust(size)[:size], Style.DIM)


def _state(style: Style, word: str, glyphs: Glyphs) -> Row:
    return [Span(f"{glyphs.of(style) if style is not Style.STRONG else glyphs.none} {word}", style)]


def _plain(text: str, width: int, style: Style) -> list[Row]:
    return [[Span(line, style)] for line in wrap(clean(text), width)]


def _indented(text: str, width: int, style: Style) -> list[Row]:
    size = _label_width(width)
    return [[Span(" " * size), Span(line, style)] for line in wrap(clean(text), width - size)]


def _line_style(name: str, level: bool | None) -> Style:
    if level is None:
        return Style.DIM
    return Style.ALARM if not level and name != "ACTIVE" else Style.PLAIN


def _age(seconds: float | None) -> str:
    return duration(seconds)


def _known(value: int | None) -> str:
    return "-" if value is None else str(value)


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
            mine = mine[:height]
            if name == "alarms":
                more = Span(f"+{hidden} more: ", Style.WARN)
                mine[-1] = [*mine[-1][:1], more, *mine[-1][1:]]
            else:
                mine[-1] = [*mine[-1], Span(glyphs.ellipsis, mine[-1][-1].style)]
        rows += mine[:height] + [[] for _ in range(height - len(mine))]
    return rows
