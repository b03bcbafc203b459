"""Who may import whom in bmcha, as data, and the check that it is so.

Reads the source of every module; imports none of them. All import statements count: at the top, in
a function, under TYPE_CHECKING, and `import_module` or `__import__` with a literal name.

Why not import-linter: it does not see a compiled extension inside the package (bmcha._native has no
Python source), and "only these modules may use this library" has to be written there as a ban with
exceptions. Here one line of data is one rule, and a rule may name a module that is not written yet.

Three kinds of contract:
  Reach    a part of bmcha may import only these other parts of it (itself and `bmcha` always)
  Pure     these parts may not import these standard modules
  Door     a library outside our code is imported by its door and by nobody else

`make contracts` runs it on the tree; test_contracts.py shows that each contract can break.
"""

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


def is_within(module: str, part: str) -> bool:
    return module == part or module.startswith(part + ".")


def is_within_any(module: str, parts: tuple[str, ...]) -> bool:
    return any(is_within(module, part) for part in parts)


@dataclass(frozen=True)
class Reach:
    part: str
    may: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"reach of {self.part}"

    def forbids(self, importer: str, imported: str) -> bool:
        return (
            place_of(importer) is self
            and is_within(imported, "bmcha")
            and imported not in ("bmcha", NATIVE)  # the version; and the door below judges NATIVE
            and not is_within_any(imported, self.may)
            # Itself; but the package's own __init__ is not all that lies below it.
            and (self.part == "bmcha" or not is_within(imported, self.part))
        )


@dataclass(frozen=True)
class Pure:
    parts: tuple[str, ...]
    libraries: tuple[str, ...]
    name: str = "the core touches no clock, thread, file or device"

    def forbids(self, importer: str, imported: str) -> bool:
        return is_within_any(importer, self.parts) and is_within_any(imported, self.libraries)


@dataclass(frozen=True)
class Door:
    library: str
    doors: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"door of {self.library}"

    def forbids(self, importer: str, imported: str) -> bool:
        # What the core may not have at all is the core's contract to report.
        return (
            is_within(imported, self.library)
            and not is_within_any(importer, self.doors)
            and not PURE.forbids(importer, imported)
        )


@dataclass(frozen=True)
class Known:
    """Everything outside the standard library and our own code has a door."""

    name: str = "every outside library has a door"

    def forbids(self, importer: str, imported: str) -> bool:
        top = imported.partition(".")[0]
        return (
            top != "bmcha"
            and top not in sys.stdlib_module_names
            and not any(is_within(imported, door.library) for door in DOORS)
        )


@dataclass(frozen=True)
class Placed:
    """A new part of the tree gets a line in REACHES before anything else."""

    name: str = "every module belongs to a part"

    def forbids(self, importer: str, imported: str) -> bool:
        return place_of(importer) is None


NATIVE = "bmcha._native"

_BASE = ("bmcha.model", "bmcha.diag", "bmcha.config")
_DECIDE = ("bmcha.ha", "bmcha.chassis", "bmcha.duties")
_SHELL = ("bmcha.node", *_DECIDE, "bmcha.wire", "bmcha.console", "bmcha.hal.port")

REACHES = (
    # Everything may import these three; model imports nothing of ours.
    Reach("bmcha.model", ()),
    Reach("bmcha.diag", ("bmcha.model", "bmcha.config")),
    Reach("bmcha.config", ("bmcha.model", "bmcha.diag")),
    # Siblings. None knows another; node and runtime bring them together.
    Reach("bmcha.ha", _BASE),
    Reach("bmcha.chassis", _BASE),
    Reach("bmcha.duties", _BASE),
    Reach("bmcha.wire", _BASE),
    Reach("bmcha.console", _BASE),
    Reach("bmcha.hal", _BASE),
    # Downwards. `bmcha.hal` without `.port` stands for the concrete devices: named by app alone
    # (and by the virtual chassis, which is a composition root of its own).
    Reach("bmcha.answers", (*_BASE, *_DECIDE)),
    Reach("bmcha.hearing", (*_BASE, *_DECIDE, "bmcha.answers.facts")),
    Reach("bmcha.chronicle", (*_BASE, *_DECIDE, "bmcha.answers.facts")),
    Reach("bmcha.mirroring", (*_BASE, *_DECIDE, "bmcha.answers.facts")),
    Reach(
        "bmcha.node",
        (
            *(*_BASE, *_DECIDE, "bmcha.answers"),
            *("bmcha.hearing", "bmcha.mirroring", "bmcha.chronicle"),
        ),
    ),
    Reach("bmcha.runtime", (*_BASE, *_SHELL, "bmcha.control_trouble")),
    Reach("bmcha.app", (*_BASE, *_SHELL, "bmcha.runtime", "bmcha.hal")),
    # Looks at devices by the service's own adapters, without the service.
    Reach("bmcha.check", (*_BASE, "bmcha.wire.tables", "bmcha.hal")),
    # The live view talks to any number of sockets and knows nothing else of a module.
    Reach("bmcha.view", ("bmcha.runtime.control_socket",)),
    Reach(
        "bmcha.sim",
        (
            *(*_BASE, *_SHELL, "bmcha.runtime", "bmcha.hal", "bmcha.app", "bmcha.image"),
            "bmcha.view",
        ),
    ),
    # Measures real services and the engine alone; a composition root of its own.
    Reach(
        "bmcha.bench",
        (*_BASE, *_SHELL, "bmcha.runtime", "bmcha.hal", "bmcha.control_client", "bmcha.image"),
    ),
    Reach("bmcha.cli.text", ()),
    Reach("bmcha.control_trouble", ()),
    Reach("bmcha.control_client", ("bmcha.runtime.control_socket", "bmcha.control_trouble")),
    Reach(
        "bmcha.cli",
        (
            *(*_BASE, *_SHELL, "bmcha.runtime", "bmcha.app", "bmcha.sim", "bmcha.image"),
            *("bmcha.cli.text", "bmcha.control_client", "bmcha.view", "bmcha.check"),
            # What tells one key from another, and what seals them on their way.
            *("bmcha.bench", "bmcha.hal.mac", "bmcha.hal.sealing"),
        ),
    ),
    Reach("bmcha.__main__", ("bmcha.cli",)),
    # The image reader for other programs: beside the service, on the C part and the cell tables.
    Reach("bmcha.image", (*_BASE, "bmcha.wire")),
    Reach("bmcha", ()),
)

PURE = Pure(
    parts=(
        *("bmcha.model", "bmcha.ha", "bmcha.chassis", "bmcha.duties"),
        *(
            "bmcha.node",
            "bmcha.hearing",
            "bmcha.mirroring",
            "bmcha.chronicle",
            "bmcha.answers",
            "bmcha.wire",
            "bmcha.console",
        ),
        # What is drawn is a function of what is known.
        *("bmcha.view.cells", "bmcha.view.spans", "bmcha.view.model", "bmcha.view.answers"),
        *("bmcha.view.columns", "bmcha.view.readings", "bmcha.view.truth", "bmcha.view.frame"),
        *("bmcha.view.labels", "bmcha.view.paths", "bmcha.view.rules"),
    ),
    libraries=(
        *("threading", "queue", "asyncio", "concurrent", "multiprocessing", "_thread", "signal"),
        *("time", "datetime", "random", "secrets"),
        *("os", "io", "select", "selectors", "socket", "subprocess", "mmap", "fcntl", "tempfile"),
        *("logging", "importlib", "ctypes"),
        *("serial", "periphery", "posix_ipc"),
    ),
)

DOORS = (
    Door("serial", ("bmcha.hal.serial_link",)),
    Door(
        "posix_ipc",
        ("bmcha.hal.shm_region", "bmcha.image", "bmcha.bench.image", "bmcha.bench.mirror"),
    ),
    Door("periphery", ("bmcha.hal.gpio_lines",)),
    Door("sqlite3", ("bmcha.hal.sqlite_store",)),
    # 9 MB and 36 ms at import: the declaration and its generator, never the running service.
    Door("construct", ("bmcha.wire.schema", "bmcha.wire.generate")),
    Door(
        NATIVE,
        (
            *("bmcha.wire.codec_native", "bmcha.image"),
            *("bmcha.hal.shm_region", "bmcha.hal.file_watch", "bmcha.hal.datagrams"),
            *("bmcha.hal.realtime", "bmcha.hal.native_port", "bmcha.hal.mac"),
            *("bmcha.runtime.engine", "bmcha.bench.image", "bmcha.bench.codec"),
        ),
    ),
)

Contract = Reach | Pure | Door | Known | Placed
CONTRACTS: tuple[Contract, ...] = (*REACHES, PURE, *DOORS, Known(), Placed())


def place_of(module: str) -> Reach | None:
    """The part that a module belongs to. The package's own __init__ is a part by itself."""
    return next(
        (
            reach
            for reach in REACHES
            if module == reach.part or (reach.part != "bmcha" and is_within(module, reach.part))
        ),
        None,
    )


@dataclass(frozen=True)
class Violation:
    contract: str
    where: str
    line: int
    imported: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: imports {self.imported}: {self.contract}"


@functools.cache
def named_imports(source: str) -> tuple[tuple[int, int, str, str], ...]:
    """(line, leading dots, module, name) of every import; name is "" for a plain import."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, 0, alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [
                (node.lineno, node.level, node.module or "", alias.name) for alias in node.names
            ]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in ("import_module", "__import__"):
                found.append((node.lineno, 0, str(node.args[0].value), ""))
    return tuple(found)


def imports_of(
    module: str, is_package: bool, source: str, known: set[str]
) -> Iterator[tuple[int, str]]:
    """(line, full name) of what a module imports. `from a import b` is a.b if that is a module."""
    for line, dots, target, name in named_imports(source):
        if dots:
            anchor = module.split(".")
            anchor = anchor[: len(anchor) - dots + (1 if is_package else 0)]
            target = ".".join([*anchor, target] if target else anchor)
        submodule = f"{target}.{name}"
        yield line, submodule if name and (submodule in known or submodule == NATIVE) else target


def check(root: Path) -> list[Violation]:
    """Every broken contract of the package `bmcha` in the folder `root`."""
    files = sorted((root / "bmcha").rglob("*.py"))
    names = {file: ".".join(file.relative_to(root).with_suffix("").parts) for file in files}
    modules = {file: name.removesuffix(".__init__") for file, name in names.items()}
    known = set(modules.values())
    violations = []
    for file, module in modules.items():
        found = imports_of(module, file.name == "__init__.py", file.read_text(), known)
        # A module without imports has to have its place as well.
        for line, imported in [*found, (1, "bmcha")]:
            violations += [
                Violation(contract.name, str(file.relative_to(root)), line, imported)
                for contract in CONTRACTS
                if contract.forbids(module, imported)
            ]
    return list(dict.fromkeys(violations))


def main() -> int:
    violations = check(Path(__file__).resolve().parents[2])
    for violation in violations:
        print(violation)
    print(f"{len(CONTRACTS)} contracts, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
