"""Ages in sixteen bits: a 4-bit exponent and a 12-bit mantissa, rounded down.

The clocks of two modules have nothing in common, so a time travels as its age at the moment of
sending. Exact up to 4095 units, to 0.05 % beyond. The echo of a path counts in 10 µs (up to 22
minutes: a round trip needs the resolution), a cell in 1 ms (up to 37 hours). Older is as old as can
be said. The transit time is not known and not counted: an age is never too old.
"""

from __future__ import annotations

from typing import Final

ECHO_UNIT_NS: Final = 10_000
CELL_UNIT_NS: Final = 1_000_000
NEVER: Final = 0xFFFF
OLDEST: Final = 0xFFFE
_MANTISSA_BITS: Final = 12
_MANTISSA_MASK: Final = 0x0FFF
_EXPONENT_MAX: Final = 15


def encode_age(age_ns: int, unit_ns: int) -> int:
    """A negative age becomes 0: a stamp from the future is as young as can be."""
    units = max(0, age_ns) // unit_ns
    exponent = max(0, units.bit_length() - _MANTISSA_BITS)
    if exponent > _EXPONENT_MAX:
        return OLDEST
    return min(exponent << _MANTISSA_BITS | units >> exponent, OLDEST)


def decode_age(code: int, unit_ns: int) -> int:
    """In ns. The caller has looked for NEVER."""
    return ((code & _MANTISSA_MASK) << (code >> _MANTISSA_BITS)) * unit_ns
