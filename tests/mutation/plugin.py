"""A pytest plugin: imports one module as a mutant. BMCHA_MUTANT=bmcha.ha.verdicts:17 names it.

The file on the disk is never touched, so that whoever works in the same checkout notices nothing.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import Loader
from importlib.machinery import PathFinder, SourceFileLoader
from types import CodeType

from tests.mutation.mutants import mutated

MODULE, _, _NUMBER = os.environ.get("BMCHA_MUTANT", "").partition(":")


class _MutantLoader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        file = self.get_filename(fullname)
        source = self.get_data(file).decode()
        return compile(mutated(fullname, source, int(_NUMBER)), file, "exec")


class _MutantFinder(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        spec = super().find_spec(fullname, path, target)
        if fullname == MODULE and spec is not None and spec.origin is not None:
            loader: Loader = _MutantLoader(fullname, spec.origin)
            spec.loader = loader
        return spec


if MODULE:
    if MODULE in sys.modules:
        raise RuntimeError(f"{MODULE} is imported already; it would not be mutated")
    sys.meta_path.insert(0, _MutantFinder)
