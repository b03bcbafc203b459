"""The beat engine of one path, in C, as Python sees it (docs/adr/0003 and 0023).

`run` turns it in the thread of its path, without the interpreter's lock; everything else is short
and for any thread. What the engine reports waits in its ring until `take`, and ``report_fd``
says that there is something. Decides nothing; what a report means is `path_reports`' affair.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any, Final, NamedTuple

from bmcha._native import ffi, lib
from bmcha.hal.port import Link
from bmcha.model.key import KEY_BYTES, KEYS_MAX, NO_KEYS, KeySet
from bmcha.model.message import Heartbeat, HeartbeatDraft
from bmcha.model.moment import NS_PER_MS
from bmcha.runtime.out_queue import Letter, OutQueue
from bmcha.runtime.published import DraftBoard
from bmcha.runtime.pulse_settings import PulseSettings, did_beats_go_on
from bmcha.runtime.worker import Clock
from bmcha.wire.messages import build_body, deadtime_beats, type_of

FOR_EVER_NS: Final = (1 << 63) - 1
NEVER_NS: Final = -(1 << 63)
BEAT, MESSAGE, OVERDUE, SUMMARY = 1, 2, 3, 4
"""enum bmcha_report_kind"""
_DRAFT: Final = struct.Struct("=qIII36s")
"""struct bmcha_draft: published_ns, urgent_count, epoch, body_size, body."""
_REPORT: Final = struct.Struct("=IHHqIIIIIBBBB")
"""struct bmcha_report."""
_KEY_SET: Final = struct.Struct("=IIIIq" + f"I{KEY_BYTES}s" * KEYS_MAX)
"""struct bmcha_key_set: number, count, sender_id, accepts_unsigned, pairing_until_ns; of each key
its id and secret."""
_BEAT_TIMES: Final = struct.Struct("=qq")
"""struct bmcha_beat_times: last_ns, unbroken_ns."""


class Report(NamedTuple):
    """What the engine said: `struct bmcha_report` and the body behind it."""

    size: int
    kind: int
    body_size: int
    heard_ns: int
    beats_in_row: int
    chassis_id: int
    boot_id: int
    epoch: int
    sequence: int
    type_number: int
    key_id: int
    source_slot: int
    target_slot: int
    body: bytes


class EngineDrafts(DraftBoard):
    """Written by the node's thread; every engine reads it without the lock."""

    def __init__(self) -> None:
        super().__init__()
        self.board = ffi.new("struct bmcha_published *")

    def publish(self, draft: HeartbeatDraft, is_urgent: bool, now_ns: int) -> None:
        """ValueError: the wire cannot say it; the node must end then, and the peer take over."""
        super().publish(draft, is_urgent, now_ns)
        # The path fills in its timers and echoes; these are only such that it can be said.
        body = build_body(Heartbeat(draft, 1, 2, ()), now_ns)
        urgent_count = self.current.urgent_count if self.current else 0
        record = _DRAFT.pack(now_ns, urgent_count, draft.epoch, len(body), body)
        lib.bmcha_published_write(self.board, record, len(record))


class EngineKeys:
    """What frames are signed with and whom all engines believe; replaced whole, by one thread."""

    def __init__(self, keys: KeySet = NO_KEYS) -> None:
        self.board = ffi.new("struct bmcha_published *")
        self._number = 0
        self._pairing_until_ns = 0
        self.publish(keys)

    def publish(self, keys: KeySet) -> None:
        """Each engine takes it over in its next turn. With keys only after `hal.mac.open_mac`."""
        self._keys = keys
        self._write()

    def open_pairing(self, until_ns: int) -> None:
        """Messages of `bmcha key pair` are heard until then; 0: they are not."""
        self._pairing_until_ns = until_ns
        self._write()

    def _write(self) -> None:
        keys = self._keys
        self._number += 1
        sender = keys.sender.id if keys.sender is not None else 0
        fields: list[int | bytes] = []
        for key in keys.keys:
            fields += [key.id, key.secret]
        fields += [0, b""] * (KEYS_MAX - len(keys.keys))
        head = self._number, len(keys.keys), sender, keys.accepts_unsigned
        record = _KEY_SET.pack(*head, self._pairing_until_ns, *fields)
        lib.bmcha_published_write(self.board, record, len(record))


class EngineEchoes:
    """One for all paths to one peer."""

    def __init__(self) -> None:
        self.board = ffi.new("struct bmcha_echo_board *")


class Engine:
    """``log`` is told what could not be sent, ever."""

    def __init__(
        self,
        settings: PulseSettings,
        drafts: EngineDrafts,
        echoes: EngineEchoes,
        queue: OutQueue,
        link: Link,
        report_fd: int,
        clock: Clock,
        log: Callable[[str], None],
        priority: int = 0,
        keys: EngineKeys | None = None,
    ) -> None:
        """``report_fd``: a counter (eventfd) of what there is to `take`. ``priority``: that of
        SCHED_FIFO while it runs; where the system refuses it, it runs without. ``keys`` None: there
        will never be any."""
        self.settings = settings
        self._queue = queue
        self._clock = clock
        self._log = log
        self._lock = Lock()
        port = link.port
        self._kept = (drafts.board, echoes.board, port.struct, keys)
        self._room = ffi.new("uint8_t[]", int(lib.BMCHA_REPORTS_BYTES))
        self.struct = made = ffi.gc(lib.bmcha_engine_new(), lib.bmcha_engine_free)
        if made == ffi.NULL:
            raise MemoryError("no memory, or no descriptor, for a beat engine")
        made.port = port.struct
        made.report_fd, made.priority = report_fd, priority
        made.pulse.draft_board, made.pulse.echo_board = drafts.board, echoes.board
        if keys is not None:
            made.pulse.keyring.board = keys.board
        _fill_settings(made.pulse.settings, settings, port.is_stream)
        made.sieve.chassis_id = settings.chassis_id
        made.sieve.source_slot, made.sieve.target_slot = settings.peer_slot, settings.own_slot
        lib.bmcha_pulse_begin(ffi.addressof(made, "pulse"), clock())

    @property
    def dropped_count(self) -> int:
        """Messages of the mirror that found no room."""
        return self._queue.dropped_count

    @property
    def has_said_goodbye(self) -> bool:
        return bool(self.struct.pulse.has_said_goodbye)

    @property
    def has_messages(self) -> bool:
        """Something waits to be sent, apart from beats."""
        pulse, queue = self.struct.pulse, self._queue
        is_full = pulse.role.is_full or pulse.mirror.is_full
        return bool(is_full or queue.has_role or queue.has_mirror)

    def beats_went_on(self, since_ns: int, now_ns: int) -> bool:
        """From before ``since_ns`` until now, as far as leaving is hearing (T3)."""
        times = bytearray(_BEAT_TIMES.size)
        board = ffi.addressof(self.struct, "pulse", "beat_times_board")
        if not lib.bmcha_published_read(board, ffi.from_buffer(times), len(times)):
            return False
        last_ns, unbroken_ns = _BEAT_TIMES.unpack(times)
        return did_beats_go_on(self.settings, last_ns, unbroken_ns, since_ns, now_ns)

    def wake(self) -> None:
        """There is something to send, to publish or to watch."""
        self.feed()
        lib.bmcha_engine_wake(self.struct)

    def answer(self) -> None:
        """It may have asked for a message: its room is empty, and its line free."""
        if self.feed(is_answer=True):
            lib.bmcha_engine_wake(self.struct)

    def feed(self, is_answer: bool = False) -> bool:
        """Gives it what waits in its queue, as far as it has room; True: it did. ``is_answer``: a
        line gets a message of the mirror if it has asked."""
        with self._lock:
            order = self._queue.take_watch()
            if order is not None:
                lib.bmcha_engine_order_watch(self.struct, order.silent_after_ns, order.armed_ns)
            pulse = self.struct.pulse
            role = ffi.addressof(pulse, "role")
            has_fed = self._fill(role, self._queue.take_role, self._has_role)
            mirror = ffi.addressof(pulse, "mirror")
            if not self.settings.line_bytes_per_s or (is_answer and mirror.is_asked):
                has_fed |= self._fill(mirror, self._queue.take_mirror, self._has_mirror)
            elif self._queue.has_mirror:
                # Encoded once the line is free: the ages in it are those of its sending.
                lib.bmcha_letter_await(mirror)
            return has_fed

    def run(self, until_ns: int = FOR_EVER_NS) -> int:
        """Until that time, or `stop`: 0; or the errno that the port failed with."""
        return -int(lib.bmcha_engine_run(self.struct, until_ns))

    def stop(self) -> None:
        lib.bmcha_engine_stop(self.struct)

    def port_opened(self) -> int:
        """While it does not run; the number of this opening. Of a stream that was cut the rest will
        not come."""
        made = self.struct
        made.held_size = made.is_overlong = 0
        made.is_working = made.has_heard_sound = 0
        made.openings += 1
        return int(made.openings)

    @property
    def has_failed_writing(self) -> bool:
        return bool(self.struct.stage == lib.BMCHA_STAGE_WRITE)

    @property
    def has_heard_sound(self) -> bool:
        """A whole frame since the port was opened."""
        return bool(self.struct.has_heard_sound)

    def take(self) -> Iterator[Report]:
        """By one thread. What was reported since."""
        size = lib.bmcha_reports_take(
            ffi.addressof(self.struct, "reports"), self._room, len(self._room)
        )
        if not size:
            return
        data = bytes(ffi.buffer(self._room, size))
        at = 0
        while at < size:
            fields = _REPORT.unpack_from(data, at)
            begin = at + _REPORT.size
            yield Report._make((*fields, data[begin : begin + fields[2]]))
            at += fields[0]

    def _has_role(self) -> bool:
        return self._queue.has_role

    def _has_mirror(self) -> bool:
        return self._queue.has_mirror

    def _fill(
        self, room: Any, take: Callable[[], Letter | None], has_more: Callable[[], bool]
    ) -> bool:
        has_filled = False
        while has_more():
            if room.is_full:
                if lib.bmcha_letter_await(room):
                    continue  # It was emptied just now.
                break
            letter = take()
            if letter is not None:
                self._fill_one(room, letter)
                has_filled = True
        return has_filled

    def _fill_one(self, room: Any, letter: Letter) -> None:
        try:
            body = build_body(letter.message, self._clock())
        except ValueError as error:
            self._log(f"path {self.settings.path}: {error}; the message is dropped")
            return
        number = type_of(letter.message).value
        if not lib.bmcha_letter_fill(room, number, letter.target_slot, body, len(body)):
            text = f"a body of {len(body)} bytes is longer than a frame may be"
            self._log(f"path {self.settings.path}: {text}; the message is dropped")


class Engines:
    """All of a node's. ``trusted``: the paths that count, as of now (`Node.paths_to_trust`)."""

    def __init__(self, engines: Sequence[Engine], trusted: Callable[[int], set[str]]) -> None:
        self._trusted = trusted
        self._of_peer: dict[int, list[Engine]] = {}
        for engine in engines:
            self._of_peer.setdefault(engine.settings.peer_slot, []).append(engine)

    def beats_went_on(self, since_ns: int, now_ns: int) -> bool:
        """To each peer, over one trusted path at least; False where there is none."""
        trusted = self._trusted(now_ns)
        return bool(self._of_peer) and all(
            any(
                engine.settings.path in trusted and engine.beats_went_on(since_ns, now_ns)
                for engine in engines
            )
            for engines in self._of_peer.values()
        )


def _fill_settings(to: Any, settings: PulseSettings, is_stuffed: bool) -> None:
    to.chassis_id, to.boot_id = settings.chassis_id, settings.boot_id
    to.own_slot, to.peer_slot = settings.own_slot, settings.peer_slot
    to.echo_index, to.echoes_count = settings.echo_index, len(settings.echo_limits)
    to.is_stuffed = is_stuffed
    to.interval_ms = settings.interval_ms
    to.deadtime_beats = deadtime_beats(settings.interval_ms, settings.deadtime_ms)
    to.recovery_beats_min = settings.recovery_beats_min
    to.line_bytes_per_s = settings.line_bytes_per_s or 0
    to.stall_limit_ns = settings.stall_limit_ms * NS_PER_MS
    for place, limits in enumerate(settings.echo_limits):
        to.late_after_ns[place] = limits.late_after_ns
        to.silent_after_ns[place] = limits.silent_after_ns
