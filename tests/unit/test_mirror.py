"""Sender and receiver of the mirror, wired to each other in memory, over every kind of bad path."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from bmcha.chassis.mirror_receiver import JOIN_REPEAT_NS, Accepted, MirrorReceiver, MirrorState
from bmcha.chassis.mirror_sender import (
    EVENTS_IN_DELTA_MAX,
    EVENTS_PENDING_MAX,
    PARTS_MAX,
    REPEAT_NS,
    MirrorSender,
    PathRoom,
    cell_bytes_max,
)
from bmcha.chassis.picture import ChassisPicture
from bmcha.model.message import Delta, DeltaAck, DeltaKind, MirrorJoin
from bmcha.model.reading import (
    BladeCell,
    EventCell,
    FanCell,
    FanValue,
    ImageCell,
    Quality,
    SensorCell,
    SensorKind,
    SensorValue,
    UnitState,
)
from bmcha.model.role import Severity
from tests.speech import ms

LAYOUT, SEED = 0x1234, 77
LIFE = SEED

WIDE = PathRoom("udp", 100_000, 10_000_000)
NARROW = PathRoom("serial", 150, 11_520)
OTHER = PathRoom("spare", 190, 10_000_000)
MANY_PARTS = 1000


def sensor(index: int, value: int) -> SensorCell:
    return SensorCell(index, f"s{index}", SensorKind.VOLTAGE, value, Quality.GOOD, 0, 0, 9)


def fan(index: int, pwm: int) -> FanCell:
    return FanCell(index, f"f{index}", 900, pwm, 60, UnitState.OK, 0)


def event(number: int) -> EventCell:
    return EventCell(1, number, 1, Severity.INFO, 0, "test", "it happened")


Contents = frozenset[ImageCell]
Item = TypeVar("Item")


class Pair:
    """An ACTIVE and a STANDBY. ``down`` and ``up`` hold what is on its way."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.here, self.there = ChassisPicture(), ChassisPicture()
        self.sender, self.receiver = MirrorSender(LAYOUT), MirrorReceiver(LAYOUT)
        self.down: list[Delta] = []
        self.up: list[DeltaAck | MirrorJoin] = []
        self.log: list[EventCell] = []
        self.heard_events: list[EventCell] = []
        self.sent_as_of: dict[int, Contents] = {0: frozenset()}
        self.receiver.restart()

    def change(self, *cells: ImageCell) -> None:
        for cell in cells:
            self.here.put(cell)
        self.sender.note(list(cells))

    def write_event(self) -> None:
        record = event(len(self.log) + 1)
        self.log.append(record)
        self.sender.note_event(record)

    def turn(self, room: PathRoom = WIDE) -> None:
        """Both sides put on the path what they have to say."""
        join = self.receiver.due(SEED, self.now_ns)
        if join is not None:
            self.up.append(join)
        before = self.sender.sequence
        self.down += self.sender.due(room, self.here.get, self.here.cells, self.now_ns)
        if self.sender.sequence != before:
            self.sent_as_of[self.sender.sequence] = frozenset(self.here.cells())

    def deliver_down(self, delta: Delta) -> None:
        answer = self.receiver.heard(delta, SEED, self.now_ns)
        if isinstance(answer, Accepted):
            self._accept(answer)
            self.up.append(answer.ack)
        elif answer is not None:
            self.up.append(answer)

    def deliver_up(self, message: DeltaAck | MirrorJoin) -> None:
        if isinstance(message, MirrorJoin):
            self.sender.joined(message, LIFE, self.log)
        else:
            self.sender.acked(message, self.now_ns)

    def _accept(self, accepted: Accepted) -> None:
        cells: list[ImageCell] = []
        for cell in accepted.cells:
            if isinstance(cell, EventCell):
                self.heard_events.append(cell)
                continue
            full = self.there.merge(cell) if isinstance(cell, SensorValue | FanValue) else cell
            assert full is not None, "a short form of a cell that the receiver does not have"
            cells.append(full)
        if accepted.is_whole:
            self.there.replace_all(cells)
        for cell in cells:
            self.there.put(cell)

    def check(self) -> None:
        """What the receiver holds is what the sender had as of that sequence, never a mixture."""
        assert frozenset(self.there.cells()) == self.sent_as_of[self.receiver.sequence]

    def exchange(self, room: PathRoom = WIDE) -> None:
        """One round without loss."""
        self.turn(room)
        while self.down or self.up:
            for delta in take(self.down):
                self.deliver_down(delta)
                self.check()
            for message in take(self.up):
                self.deliver_up(message)
        self.now_ns += ms(25)

    def settle(self, rounds: int = 60, room: PathRoom = WIDE) -> None:
        for _ in range(rounds):
            self.exchange(room)
            if self.sender.is_drained and self.receiver.is_synced:
                return


def take(queue: list[Item]) -> list[Item]:
    taken = queue[:]
    queue.clear()
    return taken


def joined(*cells: ImageCell) -> Pair:
    pair = Pair()
    pair.change(*cells)
    pair.settle()
    assert pair.receiver.is_synced and pair.sender.is_synced
    return pair


# ---- the plain way


def test_a_standby_asks_and_gets_everything() -> None:
    pair = Pair()
    pair.change(sensor(0, 1), fan(0, 80))
    pair.turn()
    assert pair.up == [MirrorJoin(LAYOUT, SEED + 1)] and not pair.down
    pair.settle()
    assert pair.there.cells() == pair.here.cells()
    assert pair.receiver.state is MirrorState.SYNCED and pair.sender.is_drained


def test_after_that_only_what_changed_travels_and_in_its_short_form() -> None:
    pair = joined(sensor(0, 1), fan(0, 80), BladeCell(0, "b", UnitState.OK, 5, 0))
    pair.change(sensor(0, 2))
    pair.change(fan(0, 90))
    pair.turn()
    (delta,) = pair.down
    assert delta.kind is DeltaKind.CHANGES and delta.base + 1 == delta.sequence
    assert delta.cells == (
        SensorValue(0, 2, Quality.GOOD, 0),
        FanValue(0, 900, 90, UnitState.OK, 0),
    )


def test_a_cell_whose_fixed_part_changed_travels_in_full() -> None:
    pair = joined(sensor(0, 1))
    renamed = replace(sensor(0, 2), name="other")
    pair.change(renamed)
    pair.turn()
    assert pair.down[0].cells == (renamed,)


def test_one_delta_is_under_way_at_a_time_and_the_next_takes_all_that_changed_since() -> None:
    pair = joined(sensor(0, 1))
    pair.change(sensor(0, 2))
    pair.turn()
    first = take(pair.down)
    for value in range(3, 30):
        pair.change(sensor(0, value))
        pair.turn()
    assert pair.down == []
    pair.deliver_down(first[0])
    pair.settle()
    assert pair.there.sensors() == [sensor(0, 29)]
    assert pair.sender.sequence == first[0].sequence + 1


def test_nothing_is_sent_without_a_path_or_a_peer_that_joined() -> None:
    pair = Pair()
    pair.change(sensor(0, 1))
    assert pair.sender.due(WIDE, pair.here.get, pair.here.cells, 0) == ()
    pair.sender.joined(MirrorJoin(LAYOUT, 1), LIFE, [])
    assert pair.sender.due(None, pair.here.get, pair.here.cells, 0) == ()
    assert len(pair.sender.due(WIDE, pair.here.get, pair.here.cells, 0)) == 1


def test_another_layout_is_refused_on_both_sides() -> None:
    pair = joined(sensor(0, 1))
    assert not pair.sender.joined(MirrorJoin(LAYOUT + 1, 5), LIFE, [])
    assert pair.sender.is_synced, "and disturbs nobody"
    pair.change(sensor(0, 2))
    pair.turn()
    assert pair.receiver.heard(replace(pair.down[0], layout_id=1), SEED, 0) is None
    assert pair.receiver.refused_count == 1


# ---- loss


def test_what_was_lost_is_sent_again_after_a_while() -> None:
    pair = joined(sensor(0, 1))
    pair.change(sensor(0, 2))
    pair.turn()
    lost = take(pair.down)
    pair.now_ns += REPEAT_NS - 1
    pair.turn()
    assert pair.down == []
    pair.now_ns += ms(1)
    pair.turn()
    assert pair.down == lost


def test_a_slow_path_is_given_the_time_that_its_bytes_take() -> None:
    pair = Pair()
    pair.change(*(sensor(index, 1) for index in range(100)))
    pair.turn(NARROW)
    pair.deliver_up(pair.up.pop())
    pair.turn(NARROW)
    sent = take(pair.down)
    line_ns = sum(cell_bytes_max(c) for d in sent for c in d.cells) * 10**9 // NARROW.bytes_per_s
    pair.now_ns += REPEAT_NS + 2 * line_ns - 1
    pair.turn(NARROW)
    assert pair.down == []
    pair.now_ns += 1
    pair.turn(NARROW)
    assert pair.down == sent


def test_a_lost_acknowledgement_is_given_again() -> None:
    pair = joined(sensor(0, 1))
    pair.change(sensor(0, 2))
    pair.turn()
    (delta,) = take(pair.down)
    pair.deliver_down(delta)
    lost = take(pair.up)
    pair.deliver_down(delta)
    assert pair.up == lost
    pair.check()


def test_a_join_that_was_lost_is_repeated_and_then_starts_no_second_answer() -> None:
    pair = Pair()
    pair.turn()
    (first,) = take(pair.up)
    pair.now_ns += JOIN_REPEAT_NS
    pair.turn()
    (again,) = take(pair.up)
    assert again == first
    for join in (first, again):
        pair.deliver_up(join)
        pair.turn()
    assert len(pair.down) == 1


def test_a_gap_makes_the_standby_join_anew() -> None:
    pair = joined(sensor(0, 1))
    gap = Delta(DeltaKind.CHANGES, LAYOUT, SEED + 1, 40, 41, 0, 1, (sensor(0, 9),))
    pair.deliver_down(gap)
    assert pair.receiver.state is MirrorState.JOINING
    pair.check()
    pair.settle()
    assert pair.there.cells() == pair.here.cells()


def test_a_delta_of_a_former_join_is_refused() -> None:
    pair = joined(sensor(0, 1))
    pair.receiver.restart()
    old = Delta(DeltaKind.WHOLE, LAYOUT, SEED + 1, 0, 1, 0, 1, (sensor(0, 9),))
    assert pair.receiver.heard(old, SEED, 0) is None
    assert pair.receiver.refused_count == 1


# ---- parts


def many_cells() -> list[ImageCell]:
    return [sensor(index, index) for index in range(7)]


def test_a_delta_in_parts_is_whole_or_nothing() -> None:
    pair = Pair()
    pair.change(*many_cells())
    pair.turn(NARROW)
    pair.deliver_up(pair.up.pop())
    pair.turn(NARROW)
    parts = take(pair.down)
    assert [part.part for part in parts] == list(range(len(parts))) and len(parts) == 4
    for part in parts[:-1]:
        pair.deliver_down(part)
        assert pair.there.cells() == []
    pair.deliver_down(parts[-1])
    assert pair.there.cells() == pair.here.cells()


def test_a_delta_that_moves_to_another_path_is_cut_anew() -> None:
    pair = Pair()
    pair.change(*many_cells())
    pair.turn(NARROW)
    pair.deliver_up(pair.up.pop())
    pair.turn(NARROW)
    half = take(pair.down)[:2]
    pair.turn(WIDE)
    (whole,) = take(pair.down)
    for part in (*half, whole):
        pair.deliver_down(part)
    pair.check()
    assert pair.there.cells() == pair.here.cells()


def test_parts_of_two_ways_to_cut_one_delta_are_never_put_together() -> None:
    """Both ways may give the same number of parts, with other cells in each."""
    blade = BladeCell(0, "b", UnitState.OK, 5, 0)
    pair = joined(*many_cells()[:2])
    pair.change(*many_cells()[:2], blade, fan(0, 80), fan(1, 80))
    pair.turn(NARROW)
    one = take(pair.down)
    pair.turn(OTHER)
    other = take(pair.down)
    assert [part.cells for part in one] != [part.cells for part in other]
    for part in (one[0], *other[1:], *one[1:], *other):
        pair.deliver_down(part)
        pair.check()
    assert frozenset(pair.there.cells()) == frozenset(pair.here.cells())


def test_a_picture_too_big_for_the_number_of_parts_gets_bigger_parts() -> None:
    pair = Pair()
    pair.change(*(sensor(index, 1) for index in range(MANY_PARTS)))
    pair.sender.joined(MirrorJoin(LAYOUT, SEED + 1), LIFE, [])
    pair.turn(NARROW)
    assert 1 < len(pair.down) <= PARTS_MAX


# ---- records of the log


def test_records_travel_once_and_in_order() -> None:
    pair = joined(sensor(0, 1))
    for _ in range(3 * EVENTS_IN_DELTA_MAX + 1):
        pair.write_event()
    pair.settle()
    assert pair.heard_events == pair.log


def test_a_burst_of_records_does_not_hold_up_the_readings() -> None:
    pair = joined(sensor(0, 1))
    for _ in range(200):
        pair.write_event()
    pair.change(sensor(0, 2))
    pair.turn()
    cells = [cell for part in pair.down for cell in part.cells]
    assert SensorValue(0, 2, Quality.GOOD, 0) in cells
    assert sum(isinstance(cell, EventCell) for cell in cells) == EVENTS_IN_DELTA_MAX


def test_a_standby_that_joins_gets_the_tail_of_the_log() -> None:
    pair = Pair()
    for _ in range(3):
        pair.write_event()
    pair.settle()
    assert pair.heard_events == pair.log


def test_records_that_wait_are_bounded_and_the_newest_are_kept() -> None:
    pair = joined(sensor(0, 1))
    pair.change(sensor(0, 2))
    pair.turn()
    for _ in range(EVENTS_PENDING_MAX + 10):
        pair.write_event()
    pair.settle()
    assert pair.heard_events == pair.log[10:]


# ---- what is told of the mirror


def test_synced_is_a_peer_that_has_the_whole_and_drained_one_that_has_everything() -> None:
    pair = joined(sensor(0, 1))
    states = [(pair.sender.is_synced, pair.sender.is_drained)]
    pair.change(sensor(0, 2))
    states.append((pair.sender.is_synced, pair.sender.is_drained))
    pair.sender.forget_peer()
    states.append((pair.sender.is_synced, pair.sender.is_drained))
    assert states == [(True, True), (True, False), (False, False)]


def test_a_beat_with_the_same_position_says_that_nothing_is_missing() -> None:
    pair = joined(sensor(0, 1))
    pair.receiver.level_at(pair.sender.sequence + 65536, ms(900))
    assert pair.receiver.fresh_ns == ms(900)
    pair.receiver.level_at(pair.sender.sequence + 1, ms(950))
    assert pair.receiver.fresh_ns == ms(900)


def test_who_has_nobody_to_follow_asks_nobody_and_keeps_what_it_has() -> None:
    pair = joined(sensor(0, 1))
    pair.receiver.leave()
    assert pair.receiver.is_synced and pair.receiver.due(SEED, ms(9000)) is None
    pair.receiver.restart()
    pair.receiver.leave()
    assert pair.receiver.state is MirrorState.NONE and pair.receiver.due(SEED, ms(9000)) is None


def test_a_life_that_seemed_over_for_a_moment_is_given_everything_again() -> None:
    """It has heard of nothing, so it does not ask."""
    pair = joined(sensor(0, 1))
    known = []
    for life in (LIFE - 1, LIFE):
        pair.sender.met_life(life, [])
        known.append((pair.sender.is_joined, pair.sender.is_synced))
    assert known == [(False, False), (True, False)]
    pair.exchange()
    assert pair.sender.is_drained and pair.receiver.is_synced


def test_a_new_life_is_given_nothing_before_it_joins() -> None:
    pair = joined(sensor(0, 1))
    pair.sender.met_life(LIFE + 1, [])
    assert not pair.sender.is_joined
    pair.sender.met_life(LIFE + 2, [])
    assert not pair.sender.is_joined


def test_who_holds_takes_no_change_that_is_still_on_its_way() -> None:
    pair = joined(sensor(0, 1))
    position = pair.receiver.sequence
    pair.receiver.hold()
    assert pair.receiver.sequence == position and pair.receiver.due(SEED, ms(9000)) is None
    for kind, base in ((DeltaKind.CHANGES, position), (DeltaKind.WHOLE, 0)):
        late = Delta(kind, LAYOUT, SEED + 1, base, position + 1, 0, 1, (sensor(0, 2),))
        assert pair.receiver.heard(late, SEED, ms(9001)) is None
    assert pair.receiver.state is MirrorState.NONE


def test_the_join_of_another_life_is_another_join() -> None:
    asked = set()
    for seed in (SEED, SEED + 500):
        receiver = MirrorReceiver(LAYOUT)
        receiver.restart()
        asked.add(receiver.due(seed, 0))
    assert len(asked) == 2


# ---- any path, however bad


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("change", "change", "event", "turn", "turn", "wait", "restart"),
                *("down", "down", "lose down", "double down"),
                *("up", "up", "lose up", "double up"),
            ]
        ),
        st.integers(0, 11),
    ),
    max_size=120,
)
ROOMS = (NARROW, OTHER, WIDE)


def do(pair: Pair, deed: str, number: int) -> None:
    """``number`` picks what is changed, which of the frames on the way, or which path."""
    queue: list[Delta] | list[DeltaAck | MirrorJoin] = pair.down if "down" in deed else pair.up
    match deed:
        case "change":
            pair.change(sensor(number % 4, pair.now_ns % 97), fan(number, number))
        case "event":
            pair.write_event()
        case "turn":
            pair.turn(ROOMS[number % 3])
        case "wait":
            pair.now_ns += REPEAT_NS * (1 + number)
        case "restart":
            pair.receiver.restart()
        case "lose down" | "lose up" if queue:
            del queue[number % len(queue)]
        case "double down" if pair.down:
            pair.down.append(pair.down[number % len(pair.down)])
        case "double up" if pair.up:
            pair.up.append(pair.up[number % len(pair.up)])
        case "down" if pair.down:
            pair.deliver_down(pair.down.pop(number % len(pair.down)))
        case "up" if pair.up:
            pair.deliver_up(pair.up.pop(number % len(pair.up)))
    pair.now_ns += ms(1)
    pair.check()


@settings(max_examples=150)
@given(DEEDS)
def test_whatever_is_lost_doubled_or_reordered_both_end_with_equal_pictures(
    deeds: list[tuple[str, int]],
) -> None:
    pair = Pair()
    pair.change(*many_cells())
    for deed, number in deeds:
        do(pair, deed, number)
    for _ in range(80):
        pair.now_ns += REPEAT_NS
        pair.exchange(NARROW)
    assert pair.receiver.is_synced and pair.sender.is_drained
    assert frozenset(pair.there.cells()) == frozenset(pair.here.cells())
    assert set(pair.heard_events) == set(pair.log)
