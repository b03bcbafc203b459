"""What Python does with its engines: who is heard, what is encoded when, what does not fit."""

from dataclasses import replace

import pytest

from bmcha.model.message import Delta, DeltaAck, DeltaKind, Probe
from bmcha.runtime.engine import EngineDrafts, Engines
from bmcha.runtime.out_queue import OutQueue
from tests.unit.native_pulse import NativeEchoes, NativePulse
from tests.unit.test_pulse import DRAFT, PEER_SLOT, SETTINGS, START_NS


class Heard:
    """An engine as `Engines` sees it."""

    def __init__(self, peer_slot: int, is_unbroken: bool, path: str = "udp") -> None:
        self.settings = replace(SETTINGS, peer_slot=peer_slot, path=path)
        self._is_unbroken = is_unbroken

    def beats_went_on(self, since_ns: int, now_ns: int) -> bool:
        return self._is_unbroken


@pytest.mark.parametrize(
    ("engines", "went_on"),
    [
        ([], False),
        ([(2, False)], False),
        ([(2, False), (2, True)], True),
        ([(2, True), (3, False)], False),
        ([(2, True), (3, True), (3, False)], True),
    ],
)
def test_beats_went_on_if_each_peer_heard_one_path(engines, went_on) -> None:
    of_all = Engines([Heard(*each) for each in engines], lambda now_ns: {"udp"})  # type: ignore[misc]
    assert of_all.beats_went_on(1, 2) is went_on


def test_beats_on_a_path_that_is_not_trusted_prove_nothing() -> None:
    engines = [Heard(2, True, "udp"), Heard(2, False, "serial")]
    trusted = {1: {"udp"}, 2: {"serial"}, 3: {"udp", "serial"}, 4: set()}
    of_all = Engines(engines, trusted.__getitem__)  # type: ignore[arg-type]
    assert [of_all.beats_went_on(0, now_ns) for now_ns in trusted] == [True, False, True, False]


@pytest.fixture
def pulse() -> NativePulse:
    drafts = EngineDrafts()
    drafts.publish(DRAFT, False, START_NS)
    return NativePulse(SETTINGS, drafts, NativeEchoes(), OutQueue(), START_NS)


def test_a_draft_that_cannot_be_said_ends_the_node() -> None:
    with pytest.raises(ValueError, match="health 101: it is 0 to 100"):
        EngineDrafts().publish(replace(DRAFT, health=101), False, START_NS)


def test_a_message_that_cannot_be_said_is_told_and_the_next_one_goes(pulse) -> None:
    queue = pulse.engine._queue
    queue.put(PEER_SLOT, Delta(DeltaKind.CHANGES, 1, 1, 0, -1, 0, 1, ()))
    queue.put(PEER_SLOT, DeltaAck(1, 7))
    pulse.offer(START_NS)
    pulse.note_sent(pulse.offer(START_NS), 80, START_NS)
    assert pulse.offer(START_NS).message == DeltaAck(1, 7)
    (line,) = pulse.lines
    assert line.startswith("path udp: DELTA cannot be said") and line.endswith("is dropped")


def test_there_is_something_to_send_until_all_of_it_has_left(pulse) -> None:
    queue = pulse.engine._queue
    for nonce in (1, 2):
        queue.put(PEER_SLOT, Probe(nonce))
    left = []
    while (outgoing := pulse.offer(START_NS)) is not None:
        left.append(pulse.engine.has_messages)
        pulse.note_sent(outgoing, 80, START_NS)
    assert left == [True, True, True]
    assert not pulse.engine.has_messages
