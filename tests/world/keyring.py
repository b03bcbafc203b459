"""What one path signs with and whom it believes: the twin of native/bmcha_keys.c, by hashlib.

Its keys may be replaced at any time, as those of a service are at a reload.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from functools import lru_cache

from bmcha.model.key import NO_KEYS, Key, KeySet
from bmcha.model.message import Header
from bmcha.model.moment import NS_PER_MS
from bmcha.runtime.pulse_settings import PulseSettings
from bmcha.wire import tables, version
from bmcha.wire.frame import BadReason, RawFrame

SEARCHES_MAX = 16
SEARCHES_NS = 500 * NS_PER_MS
_CONTEXT = struct.Struct("<12sIBBB")


def tag(data: bytes, key: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


@lru_cache(maxsize=256)
def path_key(
    secret: bytes, chassis_id: int, source_slot: int, target_slot: int, path: int
) -> bytes:
    """The key of one direction of one path."""
    context = _CONTEXT.pack(b"bmcha path 1", chassis_id, source_slot, target_slot, path)
    return tag(context, secret, 32)


def signed_bytes(header: Header, type_number: int, body: bytes, frame_version: int) -> bytes:
    """Header and body as they stand in a frame with a MAC."""
    head = tables.FRAME_HEADER.pack(
        frame_version,
        type_number,
        tables.FLAG_MAC,
        header.key_id,
        header.chassis_id,
        header.source_slot,
        header.target_slot,
        header.boot_id,
        header.epoch,
        header.sequence,
        len(body),
    )
    return head + body


class Keyring:
    """``keys``: of now. Messages of a pairing are heard until ``pairing_until_ns``."""

    def __init__(self, settings: PulseSettings, keys: KeySet = NO_KEYS) -> None:
        self._settings = settings
        self.keys = keys
        self.pairing_until_ns = 0
        self._search_ns = 0
        self._searches_count = 0

    @property
    def sender_id(self) -> int:
        sender = self.keys.sender
        return sender.id if sender is not None else 0

    def sign(self, header: Header, type_number: int, body: bytes) -> bytes:
        """b"": frames go out unsigned."""
        return self.seal(signed_bytes(header, type_number, body, version.CURRENT))

    def seal(self, data: bytes) -> bytes:
        """Header and body, as they stand in a frame that is to be signed."""
        sender = self.keys.sender
        if sender is None:
            return b""
        own, peer = self._settings.own_slot, self._settings.peer_slot
        key = self._path_key(sender, own, peer, self._settings.echo_index)
        return tag(data, key, tables.MAC_BYTES)

    def judge(self, raw: RawFrame, now_ns: int) -> BadReason | None:
        """None: it may be believed."""
        if not self.keys.keys:
            return None
        if not raw.mac:
            return None if self.keys.accepts_unsigned else BadReason.MAC_MISSING
        key = self.keys.of(raw.header.key_id)
        if key is None:
            return BadReason.KEY_UNKNOWN
        settings = self._settings
        own, peer = settings.own_slot, settings.peer_slot
        is_own = raw.header.source_slot == own
        source, target = (own, peer) if is_own else (peer, own)
        if self._matches(raw, self._path_key(key, source, target, settings.echo_index)):
            is_reflected = is_own and raw.header.boot_id == settings.boot_id
            return BadReason.REFLECTED if is_reflected else None
        if self._may_search(now_ns) and self._is_of_other_path(raw, key):
            return BadReason.OTHER_PATH
        return BadReason.MAC_WRONG

    def takes_pairing(self, now_ns: int) -> bool:
        return now_ns < self.pairing_until_ns

    def vouches(self, header: Header) -> bool:
        """What was believed was signed, and is to be of now as well."""
        return bool(self.keys.keys) and header.key_id != 0

    def _path_key(self, key: Key, source_slot: int, target_slot: int, path: int) -> bytes:
        return path_key(key.secret, self._settings.chassis_id, source_slot, target_slot, path)

    def _matches(self, raw: RawFrame, key: bytes) -> bool:
        data = signed_bytes(raw.header, raw.type_number, raw.body, raw.version)
        return hmac.compare_digest(tag(data, key, tables.MAC_BYTES), raw.mac)

    def _may_search(self, now_ns: int) -> bool:
        if now_ns - self._search_ns >= SEARCHES_NS:
            self._search_ns, self._searches_count = now_ns, 0
        self._searches_count += 1
        return self._searches_count <= SEARCHES_MAX

    def _is_of_other_path(self, raw: RawFrame, key: Key) -> bool:
        header = raw.header
        return any(
            self._matches(raw, self._path_key(key, header.source_slot, header.target_slot, path))
            for path in range(len(self._settings.echo_limits))
            if path != self._settings.echo_index
        )
