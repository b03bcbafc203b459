"""Ages in sixteen bits: exact where it counts, rounded down elsewhere, never wrapped."""

import pytest

from bmcha.wire.age import (
    CELL_UNIT_NS,
    ECHO_UNIT_NS,
    NEVER,
    OLDEST,
    decode_age,
    encode_age,
)

UNITS = pytest.mark.parametrize("unit_ns", [ECHO_UNIT_NS, CELL_UNIT_NS])


@UNITS
@pytest.mark.parametrize("units", [0, 1, 2047, 2048, 4095, 4096, 8190, 4095 << 14, 4094 << 15])
def test_exact_values(units: int, unit_ns: int) -> None:
    assert decode_age(encode_age(units * unit_ns, unit_ns), unit_ns) == units * unit_ns


@UNITS
def test_it_is_rounded_down_by_less_than_one_part_in_two_thousand(unit_ns: int) -> None:
    age_ns = 1
    while age_ns < (4094 << 15) * unit_ns:
        found = decode_age(encode_age(age_ns, unit_ns), unit_ns)
        assert found <= age_ns
        assert age_ns - found < max(unit_ns, age_ns // 2000)
        age_ns = age_ns * 101 // 100 + 1


@UNITS
def test_every_code_keeps_its_value(unit_ns: int) -> None:
    for code in range(OLDEST + 1):
        age_ns = decode_age(code, unit_ns)
        assert decode_age(encode_age(age_ns, unit_ns), unit_ns) == age_ns


@UNITS
def test_what_is_too_old_is_as_old_as_can_be_said(unit_ns: int) -> None:
    for units in (4095 << 15, 1 << 27, 1 << 80):
        assert encode_age(units * unit_ns, unit_ns) == OLDEST == NEVER - 1


@UNITS
def test_a_stamp_from_the_future_is_now(unit_ns: int) -> None:
    assert encode_age(-1, unit_ns) == 0
