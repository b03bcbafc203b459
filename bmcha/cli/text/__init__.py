"""The control socket's answers as text for people: values in, lines out.

Knows no socket and no arguments. Called by the command modules of `bmcha.cli`.
"""

from bmcha.cli.text.chassis import fans_lines, sensors_lines
from bmcha.cli.text.history import events_lines, why_lines
from bmcha.cli.text.paths import paths_lines
from bmcha.cli.text.status import status_lines

RENDERERS = {
    "status": status_lines,
    "paths": paths_lines,
    "sensors": sensors_lines,
    "fans": fans_lines,
    "events": events_lines,
    "why": why_lines,
}
"""A question's name → its answer as lines."""
