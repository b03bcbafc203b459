"""Writes docs/configuration.md: every key of both files, from the outlines.

Run as ``python -m bmcha.config.reference_page > docs/configuration.md``; a test keeps the page
equal to what this prints. Nothing in the service imports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bmcha.config.outline import Condition, Facts, Key, Outline, Path
from bmcha.config.outlines import is_line, outline, text_of, texts

_HEAD: Final = """\
# Configuration

Generated from the readers in `bmcha/config/`; do not edit. `make docs` writes it anew, a test
keeps it equal.

A module has its own TOML file, which `bmcha run --config FILE` is given, and that names a **board
file**: what the module is wired to. `bmcha check FILE` reads either, or both together, looks at the
machine, and says everything that is wrong at once, with what to do ([check.md](check.md)). A wrong
file never starts a service.

Editors that know TOML (Even Better TOML in VS Code, taplo on a terminal) complete and check while
you type when the first line of the file names a schema. `bmcha check --schema module` and
`bmcha check --schema board` print them; in this tree they are in [schema/](schema/):

    #:schema ../docs/schema/board.schema.json

Times are milliseconds, values thousandths of their unit: the unit stands last in a key's name.
Relative file names in the module's file start at its own folder, those in a board file at
`hw_root`.
"""
_MODULE: Final = "## The module's file\n"
_BOARD: Final = """\
## The board file

A board file may `inherit` another one in the same folder. A required key must be there in the end,
in whichever file of the chain.
"""
_LINE: Final = """\
### A line

Every line, strap and sense is a small table:
`{ file = "lines/PEER_PRES_N", active_low = true }`.
"""
_COLUMNS: Final = "| Key | Value | Default | Meaning |\n|---|---|---|---|"


def page() -> str:
    blocks = [_HEAD, _MODULE, *_sections("module"), _BOARD, *_sections("board")]
    board = outline("board")
    lines = [table for _, table in _tables((), board) if is_line(table)]
    if lines:
        # The fullest one: an input has no drive, an output no bias.
        keys = {name: key for table in lines for name, key in table.items()}
        blocks += [_LINE, _rows("board", ("line",), keys)]
    return "\n".join(blocks)


def _sections(file: str) -> Iterator[str]:
    yield _rows(file, (), outline(file))
    for path, table in _tables((), outline(file)):
        if not is_line(table):
            brackets = "[[{}]]" if _is_list(file, path) else "[{}]"
            yield f"### {brackets.format('.'.join(path))}\n"
            text = texts(file).get(".".join(path), "")
            if text:
                yield text + "\n"
            yield _rows(file, path, table)


def _tables(path: Path, table: Outline) -> Iterator[tuple[Path, Outline]]:
    for name, key in table.items():
        if key.inner is not None:
            yield (*path, name), key.inner
            yield from _tables((*path, name), key.inner)


def _is_list(file: str, path: Path) -> bool:
    table = outline(file)
    for name in path[:-1]:
        table = table[name].inner or {}
    return any(facts.kind == "tables" for facts in table[path[-1]].facts)


def _rows(file: str, path: Path, table: Outline) -> str:
    rows = [_COLUMNS]
    for name, key in table.items():
        if key.inner is not None and not is_line(key.inner) and path == ():
            continue
        text = text_of(file, (*path, name), table)
        cells = (f"`{name}`", _values(key), _default(key), text + _when(key.when))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _values(key: Key) -> str:
    if key.inner is not None and is_line(key.inner):
        return "a line" if key.facts[0].kind == "table" else "a list of lines"
    return ", or ".join(_value(facts) for facts in key.facts)


def _value(facts: Facts) -> str:
    match facts.kind:
        case "integer":
            return f"{facts.low} to {facts.high}"
        case "choice":
            return " ".join(f'`"{choice}"`' for choice in facts.choices)
        case "flag":
            return "`true` `false`"
        case "tables":
            return f"up to {facts.count_max} tables"
        case "text" | "array" | "name" | "integers":
            return facts.allowed.removesuffix(", and not the word all (it means every path)")
        case "file":
            return "a file"
        case _:
            return facts.allowed


def _default(key: Key) -> str:
    shown = [each.default for each in key.facts if each.default not in (None, "")]
    if shown:
        value = shown[0]
        return f"`{str(value).lower() if isinstance(value, bool) else value}`"
    if not key.is_required:
        return "–"
    return "required" + _phrase(key.required_when)


def _when(when: Condition | None) -> str:
    return f" Only{_phrase(when)}." if when is not None else ""


def _phrase(when: Condition | None) -> str:
    if when is None:
        return ""
    if when.is_presence:
        return f" {'with' if True in when.values else 'without'} `{when.key}`"
    values = " or ".join(f"`{str(value).lower()}`" for value in when.values)
    return f" with {when.key} = {values}"


if __name__ == "__main__":
    print(page(), end="")
