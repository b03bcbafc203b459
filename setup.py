"""Only what pyproject.toml cannot say: the C extension, its stable ABI, and its sources."""

from collections.abc import Sequence
from pathlib import Path

from setuptools import setup
from setuptools.command.sdist import sdist

FOLDERS = (".ci", "board", "docs", "hil-tests", "native", "tests", "yocto-layer")
NOTES = ("CHANGELOG.md", "CONTRIBUTING.md", "Makefile")


class SourceArchive(sdist):
    """The whole tree: who packages it has the manual page and can run the tests."""

    def make_release_tree(self, base_dir: str, files: Sequence[str]) -> None:
        found = (file for folder in FOLDERS for file in Path(folder).rglob("*"))
        ours = {str(file) for file in found if file.is_file() and "__pycache__" not in file.parts}
        super().make_release_tree(base_dir, sorted({*files, *ours, *NOTES}))


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
