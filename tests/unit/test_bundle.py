"""A support bundle: private, bounded, the same for the same contents, and out of nobody's way."""

import os
import tarfile

import pytest

from bmcha.diag import bundle as bundling
from bmcha.diag.bundle import Bundle, read_bounded


def contents(file) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        members = archive.getmembers()
        assert all(member.isreg() and member.mode == 0o600 for member in members)
        return {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def test_texts_and_files_are_packed_privately_and_the_same_each_time(tmp_path) -> None:
    (tmp_path / "log").write_text("a line\n")
    archives = []
    for name in ("one", "two"):
        bundle = Bundle("top")
        bundle.add_file("logs/log", str(tmp_path / "log"))
        bundle.add_text("a.txt", "text \udcff")
        bundle.write(str(tmp_path / name), 1_000_000)
        archives.append((tmp_path / name).read_bytes())
    assert archives[0] == archives[1]
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    assert contents(tmp_path / "one") == {
        "top/a.txt": b"text \\udcff",
        "top/logs/log": b"a line\n",
    }


def test_what_cannot_be_had_is_remembered_with_the_reason(tmp_path) -> None:
    bundle = Bundle("top")
    os.symlink("/etc/passwd", tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "gone"):
        assert not bundle.add_file(name, str(tmp_path / name))
    assert bundle.names == []
    assert "symbolic" in bundle.missing["link"]
    assert "not a regular file" in bundle.missing["pipe"]
    assert "No such file" in bundle.missing["gone"]


def test_of_a_long_file_the_end_is_taken_from_a_whole_line_on(tmp_path) -> None:
    file = tmp_path / "log"
    file.write_text("".join(f"line {number}\n" for number in range(1000)))
    data = read_bounded(str(file), 100)
    assert data.startswith(b"(its beginning was cut off)\nline 9")
    assert data.endswith(b"line 999\n")


def test_a_bundle_is_bounded_as_a_whole(monkeypatch) -> None:
    monkeypatch.setattr(bundling, "BUNDLE_BYTES_MAX", 10)
    bundle = Bundle("top")
    bundle.add_text("a", "12345")
    bundle.add_text("b", "123456")
    assert bundle.names == ["a"]
    assert "larger" in bundle.missing["b"]


def test_a_link_where_the_archive_shall_be_is_replaced_and_not_followed(tmp_path) -> None:
    (tmp_path / "precious").write_text("precious")
    os.symlink(tmp_path / "precious", tmp_path / "out")
    Bundle("top").write(str(tmp_path / "out"), 0)
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "out").is_symlink()


def test_a_device_where_the_archive_shall_be_is_left_there(tmp_path) -> None:
    """As root `bmcha report /dev/null` would have taken /dev/null away."""
    os.mkfifo(tmp_path / "out")
    with pytest.raises(OSError, match="no regular file"):
        Bundle("top").write(str(tmp_path / "out"), 0)
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").is_fifo()


def test_an_archive_that_cannot_be_written_leaves_nothing(tmp_path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Bundle("top").write(str(tmp_path / "gone" / "out"), 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("packed_s", "told_s"), [(-5, 0), (7_258_118_400, 2**32 - 1)])
def test_a_clock_that_says_anything_keeps_nobody_from_packing(tmp_path, packed_s, told_s) -> None:
    bundle = Bundle("top")
    bundle.add_text("a", "b")
    bundle.write(str(tmp_path / "out"), packed_s)
    with tarfile.open(tmp_path / "out") as archive:
        assert [member.mtime for member in archive] == [told_s]
