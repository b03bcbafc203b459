"""What is deleted from a module, one thing a mutant: a whole `if`, one term of a condition, a deed.

A mutant is a number; the same source gives the same mutants in the same order. What no test can
see is left alone: texts, type checking, statements without effect.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    RULE = "the whole `if` is gone"
    ELSE = "what comes after `if` is always done"
    TERM = "one term of the condition is gone"
    DEED = "the statement is gone"


@dataclass(frozen=True)
class Mutant:
    """``line`` counts from 1; ``text`` is what was deleted."""

    module: str
    number: int
    kind: Kind
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.kind.name}: {self.text}"


class _Cutter(ast.NodeTransformer):
    """Counts what can be deleted, and deletes the one with the number ``victim``."""

    def __init__(self, module: str, victim: int | None) -> None:
        self.module, self.victim = module, victim
        self.found: list[Mutant] = []

    def _is_victim(self, kind: Kind, node: ast.AST) -> bool:
        number = len(self.found)
        text = ast.unparse(node).split("\n")[0]
        self.found.append(Mutant(self.module, number, kind, getattr(node, "lineno", 0), text))
        return number == self.victim

    def visit_If(self, node: ast.If) -> ast.AST:
        is_typing = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if is_typing:
            return node
        is_rule_cut = self._is_victim(Kind.RULE, node)
        is_else_cut = not node.orelse and self._is_victim(Kind.ELSE, node)
        self.generic_visit(node)
        if is_rule_cut:
            node.test = ast.copy_location(ast.Constant(False), node.test)
        if is_else_cut:
            node.test = ast.copy_location(ast.Constant(True), node.test)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        cut = [place for place, term in enumerate(node.values) if self._is_victim(Kind.TERM, term)]
        self.generic_visit(node)
        for place in cut:
            del node.values[place]
        return node if len(node.values) > 1 else node.values[0]

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        is_deed = isinstance(node.value, ast.Call)
        if is_deed and self._is_victim(Kind.DEED, node):
            return ast.copy_location(ast.Pass(), node)
        self.generic_visit(node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        is_state = any(isinstance(target, ast.Attribute) for target in node.targets)
        if is_state and self._is_victim(Kind.DEED, node):
            return ast.copy_location(ast.Pass(), node)
        self.generic_visit(node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Without its first values an object cannot be made: no rule, and seen by every test."""
        if node.name != "__init__":
            self.generic_visit(node)
        return node


def mutants_of(module: str, source: str) -> list[Mutant]:
    cutter = _Cutter(module, None)
    cutter.visit(ast.parse(source))
    return cutter.found


def mutated(module: str, source: str, number: int) -> ast.Module:
    """The module without what the mutant ``number`` deletes."""
    tree = ast.parse(source)
    cutter = _Cutter(module, number)
    cutter.visit(tree)
    if not 0 <= number < len(cutter.found):
        raise ValueError(f"{module} has {len(cutter.found)} mutants, there is no {number}")
    return ast.fix_missing_locations(tree)
