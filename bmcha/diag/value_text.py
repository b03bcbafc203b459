"""Frozen records as JSON values, and back: what `encode` made `decode` takes apart.

What a field may hold is read from its annotation, once a type. Rules: a record is an object of its
fields, without those that have their default value; an enumeration is its member's name; a
tuple is a list; where several records are possible the object has one key, the record's name. Knows
no type of bmcha. Used by the flight recorder and its reader.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

Way = Callable[[Any], Any]


def encode(value: Any, hint: Any) -> Any:
    return _ways(hint)[0](value)


def decode(value: Any, hint: Any) -> Any:
    """Raises ValueError, KeyError or TypeError for what `encode` cannot have made of ``hint``."""
    return _ways(hint)[1](value)


@functools.cache
def _ways(hint: Any) -> tuple[Way, Way]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union_ways(get_args(hint))
    if origin is tuple:
        return _tuple_ways(get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return (lambda value: value.name), (lambda name: hint[name])
    if isinstance(hint, type) and is_dataclass(hint):
        return _record_ways(hint)
    return _as_it_is, _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _tuple_ways(hints: tuple[Any, ...]) -> tuple[Way, Way]:
    if len(hints) == 2 and hints[1] is Ellipsis:
        encode_item, decode_item = _ways(hints[0])
        return (
            lambda value: [encode_item(item) for item in value],
            lambda value: tuple(decode_item(item) for item in value),
        )
    items = [_ways(hint) for hint in hints]
    return (
        lambda value: [way[0](item) for way, item in zip(items, value, strict=True)],
        lambda value: tuple(way[1](item) for way, item in zip(items, value, strict=True)),
    )


def _record_ways(kind: Any) -> tuple[Way, Way]:
    hints = get_type_hints(kind)
    parts = [(each.name, _default_of(each), *_ways(hints[each.name])) for each in fields(kind)]
    decoders = {name: decode_field for name, _, _, decode_field in parts}

    def encode_record(value: Any) -> dict[str, Any]:
        found = {}
        for name, default, encode_field, _ in parts:
            item = getattr(value, name)
            if item != default:
                found[name] = encode_field(item)
        return found

    def decode_record(value: Any) -> Any:
        return kind(**{name: decoders[name](item) for name, item in value.items()})

    return encode_record, decode_record


def _default_of(field: Any) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _union_ways(hints: Sequence[Any]) -> tuple[Way, Way]:
    records: dict[str, Any] = {}
    others: list[Any] = []
    for hint in hints:
        if is_dataclass(hint) and isinstance(hint, type):
            records[hint.__name__] = hint
        elif hint is not type(None):
            others.append(hint)
    if len(records) + len(others) == 1:
        only_encode, only_decode = _ways(next(iter(records.values()), None) or others[0])
        return (
            lambda value: None if value is None else only_encode(value),
            lambda value: None if value is None else only_decode(value),
        )

    def encode_any(value: Any) -> Any:
        name = type(value).__name__
        return {name: _ways(records[name])[0](value)} if name in records else value

    def decode_any(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ((name, inner),) = value.items()
        return _ways(records[name])[1](inner)

    return encode_any, decode_any
