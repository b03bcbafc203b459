"""The files that the repository's own rules are about: ours, without what make made.

Walks the folders rather than asking git, so that the rules also hold in an unpacked archive and for
a file that is not committed yet.
"""

from pathlib import Path

ROOT = Path(__file__).parents[2]

_FOLDERS = (*(".ci", "bmcha", "board", "docs", "hil-tests", "native", "tests", "yocto-layer"),)
_MADE = {"__pycache__", "build", ".venv"}
_BINARY = {".so", ".pyc", ".o", ".bin", ".dtb", ".dtbo"}


def files_in(*folders: str) -> list[Path]:
    """Every text file of ours in these folders, sorted."""
    return sorted(
        file
        for folder in folders
        for file in (ROOT / folder).rglob("*")
        if file.is_file()
        and file.suffix not in _BINARY
        and not _MADE.intersection(file.relative_to(ROOT).parts)
    )


def all_files() -> list[Path]:
    """The same for the whole repository."""
    at_the_top = [
        file
        for file in ROOT.iterdir()
        if file.is_file() and (file.suffix in {".md", ".toml", ".py"} or file.name == "Makefile")
    ]
    return sorted([*at_the_top, *files_in(*_FOLDERS)])


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))
