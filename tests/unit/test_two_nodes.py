"""Stories of two real nodes in virtual time, among them the traces that broke earlier rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.model.effect import WriteImage
from bmcha.model.event import (
    OutputsWithheld,
    Question,
    SensorRead,
    SettingsReloaded,
    StatusAsked,
    StopAsked,
    StrapsRead,
    SwitchoverAsked,
)
from bmcha.model.reading import Quality, SensorCell
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy
from tests.world import Module, World

BOARDS = list(BoardClass)
GATED, BARE = BoardClass.GATED, BoardClass.BARE
DEAD_MS = 500


def reason_of(module: Module) -> Reason:
    assert module.node is not None
    return module.node.roles.machine.reason


def changes_of(module: Module) -> list[Reason]:
    """Why its roles changed, oldest first."""
    assert module.node is not None
    return [change.reason for change in module.node.roles.machine.history]


def become(world: World, slot: int, role: Role, within_ms: int) -> int:
    """How long it took."""
    begun_ms = world.now_ms
    assert world.run(within_ms, lambda: world.modules[slot].role is role), world.story()
    return world.now_ms - begun_ms


def alarms_of(module: Module) -> set[str]:
    assert module.node is not None
    return {alarm.alarm_id for alarm in module.node.chassis.alarms.raised()}


def status_of(world: World, slot: int) -> dict[str, object]:
    module = world.modules[slot]
    module.ask(StatusAsked(99, Question.STATUS))
    world.run(2)
    body = module.answers[-1].body
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("board", BOARDS)
def test_at_a_cold_start_the_first_in_the_succession_takes_the_chassis(board: BoardClass) -> None:
    world = World(board).settled()
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert world.dual_ms == 0
    assert status_of(world, 1)["redundancy"] == {"state": "FULL", "reasons": []}


def test_a_killed_active_is_followed_at_once_where_a_line_tells() -> None:
    world = World(GATED).settled()
    world.kill(1)
    assert become(world, 2, Role.ACTIVE, DEAD_MS) < 60
    assert reason_of(world.modules[2]) is Reason.PEER_HEALTH_DOWN
    assert world.dual_ms == 0


def test_a_killed_active_is_followed_after_the_dead_time_where_nothing_tells() -> None:
    world = World(BARE).settled()
    world.kill(1)
    assert DEAD_MS - 100 <= become(world, 2, Role.ACTIVE, 2 * DEAD_MS) <= DEAD_MS + 50
    assert reason_of(world.modules[2]) is Reason.PEER_SILENT


@pytest.mark.parametrize("board", BOARDS)
def test_an_active_that_restarts_faster_than_its_dead_time_does_not_strand_the_chassis(
    board: BoardClass,
) -> None:
    world = World(board).settled()
    world.kill(1)
    world.run(8)
    world.modules[1].boot()
    world.tell_lines()
    become(world, 2, Role.ACTIVE, 300)
    world.run(3000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert world.dual_ms == 0


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("path", ["udp", "serial"])
def test_losing_one_path_keeps_the_role_and_says_so(board: BoardClass, path: str) -> None:
    world = World(board).settled()
    world.cut(path)
    world.run(5000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert {f"path-{path}-silent", "redundancy-degraded"} <= alarms_of(world.modules[1])
    assert status_of(world, 2)["redundancy"]["state"] == "DEGRADED"  # type: ignore[index]
    world.heal()
    world.run(1500)
    assert not alarms_of(world.modules[1])
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)


@pytest.mark.parametrize("board", BOARDS)
def test_the_alarm_of_the_last_path_goes_on_until_that_of_the_lost_peer(board: BoardClass) -> None:
    world = World(board).settled()
    world.cut("serial")
    world.run(3000)
    world.kill(1)
    told: set[str] = set()
    for _ in range(600):
        world.run(10)
        told = alarms_of(world.modules[2]) & {"redundancy-degraded", "peer-lost"}
        assert told
    assert told == {"peer-lost"}


def test_a_standby_whose_paths_are_all_cut_is_isolated_where_the_line_says_held() -> None:
    world = World(GATED).settled()
    world.cut()
    world.run(6000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert reason_of(world.modules[2]) is Reason.ISOLATED
    assert "isolated" in alarms_of(world.modules[2])
    assert world.dual_ms == 0
    world.heal()
    world.run(1000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert reason_of(world.modules[2]) is Reason.PEER_IS_ACTIVE


def test_silence_splits_the_brain_on_a_bare_board_and_the_first_beat_heals_it() -> None:
    world = World(BARE).settled()
    world.cut()
    world.run(2000)
    assert world.roles() == (Role.ACTIVE, Role.ACTIVE)
    world.heal()
    world.dual_ms = 0
    world.run(1000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert changes_of(world.modules[1])[-1] is Reason.PEER_HOLDS_NEWER_EPOCH
    assert world.dual_ms <= 102


def test_after_a_split_the_one_that_hears_lets_go_if_the_other_hears_nothing() -> None:
    """Only the older holder can be heard again: it will never learn of the newer epoch."""
    world = World(BARE).settled()
    world.cut()
    world.run(2000)
    assert world.roles() == (Role.ACTIVE, Role.ACTIVE)
    world.cuts = {(path, 2) for path in world.path_names}
    world.dual_ms = 0
    world.run(3000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert Reason.PEER_HEARS_NOTHING in changes_of(world.modules[2])
    assert world.dual_ms <= 3 * 102 + 25  # that a wait is over is seen at the next tick
    world.heal()
    world.run(2000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert status_of(world, 2)["mirror"]["state"] == "SYNCED"  # type: ignore[index]


def test_a_bare_board_told_to_hold_never_splits() -> None:
    world = World(BARE, IsolationPolicy.HOLD).settled()
    world.cut()
    world.run(4000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert reason_of(world.modules[2]) is Reason.HELD_BY_POLICY


def test_a_standby_that_is_asked_for_a_switchover_names_whom_to_ask() -> None:
    world = World(GATED).settled()
    standby = world.modules[2]
    standby.ask(SwitchoverAsked(1, "test", None, False))
    world.run(1)
    (refusal,) = standby.answers[-1].body["refusals"]
    assert refusal["text"] == "This module is not ACTIVE. Ask the ACTIVE module: slot 1."


def test_an_operator_lets_a_held_module_take_over_by_a_reload() -> None:
    """As `bmcha check` says of isolation_policy = hold: a switchover is not what does it."""
    world = World(BARE, IsolationPolicy.HOLD).settled()
    world.kill(1)
    world.run(4000)
    standby = world.modules[2]
    assert world.roles() == (None, Role.STANDBY)
    trusting = replace(standby.settings, isolation_policy=IsolationPolicy.TRUST_SILENCE)
    standby.ask(SettingsReloaded(None, "SIGHUP", trusting, ()))
    become(world, 2, Role.ACTIVE, 1000)


def test_the_last_path_waits_its_longer_dead_time() -> None:
    world = World(BARE).settled()
    world.cut("udp")
    world.run(2000)
    world.kill(1)
    took_ms = become(world, 2, Role.ACTIVE, 4 * DEAD_MS)
    assert 2 * DEAD_MS - 100 <= took_ms <= 2 * DEAD_MS + 50


@pytest.mark.parametrize("board", BOARDS)
def test_both_starting_with_every_path_cut_ends_as_the_board_allows(board: BoardClass) -> None:
    world = World(board)
    world.cut()
    world.boot()
    world.run(6000)
    if board is GATED:
        assert sorted(r.name for r in world.roles() if r) == ["ACTIVE", "STANDBY"]
        assert world.dual_ms == 0
    world.heal()
    world.run(1500)
    assert sorted(r.name for r in world.roles() if r) == ["ACTIVE", "STANDBY"]
    epochs = {m.stored_epoch for m in world.modules.values()}
    assert len(epochs) == 2 or board is GATED


@pytest.mark.parametrize("board", BOARDS)
def test_an_active_that_stood_still_steps_down_before_it_writes(board: BoardClass) -> None:
    world = World(board).settled()
    first = world.modules[1]
    first.is_stopped = True
    become(world, 2, Role.ACTIVE, 5000)
    world.run(700)
    written = len(first.writes)
    first.is_stopped = False
    become(world, 1, Role.STANDBY, 5)
    assert len(first.writes) == written
    world.run(3000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert world.dual_ms == 0 or not board.is_gated


@pytest.mark.parametrize("board", BOARDS)
def test_stopped_then_cut_then_continued_never_leaves_two_holders_on_a_gated_board(
    board: BoardClass,
) -> None:
    world = World(board).settled()
    world.modules[1].is_stopped = True
    become(world, 2, Role.ACTIVE, 5000)
    world.cut()
    world.dual_ms = 0
    world.modules[1].is_stopped = False
    world.run(150)
    assert world.dual_ms <= 1
    world.run(4000)
    if board.is_gated:
        assert world.roles() == (Role.STANDBY, Role.ACTIVE)
        assert world.dual_ms == 0


def test_an_active_that_is_not_heard_lets_go_before_its_peer_claims() -> None:
    world = World(BARE).settled()
    world.cut(source=1)
    become(world, 2, Role.ACTIVE, 2 * DEAD_MS)
    assert Reason.RELEASED_UNHEARD in changes_of(world.modules[1])
    world.run(3000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert world.dual_ms == 0


def test_what_was_let_go_for_a_peer_that_never_claims_is_taken_back_once() -> None:
    world = World(BARE).settled()
    world.cut(source=1)
    become(world, 1, Role.RELINQUISHING, 2 * DEAD_MS)
    world.kill(2)
    become(world, 1, Role.ACTIVE, 3 * DEAD_MS)
    assert reason_of(world.modules[1]) is Reason.TAKEN_BACK


def test_an_active_that_hears_nothing_but_is_heard_stays() -> None:
    world = World(BARE).settled()
    world.cut(source=2)
    world.run(4000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)


@pytest.mark.parametrize("line", ["presence", "health"])
def test_one_lying_line_moves_nothing_and_is_named(line: str) -> None:
    world = World(GATED).settled()
    world.stick(2, line, False)
    world.run(3000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert "line-fault-slot1" in alarms_of(world.modules[2])
    world.unstick(2, line)
    world.run(100)
    assert not alarms_of(world.modules[2])


@pytest.mark.parametrize(("seen_by", "level"), [(2, False), (1, True)])
def test_an_active_line_that_contradicts_its_node_is_an_alarm(seen_by: int, level: bool) -> None:
    """The hidden first lie: with it, losing every path would put two hands on the chassis."""
    world = World(GATED).settled()
    world.stick(seen_by, "active", level)
    world.run(1500)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert alarms_of(world.modules[seen_by]) == {f"active-line-fault-slot{3 - seen_by}"}


def cut_beside_a_lying_active_line(board: BoardClass) -> World:
    """The STANDBY sees the holder's line down; of that alone there is an alarm."""
    world = World(board).settled()
    world.stick(2, "active", False)
    world.run(1500)
    assert "active-line-fault-slot1" in alarms_of(world.modules[2])
    world.cut()
    world.run(3000)
    return world


@pytest.mark.parametrize("board", [BoardClass.GATED, BoardClass.RESET])
def test_a_lying_active_line_and_every_path_cut_are_two_faults_and_two_hold(
    board: BoardClass,
) -> None:
    """What no board promises to survive (docs/adr/0006-silent-peer.md). A beat ends it."""
    world = cut_beside_a_lying_active_line(board)
    assert world.roles() == (Role.ACTIVE, Role.ACTIVE)
    world.heal()
    world.run(1000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)


def test_beside_a_lying_active_line_a_lease_ends_all_the_same() -> None:
    world = cut_beside_a_lying_active_line(BoardClass.LEASE)
    assert Reason.LEASE_OVER in changes_of(world.modules[1])
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)


def alarms_during(world: World, module: Module, duration_ms: int) -> set[str]:
    found: set[str] = set()
    for _ in range(duration_ms // 10):
        world.run(10)
        found |= alarms_of(module)
    return found


def test_the_line_of_one_that_died_is_not_said_to_contradict_its_last_word() -> None:
    world = World(GATED, deadtime_ms=1500).settled()
    world.kill(1)
    assert alarms_during(world, world.modules[2], 3000) == {
        *("path-udp-silent", "path-serial-silent", "peer-lost")
    }


@pytest.mark.parametrize("path", ["udp", "serial"])
def test_a_path_that_is_cut_both_ways_is_at_no_time_called_one_way(path: str) -> None:
    # The ends' beats are out of step, so that one end misses the other one sooner.
    for between_ms in range(5, 100, 20):
        world = World(BARE).boot(1)
        world.run(between_ms)
        world.boot(2)
        world.run(5000)
        world.cut(path)
        seen = alarms_during(world, world.modules[1], 1200) | alarms_of(world.modules[2])
        assert f"path-{path}-silent" in seen
        assert f"path-{path}-one-way" not in seen


def test_a_lost_probe_is_not_the_end_of_a_peer_that_lives() -> None:
    world = World(GATED).settled()
    world.cut(source=1)
    world.stick(2, "health", False)
    world.run(40)
    world.heal()
    world.run(3000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert "line-fault-slot1" in alarms_of(world.modules[2])


def test_a_line_known_to_lie_is_no_evidence_when_every_path_is_lost() -> None:
    world = World(GATED).settled()
    world.stick(2, "health", False)
    world.run(1000)
    world.cut()
    world.run(8000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert world.dual_ms == 0


def test_two_modules_that_start_cut_off_claim_one_after_the_other() -> None:
    world = World(GATED)
    world.cut()
    world.boot()
    assert world.run(6000, lambda: world.modules[1].role is Role.ACTIVE)
    assert Role.FENCING not in [role for _, role in world.modules[2].roles]


def test_a_line_that_bounces_for_a_moment_is_not_even_an_alarm() -> None:
    world = World(GATED).settled()
    world.stick(2, "health", False)
    world.unstick(2, "health")
    world.run(500)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert not alarms_of(world.modules[2])


@pytest.mark.parametrize("board", [board for board in BOARDS if board is not BARE])
def test_a_pulled_active_is_followed_at_once(board: BoardClass) -> None:
    world = World(board).settled()
    world.pull(1)
    assert become(world, 2, Role.ACTIVE, DEAD_MS) < 60
    assert reason_of(world.modules[2]) is Reason.PEER_ABSENT


def test_a_pulled_active_whose_line_is_stuck_up_is_followed_all_the_same() -> None:
    world = World(GATED).settled()
    world.stick(2, "active", True)
    world.pull(1)
    become(world, 2, Role.ACTIVE, DEAD_MS)
    assert "unverified-takeover" in alarms_of(world.modules[2])


@pytest.mark.parametrize("board", [board for board in BOARDS if board is not BARE])
def test_a_module_whose_gate_is_broken_leaves_the_chassis_to_the_other(board: BoardClass) -> None:
    world = World(board).settled()
    world.modules[1].hardware.is_gate_broken = True
    world.tell_lines()
    become(world, 2, Role.ACTIVE, 760)
    world.run(6000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert len(world.modules[1].roles) < 8 and world.unheld_ms < 1600


def test_a_module_whose_gate_is_broken_tries_again_when_there_is_no_other() -> None:
    world = World(GATED).settled()
    world.pull(2)
    world.run(1500)
    world.modules[1].hardware.is_gate_broken = True
    world.tell_lines()
    become(world, 1, Role.STANDBY, 1000)
    world.modules[1].hardware.is_gate_broken = False
    become(world, 1, Role.ACTIVE, 2000)
    world.run(2000)
    assert world.roles()[0] is Role.ACTIVE


def test_a_switchover_to_a_module_that_sees_a_lying_active_line_is_taken_back() -> None:
    world = World(GATED).settled()
    world.stick(2, "active", True)
    world.modules[1].ask(SwitchoverAsked(5, "test", None, False))
    world.run(100)
    become(world, 1, Role.ACTIVE, 2500)
    world.run(3000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert not world.modules[1].answers[-1].is_done
    assert len(world.modules[2].roles) < 20 and world.modules[2].stored_epoch < 20


@pytest.mark.parametrize("slot", [1, 2])
def test_a_lying_active_line_does_not_keep_two_starting_modules_from_the_chassis(slot: int) -> None:
    world = World(GATED)
    world.stuck[(slot, "active")] = True
    world.boot()
    become(world, 3 - slot, Role.ACTIVE, 2000)
    world.run(3000)
    assert world.roles()[slot - 1] is Role.STANDBY and world.dual_ms == 0


def test_a_line_that_spoke_of_an_empty_slot_is_examined_anew_when_a_module_is_there() -> None:
    world = World(GATED)
    world.modules[1].hardware.is_powered = False
    world.boot(2).run(500)
    world.stick(2, "presence", False)
    world.modules[1].hardware.is_powered = True
    world.modules[1].boot()
    world.run(400)
    world.tell_lines()
    world.run(100)
    assert "line-fault-slot1" in alarms_of(world.modules[2])


def test_every_record_of_the_active_goes_with_the_role_at_a_switchover() -> None:
    world = World(GATED).settled()
    first, second = world.modules[1], world.modules[2]
    first.ask(SwitchoverAsked(5, "test", None, False))
    become(world, 2, Role.ACTIVE, 500)
    assert second.node is not None
    known = {record.key for record in second.node.chassis.log.tail()}
    assert {r.key for r in first.events if r.slot == 1 and r.epoch == 2} <= known


def test_a_lone_module_beside_an_empty_slot_takes_the_chassis_without_the_boot_window() -> None:
    world = World(GATED)
    world.modules[1].hardware.is_powered = False
    world.boot(2)
    assert become(world, 2, Role.ACTIVE, 2000) < 100


def test_a_lone_module_on_a_bare_board_listens_first() -> None:
    world = World(BARE)
    world.boot(2)
    assert become(world, 2, Role.ACTIVE, 4000) >= 2000


@pytest.mark.parametrize("board", BOARDS)
def test_a_restarted_standby_comes_back_as_standby(board: BoardClass) -> None:
    world = World(board).settled()
    world.kill(2)
    world.run(1500)
    world.modules[2].boot()
    world.run(3000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    assert status_of(world, 1)["redundancy"] == {"state": "FULL", "reasons": []}


@pytest.mark.parametrize("board", BOARDS)
def test_a_planned_switchover_moves_the_role_and_not_the_fans(board: BoardClass) -> None:
    world = World(board).settled()
    first, second = world.modules[1], world.modules[2]
    first.ask(SwitchoverAsked(5, "test", None, False))
    assert become(world, 2, Role.ACTIVE, 500) < 100
    world.run(300)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert changes_of(first)[-1] is Reason.HANDED_OVER
    done = first.answers[-1]
    assert done.request_id == 5 and done.is_done and done.body["result"] == "done"
    first_write = next(pwm for _, pwm, is_open in second.writes if is_open)
    assert first_write == first.writes[-1][1]
    assert world.dual_ms == 0


def test_a_switchover_says_every_reason_against_it() -> None:
    world = World(GATED).settled()
    first = world.modules[1]
    world.kill(2)
    world.run(DEAD_MS + 200)
    first.ask(SwitchoverAsked(6, "test", None, True))
    world.run(2)
    refused = {each["id"] for each in first.answers[-1].body["refusals"]}
    assert refused == {"PEER_NOT_HEARD", "PEER_HEALTH_LINE_DOWN"}
    assert world.roles()[0] is Role.ACTIVE


def test_a_switchover_asked_of_the_standby_is_refused_with_what_to_do() -> None:
    world = World(GATED).settled()
    world.modules[2].ask(SwitchoverAsked(7, "test", None, False))
    world.run(2)
    assert [r["id"] for r in world.modules[2].answers[-1].body["refusals"]] == ["NOT_ACTIVE"]


@pytest.mark.parametrize("board", BOARDS)
def test_a_handover_that_nobody_takes_is_taken_back(board: BoardClass) -> None:
    world = World(board).settled()
    first, second = world.modules[1], world.modules[2]
    first.ask(SwitchoverAsked(8, "test", None, False))
    world.run(1)
    second.is_stopped = True
    assert world.run(4000, lambda: len(first.roles) > 4 and first.role is Role.ACTIVE)
    assert reason_of(first) is Reason.HANDOVER_TIMED_OUT
    assert not first.answers[-1].is_done
    second.is_stopped = False
    world.run(3000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)


@pytest.mark.parametrize("board", BOARDS)
def test_a_stopping_active_hands_over_and_ends_within_two_seconds(board: BoardClass) -> None:
    world = World(board).settled()
    world.modules[1].ask(StopAsked("test"))
    assert world.run(2000, lambda: world.modules[1].node is None), world.story()
    become(world, 2, Role.ACTIVE, 50)
    assert world.dual_ms == 0 and world.unheld_ms < 2000


@pytest.mark.parametrize("board", BOARDS)
def test_a_stopping_active_without_a_peer_releases_and_says_goodbye(board: BoardClass) -> None:
    world = World(board).settled()
    world.kill(2)
    world.run(3 * DEAD_MS)
    world.modules[1].ask(StopAsked("test"))
    assert world.run(50, lambda: world.modules[1].node is None)


def test_a_word_from_a_former_life_on_a_slow_path_moves_nothing() -> None:
    world = World(BARE).settled()
    world.delay_ms["serial"] = 300
    world.run(1000)
    world.modules[1].ask(SwitchoverAsked(9, "test", None, False))
    become(world, 2, Role.ACTIVE, 1000)
    world.run(2000)
    assert world.roles() == (Role.STANDBY, Role.ACTIVE)
    assert world.dual_ms == 0


def test_a_late_word_of_an_older_life_neither_moves_the_role_nor_hides_the_living_one() -> None:
    world = World(BARE).settled()
    world.delay_ms["serial"] = 400
    world.run(1000)
    for slot in (1, 1, 2):
        world.kill(slot)
        world.run(60)
        world.modules[slot].boot()
        world.run(90)
    world.run(5000)
    assert sorted(r.name for r in world.roles() if r) == ["ACTIVE", "STANDBY"]
    for slot in (1, 2):
        living = world.modules[3 - slot].node
        assert living is not None
        assert status_of(world, slot)["peer"]["boot_id"] == living.facts.boot_id  # type: ignore[index]
        assert status_of(world, slot)["redundancy"]["state"] == "FULL"  # type: ignore[index]
    assert world.dual_ms <= 102


def test_a_holder_whose_epoch_is_older_than_its_peers_store_takes_a_newer_one() -> None:
    world = World(BARE)
    world.boot(1)
    become(world, 1, Role.ACTIVE, 4000)
    world.modules[2].stored_epoch = 41
    world.modules[2].boot()
    world.run(3000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY)
    first = world.modules[1].node
    assert first is not None and first.roles.held_epoch == 42
    assert status_of(world, 2)["mirror"]["state"] == "SYNCED"  # type: ignore[index]


def test_a_module_that_cannot_read_its_slot_never_takes_the_chassis() -> None:
    world = World(GATED)
    world.modules[1].straps = StrapsRead(None, "unreadable")
    world.modules[1].boot()
    world.boot(2)
    world.run(5000)
    assert world.roles() == (Role.FAULT, Role.ACTIVE)


@pytest.mark.parametrize("board", BOARDS)
def test_the_standby_holds_the_same_picture(board: BoardClass) -> None:
    world = World(board).settled()
    world.run(2000)
    first, second = world.modules[1].node, world.modules[2].node
    assert first is not None and second is not None
    mine, theirs = first.chassis.picture, second.chassis.picture
    assert len(mine.cells()) == len(theirs.cells()) > 2
    assert [c.value_milli for c in mine.sensors()] == [c.value_milli for c in theirs.sensors()]


@pytest.mark.parametrize("board", BOARDS)
def test_the_log_goes_on_over_a_failover_without_loss_or_doubling(board: BoardClass) -> None:
    world = World(board).settled()
    before = [r.key for r in world.modules[1].events if r.slot == 1]
    world.kill(1)
    become(world, 2, Role.ACTIVE, 2000)
    second = world.modules[2].node
    assert second is not None
    keys = [r.key for r in second.chassis.log.tail()]
    assert set(before) <= set(keys)
    assert len(keys) == len(set(keys))


def test_what_a_holder_read_last_is_in_its_image_when_it_lets_go() -> None:
    world = World(GATED).settled()
    node = world.modules[1].node
    assert node is not None
    now_ns = world.modules[1].clock()
    node.step(SensorRead(0, 31_000, Quality.GOOD, now_ns), now_ns)
    effects = node.step(OutputsWithheld(0), now_ns)
    assert node.roles.machine.role is Role.STANDBY
    written = [cell for e in effects if isinstance(e, WriteImage) for cell in e.cells]
    assert [c.value_milli for c in written if isinstance(c, SensorCell)] == [31_000]


def test_a_line_known_to_lie_is_no_evidence_after_a_quick_restart_either() -> None:
    """HEALTH of slot 1 reads down. It restarts, takes the role back, and then every path is cut."""
    world = World(BoardClass.GATED).settled()
    world.stick(2, "health", False)
    world.run(1000)
    world.kill(1)
    world.run(8)
    world.modules[1].boot()
    world.run(5000)
    world.modules[2].is_stopped = True
    world.run(1000)
    world.modules[2].is_stopped = False
    become(world, 1, Role.ACTIVE, 3000)
    world.run(3000)
    world.cut()
    world.run(10_000)
    assert world.roles() == (Role.ACTIVE, Role.STANDBY) and world.dual_ms == 0
    assert reason_of(world.modules[2]) is Reason.ISOLATED
