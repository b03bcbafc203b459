"""The function that signs frames, for what Python does with it: BLAKE2b with a key, from libsodium
(docs/adr/0025). Frames themselves are signed and judged in C."""

from __future__ import annotations

from typing import Final

from bmcha._native import ffi, lib
from bmcha.hal.port import PortError
from bmcha.model.key import KEY_BYTES

MAC_BYTES_MIN: Final = 16
MAC_BYTES_MAX: Final = 32
CHECK_BYTES: Final = 4
_CHECK_TEXT: Final = b"bmcha key check 1"
_WHY_BYTES: Final = 300


def open_mac() -> None:
    """Once, before anything is signed or a key is read. PortError: there is no libsodium."""
    why = ffi.new("char[]", _WHY_BYTES)
    if lib.bmcha_mac_open(why, _WHY_BYTES):
        said = ffi.string(why).decode(errors="replace")
        raise PortError(f"{said}; install it (Debian, Yocto: libsodium)")


def mac_of(data: bytes, key: bytes, size: int = MAC_BYTES_MAX) -> bytes:
    """After `open_mac`. ``size``: 16 to 32 bytes; ``key``: KEY_BYTES. Else ValueError."""
    # C takes the key's length for granted.
    if len(key) != KEY_BYTES or not MAC_BYTES_MIN <= size <= MAC_BYTES_MAX:
        raise ValueError(f"a tag of {size} bytes with a key of {len(key)}")
    out = ffi.new("uint8_t[]", size)
    if lib.bmcha_mac(out, size, data, len(data), key):
        raise ValueError("nothing is signed before open_mac")
    return bytes(out)


def check_of(secret: bytes) -> int:
    """32 bits by which people and modules tell keys apart."""
    return int.from_bytes(mac_of(_CHECK_TEXT, secret)[:CHECK_BYTES], "big")
