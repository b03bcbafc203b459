"""Our `dataclass` (bmcha.model.record) and the standard one make the same class."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

import pytest

import bmcha
from bmcha.model import record

FIELD = dataclasses.field


class Fan:
    """As a person writes it, before it is decorated."""

    slot: int
    name: str = "fan"
    limits: list[int] = FIELD(default_factory=lambda: [0, 255])
    seen: int = FIELD(default=0, compare=False)


class Empty:
    pass


class Checked:
    duty: int

    def __post_init__(self) -> None:
        if not 0 <= self.duty <= 255:
            raise ValueError(f"duty {self.duty}: 0 to 255")


def decorated(decorator: Callable[..., Any], cls: type, **options: bool) -> Any:
    """From a copy of ``cls``, since decorating changes it."""
    body = {
        name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")
    }
    return decorator(**options)(type(cls.__name__, (), body))


OPTIONS = [
    {"frozen": frozen, "slots": slots} for frozen in (True, False) for slots in (True, False)
]


@pytest.fixture(params=OPTIONS, ids=str)
def options(request: pytest.FixtureRequest) -> dict[str, bool]:
    chosen: dict[str, bool] = request.param
    return chosen


@pytest.fixture(params=[record.dataclass, dataclasses.dataclass], ids=["ours", "standard"])
def fan(request: pytest.FixtureRequest, options: dict[str, bool]) -> Any:
    return decorated(request.param, Fan, **options)


def test_values_and_defaults_are_taken(fan: Any) -> None:
    made = fan(2, seen=7)
    assert (made.slot, made.name, made.limits, made.seen) == (2, "fan", [0, 255], 7)
    assert fan(2).limits is not made.limits, "each has a list of its own"
    assert fan(2, "a", [1]).limits == [1]


def test_it_says_what_it_holds(fan: Any) -> None:
    assert repr(fan(2)) == "Fan(slot=2, name='fan', limits=[0, 255], seen=0)"


def test_equal_is_who_holds_the_same(fan: Any, options: dict[str, bool]) -> None:
    assert fan(2) == fan(2)
    assert fan(2) != fan(3)
    assert fan(2, seen=1) == fan(2, seen=2), "compare=False"
    assert fan(2) != decorated(record.dataclass, Fan, **options)(2), "another class"
    assert fan(2) != 2


def test_hashed_is_who_cannot_change(options: dict[str, bool]) -> None:
    ours, standard = (
        decorated(one, Checked, **options) for one in (record.dataclass, dataclasses.dataclass)
    )
    if options["frozen"]:
        assert hash(ours(2)) == hash(standard(2))
        assert len({ours(2), ours(2), ours(3)}) == 2
    else:
        for one in (ours, standard):
            with pytest.raises(TypeError, match="unhashable"):
                hash(one(2))


def test_what_is_frozen_refuses_to_change(fan: Any, options: dict[str, bool]) -> None:
    made = fan(2)
    if options["frozen"]:
        with pytest.raises(
            dataclasses.FrozenInstanceError, match=r"^cannot assign to field 'slot'"
        ):
            made.slot = 3
        with pytest.raises(dataclasses.FrozenInstanceError, match=r"^cannot delete field 'slot'"):
            del made.slot
    else:
        made.slot = 3
    assert made.slot == (2 if options["frozen"] else 3)


def test_copies_pickles_and_changed_ones_hold_the_same(
    monkeypatch: pytest.MonkeyPatch, fan: Any
) -> None:
    made = fan(2, seen=7)
    # A pickle finds the class by its name.
    monkeypatch.setattr("tests.unit.test_record.Fan", fan)
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert dataclasses.astuple(other) == (2, "fan", [0, 255], 7)
    assert dataclasses.replace(made, name="b") == fan(2, "b")
    assert dataclasses.asdict(made) == {"slot": 2, "name": "fan", "limits": [0, 255], "seen": 7}


def test_what_is_missing_is_told_with_the_class(fan: Any) -> None:
    with pytest.raises(TypeError, match=r"^Fan\.__init__\(\) missing 1 required.* 'slot'"):
        fan()


def test_its_methods_are_found_where_the_class_is(fan: Any) -> None:
    made = fan.__init__, fan.__eq__
    assert [method.__module__ for method in made] == [fan.__module__] * 2
    assert [method.__qualname__ for method in made] == ["Fan.__init__", "Fan.__eq__"]


def test_a_value_is_checked_by_the_class(options: dict[str, bool]) -> None:
    made = decorated(record.dataclass, Checked, **options)
    assert made(9).duty == 9
    with pytest.raises(ValueError, match="duty 256"):
        made(256)


def test_one_without_fields_is_equal_to_itself(options: dict[str, bool]) -> None:
    made = decorated(record.dataclass, Empty, **options)
    assert made() == made()
    assert repr(made()) == "Empty()"


class Own:
    count: int

    def __eq__(self, other: object) -> bool:
        return True


class Left:
    count: int = FIELD(default=0, init=False)


class Secret:
    key: bytes = FIELD(repr=False)


class Loose:
    tags: list[str] = FIELD(hash=False)


class Named:
    count: int = FIELD(kw_only=True)


class Passed:
    count: dataclasses.InitVar[int]


class Shared:
    count: ClassVar[int] = 0


@pytest.mark.parametrize(
    ("cls", "why"),
    [
        (Own, "Own has its own __eq__"),
        (Left, "count is not given and has a default"),
        (Secret, "key is shown, hashed or given otherwise"),
        (Loose, "tags is shown, hashed or given otherwise"),
        (Named, "count is shown, hashed or given otherwise"),
        (Passed, "Passed has an InitVar or a ClassVar"),
        (Shared, "Shared has an InitVar or a ClassVar"),
    ],
)
def test_what_it_would_make_otherwise_is_refused(cls: type, why: str) -> None:
    with pytest.raises(TypeError, match=rf"^{why}: use dataclasses\.dataclass$"):
        decorated(record.dataclass, cls, frozen=True, slots=True)


def test_a_class_of_another_record_is_refused() -> None:
    made = decorated(record.dataclass, Checked, frozen=True, slots=True)
    with pytest.raises(TypeError, match=r"^More is made of another one"):
        record.dataclass(frozen=True, slots=True)(type("More", (made,), {}))


def test_each_of_the_package_is_what_the_standard_one_makes() -> None:
    records = all_records()
    assert len(records) > 200
    assert {name: described(cls) for name, cls in records.items()} == {
        name: described(standard_of(cls)) for name, cls in records.items()
    }


def all_records() -> dict[str, type]:
    found = {}
    for module in pkgutil.walk_packages(bmcha.__path__, "bmcha."):
        if module.name == "bmcha.__main__":
            continue
        for value in vars(import_module(module.name)).values():
            if isinstance(value, type) and "__dataclass_fields__" in vars(value):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return found


def standard_of(cls: type) -> type:
    # A field belongs to one class: a copy of each.
    fields = [(field.name, field.type, copy.copy(field)) for field in dataclasses.fields(cls)]
    is_frozen = "__setattr__" in vars(cls)
    has_slots = "__slots__" in vars(cls)
    return dataclasses.make_dataclass(cls.__name__, fields, frozen=is_frozen, slots=has_slots)


def described(cls: type) -> dict[str, Any]:
    made = [field.name for field in dataclasses.fields(cls) if callable(field.default_factory)]
    return {
        "signature": [
            (name, "made" if name in made else parameter.default)
            for name, parameter in inspect.signature(cls).parameters.items()
        ],
        "match": vars(cls)["__match_args__"],
        "slots": vars(cls).get("__slots__"),
        "is hashed": cls.__hash__ is not None,
    }
