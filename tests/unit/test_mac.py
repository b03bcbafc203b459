"""The function that signs frames: BLAKE2b as Python's own has it, and what is said without it."""

import hashlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmcha.hal.mac import MAC_BYTES_MAX, check_of, mac_of, open_mac
from bmcha.hal.port import PortError
from bmcha.model.key import KEY_BYTES
from tests import needs

KEYS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
# Hides libsodium from whoever opens it at run time, as on a machine without it.
HIDING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
void *dlopen(const char *name, int flags)
{
    void *(*real)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    return real(name && strstr(name, "libsodium") ? "/no/such/libsodium" : name, flags);
}
"""
PROGRAM = """
from bmcha.hal.mac import check_of, open_mac
from bmcha.hal.port import PortError
for step in (lambda: check_of(bytes(32)), open_mac, lambda: check_of(bytes(32))):
    try:
        print("done", step())
    except (PortError, ValueError) as error:
        print(type(error).__name__, error)
"""


@pytest.fixture(autouse=True, scope="module")
def opened() -> None:
    needs_libsodium()


def needs_libsodium() -> None:
    try:
        open_mac()
    except PortError as error:
        needs.that(False, f"libsodium ({error})", "apt install libsodium23")


@given(KEYS, st.binary(max_size=400), st.integers(16, MAC_BYTES_MAX))
def test_a_tag_is_that_of_blake2b_with_the_key(key: bytes, data: bytes, size: int) -> None:
    assert mac_of(data, key, size) == hashlib.blake2b(data, key=key, digest_size=size).digest()


@pytest.mark.parametrize("length", [0, 16, KEY_BYTES - 1, KEY_BYTES + 1, 64])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"a key of {length}"):
        mac_of(b"frame", bytes(length))


@pytest.mark.parametrize("size", [0, 15, MAC_BYTES_MAX + 1])
def test_a_tag_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"a tag of {size} bytes"):
        mac_of(b"frame", bytes(KEY_BYTES), size)


def test_checks_tell_keys_apart_and_are_no_tag_of_a_frame() -> None:
    keys = [bytes([number]) * KEY_BYTES for number in range(200)]
    checks = [check_of(key) for key in keys]
    assert len(set(checks)) == len(keys)
    assert all(0 <= check < 2**32 for check in checks)
    tag = hashlib.blake2b(b"bmcha key check 1", key=keys[1], digest_size=32).digest()
    assert check_of(keys[1]) == int.from_bytes(tag[:4], "big")


def test_opened_twice_it_is_the_same() -> None:
    before = check_of(bytes(KEY_BYTES))
    open_mac()
    assert check_of(bytes(KEY_BYTES)) == before


def said_by_program(**environment: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ended.stdout.splitlines()


def test_nothing_is_signed_before_the_library_is_opened() -> None:
    before, opening, after = said_by_program()
    assert before == "ValueError nothing is signed before open_mac"
    assert opening == "done None"
    assert after == f"done {check_of(bytes(KEY_BYTES))}"


def test_without_the_library_it_is_named_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "hiding.c").write_text(HIDING)
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    library = tmp_path / "hiding.so"
    command = [compiler, "-shared", "-fPIC", tmp_path / "hiding.c", "-o", library, "-ldl"]
    subprocess.run(command, check=True)
    before, opening, after = said_by_program(LD_PRELOAD=str(library))
    assert before == after == "ValueError nothing is signed before open_mac"
    assert opening.startswith("PortError libsodium cannot be opened: /no/such/libsodium")
    assert "install it" in opening
