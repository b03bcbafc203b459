"""A screen of a given size, as rows of styled spans: `frame` is the whole layout. Pure.

Every row is exactly as wide as asked and there are exactly as many as asked, whatever is shown.
From top to bottom: title, the modules side by side, readings, the log, the keys. What does not
fit is left out in a fixed order and never silently: an ellipsis, or "+2 more".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bmcha.view import readings, truth
from bmcha.view.cells import clean, width_of, wrap
from bmcha.view.columns import SECTIONS, Sections, module_sections, peer_sections, shrink, stack
from bmcha.view.logbook import log_rows
from bmcha.view.model import ModuleShown, PeerShown, Screen, SensorShown
from bmcha.view.rules import (
    Places,
    equal_widths,
    merged,
    places_of,
    side_by_side,
    titled_rule,
)
from bmcha.view.spans import UNICODE, Glyphs, Row, Span, Style, beside, fit

WIDTH_MIN, HEIGHT_MIN = 60, 16
TRUTH_COLUMN_FROM = 150
"""Columns of text from which on the chassis gets a column of its own."""
COLUMN_MIN = 28
LOG_MIN, SMALL_LOG_MIN = 5, 3
"""Rows with the title; the smaller one in a small window."""
SMALL_ROOM = 18
MODULE_MIN = 9
"""A row of each section and two paths."""
BELOW_MIN = 11
"""Rows for readings and log that the modules leave over where there are so many."""


def frame(screen: Screen, width: int, height: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """``height`` rows of ``width`` cells."""
    if width < WIDTH_MIN or height < HEIGHT_MIN:
        return _too_small(width, height, glyphs)
    head = beside(
        [Span(f" {screen.title}  {screen.about}")], [Span(f"{screen.clock} ")], width, glyphs
    )
    rows: list[Row] = [[Span("".join(span.text for span in head), Style.TITLE)]]
    foot = _footer(screen, width, 2 if height >= 20 else 1)
    room = height - 1 - len(foot)
    rows += _help(screen, width, room) if screen.help else _body(screen, width, room, glyphs)
    rows += foot
    return [merged(fit(row, width, glyphs)) for row in rows]


def _too_small(width: int, height: int, glyphs: Glyphs) -> list[Row]:
    texts = [f"needs {WIDTH_MIN}x{HEIGHT_MIN}", f"has {width}x{height}"]
    rows: list[Row] = [[Span(text)] for text in texts][:height]
    rows += [[] for _ in range(height - len(rows))]
    return [fit(row, width, glyphs) for row in rows]


def _body(screen: Screen, width: int, room: int, glyphs: Glyphs) -> list[Row]:
    """Three blocks; each tells the next one where its upright rules come down."""
    rows, above = _modules_block(screen, width, room, glyphs)
    left = room - len(rows) - (LOG_MIN if room > SMALL_ROOM else SMALL_LOG_MIN)
    below, above = _readings_block(screen, width, left, above, glyphs)
    rows += below
    left = room - len(rows)
    if left > 1:
        rows.append(titled_rule([_log_title(screen)], [width], above, glyphs))
        rows += log_rows(screen.log, screen.scrolled_lines, width, left - 1)
    return rows[:room] + [[] for _ in range(room - len(rows))]


def _log_title(screen: Screen) -> str:
    back = screen.scrolled_lines
    return f"events, {back} newer ones below" if back else "events"


# ------------------------------------------------------------ modules, side by side


def _modules_block(
    screen: Screen, width: int, room: int, glyphs: Glyphs
) -> tuple[list[Row], Places]:
    is_wide = width >= TRUTH_COLUMN_FROM
    own_column = screen.truth if is_wide else None
    peers = _lone_peers(screen)
    wanted = len(screen.modules) + len(peers) + (own_column is not None)
    widths = equal_widths(width, max(1, min(wanted, (width + 1) // (COLUMN_MIN + 1))))
    names, sections = _columns(screen, peers, widths, own_column is not None, glyphs)
    heights: dict[str, int] = {}
    for each in sections:
        for name, section in each.items():
            heights[name] = max(heights.get(name, 0), len(section))
    if not is_wide:
        heights.pop("peer", None)
    heights = shrink(heights, max(MODULE_MIN, room // 2, room - BELOW_MIN))
    stacks = [stack(each, heights, SECTIONS, glyphs) for each in sections]
    if own_column is not None:
        names.append("chassis")
        stacks.append(truth.truth_rows(own_column, widths[-1] - 2, glyphs)[: room // 2])
    rows = [titled_rule(names, widths, frozenset(), glyphs)]
    rows += side_by_side(stacks, widths, glyphs)
    if screen.truth is None or own_column is not None:
        return rows, places_of(widths)
    return [*rows, truth.truth_row(screen.truth, glyphs)], frozenset()


def _lone_peers(screen: Screen) -> tuple[PeerShown, ...]:
    """With one module to ask, its peers are shown as it knows them."""
    is_alone = len(screen.modules) == 1 and not screen.modules[0].trouble
    return screen.modules[0].peers if is_alone else ()


def _columns(
    screen: Screen,
    peers: Sequence[PeerShown],
    widths: Sequence[int],
    has_truth_column: bool,
    glyphs: Glyphs,
) -> tuple[list[str], list[Sections]]:
    """Names and sections, as many as there are widths for, less the chassis's."""
    room = len(widths) - has_truth_column
    slots = {} if screen.truth is None else {slot.slot: slot for slot in screen.truth.slots}
    names: list[str] = []
    sections: list[Sections] = []
    for module, width in zip(screen.modules, widths[:room], strict=False):
        known = None if has_truth_column else slots.get(module.slot or 0)
        names.append(_name(module))
        sections.append(module_sections(module, known, width - 2, glyphs))
    for peer, width in zip(peers, widths[len(names) : room], strict=False):
        names.append(f"slot {peer.slot}")
        sections.append(peer_sections(peer, width - 2, glyphs))
    left_out = len(screen.modules) + len(peers) - len(names)
    if left_out:
        names[-1] += f" (+{left_out} more: widen)"
    return names, sections


def _name(module: ModuleShown) -> str:
    return module.name if module.slot is None else f"module {module.slot}"


# ------------------------------------------------------------ readings


def _readings_block(
    screen: Screen, width: int, room: int, above: Places, glyphs: Glyphs
) -> tuple[list[Row], Places]:
    """As many rows as they need and as there are; no title alone."""
    shown = screen.readings
    if room < 2 or not (shown.sensors or shown.fans):
        return [], above
    whose = f", as {shown.of} {'read' if shown.is_old else 'reads'} them"
    temperatures = [s for s in shown.sensors if s.kind == "temperature"]
    others = [s for s in shown.sensors if s.kind != "temperature"]
    is_wide = width >= TRUTH_COLUMN_FROM
    widths = equal_widths(width, 3 if is_wide else 2)
    if is_wide:
        rows_max = room - 1
        lists = [
            _sensor_list(f"temperatures{whose}", temperatures, widths[0], rows_max, glyphs),
            _sensor_list("voltages, currents, powers", others, widths[1], rows_max, glyphs),
            _fan_list(screen, widths[2], rows_max, glyphs),
        ]
    else:
        # Room for temperatures only; another kind shows up when it is out of its limits.
        troubled = [s for s in others if readings.sensor_style(s) is Style.ALARM]
        rows_max = min(room - 1, len(temperatures) or len(shown.fans), max(3, room // 2))
        lists = [
            _sensor_list("temperatures", [*troubled, *temperatures], widths[0], rows_max, glyphs),
            _fan_list(screen, widths[1], rows_max, glyphs),
        ]
    names = [name for name, _ in lists]
    rows = [titled_rule(names, widths, above, glyphs)]
    rows += side_by_side([stacked for _, stacked in lists], widths, glyphs)
    return rows, places_of(widths)


def _sensor_list(
    name: str, sensors: Sequence[SensorShown], width: int, rows_max: int, glyphs: Glyphs
) -> tuple[str, list[Row]]:
    rows = [
        readings.sensor_row(sensor, width - 2, glyphs)
        for sensor in readings.worst_first(sensors)[:rows_max]
    ]
    hidden = len(sensors) - len(rows)
    return (f"{name}, +{hidden} more" if hidden > 0 else name), rows


def _fan_list(screen: Screen, width: int, rows_max: int, glyphs: Glyphs) -> tuple[str, list[Row]]:
    """In as many columns as it takes to show all of them, where there is room for it."""
    fans = sorted(screen.readings.fans, key=lambda fan: fan.state != "FAILED")
    if len(fans) <= rows_max:
        return "fans", [readings.fan_row(fan, width - 2, glyphs) for fan in fans]
    count = min(-(-len(fans) // rows_max), max(1, (width - 1) // (readings.FAN_MIN + 1)))
    widths = equal_widths(width - 2, count)
    rows: list[Row] = []
    for number in range(rows_max):
        row: Row = []
        for fan, part in zip(fans[number::rows_max][:count], widths, strict=False):
            row += fit(readings.fan_row(fan, part, glyphs), part + 1, glyphs)
        rows.append(row)
    hidden = len(fans) - count * rows_max
    return (f"fans, +{hidden} more" if hidden > 0 else "fans, rpm and drive"), rows


# ------------------------------------------------------------ keys


def _footer(screen: Screen, width: int, rows_max: int) -> list[Row]:
    if screen.question:
        return [[Span(f" {screen.question} ", Style.WARN)]]
    rows: list[Row] = [[]]
    used = 0
    for number, (key, what) in enumerate(screen.keys):
        size = width_of(key) + width_of(what) + 3
        if used + size > width:
            if len(rows) == rows_max:
                # The last ones are help and quit, and help tells of all the others.
                rows[-1] = _tail_of(screen.keys[number:], rows[-1], width)
                break
            rows.append([])
            used = 0
        rows[-1] += [Span(f" {key}", Style.STRONG), Span(f" {what} ", Style.DIM)]
        used += size
    return rows


def _tail_of(left: Iterable[tuple[str, str]], row: Row, width: int) -> Row:
    """The footer's last row with the last two keys at its end, whatever must go for them."""
    end: Row = []
    for key, what in list(left)[-2:]:
        end += [Span(f" {key}", Style.STRONG), Span(f" {what} ", Style.DIM)]
    room = width - sum(width_of(span.text) for span in end)
    kept: Row = []
    for key_span, what_span in zip(row[::2], row[1::2], strict=True):
        room -= width_of(key_span.text) + width_of(what_span.text)
        if room < 0:
            break
        kept += [key_span, what_span]
    return [*kept, *end]


def _help(screen: Screen, width: int, room: int) -> list[Row]:
    key_width = max(width_of(key) for key, _ in screen.help) + 2
    rows: list[Row] = [[]]
    for key, sentence in screen.help:
        lines = wrap(clean(sentence), max(20, min(width, 100) - key_width - 4))
        for number, line in enumerate(lines):
            shown = key if number == 0 else ""
            padded = shown + " " * (key_width - width_of(shown))
            rows.append([Span(f"  {padded}", Style.STRONG), Span(line)])
    return rows[:room] + [[] for _ in range(room - len(rows))]
