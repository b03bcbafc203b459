"""A test for each sentence of A1 to A7 in docs/adr/0025-keys.md, in virtual time.

Each runs with the engine in C that the service has, and with its twin in Python; two that talk to
each other run in every pairing, so that both sign and judge alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from bmcha.hal.mac import check_of, open_mac
from bmcha.model.event import HeartbeatHeard, MessageHeard, PathSummarised
from bmcha.model.key import NO_KEYS, Key, KeySet, KeyState
from bmcha.model.message import Goodbye, Header, Heartbeat, Message, Pairing, PathEcho, Probe
from bmcha.model.role import Reason
from bmcha.runtime.engine import EngineDrafts
from bmcha.runtime.out_queue import OutQueue
from bmcha.runtime.published import DraftBoard
from bmcha.runtime.pulse_settings import PulseSettings
from bmcha.wire import tables
from bmcha.wire.checksum import crc32c
from bmcha.wire.codec_native import decode_datagram, decode_stream, encode_frame
from bmcha.wire.frame import Address, BadReason, RawFrame
from bmcha.wire.messages import build_body, type_of
from tests.unit.native_pulse import NativeEchoes, NativePulse
from tests.unit.test_pulse import DRAFT, MS, SETTINGS, START_NS
from tests.world.boots import EARLY_MAX_NS, PAST_BOOTS_MAX
from tests.world.echo_board import EchoBoard
from tests.world.frame_coder import FrameCoder
from tests.world.keyring import Keyring
from tests.world.proof import LATE_MAX_NS
from tests.world.pulse import SUMMARY_NS, Pulse

open_mac()
INTERVAL_NS = 100 * MS
OWN_SLOT, PEER_SLOT = 1, 2
OWN_BOOT, PEER_BOOT = 1001, 2002


def key(number: int, state: KeyState = KeyState.SEND, letter: str = "k") -> Key:
    secret = f"{letter}{number}".encode().ljust(32, b".")
    return Key(number, state, secret, check_of(secret))


ONE = KeySet((key(1),), accepts_unsigned=False)
OTHER = KeySet((key(1, letter="x"),), accepts_unsigned=False)


class Twin:
    """The twin and the coder that goes with it, with the face of `NativePulse` in bytes."""

    def __init__(self, settings: PulseSettings, echoes: EchoBoard, keys: KeySet, now_ns: int):
        self.drafts = DraftBoard()
        self.queue = OutQueue(16)
        self.pulse = Pulse(settings, self.drafts, echoes, self.queue, now_ns, keys)
        address = Address(settings.chassis_id, settings.own_slot, settings.peer_slot)
        is_stream = settings.line_bytes_per_s is not None
        self._coder = FrameCoder(is_stream, address, self.pulse.keyring)

    def said(self, now_ns: int) -> list[bytes]:
        said = []
        while outgoing := self.pulse.offer(now_ns):
            said.append(self._coder.encode(outgoing.header, outgoing.message, now_ns))
            self.pulse.note_sent(outgoing, 80, now_ns)
        return said

    def hear_bytes(self, data: bytes, heard_ns: int) -> Any:
        events = [self.pulse.hear(*each, heard_ns) for each in self._coder.decode([data], heard_ns)]
        return events[0] if events else None

    def summary(self, now_ns: int) -> PathSummarised | None:
        self.pulse.note_link(self._coder.damage, self.pulse._signs)
        return self.pulse.summary(now_ns)

    def take_keys(self, keys: KeySet, _now_ns: int) -> None:
        self.pulse.keyring.keys = keys

    def open_pairing(self, until_ns: int, _now_ns: int) -> None:
        self.pulse.keyring.pairing_until_ns = until_ns

    @property
    def odd_counts(self) -> dict[str, int]:
        return self.pulse.odd_counts


class Native(NativePulse):
    def __init__(self, settings: PulseSettings, echoes: NativeEchoes, keys: KeySet, now_ns: int):
        self.drafts = EngineDrafts()
        self.queue = OutQueue(16)
        super().__init__(settings, self.drafts, echoes, self.queue, now_ns, keys)


NORMAL: Mapping[str, Any] = {"interval_ms": 100, "deadtime_ms": 500}


class End:
    """One module's end of a path. ``echo_boot_id`` is what its node believes; it follows what is
    heard, as a node's does."""

    def __init__(
        self,
        is_native: bool,
        slot: int = OWN_SLOT,
        boot_id: int = OWN_BOOT,
        keys: KeySet = ONE,
        path: int = 0,
        boards: Any = None,
        now_ns: int = START_NS,
        is_stream: bool = False,
        timers: Mapping[str, Any] = NORMAL,
    ) -> None:
        self.settings = replace(
            SETTINGS,
            line_bytes_per_s=11_520 if is_stream else None,
            own_slot=slot,
            peer_slot=OWN_SLOT + PEER_SLOT - slot,
            boot_id=boot_id,
            echo_index=path,
            **timers,
        )
        self.is_native = is_native
        self.boards = boards
        self.pulse: Any
        if is_native:
            self.boards = boards or NativeEchoes()
            self.pulse = Native(self.settings, self.boards, keys, now_ns)
        else:
            self.boards = boards or EchoBoard(2)
            self.pulse = Twin(self.settings, self.boards, keys, now_ns)
        self.echo_boot_id = 0
        self.heard: list[HeartbeatHeard | MessageHeard] = []
        self.summarised: PathSummarised | None = None

    def say(self, now_ns: int) -> list[bytes]:
        self.pulse.drafts.publish(replace(DRAFT, echo_boot_id=self.echo_boot_id), False, now_ns)
        said: list[bytes] = self.pulse.said(now_ns)
        return said

    def hear(self, data: bytes, now_ns: int) -> bool:
        """True: it was life, or a message. The first beats of a path are all reported."""
        event = self.pulse.hear_bytes(data, now_ns)
        if event is None:
            return False
        self.heard.append(event)
        self.echo_boot_id = event.header.boot_id
        return True

    def counts(self, now_ns: int) -> dict[str, int]:
        """By reason, of what was sound and not to be heard."""
        return dict(self.told(now_ns).counts.bad_counts)

    def told(self, now_ns: int) -> PathSummarised:
        """Twice a second at most."""
        found: PathSummarised | None = self.pulse.summary(now_ns)
        assert found is not None
        self.summarised = found
        return found

    def last_rx_count(self) -> int:
        assert self.summarised is not None
        return self.summarised.counts.rx_count


MakeEnd = Callable[..., End]


@pytest.fixture(params=[True, False], ids=["engine", "twin"])
def make_end(request: pytest.FixtureRequest) -> MakeEnd:
    return lambda *args, **kwargs: End(request.param, *args, **kwargs)


def beats(one: End, other: End, count: int, now_ns: int = START_NS) -> int:
    """Both say and hear so many beats; returns when the next is due."""
    for _ in range(count):
        said = one.say(now_ns), other.say(now_ns)
        for data in said[0]:
            other.hear(data, now_ns + MS)
        for data in said[1]:
            one.hear(data, now_ns + MS)
        now_ns += INTERVAL_NS
    return now_ns


def raw_of(data: bytes) -> RawFrame:
    raw = decode_datagram(data)
    assert isinstance(raw, RawFrame)
    return raw


# ---------------------------------------------------------------- two of them


@pytest.mark.parametrize("is_native", [True, False])
@pytest.mark.parametrize("is_other_native", [True, False])
def test_two_that_start_together_prove_each_other_within_three_beats(
    is_native: bool, is_other_native: bool
) -> None:
    one, other = End(is_native), End(is_other_native, PEER_SLOT, PEER_BOOT)
    beats(one, other, 3)
    assert one.heard and other.heard
    assert one.heard[0].header.boot_id == PEER_BOOT
    assert other.heard[0].header.boot_id == OWN_BOOT


def test_one_that_restarts_is_heard_again_and_its_former_boot_is_over(make_end: MakeEnd) -> None:
    one, other = make_end(), make_end(PEER_SLOT, PEER_BOOT)
    now_ns = beats(one, other, 4)
    kept = other.say(now_ns)[0]
    again = make_end(PEER_SLOT, PEER_BOOT + 1, now_ns=now_ns)
    now_ns = beats(one, again, 4, now_ns)
    assert one.heard[-1].header.boot_id == PEER_BOOT + 1 == one.echo_boot_id
    assert not one.hear(kept, now_ns + LATE_MAX_NS)
    counts = one.counts(now_ns + 2 * LATE_MAX_NS)
    assert counts["REPLAYED"] == 1
    assert counts["UNPROVEN"] >= 1


def test_both_restarting_at_once_prove_each_other_anew(make_end: MakeEnd) -> None:
    one, other = make_end(), make_end(PEER_SLOT, PEER_BOOT)
    now_ns = beats(one, other, 4)
    again = make_end(OWN_SLOT, OWN_BOOT + 1, now_ns=now_ns)
    beats(again, make_end(PEER_SLOT, PEER_BOOT + 1, now_ns=now_ns), 3, now_ns)
    assert again.heard[0].header.boot_id == PEER_BOOT + 1


def test_without_keys_nothing_is_signed_and_signed_frames_are_heard(make_end: MakeEnd) -> None:
    one, other = make_end(keys=NO_KEYS), make_end(PEER_SLOT, PEER_BOOT)
    (said,) = one.say(START_NS)
    assert raw_of(said).mac == b"" and raw_of(said).header.key_id == 0
    assert one.hear(other.say(START_NS)[0], START_NS)


# ---------------------------------------------------------------- A1


def settled(make_end: MakeEnd, **kwargs: Any) -> tuple[End, End, int]:
    one, other = make_end(**kwargs), make_end(PEER_SLOT, PEER_BOOT)
    return one, other, beats(one, other, 5)


def expect_forged(one: End, data: bytes, now_ns: int, reason: BadReason) -> None:
    """It has no effect but its count."""
    one.counts(now_ns)
    rx_count, heard = one.last_rx_count(), len(one.heard)
    assert not one.hear(data, now_ns)
    found = one.counts(now_ns + SUMMARY_NS)
    assert found[reason.name] == 1
    assert one.last_rx_count() == rx_count and len(one.heard) == heard
    assert one.summarised is not None and one.summarised.counts.forged_count == 1


def test_a1_a_frame_that_is_not_signed(make_end: MakeEnd) -> None:
    one, _, now_ns = settled(make_end)
    stranger = make_end(PEER_SLOT, PEER_BOOT, keys=NO_KEYS)
    expect_forged(one, stranger.say(now_ns)[0], now_ns, BadReason.MAC_MISSING)


def test_a1_a_frame_signed_with_another_key_of_the_same_id(make_end: MakeEnd) -> None:
    one, _, now_ns = settled(make_end)
    stranger = make_end(PEER_SLOT, PEER_BOOT, keys=OTHER)
    expect_forged(one, stranger.say(now_ns)[0], now_ns, BadReason.MAC_WRONG)


def test_a1_a_frame_signed_with_a_key_that_is_not_in_the_file(make_end: MakeEnd) -> None:
    one, _, now_ns = settled(make_end)
    stranger = make_end(PEER_SLOT, PEER_BOOT, keys=KeySet((key(2),), False))
    expect_forged(one, stranger.say(now_ns)[0], now_ns, BadReason.KEY_UNKNOWN)


@pytest.mark.parametrize("at", [1, 3, 4, 8, 10, 14, 18, 24, 30, -21, -5])
def test_a1_a_changed_byte_anywhere_under_a_new_checksum(make_end: MakeEnd, at: int) -> None:
    """Type, key id, chassis, slot, boot, epoch, sequence, body, tag: whoever changes one can
    make the checksum fit, and nothing else."""
    one, other, now_ns = settled(make_end)
    data = bytearray(other.say(now_ns)[0])
    data[at] ^= 1
    data[-4:] = crc32c(bytes(data[:-4])).to_bytes(4, "little")
    one.counts(now_ns)
    rx_count = one.last_rx_count()
    assert not one.hear(bytes(data), now_ns)
    assert sum(one.counts(now_ns + SUMMARY_NS).values()) >= 1
    assert one.last_rx_count() == rx_count


def test_a1_a_frame_carried_over_from_another_path_and_only_that_many_are_looked_at(
    make_end: MakeEnd,
) -> None:
    one, _, now_ns = settled(make_end)
    elsewhere = make_end(PEER_SLOT, PEER_BOOT, path=1)
    data = elsewhere.say(now_ns)[0]
    expect_forged(one, data, now_ns, BadReason.OTHER_PATH)
    for _ in range(30):
        one.hear(data, now_ns + SUMMARY_NS)
    counts = one.counts(now_ns + 2 * SUMMARY_NS)
    assert counts["OTHER_PATH"] == 17 and counts["MAC_WRONG"] == 14


def test_a1_an_own_frame_that_comes_back(make_end: MakeEnd) -> None:
    one, _, now_ns = settled(make_end)
    expect_forged(one, one.say(now_ns)[0], now_ns, BadReason.REFLECTED)


def test_a1_an_own_frame_with_the_peers_name_on_it(make_end: MakeEnd) -> None:
    one, _, now_ns = settled(make_end)
    raw = raw_of(one.say(now_ns)[0])
    header = replace(raw.header, source_slot=PEER_SLOT, target_slot=OWN_SLOT)
    data = encode_frame(header, raw.type_number, raw.body, False, raw.mac)
    expect_forged(one, data, now_ns, BadReason.MAC_WRONG)


def test_a1_unsigned_frames_are_heard_while_the_file_accepts_them(make_end: MakeEnd) -> None:
    one = make_end(keys=KeySet((key(1),), accepts_unsigned=True))
    stranger = make_end(PEER_SLOT, PEER_BOOT, keys=NO_KEYS)
    assert one.hear(stranger.say(START_NS)[0], START_NS)


# ---------------------------------------------------------------- A2, A3


def test_a2_a_frame_heard_once_is_not_heard_again(make_end: MakeEnd) -> None:
    one, other, now_ns = settled(make_end)
    data = other.say(now_ns)[0]
    one.hear(data, now_ns)
    one.counts(now_ns)
    rx_count = one.last_rx_count()
    one.hear(data, now_ns)
    one.counts(now_ns + SUMMARY_NS)
    assert one.last_rx_count() == rx_count


def test_a3_a_boot_that_is_over_is_late_for_a_while_and_then_replayed(make_end: MakeEnd) -> None:
    one, other, now_ns = settled(make_end)
    kept = other.say(now_ns)[0]
    beats(one, make_end(PEER_SLOT, PEER_BOOT + 1, now_ns=now_ns), 3, now_ns)
    assert not one.hear(kept, now_ns + 300 * MS)
    assert "REPLAYED" not in one.counts(now_ns + 300 * MS)
    assert not one.hear(kept, now_ns + 1000 * MS)
    assert one.counts(now_ns + 1000 * MS)["REPLAYED"] == 1


def test_a3_a_boot_that_is_over_on_one_path_is_over_on_all(make_end: MakeEnd) -> None:
    one, other, now_ns = settled(make_end)
    second = End(one.is_native, path=1, boards=one.boards)
    other_second = End(one.is_native, PEER_SLOT, PEER_BOOT, path=1, boards=other.boards)
    assert second.hear(other_second.say(now_ns)[0], now_ns), "in force by the first path"
    kept = other_second.say(now_ns + INTERVAL_NS)[0]
    now_ns = beats(one, make_end(PEER_SLOT, PEER_BOOT + 1, now_ns=now_ns), 3, now_ns)
    assert not second.hear(kept, now_ns)


def test_a3_a_boot_that_is_over_never_proves_itself_again(make_end: MakeEnd) -> None:
    """Even if it says whatever makes a proof."""
    one, other, now_ns = settled(make_end)
    now_ns = beats(one, make_end(PEER_SLOT, PEER_BOOT + 1, now_ns=now_ns), 3, now_ns)
    for data in one.say(now_ns):
        other.hear(data, now_ns)
    assert not one.hear(other.say(now_ns + INTERVAL_NS)[0], now_ns + INTERVAL_NS)


# ---------------------------------------------------------------- A4, A5


def test_a4_frames_recorded_before_we_started_are_never_life(make_end: MakeEnd) -> None:
    _, other, now_ns = settled(make_end)
    kept = [other.say(now_ns + at * INTERVAL_NS)[0] for at in range(20)]
    again = make_end(OWN_SLOT, OWN_BOOT + 1, now_ns=now_ns)
    for data in kept:
        again.say(now_ns)
        assert not again.hear(data, now_ns)
        now_ns += INTERVAL_NS
    assert again.counts(now_ns + EARLY_MAX_NS)["REPLAYED"] == 20
    assert again.heard == []


def answered(end: End, peer: End, now_ns: int, echo: PathEcho | None) -> bytes:
    """A beat of ``peer`` that names the boot of ``end``, with this echo of the path."""
    settings = peer.settings
    draft = replace(DRAFT, echo_boot_id=end.settings.boot_id)
    message: Message = Heartbeat(draft, 100, 500, () if echo is None else (echo, echo))
    header = Header(
        settings.chassis_id, PEER_SLOT, OWN_SLOT, settings.boot_id, DRAFT.epoch, 5, key_id=1
    )
    body = build_body(message, now_ns)
    return encode_frame(header, 1, body, False, Keyring(settings, ONE).sign(header, 1, body))


@pytest.mark.parametrize(
    ("echo", "is_life"),
    [
        (PathEcho(70, 1 * MS), True),
        (PathEcho(7, 1 * MS), True),
        (PathEcho(6, 1 * MS), False),
        (PathEcho(71, 1 * MS), False),
        (PathEcho(70, -1), False),
        (None, False),
    ],
    ids=["newest", "64th", "65th", "not-sent-yet", "never", "no-echo"],
)
def test_a4_a_proof_names_our_boot_and_one_of_the_last_64_beats(
    make_end: MakeEnd, echo: PathEcho | None, is_life: bool
) -> None:
    one, peer = make_end(), make_end(PEER_SLOT, PEER_BOOT)
    now_ns = START_NS
    for _ in range(70):
        assert len(one.say(now_ns)) == 1
        now_ns += INTERVAL_NS
    assert one.hear(answered(one, peer, now_ns, echo), now_ns) is is_life


def test_a5_a_message_of_a_boot_that_has_proved_nothing_is_not_heard(make_end: MakeEnd) -> None:
    one, peer = make_end(), make_end(PEER_SLOT, PEER_BOOT)
    one.say(START_NS)
    message = Goodbye(Reason.PEER_IS_ACTIVE)
    header = Header(SETTINGS.chassis_id, PEER_SLOT, OWN_SLOT, PEER_BOOT, 1, 1, key_id=1)
    body, number = build_body(message, START_NS), type_of(message).value
    mac = Keyring(peer.settings, ONE).sign(header, number, body)
    assert not one.hear(encode_frame(header, number, body, False, mac), START_NS)


def test_a5_early_frames_are_forgiven_and_others_beside_the_boot_in_force_are_not(
    make_end: MakeEnd,
) -> None:
    one, other, now_ns = settled(make_end)
    stranger = make_end(PEER_SLOT, PEER_BOOT + 7, now_ns=now_ns)
    assert not one.hear(stranger.say(now_ns)[0], now_ns)
    now_ns = beats(one, other, 4, now_ns)
    before = one.counts(now_ns)
    assert before.get("REPLAYED", 0) == 0, "the peer may just have restarted"
    now_ns = beats(one, other, 4, now_ns)
    after = one.counts(now_ns + SUMMARY_NS)
    assert after["REPLAYED"] == 1
    assert after["UNPROVEN"] == 1 or one.heard, "its own first beat was early"


# ---------------------------------------------------------------- A6, A7, A8


def test_a8_that_somebody_unproven_speaks_is_told_at_once_and_only_until_one_is_in_force(
    make_end: MakeEnd,
) -> None:
    one, peer = make_end(), make_end(PEER_SLOT, PEER_BOOT)
    assert one.pulse.summary(START_NS) is None
    one.hear(peer.say(START_NS)[0], START_NS)
    assert one.told(START_NS).counts.unproven_ns == START_NS
    again_ns = START_NS + INTERVAL_NS
    one.hear(peer.say(again_ns)[0], again_ns)
    assert one.pulse.summary(again_ns) is None, "twice a second is enough"
    now_ns = beats(one, peer, 3, again_ns + INTERVAL_NS)
    assert one.heard
    told_ns = one.told(START_NS + SUMMARY_NS).counts.unproven_ns
    assert told_ns is not None
    one.hear(make_end(PEER_SLOT, PEER_BOOT + 9).say(now_ns)[0], now_ns)
    assert one.told(START_NS + 2 * SUMMARY_NS).counts.unproven_ns == told_ns


def test_a6_replays_at_both_ends_do_not_keep_two_from_proving_themselves(
    make_end: MakeEnd,
) -> None:
    """Three old boots are replayed at each, just before and after the true peer speaks."""
    turns = 16
    olds: dict[int, list[list[bytes]]] = {}
    for slot in (OWN_SLOT, PEER_SLOT):
        ends = [make_end(slot, boot_id) for boot_id in (11, 12, 13)]
        times = [START_NS + at * INTERVAL_NS for at in range(turns)]
        olds[slot] = [[end.say(at_ns)[0] for end in ends] for at_ns in times]
    one, other = make_end(), make_end(PEER_SLOT, PEER_BOOT)
    for at in range(turns):
        now_ns = START_NS + at * INTERVAL_NS
        mine, theirs = one.say(now_ns)[0], other.say(now_ns)[0]
        for end, true, slot in ((one, theirs, PEER_SLOT), (other, mine, OWN_SLOT)):
            for data in (*olds[slot][at], true, *olds[slot][at]):
                end.hear(data, now_ns)
    assert {event.header.boot_id for event in one.heard} == {PEER_BOOT}
    assert {event.header.boot_id for event in other.heard} == {OWN_BOOT}


def test_a7_another_boot_in_our_slot_is_a_twin_once_it_names_ours(make_end: MakeEnd) -> None:
    one, double = make_end(), make_end(OWN_SLOT, OWN_BOOT + 5)
    now_ns = beats(one, double, 1)
    assert one.told(now_ns + SUMMARY_NS).counts.twin is None
    now_ns = beats(one, double, 3, now_ns)
    for end, boot_id in ((one, OWN_BOOT + 5), (double, OWN_BOOT)):
        twin = end.told(now_ns + 2 * SUMMARY_NS).counts.twin
        assert twin is not None and twin.boot_id == boot_id


def test_a7_our_own_frames_of_before_are_no_twin(make_end: MakeEnd) -> None:
    one, _, now_ns = settled(make_end)
    kept = [one.say(now_ns + at * INTERVAL_NS)[0] for at in range(5)]
    again = make_end(OWN_SLOT, OWN_BOOT + 1, now_ns=now_ns)
    for data in kept:
        again.say(now_ns)
        assert not again.hear(data, now_ns)
        now_ns += INTERVAL_NS
    assert again.counts(now_ns + EARLY_MAX_NS)["REPLAYED"] == 5
    assert again.summarised is not None and again.summarised.counts.twin is None


# ---------------------------------------------------------------- rotation


def test_three_steps_of_rotation_lose_no_beat(make_end: MakeEnd) -> None:
    old, new = key(1), key(2, KeyState.ACCEPT)
    both = KeySet((old, new), False)
    sends_new = KeySet((replace(old, state=KeyState.ACCEPT), key(2)), False)
    only_new = KeySet((key(2),), False)
    one, other, now_ns = settled(make_end)
    for keys in (both, sends_new, only_new):
        for end in (one, other):
            end.pulse.take_keys(keys, now_ns)
            now_ns = beats(one, other, 3, now_ns)
    for end in (one, other):
        end.counts(now_ns)
        assert end.summarised is not None
        assert end.summarised.counts.forged_count == end.summarised.counts.lost_count == 0
        assert end.summarised.header is not None and end.summarised.header.key_id == 2


def test_the_same_three_steps_take_a_pair_from_unsigned_to_signed(make_end: MakeEnd) -> None:
    one, other = make_end(keys=NO_KEYS), make_end(PEER_SLOT, PEER_BOOT, keys=NO_KEYS)
    now_ns = beats(one, other, 3)
    for keys in (
        KeySet((key(1, KeyState.ACCEPT),), True),
        KeySet((key(1),), True),
        KeySet((key(1),), False),
    ):
        for end in (one, other):
            end.pulse.take_keys(keys, now_ns)
            now_ns = beats(one, other, 3, now_ns)
    for end in (one, other):
        end.counts(now_ns)
        assert end.summarised is not None
        assert end.summarised.counts.forged_count == end.summarised.counts.lost_count == 0
        assert end.summarised.header is not None and end.summarised.header.key_id == 1


def test_a_signed_frame_has_its_tag_between_body_and_checksum(make_end: MakeEnd) -> None:
    (data,) = make_end().say(START_NS)
    raw = raw_of(data)
    overhead = tables.FRAME_HEADER.size + tables.MAC_BYTES + tables.CRC_BYTES
    assert len(data) == overhead + len(raw.body)
    assert raw.header.key_id == 1 and len(raw.mac) == tables.MAC_BYTES


def test_more_past_boots_than_are_kept_must_prove_themselves_all_the_same(
    make_end: MakeEnd,
) -> None:
    one, other, now_ns = settled(make_end)
    kept = other.say(now_ns)[0]
    for boot_id in range(PEER_BOOT + 1, PEER_BOOT + PAST_BOOTS_MAX + 3):
        now_ns = beats(one, make_end(PEER_SLOT, boot_id, now_ns=now_ns), 3, now_ns)
    assert one.echo_boot_id == PEER_BOOT + PAST_BOOTS_MAX + 2
    assert not one.hear(kept, now_ns)


# ---------------------------------------------------------------- pairing

OPEN_NS = 120_000 * MS
SAID = Pairing(b"hello")


def pairing_ends(make_end: MakeEnd, is_stream: bool = True) -> tuple[End, End, int]:
    """One with keys and one without, as at an exchange; whoever has none hears the other."""
    one = make_end(is_stream=is_stream)
    other = make_end(PEER_SLOT, PEER_BOOT, keys=NO_KEYS, is_stream=is_stream)
    now_ns = beats(one, other, 5)
    assert not one.heard and other.heard
    return one, other, now_ns


def say_pairing(end: End, now_ns: int, message: Message = SAID) -> bytes:
    end.say(now_ns)
    end.pulse.queue.put(end.settings.peer_slot, message)
    (said,) = end.say(now_ns)
    return said


def ignored_count(end: End) -> int:
    return int(end.pulse.odd_counts["frames not for this path"])


@pytest.mark.parametrize("is_native", [True, False])
@pytest.mark.parametrize("is_other_native", [True, False])
def test_while_it_is_open_a_pairing_is_heard_at_both_ends_whoever_has_keys(
    is_native: bool, is_other_native: bool
) -> None:
    one = End(is_native, is_stream=True)
    other = End(is_other_native, PEER_SLOT, PEER_BOOT, keys=NO_KEYS, is_stream=True)
    now_ns = beats(one, other, 3)
    for end in (one, other):
        end.pulse.open_pairing(now_ns + OPEN_NS, now_ns)
    for speaker, listener in ((one, other), (other, one)):
        data = say_pairing(speaker, now_ns)
        event = listener.pulse.hear_bytes(data, now_ns)
        assert isinstance(event, MessageHeard) and event.message == SAID
        header = event.header
        assert (header.key_id, header.sequence) == (0, 0)
        assert header.source_slot == speaker.settings.own_slot


def test_a_pairing_is_heard_until_its_time_is_over(make_end: MakeEnd) -> None:
    one, other, now_ns = pairing_ends(make_end)
    data = say_pairing(other, now_ns)
    assert one.pulse.hear_bytes(data, now_ns) is None, "it was never opened"
    one.pulse.open_pairing(now_ns + OPEN_NS, now_ns)
    assert one.pulse.hear_bytes(data, now_ns + OPEN_NS - 1) is not None
    assert one.pulse.hear_bytes(data, now_ns + OPEN_NS) is None
    one.pulse.open_pairing(0, now_ns)
    assert one.pulse.hear_bytes(data, now_ns) is None
    assert ignored_count(one) == 3


def test_keys_that_are_adopted_meanwhile_leave_it_open(make_end: MakeEnd) -> None:
    one, other, now_ns = pairing_ends(make_end)
    other.pulse.open_pairing(now_ns + OPEN_NS, now_ns)
    other.pulse.take_keys(ONE, now_ns)
    assert other.pulse.hear_bytes(say_pairing(one, now_ns), now_ns) is not None
    data = say_pairing(other, now_ns + INTERVAL_NS)
    one.pulse.open_pairing(now_ns + OPEN_NS, now_ns)
    assert one.pulse.hear_bytes(data, now_ns + INTERVAL_NS) is not None


def test_a_pairing_is_heard_on_a_serial_line_alone(make_end: MakeEnd) -> None:
    one, other, now_ns = pairing_ends(make_end, is_stream=False)
    one.pulse.open_pairing(now_ns + OPEN_NS, now_ns)
    assert one.pulse.hear_bytes(say_pairing(other, now_ns), now_ns) is None
    assert ignored_count(one) == 1


@pytest.mark.parametrize(
    "changes",
    [{"chassis_id": 9}, {"source_slot": 3}, {"source_slot": OWN_SLOT}, {"target_slot": 3}],
    ids=str,
)
def test_a_pairing_of_others_is_not_heard(make_end: MakeEnd, changes: dict[str, int]) -> None:
    one, _, now_ns = pairing_ends(make_end)
    one.pulse.open_pairing(now_ns + OPEN_NS, now_ns)
    header = Header(SETTINGS.chassis_id, PEER_SLOT, OWN_SLOT, PEER_BOOT, 1, 0)
    before = ignored_count(one)
    data = encode_frame(replace(header, **changes), 9, b"hello", True, b"")
    assert one.pulse.hear_bytes(data, now_ns) is None
    # What the summary adds up has come to the twin by then.
    one.told(now_ns + SUMMARY_NS)
    assert ignored_count(one) == before + 1


@pytest.mark.parametrize("body", [b"", bytes(256)], ids=["empty", "too-long"])
def test_a_pairing_of_another_size_makes_no_sense(make_end: MakeEnd, body: bytes) -> None:
    one, _, now_ns = pairing_ends(make_end)
    one.pulse.open_pairing(now_ns + OPEN_NS, now_ns)
    header = Header(SETTINGS.chassis_id, PEER_SLOT, OWN_SLOT, PEER_BOOT, 1, 0)
    assert one.pulse.hear_bytes(encode_frame(header, 9, body, True, b""), now_ns) is None
    assert one.counts(now_ns + SUMMARY_NS)["BODY"] == 1


def test_a_pairing_is_no_life_and_has_no_place_in_the_sequence(make_end: MakeEnd) -> None:
    one, other = make_end(is_stream=True), make_end(PEER_SLOT, PEER_BOOT, is_stream=True)
    now_ns = beats(one, other, 5)
    one.pulse.open_pairing(now_ns + OPEN_NS, now_ns)
    before = one.told(now_ns)
    stranger = make_end(PEER_SLOT, PEER_BOOT + 7, keys=NO_KEYS, is_stream=True, now_ns=now_ns)
    for end in (stranger, other):
        for data in (say_pairing(end, now_ns),) * 2:
            assert one.pulse.hear_bytes(data, now_ns + MS) is not None, "again is as good"
    after = one.told(now_ns + SUMMARY_NS)
    assert after.last_heard_ns == before.last_heard_ns
    # What it said beside them is missing here: the first beat of `say_pairing`, and no more.
    now_ns = beats(one, other, 3, now_ns + INTERVAL_NS)
    counts = one.told(now_ns + 2 * SUMMARY_NS).counts
    assert counts.lost_count == 1
    assert counts.forged_count == 0 and "REPLAYED" not in dict(counts.bad_counts)
    assert one.heard[-1].header.boot_id == PEER_BOOT


def test_between_beats_and_messages_that_are_signed_a_pairing_uses_no_sequence(
    make_end: MakeEnd,
) -> None:
    one = make_end(is_stream=True)
    said = one.say(START_NS)
    for message in (Probe(1), SAID, Probe(2)):
        one.pulse.queue.put(PEER_SLOT, message)
        said += one.say(START_NS)
    raws = [decode_stream(data)[0][0] for data in said]
    headers = [raw.header for raw in raws if isinstance(raw, RawFrame)]
    assert [header.sequence for header in headers] == [1, 2, 0, 3]
    assert [header.key_id for header in headers] == [1, 1, 0, 1]


# ---------------------------------------------------------------- what fresh eyes found


def test_a4_a_kept_beat_of_a_boot_that_was_cut_off_does_not_come_into_force_after_it(
    make_end: MakeEnd,
) -> None:
    """It names our boot and one of our last beats, and its successor has named later ones."""
    one, former = make_end(), make_end(PEER_SLOT, PEER_BOOT)
    now_ns = START_NS
    for _ in range(3):
        for data in one.say(now_ns):
            former.hear(data, now_ns)
        (kept,) = former.say(now_ns)  # cut off: `one` hears nothing of it
        now_ns += INTERVAL_NS
    again = make_end(PEER_SLOT, PEER_BOOT + 1, now_ns=now_ns)
    now_ns = beats(one, again, 4, now_ns)
    assert one.echo_boot_id == PEER_BOOT + 1
    assert not one.hear(kept, now_ns)
    assert one.say(now_ns)
    now_ns += INTERVAL_NS
    heard = len(one.heard)
    assert one.hear(again.say(now_ns)[0], now_ns) or len(one.heard) == heard
    before = one.told(now_ns + SUMMARY_NS).counts.rx_count
    now_ns = beats(one, again, 3, now_ns + SUMMARY_NS)
    assert one.told(now_ns + SUMMARY_NS).counts.rx_count == before + 3, "it is heard as before"


def test_a3_a_late_frame_on_a_path_that_has_not_heard_the_new_boot_yet_is_late(
    make_end: MakeEnd,
) -> None:
    one, other, now_ns = settled(make_end)
    second = End(one.is_native, path=1, boards=one.boards)
    other_second = End(one.is_native, PEER_SLOT, PEER_BOOT, path=1, boards=other.boards)
    assert second.hear(other_second.say(now_ns)[0], now_ns)
    late = other_second.say(now_ns + INTERVAL_NS)[0]
    now_ns = beats(one, make_end(PEER_SLOT, PEER_BOOT + 1, now_ns=now_ns), 3, now_ns + 600 * MS)
    assert not second.hear(late, now_ns)
    assert "REPLAYED" not in second.counts(now_ns)


@pytest.mark.parametrize("offset_ms", [0, 2050, 2500, 4900])
def test_beats_five_seconds_apart_prove_themselves_as_well(
    make_end: MakeEnd, offset_ms: int
) -> None:
    slow = {"interval_ms": 5000, "deadtime_ms": 25_000}
    one, other = make_end(timers=slow), make_end(PEER_SLOT, PEER_BOOT, timers=slow)
    now_ns = START_NS
    for _ in range(5):
        for data in one.say(now_ns):
            other.hear(data, now_ns)
        for data in other.say(now_ns + offset_ms * MS):
            one.hear(data, now_ns + offset_ms * MS)
        now_ns += 5000 * MS
    assert one.heard and other.heard
    assert "REPLAYED" not in one.counts(now_ns)


def test_a7_a_peer_that_comes_back_in_our_slot_sees_its_twin_once_we_miss_it(
    make_end: MakeEnd,
) -> None:
    one, _, now_ns = settled(make_end)
    double = make_end(OWN_SLOT, PEER_BOOT + 1, now_ns=now_ns)
    now_ns = beats(one, double, 30, now_ns)
    for end, boot_id in ((one, PEER_BOOT + 1), (double, OWN_BOOT)):
        twin = end.told(now_ns + SUMMARY_NS).counts.twin
        assert twin is not None and twin.boot_id == boot_id


def test_a8_a_twin_that_has_proved_nothing_is_told_too(make_end: MakeEnd) -> None:
    one, double = make_end(), make_end(OWN_SLOT, OWN_BOOT + 5)
    one.hear(double.say(START_NS)[0], START_NS)
    assert one.told(START_NS).counts.unproven_ns == START_NS
