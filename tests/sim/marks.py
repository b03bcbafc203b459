"""Coverage marks: which rule, which reason and which refusal has any story reached?

A rule is a `return` of the role rules. `mark_rules` puts a mark behind each of them, by exchanging
the code of the functions for code compiled from the same source with every `return VALUE` written
as `return mark(line, VALUE)`; what they decide stays the same. Per process, once.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from types import CodeType, FunctionType, ModuleType

from bmcha.ha import role_rules, verdicts
from bmcha.model.effect import Answer, EnterRole
from bmcha.model.role import Reason, Refusal

RULE_MODULES: tuple[ModuleType, ...] = (role_rules, verdicts)
_MARK = "_bmcha_mark"
_reached: set[str] = set()


class Marks:
    """Names of what was reached: "rule role_rules:41", "reason PEER_SILENT", "refusal STOPPING"."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def entered(self, entered: EnterRole) -> None:
        self.names.add(f"reason {entered.reason.name}")

    def answered(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, dict) else {}
        self.names |= {f"refusal {refusal['id']}" for refusal in body.get("refusals", ())}

    def take(self) -> set[str]:
        """Those of the rules too, of all that was decided in this process since the last time."""
        found = self.names | _reached
        _reached.clear()
        return found


def all_marks() -> set[str]:
    rules = {f"rule {name}" for module in RULE_MODULES for name in _returns(_tree(module), module)}
    reasons = {f"reason {reason.name}" for reason in Reason}
    return rules | reasons | {f"refusal {refusal.name}" for refusal in Refusal}


def mark_rules() -> None:
    for module in RULE_MODULES:
        if _MARK not in vars(module):
            _mark(module)


def _mark(module: ModuleType) -> None:
    tree = _Marking(module).visit(_tree(module))
    code = compile(
        ast.fix_missing_locations(tree), module.__file__ or "", "exec", dont_inherit=True
    )
    codes = dict(_codes(code.co_consts))
    for name, found in vars(module).items():
        if isinstance(found, FunctionType) and found.__module__ == module.__name__:
            found.__code__ = codes[name]
    setattr(module, _MARK, _reach)


def _reach(name: str, value: object) -> object:
    _reached.add(name)
    return value


def _codes(constants: Iterable[object]) -> Iterable[tuple[str, CodeType]]:
    return ((each.co_name, each) for each in constants if isinstance(each, CodeType))


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _name(node: ast.Return, module: ModuleType) -> str:
    return f"{module.__name__.rpartition('.')[2]}:{node.lineno}"


def _returns(tree: ast.Module, module: ModuleType) -> list[str]:
    return [_name(node, module) for node in ast.walk(tree) if isinstance(node, ast.Return)]


class _Marking(ast.NodeTransformer):
    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def visit_Return(self, node: ast.Return) -> ast.Return:
        self.generic_visit(node)
        value = node.value or ast.Constant(None)
        name = ast.Constant(f"rule {_name(node, self._module)}")
        call = ast.Call(ast.Name(_MARK, ast.Load()), [name, value], [])
        return ast.copy_location(ast.Return(call), node)
