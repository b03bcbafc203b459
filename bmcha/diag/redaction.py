"""Takes secrets out of a TOML file's text, by the names of their keys; everything else stays.

A key is secret when its name, or that of a table around it, says so (`SECRET`). Comments are
text of the file: a key that was commented out is as secret as one that is in use. What was done is
checked: when a secret's value is still to be found in the text, nothing of the text
is given out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

REMOVED: Final = '"(removed)"'
WITHHELD: Final = "# withheld: a secret could not be told from the rest of this file\n"

_NAME: Final = (
    r"(?:secret|passw|passphrase|token|psk|credential|private|community|apikey|"
    # Only as words of their own: pwm and author are no secrets.
    r"(?<![a-z])(?:keys?|auth|pwd?)(?![a-z]))"
)
SECRET: Final = re.compile(_NAME, re.IGNORECASE)

_STRING: Final = r'"""(?:.|\n)*?"""|\'\'\'(?:.|\n)*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
_VALUE: Final = re.compile(
    # A list or an inline table may hold strings with brackets in them.
    rf"(?P<open>[\[{{])|{_STRING}|[^\s,\]}}#]+"
)
_ASSIGNED: Final = re.compile(
    r"(?P<key>[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')(?P<more>(?:\s*\.\s*[\w\"'-]+)*)(?P<eq>\s*=\s*)"
)
_HEADER: Final = re.compile(r"^[ \t#]*\[\[?([^\]\n]+)\]\]?[ \t]*(?:#.*)?$", re.MULTILINE)
_TOKEN: Final = re.compile(rf"{_STRING}|[\[\]{{}}]")


def redacted(text: str) -> str:
    """The text without the values of secret keys."""
    pieces = []
    start = 0
    is_secret_table = False
    for header in [*_HEADER.finditer(text), None]:
        end = header.start() if header is not None else len(text)
        pieces.append(_without_secrets(text[start:end], is_secret_table))
        if header is not None:
            pieces.append(header.group())
            is_secret_table = bool(SECRET.search(header.group(1)))
            start = header.end()
    found = "".join(pieces)
    return found if _is_clean(text, found) else WITHHELD


def _without_secrets(text: str, are_all_secret: bool) -> str:
    pieces = []
    place = 0
    while (assigned := _ASSIGNED.search(text, place)) is not None:
        pieces.append(text[place : assigned.end()])
        place = assigned.end()
        name = assigned.group("key") + assigned.group("more")
        if are_all_secret or SECRET.search(name):
            place = _end_of_value(text, place)
            pieces.append(REMOVED)
    return "".join([*pieces, text[place:]])


def _end_of_value(text: str, place: int) -> int:
    value = _VALUE.match(text, place)
    if value is None:
        return place
    if value.group("open") is None:
        return value.end()
    depth = 0
    for token in _TOKEN.finditer(text, place):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if depth == 0:
            return token.end()
    return len(text)


def _is_clean(text: str, found: str) -> bool:
    """No value of a secret key is left. What is no TOML cannot be told, and is not given out."""
    try:
        secrets = [value for value in _secrets(tomllib.loads(text), False) if value]
        left = [value for value in _secrets(tomllib.loads(found), False) if value]
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return False
    is_gone = all(value == REMOVED.strip('"') for value in left)
    return is_gone and not any(len(value) > 3 and value in found for value in secrets)


def _secrets(value: Any, is_secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, is_secret or bool(SECRET.search(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, is_secret)
    elif is_secret:
        yield str(value)
