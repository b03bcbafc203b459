"""What a consistent picture costs a reader, beside a writer that is busier than any chassis.

Run as ``python -m bmcha.bench.image NAME`` it is that writer: the picture of a chassis, and behind
it, where no cell is in use, one number in two places at once, some thousand times a second, until
its input ends.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import posix_ipc

from bmcha._native import ffi, lib
from bmcha.bench.figures import Figure, Table
from bmcha.bench.redis import NOT_THERE, Server, is_there
from bmcha.hal.shm_region import ShmRegion
from bmcha.image import ImageError, Reader
from bmcha.model.reading import FanCell, Quality, SensorCell, SensorKind, UnitState
from bmcha.model.role import Role
from bmcha.wire import tables
from bmcha.wire.image_codec import ImageHeader, pack_cell, pack_header

FIRST: Final = tables.SENSORS_OFFSET + (tables.SENSORS_COUNT - 1) * tables.SENSORS_CELL.size
LAST: Final = tables.ALARMS_OFFSET + (tables.ALARMS_COUNT - 1) * tables.ALARMS_CELL.size
NUMBER_BYTES: Final = 8
PAUSE_S: Final = 0.0005
"""Without a pause a reader on another processor would hardly ever find it between two writes."""
SENSORS: Final = 24
FANS: Final = 8
ROUND: Final = 200
READER_ROUND: Final = 5
VALUE_BYTES: Final = 4096
REDIS_TIMES: Final = 2000


def measure(budget_s: float, against: Sequence[str]) -> Table:
    name = f"/bmcha-bench-image-{os.getpid()}"
    with _writer(name):
        copies = _Copies(name)
        rounds = _for_seconds(copies.round, budget_s / 2)
        pictures = _for_seconds(_pictures(name), budget_s / 4)
    kib = tables.IMAGE_SIZE / 1024
    figures = [
        Figure(f"consistent copy of {kib:.0f} KiB", "µs", rounds, copies.told),
        Figure("the same a 4 KiB of it", "µs", tuple(4 / kib * each for each in rounds)),
        Figure(f"copy, and {SENSORS + FANS} cells as Python objects", "µs", pictures),
    ]
    if "redis" in against:
        figures.append(_redis())
    title = (
        "reading the picture beside a writer that writes all the time, processor time of the reader"
    )
    return Table("image", title, tuple(figures))


class _Copies:
    def __init__(self, name: str) -> None:
        descriptor = posix_ipc.SharedMemory(name, read_only=True).fd
        self._map = mmap.mmap(descriptor, tables.IMAGE_SIZE, prot=mmap.PROT_READ)
        os.close(descriptor)
        self._view: Any = ffi.from_buffer(self._map)
        self._copy = ffi.new("uint8_t[]", tables.IMAGE_SIZE)
        self._bytes = ffi.buffer(self._copy)
        self.torn_count = self.count = 0

    @property
    def told(self) -> str:
        return f"{self.torn_count} of {self.count:,} torn or given up"

    def round(self) -> float:
        """µs a copy."""
        view, copy, size, found = self._view, self._copy, tables.IMAGE_SIZE, self._bytes
        torn_count = 0
        begun_ns = time.thread_time_ns()
        for _ in range(ROUND):
            result = lib.bmcha_image_snapshot(view, size, copy, size)
            first, last = found[FIRST : FIRST + NUMBER_BYTES], found[LAST : LAST + NUMBER_BYTES]
            torn_count += result != 0 or first != last
        took_ns = time.thread_time_ns() - begun_ns
        self.torn_count += torn_count
        self.count += ROUND
        return took_ns / 1000 / ROUND


def _pictures(name: str) -> Callable[[], float]:
    reader = Reader(name)

    def act() -> float:
        begun_ns = time.thread_time_ns()
        for _ in range(READER_ROUND):
            with contextlib.suppress(ImageError):  # its writer was held up in a write
                picture = reader.read()
                assert len(picture.sensors) == SENSORS and len(picture.fans) == FANS
        return (time.thread_time_ns() - begun_ns) / 1000 / READER_ROUND

    return act


def _redis() -> Figure:
    """By the clock: what it takes is taken in another process."""
    what = f"redis, GET of {VALUE_BYTES} bytes, by the clock"
    if not is_there():
        return Figure(what, "µs", (), NOT_THERE)
    found = []
    with (
        tempfile.TemporaryDirectory(prefix="bmcha-bench-") as folder,
        Server(Path(folder) / "redis", [], "--port", "0") as server,
    ):
        server.set(b"picture", bytes(VALUE_BYTES))
        for _ in range(REDIS_TIMES):
            begun_ns = time.perf_counter_ns()
            server.get(b"picture")
            found.append((time.perf_counter_ns() - begun_ns) / 1000)
    return Figure(what, "µs", tuple(found))


def _for_seconds(act: Callable[[], float], seconds: float) -> tuple[float, ...]:
    end_s = time.monotonic() + seconds
    found = [act()]
    while time.monotonic() < end_s:
        found.append(act())
    return tuple(found)


@contextlib.contextmanager
def _writer(name: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bmcha.bench.image", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.communicate()


def _write_for_ever(region: ShmRegion) -> None:
    number = 0
    while True:
        number += 1
        data = number.to_bytes(NUMBER_BYTES, sys.byteorder)
        region.write([(FIRST, data), (LAST, data)], None)
        time.sleep(PAUSE_S)


def _chassis() -> list[tuple[int, bytes]]:
    header = ImageHeader(
        *(0, 0, 0, 0, 0, 0, True, False, 1, Role.ACTIVE),
        sensors_count=SENSORS,
        fans_count=FANS,
    )
    kind, good = SensorKind.TEMPERATURE, Quality.GOOD
    sensors = [SensorCell(i, f"t{i}", kind, 20_000, good, 0, 0, 90_000) for i in range(SENSORS)]
    fans = [FanCell(i, f"fan{i}", 3000, 80, 60, UnitState.OK, 0) for i in range(FANS)]
    cells = [pack_cell(cell, 1) for cell in sensors] + [pack_cell(cell, 1) for cell in fans]
    return [pack_header(header), *cells]


def main(name: str) -> None:
    # Ctrl-C is for whoever reads, who then closes the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    region = ShmRegion(name)
    region.write(_chassis(), None)
    print(flush=True)
    threading.Thread(target=_write_for_ever, args=(region,), daemon=True).start()
    sys.stdin.read()
    posix_ipc.unlink_shared_memory(name)


if __name__ == "__main__":
    main(sys.argv[1])
