"""Makes from `schema.py` what the running service and C programs use: run after changing it.

    python -m bmcha.wire.generate           writes bmcha/wire/tables.py, native/bmcha_layout.h and
                                            native/bmcha_wire.h
    python -m bmcha.wire.generate --check   writes nothing; exit 1 and names what differs

The results are committed, so that nothing but a compiler is needed to build. `image_header()` is
what `bmcha layout --c-header` prints.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final

from construct import Array, Bytes, Const, Construct, FormatField, Struct

from bmcha.model import ethernet
from bmcha.model.message import MessageType
from bmcha.model.reading import CellKind, Quality, SensorKind, UnitState
from bmcha.model.role import Role, Severity
from bmcha.wire import age, messages, schema, version
from bmcha.wire.c_templates import IMAGE_HEADER, WIRE_HEADER
from bmcha.wire.checksum import crc32c
from bmcha.wire.frame import BadReason

IMAGE_ENUMS: Final[tuple[type[Enum], ...]] = (Role, Severity, SensorKind, Quality, UnitState)
_C_TYPES: Final = {
    "B": "uint8_t",
    "H": "uint16_t",
    "I": "uint32_t",
    "Q": "uint64_t",
    "i": "int32_t",
}
_CODES: Final = {"B": "B", "H": "H", "L": "I", "l": "i", "Q": "Q"}
"""construct's letters in ours: its L has four bytes, as in "<L"."""
_WIRE_NUMBERS: Final = (
    *("BODY_BYTES_MAX", "PATH_BODY_BYTES_MAX", "PAIRING_BYTES_MAX"),
    *("MAC_BYTES", "CRC_BYTES", "FLAG_MAC"),
    *("HOLDING", "RELEASED", "WILL_CLAIM", "LOCKED_OUT", "ECHO_SHIFT", "ECHOES_MAX"),
    *("DELTA_WHOLE", "DELTA_LONG", "ENTRY_SHORT", "ENTRY_INDEX_MASK", "ENTRY_KIND_SHIFT"),
    *("IMAGE_MAGIC", "IMAGE_LIVE", "IMAGE_STALE"),
)


def frame_bytes(body_bytes: int) -> int:
    """With a MAC."""
    header: int = schema.FRAME_HEADER.sizeof()
    return header + body_bytes + schema.MAC_BYTES + schema.CRC_BYTES


def stuffed_bytes(body_bytes: int) -> int:
    """With COBS's one byte in 254 and the delimiter."""
    return frame_bytes(body_bytes) + -(-frame_bytes(body_bytes) // 254) + 1


def _lengths() -> dict[str, int]:
    """Of the longest frame, and of the longest that a path takes."""
    return {
        "FRAME_BYTES_MAX": frame_bytes(schema.BODY_BYTES_MAX),
        "STUFFED_BYTES_MAX": stuffed_bytes(schema.BODY_BYTES_MAX),
        "PATH_FRAME_BYTES_MAX": frame_bytes(schema.PATH_BODY_BYTES_MAX),
        "PATH_STUFFED_BYTES_MAX": stuffed_bytes(schema.PATH_BODY_BYTES_MAX),
    }


def code_of(field: Construct) -> str:
    """The field in the language of `struct`: "I", "30s"."""
    if isinstance(field, Const):
        return code_of(field.subcon)
    if isinstance(field, FormatField):
        if field.fmtstr[0] not in "<=" or (field.fmtstr[0] == "=" and field.length > 1):
            raise ValueError(f"schema: a field is not little-endian: {field.fmtstr}")
        return _CODES[field.fmtstr[1]]
    if isinstance(field, Bytes):
        return f"{field.length}s"
    raise TypeError(f"schema: a fixed part holds {type(field).__name__}")


def format_of(fixed: Struct) -> str:
    return "<" + "".join(code_of(field) for _, field in schema.fields_of(fixed))


def offsets_of(fixed: Struct) -> Iterator[tuple[str, str, int]]:
    """(name, code, offset) of each field; an image field must be aligned to its size."""
    offset = 0
    for name, field in schema.fields_of(fixed):
        yield name, code_of(field), offset
        offset += field.sizeof()


def image_offsets() -> dict[str, int]:
    """Where the run cell and each array begin."""
    offsets = {}
    offset = schema.IMAGE_HEADER.sizeof()
    for name, (cell, count) in schema.IMAGE_CELLS.items():
        offsets[name] = offset
        offset += Array(count, cell).sizeof()
    return offsets


def image_size() -> int:
    cells: int = sum(cell.sizeof() * count for cell, count in schema.IMAGE_CELLS.values())
    return int(schema.IMAGE_HEADER.sizeof()) + cells


def canonical_layout() -> str:
    """Every fact of the image that a reader relies on, as text. Its checksum is the layout id."""
    lines = [f"bmcha image {image_size()} bytes, little-endian"]
    lines += [f"header.{name} {code} @{at}" for name, code, at in offsets_of(schema.IMAGE_HEADER)]
    offsets = image_offsets()
    for part, (cell, count) in schema.IMAGE_CELLS.items():
        lines.append(f"{part} @{offsets[part]} {count} x {cell.sizeof()}")
        lines += [f"{part}.{name} {code} @{at}" for name, code, at in offsets_of(cell)]
    for enum in IMAGE_ENUMS:
        lines.append(f"{enum.__name__} " + " ".join(f"{m.name}={m.value}" for m in enum))
    return "\n".join(lines) + "\n"


def layout_id() -> int:
    return crc32c(canonical_layout().encode())


# ------------------------------------------------------------------------------------- tables.py


def tables() -> str:
    lines = [
        '"""The numbers of `bmcha.wire.schema` for the running service, which has no construct.',
        "",
        "Generated by `python -m bmcha.wire.generate`; do not edit.",
        '"""',
        "",
        "from struct import Struct",
        "from typing import Final",
        "",
        *(f"{name}: Final = {value}" for name, value in _lengths().items()),
        *(f"{name}: Final = 0x{getattr(schema, name):X}" for name in _WIRE_NUMBERS),
        "",
    ]
    for name, fixed in schema.FIXED.items():
        lines += [_field_comment(fixed), f'{name}: Final = Struct("{format_of(fixed)}")']
    lines += ["", *_image_tables()]
    return "\n".join(lines) + "\n"


def _field_comment(fixed: Struct) -> str:
    names = [name for name, _ in schema.fields_of(fixed)]
    lines = ["#"]
    for name in names:
        if len(lines[-1]) + len(name) + 1 > 100:
            lines.append("#")
        lines[-1] += f" {name}"
    return "\n".join(lines)


def _image_tables() -> Iterator[str]:
    yield f"LAYOUT_ID: Final = 0x{layout_id():08X}"
    yield f"IMAGE_SIZE: Final = {image_size()}"
    yield _field_comment(schema.IMAGE_HEADER)
    yield f'IMAGE_HEADER: Final = Struct("{format_of(schema.IMAGE_HEADER)}")'
    offsets = image_offsets()
    for part, (cell, count) in schema.IMAGE_CELLS.items():
        yield _field_comment(cell)
        yield f'{part.upper()}_CELL: Final = Struct("{format_of(cell)}")'
        yield f"{part.upper()}_OFFSET: Final = {offsets[part]}"
        yield f"{part.upper()}_COUNT: Final = {count}"


# ------------------------------------------------------------------------------------ C headers


def image_header() -> str:
    """The whole text of native/bmcha_layout.h."""
    arrays = [part for part in schema.IMAGE_CELLS if part != "run"]
    parts = {
        "@CONSTANTS@": "\n".join(_image_constants()),
        "@STRUCTS@": "\n\n".join(_image_structs()),
        "@ASSERTS@": "\n".join(_image_asserts()),
        "@AGES@": "\n".join(_ages(arrays)),
        "@COUNTS@": "\n".join(_counts(arrays)),
    }
    text = IMAGE_HEADER
    for mark, value in parts.items():
        text = text.replace(mark, value)
    return text


def _image_constants() -> Iterator[str]:
    yield f"#define BMCHA_LAYOUT_ID 0x{layout_id():08X}u"
    yield f"#define BMCHA_IMAGE_MAGIC 0x{schema.IMAGE_MAGIC:08X}u"
    yield f"#define BMCHA_IMAGE_SIZE {image_size()}u"
    yield f"#define BMCHA_IMAGE_STATE_LIVE 0x{schema.IMAGE_LIVE:04X}u"
    yield f"#define BMCHA_IMAGE_STATE_STALE 0x{schema.IMAGE_STALE:04X}u"
    for part, (_, count) in schema.IMAGE_CELLS.items():
        if part != "run":
            yield f"#define BMCHA_{part.upper()}_MAX {count}"
    for enum in IMAGE_ENUMS:
        yield ""
        for member in enum:
            yield f"#define BMCHA_{_snake(enum.__name__)}_{member.name} {member.value}"


def _snake(name: str) -> str:
    return "".join(f"_{c}" if c.isupper() else c for c in name).lstrip("_").upper()


def _image_structs() -> Iterator[str]:
    for part, (cell, _) in schema.IMAGE_CELLS.items():
        yield f"struct {_c_name(part)} {{\n{_members(cell)}\n}};"
    body = [_members(schema.IMAGE_HEADER)]
    for part, (_, count) in schema.IMAGE_CELLS.items():
        place = part if count == 1 else f"{part}[BMCHA_{part.upper()}_MAX]"
        body.append(f"    struct {_c_name(part)} {place};")
    yield "struct bmcha_image {\n" + "\n".join(body) + "\n};"


def _c_name(part: str) -> str:
    singular = {"supplies": "supply"}.get(part, part.removesuffix("s"))
    return f"bmcha_{singular}"


def _members(fixed: Struct) -> str:
    lines = []
    for name, code, _ in offsets_of(fixed):
        if code.endswith("s"):
            kind = "uint8_t" if name == "reserved" else "char"
            lines.append(f"    {kind} {name}[{code[:-1]}];")
        else:
            lines.append(f"    {_C_TYPES[code]} {name};")
    return "\n".join(lines)


def _image_asserts() -> Iterator[str]:
    yield '_Static_assert(sizeof(struct bmcha_image) == BMCHA_IMAGE_SIZE, "image");'
    offsets = image_offsets()
    for part, (cell, _) in schema.IMAGE_CELLS.items():
        struct_name = f"struct {_c_name(part)}"
        yield f'_Static_assert(sizeof({struct_name}) == {cell.sizeof()}, "{part}");'
        yield (
            f"_Static_assert(offsetof(struct bmcha_image, {part}) == {offsets[part]}, "
            f'"{part} place");'
        )
        *_, (name, _, at) = offsets_of(cell)
        yield f'_Static_assert(offsetof({struct_name}, {name}) == {at}, "{part} {name}");'


def _ages(arrays: list[str]) -> Iterator[str]:
    yield "    out->run.age_ms = bmcha_age_ms_(out->run.stamp_ns, now_ns);"
    for part in arrays:
        yield f"    for (i = 0; i < BMCHA_{part.upper()}_MAX; i++)"
        yield f"        out->{part}[i].age_ms = bmcha_age_ms_(out->{part}[i].stamp_ns, now_ns);"


def _counts(arrays: list[str]) -> Iterator[str]:
    yield "    /* A count may be trusted as a bound, whoever wrote it. */"
    for part in arrays:
        yield f"    if (out->{part}_count > BMCHA_{part.upper()}_MAX)"
        yield f"        out->{part}_count = BMCHA_{part.upper()}_MAX;"


def _heartbeat_numbers() -> list[str]:
    """What the engine fills in, echoes, judges and compares."""
    roles = [role.value for role in Role]
    lines = [
        f"#define BMCHA_BEAT_HEAD_BYTES {schema.HEARTBEAT_HEAD.sizeof()}u",
        f"#define BMCHA_ECHO_BYTES {schema.ECHO.sizeof()}u",
        f"#define BMCHA_ECHOES_MAX {schema.ECHOES_MAX}u",
        f"#define BMCHA_ECHO_SHIFT {schema.ECHO_SHIFT}u",
        f"#define BMCHA_BEAT_TAIL_MAX {schema.MAINTENANCE.sizeof() + schema.KEY_MARK.sizeof()}u",
        f"#define BMCHA_NEWS_FLAGS 0x{schema.HOLDING | schema.RELEASED | schema.WILL_CLAIM:02X}u",
        f"#define BMCHA_ROLE_MIN {min(roles)}u",
        f"#define BMCHA_ROLE_MAX {max(roles)}u",
        f"#define BMCHA_HEALTH_MAX {messages.HEALTH_MAX}u",
        f"#define BMCHA_DEADTIME_BEATS_MIN {messages.DEADTIME_BEATS_MIN}u",
        f"#define BMCHA_ECHO_UNIT_NS {age.ECHO_UNIT_NS}",
        f"#define BMCHA_AGE_NEVER 0x{age.NEVER:04X}u",
        f"#define BMCHA_AGE_OLDEST 0x{age.OLDEST:04X}u",
        "",
    ]
    for name, _, at in offsets_of(schema.HEARTBEAT_HEAD):
        lines.append(f"#define BMCHA_BEAT_{name.upper()} {at}u")
    return lines


def wire_header() -> str:
    """The whole text of native/bmcha_wire.h."""
    lines = [
        f"#define BMCHA_VERSION_CURRENT {version.CURRENT}u",
        f"#define BMCHA_VERSION_MIN {version.MIN}u",
        f"#define BMCHA_HEADER_BYTES {schema.FRAME_HEADER.sizeof()}u",
        f"#define BMCHA_BODY_BYTES_MAX {schema.BODY_BYTES_MAX}u",
        f"#define BMCHA_PATH_BODY_BYTES_MAX {schema.PATH_BODY_BYTES_MAX}u",
        f"#define BMCHA_PAIRING_BYTES_MAX {schema.PAIRING_BYTES_MAX}u",
        f"#define BMCHA_MAC_BYTES {schema.MAC_BYTES}u",
        f"#define BMCHA_CRC_BYTES {schema.CRC_BYTES}u",
        *(f"#define BMCHA_{name} {value}u" for name, value in _lengths().items()),
        f"#define BMCHA_FLAG_MAC 0x{schema.FLAG_MAC:02X}u",
        f"#define BMCHA_ETHER_TYPE 0x{ethernet.ETHER_TYPE:04X}u",
        f"#define BMCHA_LENGTH_BYTES {ethernet.LENGTH_BYTES}u",
        "",
    ]
    for name, _, at in offsets_of(schema.FRAME_HEADER):
        lines.append(f"#define BMCHA_HEADER_{name.upper()} {at}u")
    lines.append("")
    lines += _heartbeat_numbers()
    lines.append("")
    lines += [f"#define BMCHA_TYPE_{kind.name} {kind.value}u" for kind in MessageType]
    numbers = [kind.value for kind in MessageType]
    lines += [f"#define BMCHA_TYPE_MIN {min(numbers)}u", f"#define BMCHA_TYPE_MAX {max(numbers)}u"]
    lines.append("")
    lines += [f"#define BMCHA_CELL_{kind.name} {kind.value}u" for kind in CellKind]
    lines.append("")
    lines += [f"#define BMCHA_BAD_{reason.name} (-{reason.value})" for reason in BadReason]
    return WIRE_HEADER.replace("@CONSTANTS@", "\n".join(lines))


# ------------------------------------------------------------------------------------------ main


def check_alignment() -> None:
    """Each image field is aligned to its size, so that C needs no packing. ValueError if not."""
    structs = [schema.IMAGE_HEADER, *(cell for cell, _ in schema.IMAGE_CELLS.values())]
    for fixed in structs:
        for name, code, offset in offsets_of(fixed):
            if not code.endswith("s") and offset % struct.calcsize(f"<{code}"):
                raise ValueError(f"schema: {name} at {offset} is not aligned to its size")
        if fixed.sizeof() % 8:
            raise ValueError(f"schema: a struct of {fixed.sizeof()} bytes is no multiple of 8")


def outputs(root: Path) -> dict[Path, str]:
    """What each generated file must hold."""
    check_alignment()
    return {
        root / "bmcha" / "wire" / "tables.py": tables(),
        root / "native" / "bmcha_layout.h": image_header(),
        root / "native" / "bmcha_wire.h": wire_header(),
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bmcha.wire.generate")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    options = parser.parse_args(arguments)
    differing = 0
    for path, text in outputs(options.root).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        differing += 1
        if options.check:
            print(f"{path}: differs from the schema; run python -m bmcha.wire.generate")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{path}: written")
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
