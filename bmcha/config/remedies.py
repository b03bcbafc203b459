"""What to do about a wrong value: one sentence for each way in which a key can be wrong.

Knows TOML's spelling and the mistakes that people make in it; knows no key of bmcha. A problem
whose remedy takes knowledge of the key says it where it is found. Called by `bmcha.config.table`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CLOSE_CHARS_MAX = 60
"""Longer words are compared by their beginning: comparing takes quadratic time."""


def for_missing(path: Sequence[str], wanted: type) -> str:
    """``path``: the tables above the key, and the key; list entries as "paths[0]"."""
    *above, key = path
    if wanted is dict:
        return (
            f"add the table [{'.'.join(path)}]" if not _in_list(above) else f"add {key} = {{ … }}"
        )
    return f"add the line {key} = … {place(above)}"


def for_unknown(key: str, known: Sequence[str]) -> str:
    near = near_one(key, known)
    return f"write {near} instead of {key}" if near else "take the line out"


def for_type(path: Sequence[str], value: object, wanted: type) -> str:
    """``path``: as for `for_missing`."""
    *above, key = path
    if isinstance(value, str) and wanted in (int, bool) and _is_literal(value, wanted):
        return f"take the quotes away: {key} = {value.strip()}"
    if wanted is str and isinstance(value, int | float) and not isinstance(value, bool):
        return f'put it in quotes: {key} = "{value}"'
    if wanted is int and isinstance(value, float):
        return "write it without a point and without an exponent"
    if wanted is bool:
        return f"write {key} = true or {key} = false, without quotes"
    if wanted is list and isinstance(value, dict):
        if _in_list(above):
            return f"write {key} = [{{ … }}]: a list of tables"
        return f"write [[{'.'.join(path)}]] with double brackets: each is an entry of the list"
    if wanted is dict and isinstance(value, list):
        return f"write [{'.'.join(path)}] with single brackets: there is only one"
    forms = {int: "a number without quotes", str: "a text in quotes", list: "a list: [ … ]"}
    return f"write {key} as {forms.get(wanted, 'a table: { … }')}"


def for_range(value: int, low: int, high: int) -> str:
    return f"raise it to {low} or more" if value < low else f"lower it to {high} or less"


def for_choice(value: str, choices: Iterable[str]) -> str:
    known = list(choices)
    near = near_one(value, known)
    return f'write "{near or known[0]}"' + (
        "" if near or len(known) == 1 else " or another of them"
    )


def for_duplicate(key: str) -> str:
    return f"give each entry its own {key}"


def in_general(key: str, value: str, allowed: str) -> str:
    """For a relation whose finder knew no better."""
    if allowed.startswith("one of "):
        return "write one of them"
    return f"add {key}: {allowed}" if value == "missing" else f"set {key} to {allowed}"


def place(above: Sequence[str]) -> str:
    """Where in the file the keys of this table stand."""
    if not above:
        return "at the top of the file, above the first [table]"
    number = re.fullmatch(r"([^\[]+)\[(\d+)\]", above[-1])
    if number is None:
        return f"under [{'.'.join(above)}]" if not _in_list(above) else f"to {'.'.join(above)}"
    return f"to {ordinal(int(number[2]) + 1)} [[{'.'.join([*above[:-1], number[1]])}]]"


def ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"the {number}th"
    return f"the {number}" + {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def near_one(word: str, known: Sequence[str]) -> str | None:
    """The nearest of the known words, if one is near; capitals and - for _ are near."""
    # Only a mistake costs its import.
    from difflib import get_close_matches

    plain = {each.lower().replace("-", "_"): each for each in known}
    near = get_close_matches(word[:CLOSE_CHARS_MAX].lower().replace("-", "_"), plain, n=1)
    return plain[near[0]] if near else None


def _in_list(above: Sequence[str]) -> bool:
    return any("[" in part for part in above)


def _is_literal(text: str, wanted: type) -> bool:
    pattern = r"[+-]?[0-9]{1,18}" if wanted is int else r"true|false"
    return re.fullmatch(pattern, text.strip()) is not None
