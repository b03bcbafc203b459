"""The contract of `ImagePort`, kept by the shared-memory region, seen through the reader."""

import contextlib
import mmap
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import posix_ipc
import pytest

from bmcha.hal.port import ImagePort, PortError
from bmcha.hal.shm_region import ShmRegion
from bmcha.image import ImageError, Reader

SOON_S = 30.0
FREE_AT = 64
"""A place behind the header, where a piece may go."""


@pytest.fixture
def name() -> Iterator[str]:
    found = f"/bmcha-test-{os.getpid()}-{threading.get_ident()}"
    yield found
    with contextlib.suppress(posix_ipc.ExistentialError):
        posix_ipc.unlink_shared_memory(found)


@pytest.fixture
def region(name: str) -> Iterator[ImagePort]:
    found = ShmRegion(name)
    yield found
    found.close(is_unlinked=True)


def peek(name: str, offset: int, size: int) -> bytes:
    found = posix_ipc.SharedMemory(name, read_only=True)
    with mmap.mmap(found.fd, found.size, prot=mmap.PROT_READ) as view:
        found.close_fd()
        return view[offset : offset + size]


def state(name: str) -> os.stat_result:
    found = posix_ipc.SharedMemory(name, read_only=True)
    try:
        return os.fstat(found.fd)
    finally:
        found.close_fd()


def with_umask(mask: int, act: Callable[[], ShmRegion]) -> ShmRegion:
    before = os.umask(mask)
    try:
        return act()
    finally:
        os.umask(before)


def test_a_new_image_is_empty_and_readable(name: str, region: ImagePort) -> None:
    with Reader(name) as reader:
        assert len(reader.read().sensors) == 0


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_owner_and_group_get_at_the_image(name: str, mask: int) -> None:
    region = with_umask(mask, lambda: ShmRegion(name))
    assert state(name).st_mode & 0o777 == 0o640
    region.close(is_unlinked=True)


def test_pieces_are_written_where_they_belong(name: str, region: ImagePort) -> None:
    region.write([(FREE_AT, b"8 bytes."), (FREE_AT + 16, b"sixteen bytes...")], None)
    assert peek(name, FREE_AT, 32) == b"8 bytes." + bytes(8) + b"sixteen bytes..."


def test_clearing_comes_before_the_pieces(name: str, region: ImagePort) -> None:
    region.write([(FREE_AT, b"x" * 64)], None)
    region.write([(FREE_AT + 8, b"8 bytes.")], (FREE_AT, 32))
    assert peek(name, FREE_AT, 40) == bytes(8) + b"8 bytes." + bytes(16) + b"x" * 8


@pytest.mark.parametrize(
    "piece",
    [
        *((FREE_AT + 1, b"8 bytes."), (FREE_AT, b"seven.."), (0, b"8 bytes."), (-8, b"8 bytes.")),
        *((1 << 20, b"8 bytes."), (1 << 40, b"8 bytes.")),
    ],
)
def test_a_piece_out_of_place_is_refused_and_nothing_is_written(
    name: str, region: ImagePort, piece: tuple[int, bytes]
) -> None:
    with pytest.raises(PortError):
        region.write([(FREE_AT, b"8 bytes."), piece], None)
    assert peek(name, FREE_AT, 8) == bytes(8)


def test_a_name_in_use_is_refused(name: str, region: ImagePort) -> None:
    region.write([(FREE_AT, b"8 bytes.")], None)
    with pytest.raises(PortError, match=f"{name} is in use by a living process"):
        ShmRegion(name)
    assert peek(name, FREE_AT, 8) == b"8 bytes."


def test_an_unlinked_image_is_gone_and_its_name_free(name: str) -> None:
    ShmRegion(name).close(is_unlinked=True)
    with pytest.raises(ImageError), Reader(name) as reader:
        reader.read()
    again = ShmRegion(name)
    again.close(is_unlinked=True)
    again.close(is_unlinked=True)


def test_a_closed_image_cannot_be_written(name: str) -> None:
    region = ShmRegion(name)
    region.close(is_unlinked=True)
    with pytest.raises(PortError, match="closed"):
        region.write([(FREE_AT, b"8 bytes.")], None)


def test_an_image_left_without_unlinking_is_used_again_in_place(name: str) -> None:
    first = ShmRegion(name)
    first.write([(FREE_AT, b"8 bytes.")], None)
    inode = state(name).st_ino
    with Reader(name) as reader:
        reader.read()
        first.close(is_unlinked=False)
        second = ShmRegion(name)
        assert state(name).st_ino == inode
        assert peek(name, FREE_AT, 8) == bytes(8), "a leftover is emptied"
        reader.read()
        second.close(is_unlinked=True)


def test_a_leftover_of_another_size_is_replaced_and_not_shortened(name: str) -> None:
    old = posix_ipc.SharedMemory(name, posix_ipc.O_CREX, mode=0o600, size=1 << 20)
    with mmap.mmap(old.fd, old.size) as view:
        old.close_fd()
        view[-1] = 7
        region = ShmRegion(name)
        assert view[-1] == 7, "whoever has it mapped must not crash"
        assert state(name).st_size < 1 << 20
        assert state(name).st_mode & 0o777 == 0o640
        region.close(is_unlinked=True)


HOLDER = """
import sys
from bmcha.hal.shm_region import ShmRegion
region = ShmRegion(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_writer_holds_nothing(name: str) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLDER, name]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(PortError, match="in use"):
            ShmRegion(name)
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(PortError, match="in use"):
            ShmRegion(name)
        holder.send_signal(signal.SIGKILL)
        holder.wait(SOON_S)
    ShmRegion(name).close(is_unlinked=True)


@pytest.mark.parametrize("has_leftover", [False, True])
def test_of_many_that_start_at_once_one_gets_the_name(name: str, has_leftover: bool) -> None:
    if has_leftover:
        posix_ipc.SharedMemory(name, posix_ipc.O_CREX, mode=0o600, size=4096).close_fd()
    barrier = threading.Barrier(8)
    taken: list[ShmRegion] = []
    refused: list[PortError] = []

    def start() -> None:
        barrier.wait(SOON_S)
        try:
            taken.append(ShmRegion(name))
        except PortError as error:
            refused.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON_S)
    assert (len(taken), len(refused)) == (1, 7)
    assert taken[0] is not None
    taken[0].close(is_unlinked=True)


@pytest.mark.parametrize("bad_name", ["", "no-slash", "/a/b", "/" + "x" * 300, "/nul\0"])
def test_a_name_that_cannot_be_is_refused(bad_name: str) -> None:
    with pytest.raises(PortError):
        ShmRegion(bad_name)
