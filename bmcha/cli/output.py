"""How a command speaks: lines or one JSON object to stdout, a complaint to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def complain(text: str, code: int) -> int:
    """Prints the reason, on a terminal without breaking a word; returns the exit code."""
    if sys.stderr.isatty():
        import shutil
        import textwrap

        width = shutil.get_terminal_size().columns
        text = "\n".join(
            textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
            for line in text.splitlines()
        )
    print(text, file=sys.stderr)
    return code


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def print_json(body: Any) -> None:
    print(json.dumps(body, ensure_ascii=False, indent=2))
