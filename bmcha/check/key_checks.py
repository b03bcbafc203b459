"""Checks the key file, and whether frames can be signed at all. Called by `bmcha.check.run`.

What is told of a key is its number, its state and its check; never the key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from bmcha.check.finding import Finding, from_problems
from bmcha.check.subject import Subject
from bmcha.config.key_file import read_key_file
from bmcha.config.table import ConfigError
from bmcha.hal.mac import check_of, open_mac
from bmcha.hal.port import PortError
from bmcha.model.key import KeySet, KeyState
from bmcha.model.record import dataclass

UNSIGNED: Final = "frames are not signed, and every frame is believed"
LIBRARY_REMEDY: Final = "install libsodium (Debian: apt install libsodium23; Yocto: libsodium)"


@dataclass(frozen=True, slots=True)
class KeyReading:
    """``keys``: None where nobody looked, or where they cannot be used."""

    keys: KeySet | None
    findings: tuple[Finding, ...] = ()


NOT_LOOKED_AT: Final = KeyReading(None)


def read_keys(subject: Subject) -> KeyReading:
    service = subject.service
    file = service.key_file if service is not None else None
    if file is None or not subject.is_sound(subject.module_file, "key_file"):
        return NOT_LOOKED_AT
    # As root for another user, whose file it shall be.
    is_root = os.geteuid() == 0
    try:
        # Without the library there are no checks; the file is judged all the same.
        keys = read_key_file(file, lambda _: 0, is_owner_free=is_root)
        if not keys.keys:
            return KeyReading(keys, tuple(_missing(subject, file)))
        open_mac()
        keys = read_key_file(file, check_of, is_owner_free=is_root)
    except ConfigError as error:
        return KeyReading(None, tuple(from_problems(error.problems)))
    except PortError as error:
        value = f"{file}, with keys; {str(error).partition(';')[0]}"
        allowed = "keys where libsodium is: without it the service does not start"
        return KeyReading(None, (subject.in_module("key_file", value, allowed, LIBRARY_REMEDY),))
    advice = [*_unsigned_but_strict(file, keys), *_of_another_user(subject, file)]
    return KeyReading(keys, tuple(advice))


def key_row(subject: Subject, keys: KeySet | None) -> Iterator[tuple[str, str]]:
    """For the summary."""
    if subject.service is None:
        return
    file = subject.service.key_file
    if file is None:
        yield "keys", f"none: {UNSIGNED}"
    elif keys is None:
        yield "keys", f"in {file}"
    elif not keys.keys:
        yield "keys", f"none in {file}: {UNSIGNED}"
    else:
        told = [
            f"{key.id} {'signs' if key.state is KeyState.SEND else 'is accepted'},"
            f" check {key.check:08x}"
            for key in keys.keys
        ]
        if keys.sender is None:
            told.append("frames are not signed yet")
        if keys.accepts_unsigned:
            told.append("unsigned frames are accepted too")
        yield "keys", "; ".join(told)


def _missing(subject: Subject, file: str) -> Iterator[Finding]:
    what = "without a key" if os.path.exists(file) else "which is not there"
    value = f"{file}, {what}: {UNSIGNED}"
    remedy = "make a key: `bmcha key new`; or with the module in the other slot: `bmcha key pair`"
    yield subject.in_module("key_file", value, "a file with a key", remedy, True)


def _unsigned_but_strict(file: str, keys: KeySet) -> Iterator[Finding]:
    if keys.sender is None and not keys.accepts_unsigned:
        value = 'nowhere "send", and unsigned frames are not accepted'
        allowed = "a key to sign with, where others have to sign"
        remedy = "take the next step: `bmcha key rotate`"
        yield Finding(file, "keys", value, allowed, remedy, True)


def _of_another_user(subject: Subject, file: str) -> Iterator[Finding]:
    """Root can read each file; the user that the service runs as, only its own."""
    assert subject.service is not None
    try:
        owner, user = (os.stat(each).st_uid for each in (file, subject.service.state_dir))
    except OSError:
        return
    if os.geteuid() == 0 and owner != user:
        value = f"{file}, of the user with the number {owner}; state_dir is of {user}"
        remedy = f"if the service runs as {user}: chown {user} {file}"
        allowed = "a file of the user that the service runs as"
        yield subject.in_module("key_file", value, allowed, remedy, True)
