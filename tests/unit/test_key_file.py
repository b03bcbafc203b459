"""The key file: what is read, what is refused, that no secret is told, and that it is whole."""

import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmcha.config import ConfigError, ConfigProblem
from bmcha.config.key_file import FILE_BYTES_MAX, read_key_file, write_key_file
from bmcha.model.key import KEY_BYTES, KEYS_MAX, NO_KEYS, Key, KeySet, KeyState
from tests import needs

FIRST, SECOND = "0123456789abcdef" * 4, "fedcba9876543210" * 4
ONE = f'[[keys]]\nid = 1\nstate = "send"\nkey = "{FIRST}"\n'
TWO = f'[[keys]]\nid = 2\nstate = "accept"\nkey = "{SECOND}"\n'
NOBODY = 65534


def needs_root() -> None:
    needs.that(os.geteuid() == 0, "to give files away", "run it as root")


def check_of(secret: bytes) -> int:
    return int.from_bytes(secret[:4], "big")


class File:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str | bytes, mode: int = 0o600) -> None:
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.path.chmod(mode)

    def read(self) -> KeySet:
        return read_key_file(str(self.path), check_of)

    def problems(self, text: str | bytes | None = None) -> tuple[ConfigProblem, ...]:
        if text is not None:
            self.write(text)
        with pytest.raises(ConfigError) as error:
            self.read()
        assert all(each.file == str(self.path) and each.remedy for each in error.value.problems)
        return error.value.problems

    def only_problem(self, text: str | bytes | None = None) -> ConfigProblem:
        (problem,) = self.problems(text)
        return problem


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "keys.toml")


# ---------------------------------------------------------------- what is read


def test_keys_are_read_in_the_order_of_the_file(file: File) -> None:
    file.write(TWO + ONE)
    assert file.read() == KeySet(
        (
            Key(2, KeyState.ACCEPT, bytes.fromhex(SECOND), 0xFEDCBA98),
            Key(1, KeyState.SEND, bytes.fromhex(FIRST), 0x01234567),
        ),
        accepts_unsigned=False,
    )


def test_digits_may_be_capitals(file: File) -> None:
    file.write(ONE.replace(FIRST, FIRST.upper()))
    assert file.read().keys[0].secret == bytes.fromhex(FIRST)


@pytest.mark.parametrize(
    ("head", "accepts"),
    [("", False), ("accept_unsigned = true\n", True), ("accept_unsigned = false\n", False)],
)
def test_unsigned_frames_are_accepted_where_the_file_says_so(
    file: File, head: str, accepts: bool
) -> None:
    file.write(head + ONE)
    assert file.read().accepts_unsigned is accepts


@pytest.mark.parametrize("text", ["", "# nothing\n", "accept_unsigned = true\n", "keys = []\n"])
def test_a_file_without_keys_is_a_module_without_keys(file: File, text: str) -> None:
    file.write(text)
    assert file.read() == NO_KEYS


def test_a_file_that_is_not_there_is_a_module_without_keys(tmp_path: Path) -> None:
    assert File(tmp_path / "no.toml").read() is NO_KEYS
    assert File(tmp_path / "no" / "no.toml").read() is NO_KEYS


def test_four_keys_are_read(file: File) -> None:
    text = "".join(entry(number, f"{number:064x}") for number in range(1, KEYS_MAX + 1))
    file.write(text)
    assert [key.id for key in file.read().keys] == [1, 2, 3, 4]


def test_a_link_is_judged_by_what_it_points_to(file: File, tmp_path: Path) -> None:
    link = File(tmp_path / "link")
    link.path.symlink_to(file.path)
    file.write(ONE)
    assert link.read().sender is not None
    file.write(ONE, 0o640)
    assert link.only_problem().value == "mode 0640"


def entry(key_id: int, secret: str, state: str = "accept") -> str:
    return f'[[keys]]\nid = {key_id}\nstate = "{state}"\nkey = "{secret}"\n'


# ---------------------------------------------------------------- who may read it


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o4644])
def test_a_right_of_anybody_else_is_refused(file: File, mode: int) -> None:
    file.write(ONE, mode)
    problem = file.only_problem()
    assert problem.value == f"mode {mode:04o}"
    assert problem.remedy == f"chmod 600 {file.path}"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_the_owners_own_rights_are_its_own_affair(file: File, mode: int) -> None:
    file.write(ONE, mode)
    assert file.read().keys


def test_a_file_of_another_user_is_refused_unless_it_is_read_for_that_user(file: File) -> None:
    needs_root()
    file.write(ONE)
    os.chown(file.path, 4711, -1)
    problem = file.only_problem()
    assert problem.value == "owned by the user with the number 4711"
    assert problem.remedy == f"as root: chown 0 {file.path}"
    assert read_key_file(str(file.path), check_of, is_owner_free=True).keys


def test_only_the_own_user_and_root_may_own_it(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write(ONE)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    if owner == 0:
        assert file.read().keys
    else:
        assert file.only_problem().remedy == f"as root: chown {NOBODY} {file.path}"


def test_mode_and_owner_are_told_together(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write(ONE, 0o644)
    real = os.fstat

    def of_another(fd: int) -> os.stat_result:
        return os.stat_result([*real(fd)[:4], 4711, *real(fd)[5:10]])

    monkeypatch.setattr(os, "fstat", of_another)
    values = [each.value for each in file.problems()]
    assert values == ["mode 0644", "owned by the user with the number 4711"]


@pytest.mark.parametrize(
    "make",
    [lambda path: path.mkdir(), lambda path: os.mkfifo(path, 0o600)],
    ids=["folder", "pipe"],
)
def test_what_is_no_file_is_refused_at_once(file: File, make: Callable[[Path], None]) -> None:
    make(file.path)
    assert file.only_problem().value == "not a regular file"


def test_a_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a regular file"):
        read_key_file("/dev/null", check_of)


def test_a_file_that_cannot_be_opened_says_why(file: File) -> None:
    file.path.symlink_to(file.path)
    assert file.only_problem().value.startswith("unreadable (Too many levels")


def test_what_was_judged_is_what_is_read(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file that takes its place in between is not read."""
    file.write(ONE)
    real = os.fstat

    def swapped(fd: int) -> os.stat_result:
        file.path.unlink()
        file.write(TWO, 0o666)
        return real(fd)

    monkeypatch.setattr(os, "fstat", swapped)
    assert [key.id for key in file.read().keys] == [1]


# ---------------------------------------------------------------- what is refused


def test_a_file_that_is_too_long_is_refused(file: File) -> None:
    file.write(ONE + "#" * (FILE_BYTES_MAX - len(ONE)))
    assert file.read().keys
    assert file.only_problem(ONE + "#" * (FILE_BYTES_MAX + 1 - len(ONE))).value == (
        "longer than that"
    )


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("keys = @", "line 1, column 8", "not TOML"),
        (f"key = {FIRST}\n", "line 1, column 8", "not TOML"),
        (f'key = "{FIRST}\n', "line 1, column 72", "not TOML"),
        (f"{FIRST} = 1\n{FIRST} = 2\n", "line 2, column 69", "not TOML"),
        (b"# \xff\n", "line 1", "not UTF-8"),
        (b"#\n# \xe4\n", "line 2", "not UTF-8"),
        ("a = " + "[" * 5000, "the file", "not TOML"),
        ("a = " + "1" * 5000, "the file", "not TOML"),
    ],
)
def test_what_is_no_toml_is_told_by_its_place_alone(
    file: File, text: str | bytes, key: str, value: str
) -> None:
    problem = file.only_problem(text)
    assert (problem.key, problem.value) == (key, value)


WRONG = [
    (ONE.replace("id = 1", "id = 0"), "keys[0].id", "0", "1 to 255"),
    (ONE.replace("id = 1", "id = 256"), "keys[0].id", "256", "1 to 255"),
    (ONE.replace("id = 1", 'id = "1"'), "keys[0].id", '"1"', "1 to 255"),
    (ONE.replace("id = 1\n", ""), "keys[0].id", "missing", "1 to 255"),
    (ONE + TWO.replace("id = 2", "id = 1"), "keys[1].id", "1", "no other entry"),
    (ONE.replace('"send"', '"sent"'), "keys[0].state", '"sent"', "one of accept, send"),
    (ONE.replace('state = "send"\n', ""), "keys[0].state", "missing", "one of accept, send"),
    (ONE + TWO.replace("accept", "send"), "keys[1].state", '"send"', "keys[0] is the one"),
    (ONE.replace(f'key = "{FIRST}"\n', ""), "keys[0].key", "missing", "64 hexadecimal digits"),
    (ONE.replace(FIRST, FIRST[:-1]), "keys[0].key", "a text of 63 characters", "64 hex"),
    (ONE.replace(FIRST, FIRST + "0"), "keys[0].key", "a text of 65 characters", "64 hex"),
    (ONE.replace("abcdef", "abcdeg"), "keys[0].key", "something else in it", "64 hex"),
    (ONE.replace(FIRST, "٣" * 64), "keys[0].key", "something else in it", "64 hex"),
    (ONE.replace(FIRST, "0" * 64), "keys[0].key", "nothing but 0", "not all of them 0"),
    (ONE.replace(f'"{FIRST}"', "12345"), "keys[0].key", "no text in quotes", "64 hex"),
    (ONE + TWO.replace(SECOND, FIRST.upper()), "keys[1].key", "that of keys[0]", "no other"),
    (ONE + "sate = 1\n", "keys[0].sate", "an unknown key", '"state"'),
    ("unsigned = true\n" + ONE, "unsigned", "an unknown key", "accept_unsigned"),
    ("accept_unsigned = 1\n" + ONE, "accept_unsigned", "1", "true or false"),
    ("accept_unsigned = false\n", "accept_unsigned", "false", "while there is no key"),
    ("keys = 5\n", "keys", "5", "a list of at most 4 tables"),
    ("keys = [5]\n", "keys", "[5]", "a list of at most 4 tables"),
    ("".join(entry(n, f"{n:064x}") for n in range(1, 6)), "keys", "5 keys", "at most 4"),
]


@pytest.mark.parametrize(("text", "key", "value", "allowed"), WRONG)
def test_what_is_wrong_is_named_with_what_is_allowed(
    file: File, text: str, key: str, value: str, allowed: str
) -> None:
    problem = file.only_problem(text)
    assert problem.key == key
    assert value in problem.value
    assert allowed in problem.allowed


def test_everything_that_is_wrong_is_told_at_once(file: File) -> None:
    text = "colour = 1\n" + ONE.replace("id = 1", "id = 0") + TWO.replace(SECOND, "00")
    keys = [each.key for each in file.problems(text)]
    assert sorted(keys) == ["colour", "keys[0].id", "keys[1].key"]


# ---------------------------------------------------------------- no secret is told


SLIPS = [
    'state = "{0}"',
    "state = {0}",
    'id = "{0}"',
    '"{0}" = 1',
    "{0} = 1",
    'accept_unsigned = "{0}"',
    'keys = "{0}"',
    'keys = ["{0}"]',
    'keys = [["{0}"]]',
    'keys = [{{ "{0}" = "{0}" }}]',
    'key = "{0}"',
    'key = ["{0}"]',
    '[[keys]]\nid = 1\nstate = "send"\nkey = "{0}"',
    '[[keys]]\nid = 1\nstate = "{0}"\nkey = "send"',
    '[[keys]]\nid = "{0}"\nstate = "send"\nkey = 1',
    '[[keys]]\nid = 1\nstate = "send"\n"{0}" = "key"',
    '[[keys]]\n"{0}".id = 1',
    '["{0}"]\nid = 1',
    '["{0}"]\n["{0}"]',
    'a = {{ "{0}" = 1, "{0}" = 2 }}',
    '"{0}"',
    "{0}",
    '[[keys]]\nkey = "{0}',
]
SECRETS = st.one_of(
    st.text("0123456789abcdef", min_size=24, max_size=70),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/-_", min_size=24, max_size=60),
    st.lists(st.text("0123456789abcdef", min_size=4, max_size=4), min_size=8, max_size=16).map(
        " ".join
    ),
    st.lists(st.text("0123456789abcdef", min_size=2, max_size=2), min_size=16, max_size=32).map(
        ":".join
    ),
)


@given(st.sampled_from(SLIPS), SECRETS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_problem_tells_a_secret_wherever_it_was_written(
    file: File, slip: str, secret: str
) -> None:
    file.write(slip.format(secret))
    try:
        file.read()
    except ConfigError as error:
        for problem in error.problems:
            told = " ".join((problem.key, problem.value, problem.allowed, problem.remedy))
            pieces = {secret[at : at + 12] for at in range(len(secret) - 11)}
            assert not [piece for piece in pieces if piece in told], told


def test_what_is_short_and_at_its_place_is_shown(file: File) -> None:
    problem = file.only_problem(ONE.replace('"send"', '"sending it"'))
    assert problem.value == '"sending it"'
    assert problem.remedy == 'write "accept" or another of them'


# ---------------------------------------------------------------- writing


KEYS = KeySet(
    (
        Key(200, KeyState.SEND, bytes.fromhex(FIRST), 0x01234567),
        Key(3, KeyState.ACCEPT, bytes.fromhex(SECOND), 0xFEDCBA98),
    ),
    accepts_unsigned=True,
)


@st.composite
def key_sets(draw: st.DrawFn) -> KeySet:
    ids = draw(st.lists(st.integers(1, 255), max_size=KEYS_MAX, unique=True))
    secret = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES).filter(any)
    secrets = draw(st.lists(secret, min_size=len(ids), max_size=len(ids), unique=True))
    sender = draw(st.sampled_from([None, *ids]))
    keys = tuple(
        Key(each, KeyState.SEND if each == sender else KeyState.ACCEPT, key, check_of(key))
        for each, key in zip(ids, secrets, strict=True)
    )
    return KeySet(keys, draw(st.booleans())) if keys else NO_KEYS


@given(key_sets())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_again(file: File, keys: KeySet) -> None:
    write_key_file(str(file.path), keys)
    assert file.read() == keys
    assert len(file.path.read_bytes()) < FILE_BYTES_MAX


def test_the_file_is_for_its_owner_alone_and_nothing_else_is_left(file: File) -> None:
    before = os.umask(0)
    try:
        write_key_file(str(file.path), KEYS)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert os.listdir(file.path.parent) == ["keys.toml"]
    assert file.path.read_text().startswith("# Keys of bmcha;")
    assert set(tomllib.loads(file.path.read_text())) == {"accept_unsigned", "keys"}


def test_a_wider_mode_is_mended(file: File) -> None:
    file.write(ONE, 0o644)
    write_key_file(str(file.path), KEYS)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_that_unsigned_frames_are_refused_need_not_be_written(file: File) -> None:
    write_key_file(str(file.path), KeySet(KEYS.keys, accepts_unsigned=False))
    assert "accept_unsigned" not in file.path.read_text()
    assert not file.read().accepts_unsigned


def test_root_leaves_the_file_to_its_owner_and_gives_a_new_one_to_the_service(file: File) -> None:
    needs_root()
    write_key_file(str(file.path), KEYS, new_owner=4711)
    assert file.path.stat().st_uid == 4711
    os.chown(file.path, 4712, 4713)
    write_key_file(str(file.path), KEYS, new_owner=4711)
    assert (file.path.stat().st_uid, file.path.stat().st_gid) == (4712, 4713)


def test_a_link_stays_one(file: File, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    far = File(tmp_path / "far" / "keys.toml")
    file.path.symlink_to(far.path)
    write_key_file(str(file.path), KEYS)
    assert file.path.is_symlink()
    assert far.read() == KEYS


def test_what_is_no_file_is_not_replaced(file: File) -> None:
    os.mkfifo(file.path)
    with pytest.raises(OSError, match="no regular file") as error:
        write_key_file(str(file.path), KEYS)
    assert error.value.filename == str(file.path)
    assert file.path.is_fifo()


@pytest.mark.parametrize("name", ["fchmod", "fsync", "rename"])
def test_a_disk_that_fails_leaves_the_file_as_it_was(
    file: File, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    file.write(ONE)
    with monkeypatch.context() as broken:
        broken.setattr(os, name, fails)
        with pytest.raises(OSError, match="No space left") as error:
            write_key_file(str(file.path), KEYS)
    assert error.value.filename == str(file.path)
    assert file.path.read_text() == ONE
    assert os.listdir(file.path.parent) == ["keys.toml"]


def test_the_file_and_its_folder_are_on_the_disk_before_it_is_said_to_be_done(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(fd: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        real_fsync(fd)

    def rename(*args: Any, **more: Any) -> None:
        done.append("rename")
        real_rename(*args, **more)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    write_key_file(str(file.path), KEYS)
    assert done == ["file", "rename", "folder"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "no")):
        write_key_file(str(tmp_path / "no" / "keys.toml"), KEYS)


def test_a_draft_is_private_from_its_first_moment(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[int, int]] = []
    real = os.open

    def noting(name: str, flags: int, mode: int = 0o777, **more: int) -> int:
        opened.append((flags, mode))
        return real(name, flags, mode, **more)

    monkeypatch.setattr(os, "open", noting)
    write_key_file(str(file.path), KEYS)
    flags, mode = opened[-1]
    assert mode == 0o600
    assert flags & os.O_EXCL and flags & os.O_NOFOLLOW and flags & os.O_CREAT
