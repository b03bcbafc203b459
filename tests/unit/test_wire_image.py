"""The image reader on real shared memory: consistent, told when it is not ours, never hanging."""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import posix_ipc
import pytest

from bmcha._native import ffi, lib
from bmcha.image import ImageError, Reader, is_stale
from bmcha.model.reading import Quality, SensorCell, SensorKind
from bmcha.model.role import Role
from bmcha.wire import tables
from bmcha.wire.image_codec import ImageHeader, cell_version, pack_cell, pack_header
from tests import needs

ROOT = Path(__file__).parents[2]
LOCK_OFFSET = 12


class Writer:
    """The smallest writer: one shared-memory object of its own name."""

    def __init__(self, name: str) -> None:
        self.name = name
        memory = posix_ipc.SharedMemory(name, posix_ipc.O_CREX, size=tables.IMAGE_SIZE, mode=0o600)
        self.map = mmap.mmap(memory.fd, tables.IMAGE_SIZE)
        os.close(memory.fd)
        self.view = ffi.from_buffer(self.map)
        assert lib.bmcha_image_initialise(self.view, tables.IMAGE_SIZE) == 0

    def write(self, *pieces: tuple[int, bytes]) -> int:
        patches = b"".join(struct.pack("=II", at, len(data)) + data for at, data in pieces)
        return int(lib.bmcha_image_write(self.view, tables.IMAGE_SIZE, patches, len(patches)))

    def close(self) -> None:
        ffi.release(self.view)
        self.map.close()
        posix_ipc.unlink_shared_memory(self.name)


def header(**changes: int) -> ImageHeader:
    fields = {"updated_ns": time.monotonic_ns(), "stale_after_ms": 5000, "is_live": True} | changes
    return ImageHeader(
        image_sequence=1,
        acked_sequence=0,
        epoch=1,
        writer_boot_id=9,
        is_stale=False,
        writer_slot=1,
        role=Role.ACTIVE,
        sensors_count=2,
        **fields,  # type: ignore[arg-type]
    )


def sensor(index: int, value_milli: int) -> SensorCell:
    return SensorCell(
        index,
        f"t{index}",
        SensorKind.TEMPERATURE,
        value_milli,
        Quality.GOOD,
        time.monotonic_ns(),
        0,
        1,
    )


@pytest.fixture
def new_writer() -> Iterator[Callable[[], Writer]]:
    writers: list[Writer] = []

    def make() -> Writer:
        writers.append(Writer(f"/bmcha-test-{os.getpid()}"))
        return writers[-1]

    yield make
    for writer in writers:
        if not writer.map.closed:
            writer.close()


@pytest.fixture
def writer(new_writer: Callable[[], Writer]) -> Writer:
    return new_writer()


def test_what_was_written_is_read(writer: Writer) -> None:
    with Reader(writer.name) as reader:
        assert is_stale(reader.read())
        cell = sensor(0, 41_000)
        assert writer.write(pack_header(header()), pack_cell(cell, cell_version(1, 1))) == 0
        picture = reader.read()
        assert picture.sensors == [cell]
        assert picture.header.role is Role.ACTIVE
        assert not is_stale(picture)


def test_a_writer_that_stopped_is_stale(writer: Writer) -> None:
    with Reader(writer.name) as reader:
        writer.write(pack_header(header()))
        picture = reader.read()
        assert is_stale(picture, picture.header.updated_ns + 5_002_000_000)
        writer.write(pack_header(header(is_live=False)))
        assert is_stale(reader.read())
        writer.write(pack_header(header(stale_after_ms=0, updated_ns=0)))
        assert not is_stale(reader.read())


def test_no_such_object_is_a_sentence() -> None:
    with pytest.raises(ImageError, match="does the service run"):
        Reader("/bmcha-test-nobody").read()
    for name in ("/bmcha\0test", "/" + "x" * 300):
        with pytest.raises(ImageError, match=r"no name|cannot be opened"):
            Reader(name).read()


def test_another_layout_is_a_sentence(writer: Writer) -> None:
    writer.map[4:8] = b"\1\2\3\4"
    with Reader(writer.name) as reader, pytest.raises(ImageError, match="layout"):
        reader.read()


def test_an_object_too_small_is_a_sentence(writer: Writer) -> None:
    memory = posix_ipc.SharedMemory(writer.name)
    os.ftruncate(memory.fd, 100)
    os.close(memory.fd)
    with pytest.raises(ImageError, match="100 bytes"):
        Reader(writer.name).read()


def test_a_writer_that_died_in_a_write_is_torn_and_mended_by_the_next(writer: Writer) -> None:
    with Reader(writer.name) as reader:
        writer.map[LOCK_OFFSET] |= 1
        with pytest.raises(ImageError, match="in the middle"):
            reader.read()
        assert lib.bmcha_image_initialise(writer.view, tables.IMAGE_SIZE) == 0
        assert reader.read().sensors == []


def test_a_new_object_under_the_same_name_is_found(
    writer: Writer, new_writer: Callable[[], Writer]
) -> None:
    with Reader(writer.name) as reader:
        writer.write(pack_header(header()))
        assert not is_stale(reader.read())
        writer.write(pack_header(header(is_live=False)))
        writer.close()
        assert is_stale(reader.read())
        another = new_writer()
        another.write(pack_header(header()), pack_cell(sensor(0, 5), 1))
        assert [cell.value_milli for cell in reader.read().sensors] == [5]


def test_a_patch_that_is_wrong_writes_nothing(writer: Writer) -> None:
    good = pack_cell(sensor(0, 5), 1)
    for offset, size in [(8, 8), (16, 4), (20, 8), (tables.IMAGE_SIZE, 8)]:
        assert writer.write(good, (offset, bytes(size))) == lib.BMCHA_IMAGE_BAD_ARGUMENT
    with Reader(writer.name) as reader:
        assert reader.read().sensors == []


WRITE_FOR_A_WHILE = """
import sys, time
from tests.unit.test_wire_image import Writer, header, sensor
from bmcha.wire.image_codec import pack_cell, pack_header
writer = Writer(sys.argv[1])
print("ready", flush=True)
end, value = time.monotonic() + 1, 0
while time.monotonic() < end:
    value += 1
    cells = [pack_cell(sensor(i, value), value) for i in range(0, 512, 16)]
    writer.write(pack_header(header()), *cells)
writer.close()
"""


def test_another_process_that_writes_without_pause_never_shows_a_mixture() -> None:
    name = f"/bmcha-test-hammer-{os.getpid()}"
    program = [sys.executable, "-c", WRITE_FOR_A_WHILE, name]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        reads = 0
        with Reader(name) as reader:
            while process.poll() is None:
                values = {cell.value_milli for cell in reader.read().sensors}
                assert len(values) <= 1
                reads += 1
    assert process.returncode == 0
    assert reads > 10


C_PROGRAM = """
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include "bmcha_layout.h"
static struct bmcha_image image;
int main(int count, char **names)
{
    int fd = count == 2 ? open(names[1], O_RDONLY) : -1;
    void *map = mmap(NULL, sizeof image, PROT_READ, MAP_SHARED, fd, 0);
    int result = map == MAP_FAILED ? -9 : bmcha_image_read(map, sizeof image, &image);
    printf("%d %d %d\\n", result, image.role, image.sensors_count);
    for (int i = 0; i < image.sensors_count; i++)
        printf("%s %d %d %d %d\\n", image.sensors[i].name, image.sensors[i].kind,
               image.sensors[i].value_milli, image.sensors[i].quality,
               image.sensors[i].age_ms < 60000);
    return 0;
}
"""
STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror", "-I", str(ROOT / "native"))


def compile_c(source: Path, *arguments: str) -> None:
    needs.program("cc", package="gcc")
    command = ["cc", *arguments, *STRICT, str(source)]
    subprocess.run(command, check=True, cwd=source.parent)


@pytest.mark.parametrize("standard", ["c11", "gnu11", "c17"])
def test_the_c_header_compiles_alone(tmp_path: Path, standard: str) -> None:
    source = tmp_path / "alone.c"
    source.write_text('#include "bmcha_layout.h"\n')
    compile_c(source, f"-std={standard}", "-O2", "-c")


def test_a_c_program_prints_the_temperatures(writer: Writer, tmp_path: Path) -> None:
    source = tmp_path / "print.c"
    source.write_text(C_PROGRAM)
    compile_c(source, "-std=c11", "-o", "print")
    writer.write(
        pack_header(header()), pack_cell(sensor(0, 41_000), 1), pack_cell(sensor(1, -5), 1)
    )
    command = [str(tmp_path / "print"), f"/dev/shm{writer.name}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines() == ["0 4 2", "t0 1 41000 1 1", "t1 1 -5 1 1"]
