"""What waits for one path; its order is judged in test_pulse.py."""

from bmcha.model.message import DeltaAck, Probe
from bmcha.runtime.out_queue import Letter, OutQueue, WatchOrder


def test_a_full_queue_without_mirror_messages_drops_its_oldest() -> None:
    queue = OutQueue(messages_max=2)
    for nonce in range(3):
        queue.put(2, Probe(nonce))
    assert queue.dropped_count == 1
    assert queue.take_role() == Letter(2, Probe(1))


def test_the_bound_counts_both_kinds() -> None:
    queue = OutQueue(messages_max=2)
    queue.put(2, Probe(1))
    queue.put(2, DeltaAck(1, 1))
    queue.put(2, DeltaAck(1, 2))
    assert queue.take_mirror() == Letter(2, DeltaAck(1, 2))
    assert queue.take_mirror() is None
    assert queue.take_role() == Letter(2, Probe(1))


def test_a_watch_order_is_given_out_once_and_the_latest_counts() -> None:
    queue = OutQueue()
    queue.set_watch(WatchOrder(100, 1))
    queue.set_watch(WatchOrder(200, 2))
    assert queue.take_watch() == WatchOrder(200, 2)
    assert queue.take_watch() is None
