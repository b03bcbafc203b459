"""The C engine with the face of its Python twin, so that one test class runs both.

Frames go in and out as bytes; reports come through the ring and the code that reads it in the
service. No thread, no port, no clock: the functions that a turn is made of, one by one.
"""

import struct

from bmcha._native import ffi, lib
from bmcha.hal.port import Link
from bmcha.hal.serial_link import SerialLink
from bmcha.hal.udp_link import UdpLink
from bmcha.model.event import (
    Event,
    HeartbeatHeard,
    LinkSigns,
    MessageHeard,
    PathOverdue,
    PathSummarised,
)
from bmcha.model.key import NO_KEYS, KeySet
from bmcha.model.message import Header, Heartbeat, Message, MessageType, Pairing
from bmcha.model.settings import SerialLine
from bmcha.runtime.engine import Engine, EngineDrafts, EngineEchoes, EngineKeys
from bmcha.runtime.out_queue import OutQueue
from bmcha.runtime.path_reports import ReportReader
from bmcha.runtime.pulse_settings import PulseSettings
from bmcha.wire.codec_native import decode_datagram, decode_stream
from bmcha.wire.frame import BadReason, RawFrame
from bmcha.wire.front import build_frame
from bmcha.wire.messages import parse_body
from tests.world.echo_board import LastHeard
from tests.world.frame_coder import Damage
from tests.world.pulse_sender import Outgoing

LAST_HEARD = struct.Struct("=qIII4x")
FRAME_ROOM = 5000


class NativeEchoes(EngineEchoes):
    def note(self, index: int, heard: LastHeard) -> None:
        record = LAST_HEARD.pack(heard.heard_ns, heard.boot_id, heard.sequence, 1)
        lib.bmcha_published_write(ffi.addressof(self.board.places[index]), record, LAST_HEARD.size)


class NativePulse:
    """``fault`` and `signs` are the worker's in the service."""

    def __init__(
        self,
        settings: PulseSettings,
        drafts: EngineDrafts,
        echoes: NativeEchoes,
        queue: OutQueue,
        now_ns: int,
        keys: KeySet = NO_KEYS,
    ) -> None:
        self.settings = settings
        self.keys = EngineKeys(keys)
        self.fault = ""
        self.name = f"path {settings.path}"
        self.now_ns = now_ns
        self._is_stuffed = settings.line_bytes_per_s is not None
        link: Link = UdpLink(("127.0.0.1", 1), ("127.0.0.1", 2))
        if self._is_stuffed:
            link = SerialLink("/dev/null", SerialLine())
        self._pairings: list[Event] = []
        self.lines: list[str] = []
        self.engine = Engine(
            settings,
            drafts,
            echoes,
            queue,
            link,
            -1,
            lambda: self.now_ns,
            self.lines.append,
            keys=self.keys,
        )
        self._made = self.engine.struct
        self.pulse = ffi.addressof(self._made, "pulse")
        self._reader = ReportReader(
            self,  # type: ignore[arg-type]
            lambda: self.now_ns,
            self.lines.append,
            self._hear_pairing,
        )
        self._out = ffi.new("uint8_t[]", FRAME_ROOM)

    # ---- what a reader of reports asks its path for

    def signs(self) -> LinkSigns:
        return LinkSigns()

    def summarised(self, openings: int, is_working: bool) -> None:
        """Nobody opens anything."""

    # ---- `Pulse`

    @property
    def has_said_goodbye(self) -> bool:
        return self.engine.has_said_goodbye

    @property
    def odd_counts(self) -> dict[str, int]:
        counts, bad = self.pulse.counts, self._made.sieve.bad_counts
        foreign = bad[BadReason.CHASSIS.value] + bad[BadReason.SLOT.value]
        return {
            "frames not for this path": counts.ignored + foreign,
            "frames heard twice or too late": counts.repeated,
            "writes that the port refused": counts.refused,
            "mirror messages dropped": self.engine.dropped_count,
        }

    def due_ns(self, now_ns: int) -> int:
        self._feed(now_ns)
        return int(lib.bmcha_pulse_due(self.pulse, now_ns, True, True))

    def woke(self, now_ns: int) -> None:
        self._feed(now_ns)
        lib.bmcha_pulse_woke(self.pulse, now_ns)

    def hear(
        self, header: Header, message: Message, heard_ns: int
    ) -> HeartbeatHeard | MessageHeard | None:
        data = build_frame(header, message, heard_ns, self._is_stuffed)
        event = self.hear_bytes(data, heard_ns)
        assert event is None or isinstance(event, HeartbeatHeard | MessageHeard)
        return event

    def hear_bytes(self, data: bytes, heard_ns: int) -> Event | None:
        self.now_ns = heard_ns
        if self._is_stuffed:
            lib.bmcha_engine_hear_stream(self._made, data, len(data), heard_ns)
        else:
            sizes = ffi.new("uint32_t[]", [len(data)])
            lib.bmcha_engine_hear_datagrams(self._made, data, len(data), sizes, 1, heard_ns)
        return self._only_event()

    def note_link(self, damage: Damage, _signs: LinkSigns) -> None:
        self._made.sieve.bad_counts[BadReason.CRC.value] = damage.bad_count

    def offer(self, now_ns: int) -> Outgoing | None:
        self._feed(now_ns)
        size = lib.bmcha_pulse_offer(self.pulse, now_ns, self._out, FRAME_ROOM)
        if not size:
            return None
        data = bytes(ffi.buffer(self._out, size))
        raw = decode_stream(data)[0][0] if self._is_stuffed else decode_datagram(data)
        assert isinstance(raw, RawFrame)
        header, message_type = raw.header, MessageType(raw.type_number)
        message = parse_body(message_type, raw.body, header.epoch, now_ns)
        assert message is not None
        return Outgoing(header, message, 0 if isinstance(message, Heartbeat) else None)

    def note_sent(self, _outgoing: Outgoing, size_bytes: int, now_ns: int) -> None:
        lib.bmcha_pulse_note_sent(self.pulse, size_bytes, now_ns)

    def note_refused(self, now_ns: int) -> None:
        lib.bmcha_pulse_note_refused(self.pulse, now_ns)

    def beats_went_on(self, since_ns: int, now_ns: int) -> bool:
        return self.engine.beats_went_on(since_ns, now_ns)

    def is_watch_due(self, now_ns: int) -> bool:
        return bool(lib.bmcha_pulse_is_watch_due(self.pulse, now_ns))

    def judge(self, looked_ns: int) -> PathOverdue | None:
        lib.bmcha_engine_judge(self._made, looked_ns)
        event = self._only_event()
        assert event is None or isinstance(event, PathOverdue)
        return event

    def summary(self, now_ns: int) -> PathSummarised | None:
        lib.bmcha_engine_summarise(self._made, now_ns)
        event = self._only_event()
        assert event is None or isinstance(event, PathSummarised)
        return event

    # ---- bytes, for tests of what is signed

    def said(self, now_ns: int) -> list[bytes]:
        """Everything that it wants to send now, on a medium that takes it."""
        self._feed(now_ns)
        said = []
        while size := lib.bmcha_pulse_offer(self.pulse, now_ns, self._out, FRAME_ROOM):
            lib.bmcha_pulse_note_sent(self.pulse, size, now_ns)
            said.append(bytes(ffi.buffer(self._out, size)))
        return said

    def take_keys(self, keys: KeySet, now_ns: int) -> None:
        """As at a reload."""
        self.keys.publish(keys)
        self.woke(now_ns)

    def open_pairing(self, until_ns: int, now_ns: int) -> None:
        self.keys.open_pairing(until_ns)
        self.woke(now_ns)

    # ---- what the tests look at beside it

    def sender_due_ns(self, now_ns: int) -> int:
        self._feed(now_ns)
        return int(lib.bmcha_sender_due(self.pulse, now_ns))

    def set_sequence(self, sequence: int) -> None:
        self.pulse.sequence = sequence

    def expect(self, now_ns: int) -> None:
        self.pulse.expected_ns = now_ns

    def _feed(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self.engine.feed()
        if lib.bmcha_pulse_wants_letter(self.pulse, now_ns):
            self.engine.feed(is_answer=True)

    def _hear_pairing(self, header: Header, data: bytes) -> None:
        """In the service the node is not told; the twin hands it out like any message."""
        self._pairings.append(MessageHeard(self.settings.path, header, Pairing(data), self.now_ns))

    def _only_event(self) -> Event | None:
        events = [*self._reader.read(), *self._pairings]
        self._pairings.clear()
        assert len(events) <= 1
        return events[0] if events else None
