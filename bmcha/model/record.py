"""`dataclass`: the standard one, made in half the time where a processor is slow.

The standard one compiles up to six functions for each class, each by itself; on a small board that
is most of a second of a start (adr/0021). Here what differs from class to class is compiled at
once, and the rest are the same functions for all. What comes out behaves the same, and type
checkers are shown the standard one. Known are the two options below; what else a class needs it
gets from the standard one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False) -> Callable[[type], type]:
        """Raises TypeError for a class that has a method of its own which would be made here."""
        return lambda cls: _make(cls, frozen, slots)


def _make(cls: type, is_frozen: bool, has_slots: bool) -> type:
    clash = _NOT_OWN.intersection(cls.__dict__)
    if clash:
        raise TypeError(f"{cls.__qualname__} has its own {min(clash)}: use dataclasses.dataclass")
    if any(map(dataclasses.is_dataclass, cls.__mro__[1:])):
        raise TypeError(f"{cls.__qualname__} is made of another one: use dataclasses.dataclass")
    if cls.__doc__ is None:
        # The standard one would write down the signature, and is slow in finding it out.
        cls.__doc__ = cls.__name__
    made: type = dataclasses.dataclass(init=False, repr=False, eq=False, slots=has_slots)(cls)
    for name, method in (_compiled(made, is_frozen) | _SHARED).items():
        setattr(made, name, method)
    if is_frozen:
        for name, method in _SHARED_IF_FROZEN.items():
            setattr(made, name, method)
    return made


# ---- what is compiled, a class at a time


def _compiled(cls: type, is_frozen: bool) -> dict[str, Any]:
    fields = dataclasses.fields(cls)
    if len(fields) != len(vars(cls)["__dataclass_fields__"]):
        raise TypeError(
            f"{cls.__qualname__} has an InitVar or a ClassVar: use dataclasses.dataclass"
        )
    names: dict[str, Any] = {
        "__name__": cls.__module__,
        "_set": object.__setattr__,
        "_MISSING": MISSING,
    }
    text = _init_text(fields, is_frozen, names)
    if hasattr(cls, "__post_init__"):
        text += " self.__post_init__()\n"
    text += _compare_text(fields, is_frozen)
    found: dict[str, Any] = {}
    exec(text, names, found)  # The text is made of the names of fields, and of nothing else.
    for name, method in found.items():
        method.__qualname__ = f"{cls.__qualname__}.{name}"
    # As the standard one says it: who can change is not hashed.
    return {"__hash__": None} | found


def _init_text(fields: Sequence[Field[Any]], is_frozen: bool, names: dict[str, Any]) -> str:
    """Puts what the text refers to into ``names``."""
    parameters, lines = ["self"], ["pass"]
    for field in fields:
        name, default = field.name, f"_of_{field.name}"
        value, given = name, name
        if field.default_factory is not MISSING:
            names[default] = field.default_factory
            given = f"{name}=_MISSING"
            value = f"{default}() if {name} is _MISSING else {name}"
        elif field.default is not MISSING:
            names[default] = field.default
            given = f"{name}={default}"
        if field.init:
            parameters.append(given)
            lines.append(_set_text(name, value, is_frozen))
        elif default in names:
            raise TypeError(f"{name} is not given and has a default: use dataclasses.dataclass")
        if not field.repr or field.hash is not None or field.kw_only:
            raise TypeError(
                f"{name} is shown, hashed or given otherwise: use dataclasses.dataclass"
            )
    return f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines) + "\n"


def _set_text(name: str, value: str, is_frozen: bool) -> str:
    return f"_set(self, {name!r}, {value})" if is_frozen else f"self.{name} = {value}"


def _compare_text(fields: Sequence[Field[Any]], is_frozen: bool) -> str:
    compared = [field.name for field in fields if field.compare]
    own, others = (
        "(" + "".join(f"{whose}.{name}, " for name in compared) + ")" for whose in ("self", "other")
    )
    text = (
        "def __eq__(self, other):\n"
        f" return {own} == {others} if other.__class__ is self.__class__ else NotImplemented\n"
    )
    return text + f"def __hash__(self):\n return hash({own})\n" if is_frozen else text


# ---- what all have in common


def _repr(self: Any) -> str:
    shown = ", ".join(
        f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self)
    )
    return f"{type(self).__qualname__}({shown})"


def _refuse_set(_self: Any, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(_self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    """Copies and pickles come in by here; nobody may assign."""
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_SHARED: Final = {"__repr__": _repr}
_SHARED_IF_FROZEN: Final = {
    "__setattr__": _refuse_set,
    "__delattr__": _refuse_delete,
    "__getstate__": _state,
    "__setstate__": _restore,
}
_NOT_OWN: Final = frozenset({"__init__", "__eq__", "__hash__", *_SHARED, *_SHARED_IF_FROZEN})
