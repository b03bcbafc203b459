"""Only what pyproject.toml cannot say: the C extension, its stable ABI, and its sources."""

from collections.abc import Sequence
from pathlib import Path

from setuptools import setup
from setuptools.command.sdist import sdist


class SourceArchive(sdist):
    """Puts all of native/ into the archive: headers and tests are in no extension's source list."""

    def make_release_tree(self, base_dir: str, files: Sequence[str]) -> None:
        native = {
            str(file) for file in Path("native").rglob("*.*") if "__pycache__" not in file.parts
        }
        super().make_release_tree(base_dir, sorted({*files, *native}))


setup(
    # The SPDX string in pyproject.toml needs setuptools 77, which long-term Yocto releases do not
    # have; the table form there is about to be refused by newer ones. Here both take it.
    license="Apache-2.0",
    cmdclass={"sdist": SourceArchive},
    # Builds bmcha._native.
    cffi_modules=["native/build_native.py:ffibuilder"],
    # One wheel for Python 3.11 and every later one. An option, not a subclass of bdist_wheel:
    # setuptools only has had that class to subclass since version 70.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
