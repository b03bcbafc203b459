"""Evidence that does not know its own values: what a rule looks at is what it is asked for.

`inputs_with(values)` reads like `RoleInputs` with one peer. A field without a value raises
`Unasked`, which names it; whoever asks settles it to each value that it can have, and asks the rule
again. So a rule is known by running it and never by reading it. Used by the page of the decision
table (`bmcha.ha.role_rules_doc`) and by the model check; nothing in the service imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bmcha.ha.rule_record import PeerEvidence, RoleInputs

Value = Any
"""Of a field: a bool, None, a Role, a Reason, or what stands for them."""


class Unasked(Exception):
    """The function looked at a field that has no value in this run."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _AskingPeer(PeerEvidence):
    __slots__ = ("_values",)

    def __getattribute__(self, name: str) -> Value:
        return _look_up(self, "peer.", name)


class _AskingInputs(RoleInputs):
    __slots__ = ("_values",)

    def __getattribute__(self, name: str) -> Value:
        return _look_up(self, "", name)


_get = object.__getattribute__
_FIELDS = {
    prefix: {each.name: prefix + each.name for each in fields(kind)}
    for prefix, kind in (("peer.", PeerEvidence), ("", RoleInputs))
}


def _record(prefix: str, values: Mapping[str, Value]) -> Value:
    made = object.__new__(_AskingPeer if prefix else _AskingInputs)
    object.__setattr__(made, "_values", values)
    return made


def _look_up(record: object, prefix: str, name: str) -> Value:
    key = _FIELDS[prefix].get(name)
    values: Mapping[str, Value] = _get(record, "_values")
    if key is not None:
        if key not in values:
            raise Unasked(key)
        return values[key]
    # `dataclasses.replace` reads every field and calls the class. Here it reads none, and what it
    # calls makes a record that shares what has no value yet.
    if name == "__dataclass_fields__":
        return {}
    if name == "__class__":
        return lambda **new: _record(prefix, {**values, **{prefix + k: v for k, v in new.items()}})
    return _get(record, name)


def inputs_with(values: Mapping[str, Value]) -> RoleInputs:
    """One peer's evidence in fields named ``peer.…``, the node's own by their own names."""
    inputs: RoleInputs = _record("", {**values, "peers": (_record("peer.", values),)})
    return inputs
