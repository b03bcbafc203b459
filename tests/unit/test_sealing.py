"""libsodium by ctypes: against what others have computed, and that nothing secret is shown."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmcha.hal import sealing
from bmcha.hal.port import PortError
from bmcha.hal.sealing import (
    HASH_BYTES,
    SEAL_BYTES,
    agree,
    draw_pair,
    hash_of,
    open_sealing,
    random_bytes,
    seal,
    unseal,
)
from tests import needs

try:
    open_sealing()
except PortError as error:
    needs.that(False, f"libsodium ({error})", "apt install libsodium23")

KEY = bytes(range(32))
PROGRAM = """
import ctypes
def missing(name): raise OSError(f"{name}: cannot open shared object file")
ctypes.CDLL = missing
from bmcha.hal import sealing
for step in (sealing.draw_pair, sealing.open_sealing, sealing.draw_pair):
    try:
        print("done", step())
    except Exception as error:
        print(type(error).__name__, error)
"""


@given(st.binary(max_size=300), st.just(b"") | st.binary(min_size=16, max_size=64))
def test_a_hash_is_blake2b(data: bytes, key: bytes) -> None:
    expected = hashlib.blake2b(data, key=key, digest_size=HASH_BYTES).digest()
    assert hash_of(data, key) == expected


def test_a_key_too_long_for_a_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="libsodium refused"):
        hash_of(b"data", bytes(65))


def test_two_ends_agree_and_each_direction_has_its_own_key() -> None:
    one, other = draw_pair(), draw_pair()
    client = agree(one, other.public, is_client=True)
    server = agree(other, one.public, is_client=False)
    assert client is not None and server is not None
    assert client.say == server.hear and server.say == client.hear
    assert client.say != client.hear


def x25519(secret: bytes, point: bytes) -> bytes:
    """RFC 7748, section 5, as it stands there."""
    prime = 2**255 - 19
    scalar = int.from_bytes(secret, "little") & ~7 & (2**255 - 1) | 2**254
    x1 = int.from_bytes(point, "little") % 2**255
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for at in reversed(range(255)):
        bit = scalar >> at & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % prime, b * b % prime, d * a % prime, c * b % prime
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % prime, x1 * (da - cb) ** 2 % prime
        x2, z2 = aa * bb % prime, e * (aa + 121665 * e) % prime
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, prime - 2, prime) % prime).to_bytes(32, "little")


def test_the_reference_is_right_about_the_key_of_the_rfc() -> None:
    """RFC 7748, section 6.1, Bob."""
    secret = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    assert x25519(secret, (9).to_bytes(32, "little")).hex() == public


def test_the_session_keys_are_those_of_x25519_and_blake2b() -> None:
    """As libsodium documents crypto_kx: rx and tx of the client are the halves of
    BLAKE2b-512(point, client's public key, server's public key)."""
    client, server = draw_pair(), draw_pair()
    assert client.public == x25519(client.secret, (9).to_bytes(32, "little"))
    point = x25519(client.secret, server.public)
    both = hashlib.blake2b(point + client.public + server.public, digest_size=64).digest()
    found = agree(client, server.public, is_client=True)
    assert found is not None
    assert (found.hear, found.say) == (both[:32], both[32:])


def test_a_public_key_that_nobody_can_have_drawn_is_refused() -> None:
    assert agree(draw_pair(), bytes(32), is_client=True) is None
    assert agree(draw_pair(), bytes(32), is_client=False) is None


@given(st.binary(max_size=300))
def test_what_was_sealed_is_opened(data: bytes) -> None:
    box = seal(data, KEY)
    assert len(box) == len(data) + SEAL_BYTES
    assert unseal(box, KEY) == data
    assert unseal(box, bytes(32)) is None
    assert seal(data, KEY) != box, "a nonce is used once"


@given(st.data())
def test_a_box_that_was_changed_anywhere_is_not_opened(some: st.DataObject) -> None:
    box = bytearray(seal(b"key", KEY))
    box[some.draw(st.integers(0, len(box) - 1))] ^= 1 << some.draw(st.integers(0, 7))
    assert unseal(bytes(box), KEY) is None


@pytest.mark.parametrize("size", range(SEAL_BYTES))
def test_a_box_cut_short_is_not_opened(size: int) -> None:
    assert unseal(seal(b"", KEY)[:size], KEY) is None


def test_a_box_of_libsodium_is_opened() -> None:
    """crypto_secretbox of NaCl's own test (tests/secretbox.c): XSalsa20-Poly1305."""
    first_key = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
    nonce = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
    sealed = bytes.fromhex(
        "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce"
        "48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c972"
        "71d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae"
        "90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b3"
        "7973f622a43d14a6599b1f654cb45a74e355a5"
    )
    opened = unseal(nonce + sealed, first_key)
    assert opened is not None
    assert opened.hex().startswith("be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd4")
    assert len(opened) == 131


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused_and_not_shown(size: int) -> None:
    key = b"\xab" * size
    for use in (
        lambda: seal(b"", key),
        lambda: unseal(bytes(SEAL_BYTES), key),
        lambda: agree(draw_pair(), key, is_client=True),
    ):
        with pytest.raises(ValueError, match=f"a key of {size} bytes") as refused:
            use()
        assert "abab" not in str(refused.value)


def test_no_secret_is_in_a_repr() -> None:
    pair = draw_pair()
    session = agree(pair, draw_pair().public, is_client=True)
    assert session is not None
    shown = repr(pair) + repr(session)
    for secret in (pair.secret, session.say, session.hear):
        assert repr(secret) not in shown and secret.hex() not in shown
    assert re.search("SessionKeys\\(\\)", shown)


def test_what_is_drawn_is_never_the_same() -> None:
    assert len({random_bytes(16) for _ in range(100)}) == 100
    assert len({draw_pair().public for _ in range(20)}) == 20


def test_without_libsodium_it_says_what_to_install() -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    first, second, third = found.stdout.splitlines()
    assert first == third == "ValueError nothing is sealed before open_sealing"
    assert second.startswith("PortError libsodium cannot be opened: libsodium.so")
    assert "install it" in second


def test_a_library_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        def sodium_init(self) -> int:
            return 0

    monkeypatch.setattr(sealing, "_library", None)
    monkeypatch.setattr(sealing, "_load", Old)
    with pytest.raises(PortError, match="lacks randombytes_buf, crypto_kx_keypair"):
        open_sealing()
