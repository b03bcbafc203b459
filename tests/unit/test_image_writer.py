"""From `WriteImage` to the bytes that readers see: as one write, with a header that keeps fresh."""

import pytest

from bmcha.model.effect import EnterRole, WriteImage
from bmcha.model.reading import AlarmCell, FanCell, Quality, SensorCell, SensorKind, UnitState
from bmcha.model.role import Reason, Role, Severity
from bmcha.runtime.image_writer import STALE_AFTER_MS, ImageWriter
from bmcha.wire import tables
from bmcha.wire.image_codec import Picture, unpack_picture

MS = 1_000_000


class Memory:
    """The port, as plain bytes."""

    def __init__(self) -> None:
        self.raw = bytearray(tables.IMAGE_SIZE)
        self.writes_count = 0
        self.now_ns = 5000 * MS
        self.writer = ImageWriter(self, 77, 1, lambda: self.now_ns)

    def write(self, pieces, clear) -> None:
        self.writes_count += 1
        if clear is not None:
            offset, size = clear
            self.raw[offset : offset + size] = bytes(size)
        for offset, data in pieces:
            self.raw[offset : offset + len(data)] = data

    def close(self, is_unlinked: bool) -> None:
        raise AssertionError("the writer closes nothing")

    def picture(self) -> Picture:
        return unpack_picture(bytes(self.raw))


@pytest.fixture
def memory() -> Memory:
    return Memory()


def sensor(index: int, value: int = 1) -> SensorCell:
    kind = SensorKind.TEMPERATURE
    return SensorCell(index, f"s{index}", kind, value, Quality.GOOD, 9, 0, 99)


def write(memory: Memory, *cells, is_whole: bool = False) -> None:
    memory.writer.write(WriteImage(cells, 7, 12, 11, is_whole))


def test_cells_and_header_are_one_write_and_can_be_read_back(memory) -> None:
    fan = FanCell(1, "fan", 4000, 90, 60, UnitState.OK, 8)
    write(memory, sensor(0), sensor(2), fan)
    assert memory.writes_count == 1
    picture = memory.picture()
    assert picture.sensors == [sensor(0), sensor(2)]
    assert picture.fans == [fan]
    header = picture.header
    assert (header.image_sequence, header.acked_sequence, header.epoch) == (12, 11, 7)
    assert (header.writer_boot_id, header.writer_slot, header.updated_ns) == (77, 1, memory.now_ns)
    assert (header.sensors_count, header.fans_count) == (3, 2)


def test_a_whole_picture_clears_what_it_does_not_have(memory) -> None:
    write(memory, sensor(0), sensor(1))
    write(memory, sensor(0, 5), is_whole=True)
    assert memory.picture().sensors == [sensor(0, 5)]
    assert memory.picture().header.sensors_count == 1


def test_counts_stay_above_every_place_in_use(memory) -> None:
    write(memory, AlarmCell(4, "hot", Severity.MAJOR, True, 1))
    write(memory, AlarmCell(1, "hot", Severity.MAJOR, True, 1))
    assert memory.picture().header.alarms_count == 5


def test_the_header_is_written_again_before_its_promise_runs_out(memory) -> None:
    write(memory, sensor(0))
    memory.now_ns += STALE_AFTER_MS * MS // 4 - 1
    memory.writer.refresh()
    assert memory.writes_count == 1
    memory.now_ns += 1
    memory.writer.refresh()
    assert memory.writes_count == 2
    header = memory.picture().header
    assert header.updated_ns == memory.now_ns
    assert header.stale_after_ms == STALE_AFTER_MS
    assert header.image_sequence == 12
    assert memory.picture().sensors == [sensor(0)]


def test_the_header_names_the_role_and_a_standby_without_a_picture_is_stale(memory) -> None:
    memory.writer.role_entered(EnterRole(Role.STANDBY, Reason.PEER_IS_ACTIVE, 7, Role.STARTING))
    header = memory.picture().header
    assert (header.role, header.is_stale, header.is_live) == (Role.STANDBY, True, True)
    write(memory, sensor(0), is_whole=True)
    assert not memory.picture().header.is_stale
