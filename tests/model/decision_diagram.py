"""Turns a function of evidence into a decision diagram, by running it and never by reading it.

`diagram_of(decide)` asks the real rules the same question again and again. The evidence that it
hands over (`bmcha.ha.open_evidence`) stops the run at a field that has no value yet, and each of
its values is tried in turn. So the diagram is what the function does, branch by branch, and it
changes when the function changes. Equal parts are kept once, and a question whose answers all
lead to the same place is left out.

It knows nothing of Promela. Called by `tests.model.rule_file`, and by the tests of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields

from bmcha.ha.open_evidence import Unasked, Value, inputs_with
from bmcha.ha.rule_record import PeerEvidence, RoleDecision, RoleInputs
from bmcha.model.role import Role

Decide = Callable[[RoleInputs], RoleDecision]

Implication = tuple[tuple[str, Value], tuple[str, Value]]
"""When the first field has the first value, the second has the second."""

BOOL: tuple[Value, ...] = (False, True)
LINE: tuple[Value, ...] = (None, False, True)
ROLE: tuple[Value, ...] = tuple(Role)
HEARD_ROLE: tuple[Value, ...] = (None, *Role)
DOMAINS = {"bool": BOOL, "bool | None": LINE, "Role": ROLE, "Role | None": HEARD_ROLE}
"""By the text of a field's type. What is not here has to be fixed or given a domain by name."""


def domains() -> dict[str, tuple[Value, ...]]:
    """Of every field that has one by its type."""
    kinds = (("peer.", PeerEvidence), ("", RoleInputs))
    typed = {prefix + each.name: str(each.type) for prefix, kind in kinds for each in fields(kind)}
    return {name: DOMAINS[text] for name, text in typed.items() if text in DOMAINS}


def all_fields() -> tuple[str, ...]:
    of_peer = tuple(f"peer.{each.name}" for each in fields(PeerEvidence))
    return of_peer + tuple(each.name for each in fields(RoleInputs) if each.name != "peers")


def defaults() -> dict[str, Value]:
    """Of every field that has a default."""
    kinds = (("peer.", PeerEvidence), ("", RoleInputs))
    return {
        prefix + each.name: each.default
        for prefix, kind in kinds
        for each in fields(kind)
        if each.default is not MISSING
    }


@dataclass(frozen=True, slots=True)
class Question:
    """Looks at ``field``; ``children`` are the numbers of what follows, one a value."""

    field: str
    children: tuple[int, ...]


Part = Question | RoleDecision


@dataclass(slots=True)
class Diagram:
    """``parts``: children before parents; ``root`` is the number of the first question."""

    parts: list[Part] = field(default_factory=list)
    root: int = 0
    runs_count: int = 0
    _numbers: dict[Part, int] = field(default_factory=dict)

    def keep(self, part: Part) -> int:
        if isinstance(part, Question) and len(set(part.children)) == 1:
            return part.children[0]
        if part not in self._numbers:
            self._numbers[part] = len(self.parts)
            self.parts.append(part)
        return self._numbers[part]

    def questions(self) -> list[Question]:
        return [part for part in self.parts if isinstance(part, Question)]

    def asked(self) -> set[str]:
        return {question.field for question in self.questions()}

    def answer(
        self, values: Mapping[str, Value], domain: Mapping[str, Sequence[Value]]
    ) -> RoleDecision:
        part = self.parts[self.root]
        while isinstance(part, Question):
            asked = domain[part.field]
            part = self.parts[part.children[list(asked).index(values[part.field])]]
        return part


def diagram_of(
    decide: Decide,
    fixed: Mapping[str, Value],
    domain: Mapping[str, Sequence[Value]],
    implied: Sequence[Implication] = (),
) -> Diagram:
    """``fixed``: fields that have one value in this model. Every other field that the function
    looks at must have a ``domain``; KeyError names the one that has none. ``implied``: what
    follows from what by the way evidence is gathered; combinations against it are left out."""
    diagram = Diagram()

    def explore(values: dict[str, Value]) -> int:
        diagram.runs_count += 1
        try:
            decision = decide(inputs_with(values))
        except Unasked as unasked:
            name = unasked.name
        else:
            return diagram.keep(decision)
        possible = [v for v in domain[name] if not _is_impossible(values, name, v, implied)]
        following = {value: explore({**values, name: value}) for value in possible}
        any_child = next(iter(following.values()))
        children = tuple(following.get(value, any_child) for value in domain[name])
        return diagram.keep(Question(name, children))

    diagram.root = explore(dict(fixed))
    return diagram


def _is_impossible(
    values: Mapping[str, Value], name: str, value: Value, implied: Sequence[Implication]
) -> bool:
    for (if_name, if_value), (then_name, then_value) in implied:
        if name == if_name and value == if_value and then_name in values:
            if values[then_name] != then_value:
                return True
        elif name == then_name and value != then_value and values.get(if_name) == if_value:
            return True
    return False
