"""libsodium for `bmcha key pair`: a secret that two ends agree on, and boxes that only they open.

Through ctypes, since a person waits for it and nothing else does: the service never loads this
(docs/adr/0026-pairing.md). Nothing here is of our own making; each function is one of libsodium's.
Rules: `open_sealing` before anything else; no secret is in a repr or in an exception's text.
"""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Any, Final

from bmcha.hal.port import PortError

PUBLIC_BYTES: Final = 32
SECRET_BYTES: Final = 32
SESSION_BYTES: Final = 32
NONCE_BYTES: Final = 24
TAG_BYTES: Final = 16
SEAL_BYTES: Final = NONCE_BYTES + TAG_BYTES
"""What a box has beside what lies in it."""
HASH_BYTES: Final = 32
_NAMES: Final = ("libsodium.so.23", "libsodium.so.26", "libsodium.so")
"""As in native/bmcha_mac.c."""
_FUNCTIONS: Final = (
    *("sodium_init", "randombytes_buf", "crypto_kx_keypair", "crypto_generichash"),
    *("crypto_kx_client_session_keys", "crypto_kx_server_session_keys"),
    *("crypto_secretbox_easy", "crypto_secretbox_open_easy"),
)


# The standard one: ours shows every field.
@dataclasses.dataclass(frozen=True, slots=True)
class KeyPair:
    public: bytes
    secret: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class SessionKeys:
    """``hear`` opens what the other end has sealed with its ``say``."""

    hear: bytes = dataclasses.field(repr=False)
    say: bytes = dataclasses.field(repr=False)


_library: Any = None


def open_sealing() -> None:
    """Again does nothing. PortError: there is no libsodium, or it cannot be used."""
    global _library
    if _library is not None:
        return
    found = _load()
    missing = [name for name in _FUNCTIONS if not hasattr(found, name)]
    if missing:
        raise PortError(f"libsodium lacks {', '.join(missing)}: it is too old (1.0.12 has them)")
    if found.sodium_init() < 0:
        raise PortError("libsodium cannot be initialised: no source of randomness")
    found.randombytes_buf.restype = None
    _library = found


def random_bytes(size: int) -> bytes:
    out = ctypes.create_string_buffer(size)
    _opened().randombytes_buf(out, ctypes.c_size_t(size))
    return out.raw


def draw_pair() -> KeyPair:
    """crypto_kx_keypair"""
    public = ctypes.create_string_buffer(PUBLIC_BYTES)
    secret = ctypes.create_string_buffer(SECRET_BYTES)
    _must(_opened().crypto_kx_keypair(public, secret))
    return KeyPair(public.raw, secret.raw)


def agree(pair: KeyPair, other_public: bytes, *, is_client: bool) -> SessionKeys | None:
    """crypto_kx_client_session_keys, crypto_kx_server_session_keys: one end is the client. None:
    the other key is none that anybody has drawn."""
    _require(other_public, PUBLIC_BYTES)
    hear = ctypes.create_string_buffer(SESSION_BYTES)
    say = ctypes.create_string_buffer(SESSION_BYTES)
    library = _opened()
    function = (
        library.crypto_kx_client_session_keys
        if is_client
        else library.crypto_kx_server_session_keys
    )
    if function(hear, say, pair.public, pair.secret, other_public):
        return None
    return SessionKeys(hear.raw, say.raw)


def seal(data: bytes, key: bytes) -> bytes:
    """crypto_secretbox_easy: the box is SEAL_BYTES longer than ``data``, with its nonce first."""
    _require(key, SESSION_BYTES)
    nonce = random_bytes(NONCE_BYTES)
    out = ctypes.create_string_buffer(len(data) + TAG_BYTES)
    size = ctypes.c_ulonglong(len(data))
    _must(_opened().crypto_secretbox_easy(out, data, size, nonce, key))
    return nonce + out.raw


def unseal(box: bytes, key: bytes) -> bytes | None:
    """crypto_secretbox_open_easy. None: it was sealed with another key, or changed since."""
    _require(key, SESSION_BYTES)
    nonce, sealed = box[:NONCE_BYTES], box[NONCE_BYTES:]
    if len(sealed) < TAG_BYTES:
        return None
    # One more: a buffer of none is not taken by every version.
    out = ctypes.create_string_buffer(len(sealed) - TAG_BYTES + 1)
    size = ctypes.c_ulonglong(len(sealed))
    if _opened().crypto_secretbox_open_easy(out, sealed, size, nonce, key):
        return None
    return out.raw[:-1]


def hash_of(data: bytes, key: bytes = b"") -> bytes:
    """crypto_generichash, which is BLAKE2b: HASH_BYTES. ``key``: none, or 16 to 64 bytes."""
    out = ctypes.create_string_buffer(HASH_BYTES)
    sizes = ctypes.c_size_t(HASH_BYTES), ctypes.c_ulonglong(len(data))
    _must(
        _opened().crypto_generichash(
            out, sizes[0], data, sizes[1], key or None, ctypes.c_size_t(len(key))
        )
    )
    return out.raw


def _load() -> Any:
    for name in _NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            last = error
    raise PortError(f"libsodium cannot be opened: {last}; install it (Debian, Yocto: libsodium)")


def _opened() -> Any:
    if _library is None:
        raise ValueError("nothing is sealed before open_sealing")
    return _library


def _must(result: int) -> None:
    if result:
        raise ValueError("libsodium refused its arguments")


def _require(key: bytes, size: int) -> None:
    # The library takes the length for granted.
    if len(key) != size:
        raise ValueError(f"a key of {len(key)} bytes, where {size} are meant")
