"""Coverage marks: which rule, which reason and which refusal has any story reached?

A rule is a `return` of the role rules. `marked_rules` puts a mark behind each, by exchanging
the code of the functions for code compiled from the same source with every `return VALUE` written
as `return mark(line, VALUE)`; what they decide stays the same. As long as wanted.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType

from bmcha.ha import role_rules, verdicts
from bmcha.model.effect import Answer, EnterRole
from bmcha.model.role import Reason, Refusal

RULE_MODULES: tuple[ModuleType, ...] = (role_rules, verdicts)
_MARK = "_bmcha_mark"
_reached: set[str] = set()


class Marks:
    """What was reached: "reason PEER_SILENT", "refusal STOPPING", or a rule by its function and by
    what it returns, "rule verdicts.judge_goodbye: Verdict(True, Reason.PEER_SAID_GOODBYE)"."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def began(self, reason: Reason) -> None:
        """The one that a node starts with is never entered."""
        self.names.add(f"reason {reason.name}")

    def entered(self, entered: EnterRole) -> None:
        self.names.add(f"reason {entered.reason.name}")

    def heard(self, reason: Reason) -> None:
        """Of a peer. One that only newer firmware has is never had here."""
        if reason is Reason.FROM_NEWER_VERSION:
            self.names.add(f"reason {reason.name}")

    def answered(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, dict) else {}
        self.names |= {f"refusal {refusal['id']}" for refusal in body.get("refusals", ())}

    def take(self) -> set[str]:
        """Those of the rules too, of all that was decided in this process since the last time."""
        found = self.names | _reached
        _reached.clear()
        return found


def all_marks() -> set[str]:
    rules = {name for module in RULE_MODULES for name in _names(module).values()}
    reasons = {f"reason {reason.name}" for reason in Reason}
    return rules | reasons | {f"refusal {refusal.name}" for refusal in Refusal}


@contextmanager
def marked_rules() -> Iterator[None]:
    """Meanwhile every rule that decides is noted."""
    before = [(function, function.__code__) for m in RULE_MODULES for function in _functions(m)]
    for module in RULE_MODULES:
        _mark(module)
    try:
        yield
    finally:
        for function, code in before:
            function.__code__ = code


def _mark(module: ModuleType) -> None:
    tree = _Marking(_names(module)).visit(_tree(module))
    code = compile(
        ast.fix_missing_locations(tree), module.__file__ or "", "exec", dont_inherit=True
    )
    codes = dict(_codes(code.co_consts))
    for function in _functions(module):
        function.__code__ = codes[function.__name__]
    setattr(module, _MARK, _reach)


def _functions(module: ModuleType) -> list[FunctionType]:
    found = [each for each in vars(module).values() if isinstance(each, FunctionType)]
    return [each for each in found if each.__module__ == module.__name__]


def _reach(name: str, value: object) -> object:
    _reached.add(name)
    return value


def _codes(constants: Iterable[object]) -> Iterable[tuple[str, CodeType]]:
    return ((each.co_name, each) for each in constants if isinstance(each, CodeType))


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _names(module: ModuleType) -> dict[int, str]:
    """Line of a `return` to its name. A second one that looks the same gets a number."""
    found: dict[int, str] = {}
    for function in ast.walk(_tree(module)):
        if not isinstance(function, ast.FunctionDef):
            continue
        place = f"rule {module.__name__.rpartition('.')[2]}.{function.name}"
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None:
                name = f"{place}: {ast.unparse(node.value)}"
                alike = sum(other.startswith(name) for other in found.values())
                found[node.lineno] = f"{name} #{alike + 1}" if alike else name
    return found


class _Marking(ast.NodeTransformer):
    def __init__(self, names: dict[int, str]) -> None:
        self._names = names

    def visit_Return(self, node: ast.Return) -> ast.Return:
        self.generic_visit(node)
        if node.value is None:
            return node
        call = ast.Call(
            ast.Name(_MARK, ast.Load()), [ast.Constant(self._names[node.lineno]), node.value], []
        )
        return ast.copy_location(ast.Return(call), node)
