"""What is known of one peer: which of its words count, and when it is silent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.line_watch import Step
from bmcha.ha.path_monitor import PathMonitor
from bmcha.ha.peer_view import EPOCH_BELIEVED_MAX, PeerView
from bmcha.ha.revision import REVISION_SPAN, is_older
from bmcha.model.event import LineLevels
from bmcha.model.message import Handover
from bmcha.model.role import Role
from bmcha.model.settings import PathKind
from tests.speech import OWN_BOOT, PEER_BOOT, beat, draft, header, ms
from tests.world import path_settings

START_MS, DEAD_MS = 10_000, 500


def new_peer(*paths: str) -> PeerView:
    names = paths or ("udp", "serial")
    monitors = [PathMonitor(path_settings(name, 2), ms(START_MS)) for name in names]
    return PeerView(2, monitors, ms(15), ms(START_MS))


def hear(
    peer: PeerView,
    role: Role = Role.STANDBY,
    *,
    revision: int = 1,
    at_ms: int = START_MS,
    path: int = 0,
    beats: int = 1,
) -> None:
    assert peer.meet(header(), "udp", ms(START_MS))
    peer.monitors[path].heard(ms(at_ms), beats)
    peer.hear(beat(draft(role, revision=revision)), OWN_BOOT, ms(at_ms))


def fall_silent(peer: PeerView, path: int, at_ms: int) -> None:
    monitor = peer.monitors[path]
    monitor.overdue(monitor.last_heard_ns, ms(at_ms), peer.is_in_jeopardy_on(monitor.name))
    peer.tick(ms(at_ms))


@pytest.mark.parametrize(
    ("revision", "than", "older"),
    [
        (1, 2, True),
        (2, 2, False),
        (3, 2, False),
        (REVISION_SPAN - 1, 0, True),
        (0, REVISION_SPAN - 1, False),
        (0, REVISION_SPAN // 2, False),
    ],
)
def test_revisions_are_ordered_over_their_wrap(revision: int, than: int, older: bool) -> None:
    assert is_older(revision, than) is older


def test_a_peer_is_heard_from_its_first_beat() -> None:
    peer = new_peer()
    assert not peer.is_heard() and peer.draft is None
    hear(peer, Role.ACTIVE)
    assert peer.is_heard()


def test_an_older_word_of_the_same_life_is_dropped_but_its_echo_counts() -> None:
    peer = new_peer()
    hear(peer, Role.ACTIVE, revision=5)
    peer.hear(beat(draft(Role.STANDBY, revision=4), 400, 400), OWN_BOOT, ms(START_MS + 400))
    assert peer.draft is not None and peer.draft.role is Role.ACTIVE
    assert peer.hears_us() is False


@pytest.mark.parametrize("echo_boot_id", [0, OWN_BOOT - 1])
def test_a_peer_that_echoes_another_life_or_none_does_not_hear_this_one(echo_boot_id: int) -> None:
    peer = new_peer()
    assert peer.meet(header(), "udp", ms(START_MS))
    assert peer.hears_us() is None
    peer.hear(beat(draft(echo_boot_id=echo_boot_id)), OWN_BOOT, ms(START_MS))
    assert peer.hears_us() is False


def test_a_beat_from_before_it_heard_us_does_not_unsay_that_it_does() -> None:
    """It came over the slower path, after the one that echoes this node."""
    peer = new_peer()
    hear(peer, Role.STANDBY, revision=2)
    assert peer.hears_us() is True
    earlier = draft(Role.STARTING, revision=1, echo_boot_id=0)
    peer.hear(beat(earlier), OWN_BOOT, ms(START_MS + 5))
    assert peer.hears_us() is True


def test_a_new_life_forgets_what_the_former_said_and_the_former_is_never_heard_again() -> None:
    peer = new_peer()
    hear(peer, Role.ACTIVE, revision=9)
    assert peer.meet(header(PEER_BOOT + 1), "udp", ms(START_MS))
    assert peer.draft is None and peer.hears_us() is None
    assert not peer.meet(header(PEER_BOOT), "udp", ms(START_MS))
    assert peer.boot_id == PEER_BOOT + 1


def test_after_a_goodbye_nothing_of_that_life_counts() -> None:
    peer = new_peer()
    hear(peer, Role.ACTIVE)
    peer.hear_goodbye()
    assert not peer.meet(header(), "udp", ms(START_MS)) and not peer.is_heard()
    assert peer.meet(header(PEER_BOOT + 1), "udp", ms(START_MS)) and not peer.has_said_goodbye


def test_an_epoch_beyond_belief_is_refused() -> None:
    peer = new_peer()
    assert peer.meet(header(epoch=EPOCH_BELIEVED_MAX), "udp", ms(START_MS))
    assert not peer.meet(header(epoch=EPOCH_BELIEVED_MAX + 1), "udp", ms(START_MS))


def test_a_handover_is_a_newer_word_than_any_beat_of_an_older_revision() -> None:
    peer = new_peer()
    hear(peer, Role.RELINQUISHING, revision=6)
    peer.hear_handover(Handover(1, 2, 7), epoch=3)
    assert peer.handover is not None and peer.draft is not None
    assert peer.draft.role is Role.RELINQUISHING and peer.draft.is_released
    assert peer.draft.epoch == 3 and peer.draft.revision == 7
    hear(peer, Role.ACTIVE, revision=6)
    assert peer.draft.role is Role.RELINQUISHING, "the slow path's beat is overtaken"


def test_a_handover_that_is_older_than_the_last_beat_is_dropped() -> None:
    peer = new_peer()
    hear(peer, Role.ACTIVE, revision=8)
    peer.hear_handover(Handover(1, 2, 7), epoch=3)
    assert peer.handover is None and peer.draft is not None and peer.draft.role is Role.ACTIVE


def test_a_handover_from_somebody_never_heard_is_dropped() -> None:
    peer = new_peer()
    assert peer.meet(header(), "udp", ms(START_MS))
    peer.hear_handover(Handover(1, 2, 7), epoch=3)
    assert peer.handover is None and peer.draft is None


def test_a_handover_ends_with_the_first_beat_in_another_role() -> None:
    peer = new_peer()
    hear(peer, Role.RELINQUISHING, revision=6)
    peer.hear_handover(Handover(1, 2, 7), epoch=3)
    hear(peer, Role.STANDBY, revision=8)
    assert peer.handover is None


def test_one_heard_path_is_a_heard_peer() -> None:
    peer = new_peer()
    hear(peer)
    hear(peer, at_ms=START_MS + 400, path=1)
    fall_silent(peer, 0, START_MS + DEAD_MS)
    assert peer.is_heard() and not peer.is_silent(ms(START_MS + 10 * DEAD_MS))


def test_a_peer_is_silent_when_every_path_is_and_this_node_listened_for_a_dead_time() -> None:
    peer = new_peer()
    assert not peer.is_silent(ms(START_MS + DEAD_MS) - 1)
    assert peer.is_silent(ms(START_MS + DEAD_MS))
    hear(peer)
    fall_silent(peer, 0, START_MS + 600)
    assert peer.is_silent(ms(START_MS + 600)) and peer.first_silent_ns == ms(START_MS + 600)


def test_a_beat_ends_the_silence() -> None:
    peer = new_peer()
    hear(peer)
    fall_silent(peer, 0, START_MS + 600)
    hear(peer, at_ms=START_MS + 700)
    peer.tick(ms(START_MS + 700))
    assert peer.first_silent_ns is None and peer.is_heard()


def test_after_standing_still_nothing_is_fresh_and_silence_is_counted_anew() -> None:
    peer = new_peer()
    hear(peer, Role.ACTIVE)
    fall_silent(peer, 0, START_MS + 600)
    peer.listen_anew(ms(START_MS + 5000))
    assert peer.draft is None and not peer.is_heard()
    assert not peer.is_silent(ms(START_MS + 5000 + DEAD_MS) - 1)
    assert peer.is_silent(ms(START_MS + 5000 + DEAD_MS))


def test_the_peer_hears_us_if_it_does_on_any_path() -> None:
    peer = new_peer()
    assert peer.hears_us() is None
    hear(peer)
    peer.hear(beat(draft(), None, 10), OWN_BOOT, ms(START_MS))
    assert peer.hears_us() is True
    peer.hear(beat(draft(), None, None), OWN_BOOT, ms(START_MS))
    assert peer.hears_us() is False


def test_a_beat_from_the_time_of_a_cut_does_not_unsay_that_we_are_heard_again() -> None:
    """Both paths came back; what the slower one brings was sent before the peer heard anything."""
    peer = new_peer()
    hear(peer)
    peer.hear(beat(draft(), 20_000, 20_000), OWN_BOOT, ms(START_MS + 20_000))
    assert peer.hears_us() is False
    peer.hear(beat(draft(), 5, 5), OWN_BOOT, ms(START_MS + 20_010))
    assert peer.hears_us() is True
    peer.hear(beat(draft(), 19_980, 19_980), OWN_BOOT, ms(START_MS + 20_040))
    assert peer.hears_us() is True
    peer.hear(beat(draft(), 300, 300), OWN_BOOT, ms(START_MS + 20_305))
    assert peer.hears_us() is False, "a new cut"


def test_the_peer_calls_us_silent_when_its_last_path_does() -> None:
    peer = new_peer()
    hear(peer)
    peer.hear(beat(draft(), 100, 300), OWN_BOOT, ms(START_MS + 300))
    assert peer.calls_us_silent_at_ns() == ms(START_MS + 300 + DEAD_MS - 100)


def test_messages_go_on_the_best_path_first_and_on_none_that_is_silent() -> None:
    peer = new_peer("udp", "serial", "spare")
    assert peer.usable_paths() == []
    hear(peer)
    hear(peer, path=1)
    peer.hear(beat(draft(), None, 10, 10), OWN_BOOT, ms(START_MS))
    assert [monitor.name for monitor in peer.usable_paths()] == ["serial", "udp"]
    fall_silent(peer, 1, START_MS + DEAD_MS)
    assert [monitor.name for monitor in peer.usable_paths()] == ["udp"]


def test_a_network_goes_before_a_line_and_the_next_takes_over() -> None:
    peer = new_peer("serial", "udp", "spare")
    for monitor in peer.monitors:
        kind = PathKind.SERIAL if monitor.name == "serial" else PathKind.UDP
        monitor.settings = replace(monitor.settings, kind=kind)
    for path in (0, 1, 2):
        hear(peer, path=path)
    peer.hear(beat(draft(), 10, 10, 10), OWN_BOOT, ms(START_MS))
    assert [monitor.name for monitor in peer.usable_paths()] == ["udp", "spare", "serial"]
    peer.hear(beat(draft(), 10, None, 10), OWN_BOOT, ms(START_MS))
    assert [monitor.name for monitor in peer.usable_paths()] == ["spare", "serial", "udp"]
    fall_silent(peer, 2, START_MS + DEAD_MS)
    assert peer.usable_paths()[0].name == "serial"


@pytest.mark.parametrize(("role", "unheld"), [(r, r.value <= 2) for r in Role])
def test_a_peer_says_that_nobody_holds_only_as_starting_or_standby(
    role: Role, unheld: bool
) -> None:
    peer = new_peer()
    hear(peer, role)
    peer.tick(ms(START_MS + 1))
    peer.tick(ms(START_MS + 9))
    assert peer.unheld_since_ns == (ms(START_MS + 1) if unheld else None)


@pytest.mark.parametrize(
    ("levels", "contrary"),
    [
        (LineLevels(True, False, True), True),
        (LineLevels(True, False, None), True),
        (LineLevels(True, False, False), False),
        (LineLevels(True, True, True), False),
    ],
)
def test_health_down_beside_active_up_is_a_contradiction_of_a_peer_not_heard(
    levels: LineLevels, contrary: bool
) -> None:
    peer = new_peer()
    peer.lines.read(levels, ms(START_MS))
    peer.tick(ms(START_MS + 1))
    assert (peer.contradiction_since_ns is not None) is contrary
    hear(peer)
    peer.tick(ms(START_MS + 2))
    assert peer.contradiction_since_ns is None


def test_an_active_line_that_stays_up_after_a_goodbye_is_a_contradiction() -> None:
    peer = new_peer()
    hear(peer)
    peer.hear_goodbye()
    peer.lines.read(LineLevels(True, True, True), ms(START_MS))
    peer.tick(ms(START_MS + 3))
    assert peer.contradiction_since_ns == ms(START_MS + 3)


DOWN, UP = LineLevels(True, False, False), LineLevels(True, True, True)


@pytest.mark.parametrize(
    ("before", "after", "has_left"),
    [
        ((UP,), (DOWN, DOWN), True),
        ((DOWN,), (), True),
        ((DOWN, UP), (UP, DOWN), True),
        ((UP,), (UP,), True),
        ((UP,), (LineLevels(), UP), True),
        ((DOWN,), (LineLevels(False, False, False), DOWN), True),
        ((UP,), (DOWN, LineLevels(True, True, False)), False),
        ((UP,), (DOWN, LineLevels(True, False, True)), False),
        ((UP,), (DOWN, UP, DOWN), False),
    ],
)
def test_a_goodbye_counts_until_health_or_active_rises(
    before: tuple[LineLevels, ...], after: tuple[LineLevels, ...], has_left: bool
) -> None:
    peer = new_peer()
    hear(peer)
    for levels in before:
        peer.lines.read(levels, ms(START_MS))
    peer.hear_goodbye()
    for number, levels in enumerate(after, start=1):
        peer.lines.read(levels, ms(START_MS + number))
    assert peer.has_said_goodbye and peer.has_left is has_left


def test_a_goodbye_on_a_board_without_an_active_line_contradicts_nothing() -> None:
    peer = new_peer()
    hear(peer)
    peer.hear_goodbye()
    peer.tick(ms(START_MS + 3))
    assert peer.contradiction_since_ns is None


def test_the_last_path_is_in_jeopardy_once_it_carried_a_beat_after_the_other_fell_silent() -> None:
    peer = new_peer()
    hear(peer)
    hear(peer, at_ms=START_MS + 400, path=1)
    fall_silent(peer, 0, START_MS + DEAD_MS)
    assert not peer.is_in_jeopardy_on("serial"), "both may have been cut at once"
    hear(peer, at_ms=START_MS + 550, path=1)
    peer.tick(ms(START_MS + 551))
    assert peer.is_in_jeopardy_on("serial") and not peer.is_in_jeopardy_on("udp")
    fall_silent(peer, 1, START_MS + 550 + 2 * DEAD_MS)
    assert peer.is_silent(ms(START_MS + 550 + 2 * DEAD_MS))
    assert peer.is_in_jeopardy_on("serial"), "it is still the last one that worked"


def test_jeopardy_ends_when_another_path_is_alive_again() -> None:
    peer = new_peer()
    hear(peer)
    hear(peer, at_ms=START_MS + 400, path=1)
    fall_silent(peer, 0, START_MS + DEAD_MS)
    hear(peer, at_ms=START_MS + 550, path=1)
    peer.tick(ms(START_MS + 551))
    hear(peer, at_ms=START_MS + 600, beats=3)
    peer.tick(ms(START_MS + 601))
    assert not peer.is_in_jeopardy_on("serial")


def test_a_peer_with_one_path_is_never_in_jeopardy() -> None:
    peer = new_peer("udp")
    for at_ms in (START_MS, START_MS + 100):
        hear(peer, at_ms=at_ms)
        peer.tick(ms(at_ms + 1))
    assert not peer.is_in_jeopardy_on("udp")


def test_jeopardy_needs_a_beat_after_each_time_that_the_path_became_the_last() -> None:
    peer = new_peer()
    hear(peer)
    hear(peer, at_ms=START_MS + 400, path=1)
    fall_silent(peer, 0, START_MS + DEAD_MS)
    hear(peer, at_ms=START_MS + 600, beats=3)
    hear(peer, at_ms=START_MS + 1000, path=1)
    peer.tick(ms(START_MS + 1000))
    fall_silent(peer, 0, START_MS + 600 + DEAD_MS)
    assert not peer.is_in_jeopardy_on("serial")


def test_the_other_path_is_not_in_jeopardy_when_it_becomes_the_last_in_turn() -> None:
    peer = new_peer()
    hear(peer)
    hear(peer, at_ms=START_MS + 400, path=1)
    fall_silent(peer, 0, START_MS + DEAD_MS)
    hear(peer, at_ms=START_MS + 900, beats=3)
    fall_silent(peer, 1, START_MS + 900)
    assert not peer.is_in_jeopardy_on("udp")
    hear(peer, at_ms=START_MS + 901)
    peer.tick(ms(START_MS + 901))
    assert peer.is_in_jeopardy_on("udp")


# ---- a life that ends or begins


def handed_over_peer() -> PeerView:
    peer = new_peer()
    hear(peer, Role.RELINQUISHING, revision=6)
    peer.hear_handover(Handover(1, 2, 7), epoch=3)
    assert peer.handover is not None
    return peer


def test_a_handover_outlives_a_beat_in_the_same_role() -> None:
    peer = handed_over_peer()
    hear(peer, Role.RELINQUISHING, revision=8)
    assert peer.handover is not None


def test_a_handover_ends_with_the_life_that_made_it_and_with_what_was_known_of_it() -> None:
    left, reset, restarted, forgotten = (handed_over_peer() for _ in range(4))
    left.hear_goodbye()
    reset.fenced(PEER_BOOT)
    restarted.meet(header(PEER_BOOT + 1), "udp", ms(START_MS))
    forgotten.listen_anew(ms(START_MS))
    assert [each.handover for each in (left, reset, restarted, forgotten)] == [None] * 4


def test_after_a_fence_nothing_of_that_life_counts() -> None:
    peer = new_peer()
    hear(peer, Role.ACTIVE)
    peer.fenced(PEER_BOOT)
    assert peer.draft is None and not peer.is_heard()
    assert not peer.meet(header(), "udp", ms(START_MS)) and not peer.accepts(header())
    assert peer.meet(header(PEER_BOOT + 1), "udp", ms(START_MS))
    assert peer.accepts(header(PEER_BOOT + 1))


def test_a_fence_of_an_older_life_says_nothing_of_this_one() -> None:
    peer = new_peer()
    hear(peer, Role.ACTIVE)
    peer.fenced(PEER_BOOT - 1)
    assert peer.is_heard() and peer.meet(header(), "udp", ms(START_MS))


def test_of_a_new_life_a_line_has_to_speak_anew() -> None:
    peer = new_peer()
    hear(peer)
    speak(peer, START_MS)
    assert peer.meet(header(PEER_BOOT + 1), "udp", ms(START_MS))
    assert not peer.lines.has_spoken


def test_that_it_held_is_known_as_long_as_nobody_forgets_it() -> None:
    peer = new_peer()
    hear(peer, Role.STANDBY)
    assert not peer.was_heard_active
    hear(peer, Role.ACTIVE, revision=2)
    hear(peer, Role.STANDBY, revision=3)
    assert peer.was_heard_active


# ---- lines and silence


def speak(peer: PeerView, at_ms: int) -> None:
    """HEALTH falls, and nobody answers."""
    for after_ms in (1, 2):
        peer.lines.read(LineLevels(True, False, False), ms(at_ms + after_ms))
    peer.lines.tick(ms(at_ms + 2 + 15), ms(at_ms + 2 + 15))
    assert peer.lines.has_spoken


def test_when_every_path_falls_silent_a_liar_is_examined_anew() -> None:
    peer = new_peer()
    hear(peer)
    for after_ms in (1, 2):
        peer.lines.read(LineLevels(True, False, False), ms(START_MS + after_ms))
    peer.lines.answered(peer.lines.probe_nonce)
    peer.tick(ms(START_MS + 3))
    assert peer.lines.is_faulty
    fall_silent(peer, 0, START_MS + 600)
    assert peer.lines.step is Step.QUIET


def test_silence_counts_from_its_beginning_and_after_standing_still_anew() -> None:
    peer = new_peer()
    peer.tick(ms(START_MS + DEAD_MS) - 1)
    assert peer.first_silent_ns is None
    for at_ms in (START_MS + DEAD_MS, START_MS + 600):
        peer.tick(ms(at_ms))
        assert peer.first_silent_ns == ms(START_MS + DEAD_MS)
    peer.listen_anew(ms(START_MS + 700))
    assert peer.first_silent_ns is None


def test_after_standing_still_what_it_heard_of_us_is_old() -> None:
    peer = new_peer()
    hear(peer)
    assert peer.hears_us() is True
    peer.listen_anew(ms(START_MS + 5000))
    assert peer.hears_us() is None


def test_a_peer_is_gone_that_left_died_or_fell_silent_and_none_that_was_never_heard() -> None:
    assert not new_peer().is_gone()
    left, died, silent = new_peer(), new_peer(), new_peer()
    for peer in (left, died, silent):
        hear(peer)
        assert not peer.is_gone()
    left.hear_goodbye()
    died.lines.read(LineLevels(True, False, False), ms(START_MS + 1))
    fall_silent(silent, 0, START_MS + 600)
    assert left.is_gone() and died.is_gone() and silent.is_gone()


def test_a_peer_without_paths_has_not_said_whether_it_hears() -> None:
    assert PeerView(2, [], ms(15), ms(START_MS)).hears_us() is None


@pytest.mark.parametrize(
    ("absent_ms", "heard_ms", "expected"),
    [(None, None, False), (None, 5, False), (3, None, True), (3, 5, False), (7, 5, True)],
)
def test_a_slot_was_empty_since_if_that_was_after_the_last_beat(
    absent_ms: int | None, heard_ms: int | None, expected: bool
) -> None:
    peer = new_peer()
    if heard_ms is not None:
        hear(peer, at_ms=START_MS + heard_ms)
    if absent_ms is not None:
        for at_ms in (absent_ms - 1, absent_ms):
            peer.lines.read(LineLevels(False, False, False), ms(START_MS + at_ms))
    assert peer.was_absent_since() is expected


@pytest.mark.parametrize(
    ("moved_ms", "heard_ms", "expected"),
    [(None, None, False), (None, 5, False), (3, None, True), (3, 5, False), (7, 5, True)],
)
def test_the_active_line_has_moved_if_that_was_after_the_last_beat(
    moved_ms: int | None, heard_ms: int | None, expected: bool
) -> None:
    peer = new_peer()
    if heard_ms is not None:
        hear(peer, at_ms=START_MS + heard_ms)
    if moved_ms is not None:
        peer.lines.read(LineLevels(True, True, True), ms(START_MS))
        peer.lines.read(LineLevels(True, True, False), ms(START_MS + moved_ms))
    assert peer.has_active_line_moved() is expected


# ---- what it says, and for how long


def test_what_a_silent_peer_said_last_is_no_news() -> None:
    holder, standby = new_peer(), new_peer()
    hear(holder, Role.ACTIVE)
    holder.hear(beat(draft(Role.ACTIVE), None, None), OWN_BOOT, ms(START_MS))
    hear(standby)
    for peer in (holder, standby):
        fall_silent(peer, 0, START_MS + 600)
    assert standby.unheld_since_ns is None and holder.deaf_rival_since_ns is None
    standby.lines.read(LineLevels(True, True, True), ms(START_MS + 601))
    holder.lines.read(LineLevels(True, True, False), ms(START_MS + 601))
    for peer in (holder, standby):
        peer.tick(ms(START_MS + 602))
        assert peer.active_line_lies_since_ns is None


@pytest.mark.parametrize(
    ("role", "echo_age_ms", "is_rival"),
    [
        (Role.ACTIVE, None, True),
        (Role.ACTIVE, 10, False),
        (Role.STANDBY, None, False),
        (Role.FENCING, None, False),
    ],
)
def test_a_deaf_rival_is_active_and_hears_nothing_from_here(
    role: Role, echo_age_ms: int | None, is_rival: bool
) -> None:
    peer = new_peer()
    hear(peer, role)
    peer.hear(beat(draft(role), echo_age_ms, echo_age_ms), OWN_BOOT, ms(START_MS))
    for at_ms in (START_MS + 1, START_MS + 2):
        peer.tick(ms(at_ms))
    assert peer.deaf_rival_since_ns == (ms(START_MS + 1) if is_rival else None)


@pytest.mark.parametrize(
    ("role", "line", "lies"),
    [
        (Role.ACTIVE, False, True),
        (Role.ACTIVE, True, False),
        (Role.ACTIVE, None, False),
        (Role.STANDBY, True, True),
        (Role.STANDBY, False, False),
        (Role.FENCING, True, False),
        (Role.FENCING, False, False),
    ],
)
def test_an_active_line_lies_that_says_another_thing_than_its_node(
    role: Role, line: bool | None, lies: bool
) -> None:
    peer = new_peer()
    hear(peer, role)
    peer.lines.read(LineLevels(True, True, line), ms(START_MS))
    peer.tick(ms(START_MS + 10))
    assert peer.active_line_lied_for_ns() == 0, "no word came since"
    hear(peer, role, at_ms=START_MS + 110)
    peer.tick(ms(START_MS + 120))
    assert peer.active_line_lied_for_ns() == (ms(100) if lies else 0)


@pytest.mark.parametrize("role", list(Role))
def test_a_peer_holds_nothing_by_its_last_word_or_once_it_has_released(role: Role) -> None:
    peer = new_peer()
    assert not peer.holds_nothing(), "it has said nothing"
    hear(peer, role)
    assert peer.holds_nothing() is (role in (Role.STARTING, Role.STANDBY, Role.FAULT))
    released = draft(role, revision=2, is_released=True)
    peer.hear(beat(released), OWN_BOOT, ms(START_MS))
    assert peer.holds_nothing()
