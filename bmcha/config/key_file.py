"""Reads and writes the key file: the keys that frames are signed with (docs/adr/0025-keys.md).

Knows the file's form and who may read it; makes no key and signs nothing. Rules: what was judged is
what is read (one descriptor); no text of a problem has anything of the file in it that may be a
secret, not even a wrong one; the file is there whole or as it was before. Called by the service,
`bmcha check` and `bmcha key`.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from bmcha.config.table import ConfigError, ConfigProblem, Source, Table, require_distinct
from bmcha.model.key import KEY_BYTES, KEY_ID_MAX, KEYS_MAX, NO_KEYS, Key, KeySet, KeyState

FILE_BYTES_MAX: Final = 64 * 1024
"""Four keys take half a kilobyte; the rest is room for comments."""
MODE: Final = 0o600
NOT_SHOWN: Final = "(not shown)"

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_HEAD: Final = (
    "# Keys of bmcha; made and changed by `bmcha key`. Mode 0600: whoever reads it can speak as a"
    " module.\n"
)
_STATES: Final = {member.value: member for member in KeyState}
_HEX: Final = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")
_SECRET_ALLOWED: Final = f"{2 * KEY_BYTES} hexadecimal digits, not all of them 0"
_NEW_KEY: Final = "have a key made: `bmcha key new`"
_WORD_CHARS_MAX: Final = 20
"""No word of our own is longer; what somebody wrote at the wrong place may be a key."""
_QUOTED_OR_WORD: Final = re.compile(r'"[^"]*"?|[\w+/=:-]+')

CheckOf = Callable[[bytes], int]


def read_key_file(file: str, check_of: CheckOf, *, is_owner_free: bool = False) -> KeySet:
    """`NO_KEYS` where there is no such file. Raises `ConfigError` with every problem.

    ``check_of``: `bmcha.hal.mac.check_of`. ``is_owner_free``: whoever reads may read for another
    user, as root does with `bmcha key` for the service.
    """
    data = _read(file, is_owner_free)
    if data is None:
        return NO_KEYS
    problems: list[ConfigProblem] = []
    table = Table(_values(file, data), Source(file, {}, ""), problems)
    keys = _key_set(table, check_of)
    if problems:
        raise ConfigError([_discreet(each) for each in problems])
    return keys


def write_key_file(file: str, keys: KeySet, new_owner: int | None = None) -> None:
    """Replaces the file whole, or raises OSError and leaves it as it was.

    Who is root leaves the file to whom it belongs, and gives a new one to the user ``new_owner``.
    """
    folder, name = os.path.split(os.path.realpath(file))
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    draft = f".{name[:200]}.{os.urandom(8).hex()}"
    try:
        owner = _owner(name, folder_fd, new_owner)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(draft, flags, MODE, dir_fd=folder_fd), "wb") as opened:
            if os.geteuid() == 0:
                os.fchown(opened.fileno(), *owner)
            os.fchmod(opened.fileno(), MODE)
            opened.write(_text(keys).encode())
            opened.flush()
            os.fsync(opened.fileno())
        os.rename(draft, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        os.fsync(folder_fd)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=folder_fd)
        raise OSError(error.errno, error.strerror, file) from None
    finally:
        os.close(folder_fd)


# ---------------------------------------------------------------- the file


def _read(file: str, is_owner_free: bool) -> bytes | None:
    """None: it is not there."""
    try:
        # Not blocking: the name may be that of a pipe that nobody writes to.
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(file, error) from None
    try:
        problems = _problems_of_place(file, os.fstat(fd), is_owner_free)
        if problems:
            raise ConfigError(problems)
        with open(fd, "rb", closefd=False) as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise _unreadable(file, error) from None
    finally:
        os.close(fd)
    if len(data) > FILE_BYTES_MAX:
        remedy = "let `bmcha key` write it"
        value, allowed = "longer than that", f"at most {FILE_BYTES_MAX} bytes"
        raise ConfigError([_problem(file, value, allowed, remedy)])
    return data


def _problems_of_place(
    file: str, found: os.stat_result, is_owner_free: bool
) -> list[ConfigProblem]:
    if not stat.S_ISREG(found.st_mode):
        return [_problem(file, "not a regular file", "a file", f"see `ls -l {file}`")]
    problems = []
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OTHERS:
        allowed = "no right for group and others"
        problems.append(_problem(file, f"mode {mode:04o}", allowed, f"chmod 600 {file}"))
    own = os.geteuid()
    if found.st_uid not in (own, 0) and not is_owner_free:
        value = f"owned by the user with the number {found.st_uid}"
        allowed = f"owned by who reads it, the user with the number {own}, or by root"
        remedy = f"as root: chown {own} {file}"
        problems.append(_problem(file, value, allowed, remedy))
    return problems


def _values(file: str, data: bytes) -> dict[str, Any]:
    """The parser's own words may quote what stands there, so they are not told."""
    allowed, remedy = "a TOML file in UTF-8, as `bmcha key` writes it", "mend the line"
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = ConfigProblem(file, f"line {line}", "not UTF-8", allowed, remedy)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at (line \d+, column \d+)\)", str(error))
        place = found[1] if found else "the file"
        problem = ConfigProblem(file, place, "not TOML", allowed, remedy)
    except (RecursionError, ValueError):
        problem = ConfigProblem(file, "the file", "not TOML", allowed, "write it anew")
    raise ConfigError([problem]) from None


def _unreadable(file: str, error: OSError) -> ConfigError:
    value = f"unreadable ({error.strerror})"
    return ConfigError([_problem(file, value, "a file that can be read", f"see `ls -l {file}`")])


def _problem(file: str, value: str, allowed: str, remedy: str) -> ConfigProblem:
    return ConfigProblem(file, "the file", value, allowed, remedy)


def _owner(name: str, folder_fd: int, new_owner: int | None) -> tuple[int, int]:
    """(user, group); -1: as it comes."""
    try:
        found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except FileNotFoundError:
        return (-1 if new_owner is None else new_owner), -1
    # Replacing takes away what stands there: as root that could be /dev/null.
    if not stat.S_ISREG(found.st_mode):
        raise OSError(None, "it is there and no regular file; name another one", name)
    return found.st_uid, found.st_gid


# ---------------------------------------------------------------- what stands in it


def _key_set(table: Table, check_of: CheckOf) -> KeySet:
    entries = _entries(table)
    keys = [_key(entry, check_of) for entry in entries]
    for entry in entries:
        entry.end()
    require_distinct(entries, "id")
    _require_one_sender(entries, keys)
    _require_other_secrets(entries, keys)
    accepts_unsigned = table.flag("accept_unsigned", not entries)
    if not entries and not accepts_unsigned and table.is_sound("keys", "accept_unsigned"):
        allowed = "true while there is no key: nothing could be believed"
        table.refuse("accept_unsigned", "false", allowed, remedy=f"take it out, or {_NEW_KEY}")
    table.end()
    return KeySet(tuple(keys), accepts_unsigned) if keys else NO_KEYS


def _entries(table: Table) -> list[Table]:
    found = table.raw("keys")
    if isinstance(found, list) and len(found) > KEYS_MAX:
        table.ignore("keys")
        remedy = "take out those that no module signs with any more"
        table.refuse("keys", f"{len(found)} keys", f"at most {KEYS_MAX}", remedy=remedy)
        return []
    return table.tables("keys", KEYS_MAX)


def _key(entry: Table, check_of: CheckOf) -> Key:
    key_id = entry.integer("id", 1, KEY_ID_MAX)
    state = entry.choice("state", _STATES)
    secret = _secret(entry)
    return Key(key_id, state, secret, check_of(secret) if any(secret) else 0)


def _secret(entry: Table) -> bytes:
    """Nothing but zeros where it is wrong. Its value is never told."""
    entry.ignore("key")
    found = entry.raw("key")
    value = ""
    if found is None:
        value = "missing"
    elif not isinstance(found, str):
        value = "no text in quotes"
    elif len(found) != 2 * KEY_BYTES:
        value = f"a text of {len(found)} characters"
    elif not _HEX.fullmatch(found):
        value = "a text with something else in it"
    elif not int(found, 16):
        value = "nothing but 0"
    if value:
        entry.refuse("key", value, _SECRET_ALLOWED, remedy=_NEW_KEY)
        return bytes(KEY_BYTES)
    return bytes.fromhex(str(found))


def _require_one_sender(entries: Sequence[Table], keys: Sequence[Key]) -> None:
    senders = [
        number
        for number, (entry, key) in enumerate(zip(entries, keys, strict=True))
        if key.state is KeyState.SEND and entry.has("state") and entry.is_sound("state")
    ]
    for number in senders[1:]:
        allowed = f'"accept": keys[{senders[0]}] is the one that frames are signed with'
        remedy = 'leave "send" at one of them'
        entries[number].refuse("state", '"send"', allowed, remedy=remedy)


def _require_other_secrets(entries: Sequence[Table], keys: Sequence[Key]) -> None:
    """Two of the same secret would be one key, of which dropping one drops nothing."""
    seen: dict[bytes, int] = {}
    for number, (entry, key) in enumerate(zip(entries, keys, strict=True)):
        if not entry.is_sound("key"):
            continue
        if key.secret in seen:
            value = f"the same as that of keys[{seen[key.secret]}]"
            allowed = "a key that no other entry of this list has"
            entry.refuse("key", value, allowed, remedy="take one of the two out")
        seen.setdefault(key.secret, number)


def _discreet(problem: ConfigProblem) -> ConfigProblem:
    key, value, allowed, remedy = (
        _QUOTED_OR_WORD.sub(_short, text)
        for text in (problem.key, problem.value, problem.allowed, problem.remedy)
    )
    return replace(problem, key=key, value=value, allowed=allowed, remedy=remedy)


def _short(found: re.Match[str]) -> str:
    return found[0] if len(found[0].strip('"')) <= _WORD_CHARS_MAX else NOT_SHOWN


# ---------------------------------------------------------------- as text


def _text(keys: KeySet) -> str:
    parts = [_HEAD]
    if keys.keys and keys.accepts_unsigned:
        parts.append("accept_unsigned = true\n")
    parts += [
        f'\n[[keys]]\nid = {key.id}\nstate = "{key.state.value}"\nkey = "{key.secret.hex()}"\n'
        for key in keys.keys
    ]
    return "".join(parts)
