"""Comparing two images at a takeover, cell by cell."""

from dataclasses import replace

from bmcha.model.reading import Quality, SensorCell, SensorKind
from bmcha.model.role import Role
from bmcha.sim.mirror_check import MirrorResult, compare
from bmcha.wire import tables
from bmcha.wire.image_codec import ImageHeader, cell_version, pack_cell, pack_header

MS = 1_000_000
Entry = tuple[SensorCell, int, int]
"""A cell with the epoch and sequence in which it was written."""


def sensor(index: int, value: int = 20_000, stamp_ns: int = 0) -> SensorCell:
    return SensorCell(
        index, f"s{index}", SensorKind.TEMPERATURE, value, Quality.GOOD, stamp_ns, 0, 45_000
    )


def image(*entries: Entry, epoch: int = 4, acked: int = 10, updated_ns: int = 0) -> bytes:
    header = ImageHeader(20, acked, epoch, 1, updated_ns, 0, True, False, 1, Role.ACTIVE)
    raw = bytearray(tables.IMAGE_SIZE)
    pieces = [pack_cell(cell, cell_version(at, sequence)) for cell, at, sequence in entries]
    for offset, data in (pack_header(header), *pieces):
        raw[offset : offset + len(data)] = data
    return bytes(raw)


def test_equal_cells_do_not_differ_whatever_their_stamps() -> None:
    old = image((sensor(0, stamp_ns=5), 4, 1), (sensor(1), 4, 10))
    survivor = image((sensor(0, stamp_ns=99), 4, 1), (sensor(1), 4, 10))
    assert compare(survivor, old) == MirrorResult(0, 0, 2)


def test_an_acknowledged_cell_with_another_value_differs() -> None:
    old = image((sensor(0), 4, 1), (sensor(1, 30_000), 4, 10))
    survivor = image((sensor(0), 4, 1), (sensor(1, 20_000), 4, 9))
    assert compare(survivor, old) == MirrorResult(0, 1, 2, ("sensor 1",))


def test_an_acknowledged_cell_that_is_missing_differs() -> None:
    assert compare(image(), image((sensor(3), 4, 1))).differing == ("sensor 3",)


def test_what_was_not_acknowledged_is_not_compared_but_tells_the_staleness() -> None:
    old = image(
        (sensor(0), 4, 1),
        (sensor(1, 30_000, stamp_ns=70 * MS), 4, 11),
        (sensor(2, 30_000, stamp_ns=90 * MS), 4, 12),
        updated_ns=95 * MS,
    )
    survivor = image((sensor(0), 4, 1), (sensor(1), 4, 5), (sensor(2), 4, 5))
    assert compare(survivor, old) == MirrorResult(25, 0, 1)


def test_what_the_survivor_wrote_since_is_not_compared() -> None:
    old = image((sensor(0), 4, 1), (sensor(1), 4, 2))
    survivor = image((sensor(0, 33_000), 5, 1), (sensor(1), 4, 2), epoch=5)
    assert compare(survivor, old) == MirrorResult(0, 0, 1)


def test_cells_of_an_earlier_epoch_were_acknowledged_with_the_snapshot() -> None:
    old = image((sensor(0, 31_000), 2, 900))
    assert compare(image((sensor(0), 2, 900)), old).cells_differing == 1


def test_a_changed_limit_differs_too() -> None:
    old = image((sensor(0), 4, 1))
    survivor = image((replace(sensor(0), high_milli=50_000), 4, 1))
    assert compare(survivor, old).differing == ("sensor 0",)
