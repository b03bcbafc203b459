"""Puts a mutant in the place of its module, in this process: exchanges the code of its functions.

Whoever imported a function or a class of the module has the mutant then, without being imported
again. The file on the disk is never touched.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from importlib import import_module
from types import CodeType, FunctionType

from tests.mutation.mutants import Mutant, mutated

Place = tuple[str, int]
"""A function by its qualified name and first line: a property's setter is called as its getter."""


def put_in_place(mutant: Mutant) -> None:
    """For the rest of this process. Raises ValueError where what is deleted is in no function."""
    module = import_module(mutant.module)
    source = inspect.getsource(module)
    tree = mutated(mutant.module, source, mutant.number)
    codes = dict(_codes(compile(tree, module.__file__ or "", "exec", dont_inherit=True)))
    changed = [
        (function, codes[place])
        for function in _functions_in(vars(module).values(), module.__name__)
        if (place := _place(function.__code__)) in codes and codes[place] != function.__code__
    ]
    if not changed:
        raise ValueError(f"{mutant} is in no function that can be exchanged")
    for function, code in changed:
        function.__code__ = code


def _place(code: CodeType) -> Place:
    return code.co_qualname, code.co_firstlineno


def _codes(code: CodeType) -> Iterator[tuple[Place, CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield _place(constant), constant
            yield from _codes(constant)


def _functions_in(values: object, module: str) -> Iterator[FunctionType]:
    for value in values:  # type: ignore[attr-defined]
        if isinstance(value, type) and value.__module__ == module:
            yield from _functions_in(vars(value).values(), module)
        for function in _behind(value):
            if function.__module__ == module:
                yield function


def _behind(value: object) -> Iterator[FunctionType]:
    """The functions that a name of a module or a class stands for."""
    if isinstance(value, FunctionType):
        yield value
    elif isinstance(value, staticmethod | classmethod):
        yield from _behind(value.__func__)
    elif isinstance(value, property):
        yield from (each for each in (value.fget, value.fset) if isinstance(each, FunctionType))
    elif isinstance(value, functools.cached_property):
        yield from _behind(value.func)
    elif hasattr(value, "__wrapped__"):
        yield from _behind(value.__wrapped__)
