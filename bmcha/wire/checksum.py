"""CRC-32C in readable form. Stands alone, because the generator needs it before `tables.py` is."""

from __future__ import annotations

from typing import Final


def _table() -> tuple[int, ...]:
    # The Castagnoli polynomial, bits reversed: RFC 3720 section 12.1.
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F6_3B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE: Final = _table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFF_FFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFF_FFFF
