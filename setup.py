"""Only what pyproject.toml cannot say: the C extension, its stable ABI, and its sources."""

from setuptools import setup
from setuptools.command.sdist import sdist


class SourceArchive(sdist):
    """Puts all of native/ into the archive: headers and tests are in no extension's source list."""

    def add_defaults(self) -> None:
        super().add_defaults()
        self.filelist.recursive_include("native", "*.[ch]")
        self.filelist.recursive_include("native", "*.py")


setup(
    cmdclass={"sdist": SourceArchive},
    # Builds bmcha._native.
    cffi_modules=["native/build_native.py:ffibuilder"],
    # One wheel for Python 3.11 and every later one. An option, not a subclass of bdist_wheel:
    # setuptools only has had that class to subclass since version 70.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
