"""How a command speaks: lines or one JSON object to stdout, a complaint to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def complain(text: str, code: int) -> int:
    """Prints the reason; returns the exit code."""
    print(text, file=sys.stderr)
    return code


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def print_json(body: Any) -> None:
    print(json.dumps(body, ensure_ascii=False, indent=2))
