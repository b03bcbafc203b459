"""The bounded way in to the node: what gives way, and what never does."""

import threading

from bmcha.model.event import (
    Event,
    FanRead,
    HeartbeatHeard,
    MessageHeard,
    PathCounts,
    PathSummarised,
    Question,
    SensorRead,
    StatusAsked,
    Tick,
)
from bmcha.model.message import DeltaAck, Header, Probe
from bmcha.model.reading import Quality
from bmcha.runtime.mailbox import Mailbox
from tests.waiting import wait_until

HEADER = Header(1, 2, 1, 3, 4, 5)
COUNTS = PathCounts(0, 0, 0, 0, 0, 0, None)


def reading(index: int, value: int) -> SensorRead:
    return SensorRead(index, value, Quality.GOOD, 0)


def ask(number: int) -> StatusAsked:
    return StatusAsked(number, Question.STATUS)


def test_events_come_out_in_the_order_in_which_they_came() -> None:
    mailbox = Mailbox()
    for number in range(5):
        assert mailbox.post(ask(number))
    assert mailbox.take(0) == [ask(number) for number in range(5)]
    assert mailbox.take(0) == []


def test_of_each_sensor_and_fan_only_the_newest_reading_waits() -> None:
    mailbox = Mailbox(events_max=1)
    fan = FanRead(0, 900, Quality.GOOD, 0)
    for event in (reading(0, 1), reading(1, 2), fan, reading(0, 3)):
        assert mailbox.post(event)
    assert mailbox.take(0) == [reading(1, 2), fan, reading(0, 3)]
    assert mailbox.replaced_count == 1


def test_readings_never_delay_anything_else() -> None:
    mailbox = Mailbox()
    mailbox.post(reading(0, 1))
    mailbox.post(Tick())
    assert mailbox.take(0) == [Tick(), reading(0, 1)]


def test_a_reading_wakes_nobody_and_comes_with_what_does() -> None:
    mailbox = Mailbox()
    mailbox.post(reading(0, 1))
    poster = threading.Timer(0.1, mailbox.post, (ask(1),))
    poster.start()
    assert mailbox.take(20) == [ask(1), reading(0, 1)]
    poster.join()


def test_a_full_mailbox_gives_up_mirror_messages_then_summaries() -> None:
    mailbox = Mailbox(events_max=4)
    probe = MessageHeard("udp", HEADER, Probe(1), 0)
    delta_ack = MessageHeard("udp", HEADER, DeltaAck(1, 1), 0)
    summary = PathSummarised("udp", None, None, None, COUNTS, "")
    for event in (probe, summary, delta_ack, ask(0)):
        mailbox.post(event)
    assert mailbox.post(ask(1))
    assert mailbox.post(ask(2))
    assert mailbox.dropped_count == 2
    assert mailbox.take(0) == [probe, ask(0), ask(1), ask(2)]


def test_beats_and_commands_are_never_dropped_and_the_bound_holds() -> None:
    mailbox = Mailbox(events_max=2)
    beat = HeartbeatHeard("udp", HEADER, None, 0, 1)  # type: ignore[arg-type]
    assert mailbox.post(beat)
    assert mailbox.post(ask(1))
    assert not mailbox.post(ask(2))
    assert mailbox.refused_count == 1
    assert mailbox.take(0) == [beat, ask(1)]


def test_a_post_ends_the_wait() -> None:
    mailbox = Mailbox()
    taken = []
    taker = threading.Thread(target=lambda: taken.extend(mailbox.take(30)))
    taker.start()
    mailbox.post(Tick())
    taker.join(10)
    assert taken == [Tick()]


def test_without_an_event_the_wait_ends_by_itself() -> None:
    assert Mailbox().take(0.001) == []


def test_whoever_waits_is_woken_for_nothing() -> None:
    mailbox = Mailbox()
    taken: list[list[Event]] = []
    waiting = threading.Thread(target=lambda: taken.append(mailbox.take(3600)), daemon=True)
    waiting.start()

    def is_awake() -> bool:
        mailbox.wake()
        return not waiting.is_alive()

    wait_until(is_awake, "the thread looks up")
    assert taken == [[]]
