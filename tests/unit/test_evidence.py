"""From what is known of a peer to the flat record that the rules judge: words, lines, waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.evidence import (
    evidence_of,
    is_claim_certain_on_silence,
    is_over,
    last_rank_wait_ns,
    rank_wait_ns,
)
from bmcha.ha.path_monitor import PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.ha.rule_record import PeerEvidence
from bmcha.model.event import LineLevels, PathCounts
from bmcha.model.identity import Succession
from bmcha.model.message import Handover, HeartbeatDraft
from bmcha.model.role import Reason, Role
from bmcha.model.settings import BoardClass, IsolationPolicy
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.world import settings_of

SETTINGS = settings_of(BoardClass.GATED, 1)
BARE = settings_of(BoardClass.BARE, 1)
START_MS, DEAD_MS, RANK_MS, WINDOW_MS, UNVERIFIED_MS = 10_000, 500, 400, 100, 3000


def new_peer(slot: int = 2) -> PeerView:
    monitors = [PathMonitor(path, ms(START_MS)) for path in SETTINGS.paths]
    return PeerView(slot, monitors, ms(15), ms(START_MS))


def hearing(said: HeartbeatDraft, *ages_ms: int | None, slot: int = 2) -> PeerView:
    peer = new_peer(slot)
    assert peer.meet(header(), "udp", ms(START_MS))
    for monitor in peer.monitors:
        monitor.heard(ms(START_MS), 1)
    peer.hear(beat(said, *ages_ms), OWN_BOOT, ms(START_MS))
    return peer


def judged(
    peer: PeerView, now_ms: int = START_MS, own_slot: int = 1, held_epoch: int = 0
) -> PeerEvidence:
    peer.tick(ms(now_ms))
    peer.lines.tick(ms(now_ms), ms(now_ms))
    return evidence_of(peer, SETTINGS, own_slot, held_epoch, ms(now_ms))


def silent_since(now_ms: int, *, slot: int = 2, levels: LineLevels | None = None) -> PeerView:
    peer = new_peer(slot)
    if levels is not None:
        peer.lines.read(levels, ms(START_MS))
    peer.tick(ms(now_ms))
    assert peer.is_silent(ms(now_ms))
    return peer


def test_a_wait_is_over_when_it_began_and_its_time_has_passed() -> None:
    assert not is_over(None, 0, 100)
    assert not is_over(50, 51, 100)
    assert is_over(50, 50, 100)


def test_each_node_gives_every_earlier_one_the_time_of_a_claim() -> None:
    three = replace(SETTINGS, succession=Succession((3, 1, 2)))
    assert [rank_wait_ns(three, slot) for slot in (3, 1, 2)] == [0, ms(RANK_MS), ms(2 * RANK_MS)]
    assert last_rank_wait_ns(three) == ms(3 * RANK_MS)


def test_a_peer_that_was_never_heard_says_nothing() -> None:
    assert judged(new_peer()) == PeerEvidence(is_earlier=False)


def test_the_order_of_succession_says_who_is_earlier() -> None:
    assert judged(new_peer(1), own_slot=2).is_earlier
    assert not judged(new_peer(2), own_slot=1).is_earlier


def test_what_the_peer_says_is_in_the_record() -> None:
    said = draft(Role.RELINQUISHING, is_released=True, will_claim_on_silence=True, epoch=4)
    found = judged(hearing(said), held_epoch=3)
    assert found.is_heard and found.role is Role.RELINQUISHING
    assert found.is_released and found.will_claim_on_silence and found.is_epoch_newer
    assert found.hears_us is True
    assert not judged(hearing(said), held_epoch=4).is_epoch_newer
    silent = judged(hearing(draft(Role.RELINQUISHING)))
    assert not silent.is_released and not silent.will_claim_on_silence


def test_the_role_of_a_peer_that_is_silent_means_nothing() -> None:
    peer = hearing(draft(Role.ACTIVE))
    for monitor in peer.monitors:
        monitor.overdue(ms(START_MS), ms(START_MS + 600), False)
    found = judged(peer, START_MS + 600)
    assert not found.is_heard and found.is_silent and found.role is None


def test_the_lines_are_in_the_record_as_read() -> None:
    peer = new_peer()
    peer.lines.read(LineLevels(False, None, True), ms(START_MS))
    found = judged(peer)
    assert (found.presence, found.health, found.active) == (False, None, True)
    assert not found.has_line_spoken
    peer.lines.read(LineLevels(False, None, True), ms(START_MS + 1))
    assert judged(peer, START_MS + 16).has_line_spoken


def test_a_goodbye_is_in_the_record() -> None:
    peer = hearing(draft(Role.ACTIVE))
    peer.hear_goodbye()
    found = judged(peer)
    assert found.has_said_goodbye and not found.is_heard


@pytest.mark.parametrize(
    ("reason", "handed_over"),
    [
        (Reason.SWITCHOVER_ASKED, True),
        (Reason.STOP_ASKED, True),
        (Reason.RELEASED_UNHEARD, False),
    ],
)
def test_a_beat_that_overtakes_the_handover_tells_the_same(
    reason: Reason, handed_over: bool
) -> None:
    said = draft(Role.RELINQUISHING, reason, is_released=True)
    assert judged(hearing(said)).has_handed_over is handed_over


def test_the_handover_itself_tells_that_the_chassis_was_handed_over() -> None:
    peer = hearing(draft(Role.RELINQUISHING, Reason.FROM_NEWER_VERSION))
    assert not judged(peer).has_handed_over
    peer.hear_handover(Handover(1, 2, 3), epoch=0)
    assert judged(peer).has_handed_over


def test_release_is_due_two_beats_before_the_peer_calls_us_silent() -> None:
    peer = hearing(draft(), 100, 100)
    due_ms = START_MS + DEAD_MS - 100 - 2 * 100
    assert not judged(peer, due_ms - 1).calls_us_silent_soon
    assert judged(peer, due_ms).calls_us_silent_soon


def test_the_rank_delay_counts_from_when_nobody_held() -> None:
    peer = hearing(draft(Role.STANDBY), slot=1)
    assert not judged(peer, own_slot=2).is_rank_delay_over
    assert not judged(peer, START_MS + RANK_MS - 1, own_slot=2).is_rank_delay_over
    assert judged(peer, START_MS + RANK_MS, own_slot=2).is_rank_delay_over


def test_the_first_in_the_succession_has_no_rank_delay() -> None:
    assert judged(hearing(draft(Role.STANDBY))).is_rank_delay_over


def test_the_claim_window_needs_silence_and_the_active_line_down_and_the_rank() -> None:
    down = LineLevels(True, True, False)
    begun_ms = START_MS + DEAD_MS
    first = silent_since(begun_ms, levels=down)
    assert not judged(first, begun_ms + WINDOW_MS - 1).is_claim_window_over
    assert judged(first, begun_ms + WINDOW_MS).is_claim_window_over
    second = silent_since(begun_ms, slot=1, levels=down)
    later_ms = begun_ms + WINDOW_MS + RANK_MS
    assert not judged(second, later_ms - 1, own_slot=2).is_claim_window_over
    assert judged(second, later_ms, own_slot=2).is_claim_window_over


@pytest.mark.parametrize("active", [True, None])
def test_the_claim_window_never_ends_while_the_active_line_is_not_down(
    active: bool | None,
) -> None:
    peer = silent_since(START_MS + DEAD_MS, levels=LineLevels(True, True, active))
    assert not judged(peer, START_MS + 100_000).is_claim_window_over


def test_the_claim_window_counts_from_the_later_of_silence_and_the_fallen_line() -> None:
    peer = silent_since(START_MS + DEAD_MS, levels=LineLevels(True, True, True))
    fell_ms = START_MS + DEAD_MS + 700
    peer.lines.read(LineLevels(True, True, False), ms(fell_ms))
    assert not judged(peer, fell_ms + WINDOW_MS - 1).is_claim_window_over
    assert judged(peer, fell_ms + WINDOW_MS).is_claim_window_over


def test_a_contradiction_is_over_after_the_time_for_unverified_takeovers() -> None:
    peer = silent_since(START_MS + DEAD_MS, levels=LineLevels(True, False, True))
    assert not judged(peer, START_MS + DEAD_MS + UNVERIFIED_MS - 1).is_contradiction_over
    assert judged(peer, START_MS + DEAD_MS + UNVERIFIED_MS).is_contradiction_over


@pytest.mark.parametrize("policy", list(IsolationPolicy))
def test_on_a_bare_board_the_policy_makes_a_claim_on_silence_certain(
    policy: IsolationPolicy,
) -> None:
    bare = replace(BARE, isolation_policy=policy)
    expected = policy is IsolationPolicy.TRUST_SILENCE
    assert is_claim_certain_on_silence(bare, new_peer()) is expected
    assert not is_claim_certain_on_silence(replace(SETTINGS, isolation_policy=policy), new_peer())


@pytest.mark.parametrize(("role", "expected"), [(Role.ACTIVE, True), (Role.STANDBY, False)])
def test_on_a_reset_board_a_claim_is_certain_once_the_peer_was_heard_active(
    role: Role, expected: bool
) -> None:
    settings = replace(SETTINGS, board_class=BoardClass.RESET)
    assert is_claim_certain_on_silence(settings, hearing(draft(role))) is expected


def test_on_a_lease_board_a_line_that_moved_after_the_last_beat_speaks_against_a_claim() -> None:
    settings = replace(SETTINGS, board_class=BoardClass.LEASE)
    peer = hearing(draft(Role.ACTIVE))
    peer.lines.read(LineLevels(True, None, True), ms(START_MS))
    assert is_claim_certain_on_silence(settings, peer)
    peer.lines.read(LineLevels(True, None, False), ms(START_MS + 600))
    assert not is_claim_certain_on_silence(settings, peer)


LEASE_MS = START_MS + DEAD_MS + 50
"""Echoed last at START_MS; the peer calls us silent a dead time later; then the margin."""


def test_a_lease_is_over_a_margin_after_the_peer_would_call_us_silent() -> None:
    peer = silent_since(START_MS + DEAD_MS, levels=LineLevels(True, None, False))
    peer.boot_id = 2001
    assert not judged(peer, LEASE_MS - 1).is_lease_over
    assert judged(peer, LEASE_MS).is_lease_over


@pytest.mark.parametrize("why", ["never heard", "said goodbye", "slot empty"])
def test_no_lease_ends_where_nobody_could_take_over(why: str) -> None:
    presence = why != "slot empty"
    peer = silent_since(START_MS + DEAD_MS, levels=LineLevels(presence, None, False))
    peer.boot_id = None if why == "never heard" else 2001
    peer.has_said_goodbye = why == "said goodbye"
    assert not judged(peer, LEASE_MS + 60_000).is_lease_over


def test_an_active_line_is_stuck_when_it_has_not_moved_for_long_since_the_last_beat() -> None:
    peer = silent_since(START_MS + DEAD_MS, levels=LineLevels(True, None, True))
    peer.boot_id = 2001
    over_ms = START_MS + DEAD_MS + UNVERIFIED_MS
    assert not judged(peer, over_ms - 1).is_active_line_stuck
    assert judged(peer, over_ms).is_active_line_stuck
    for at_ms, is_up in ((100, False), (400, True)):
        peer.lines.read(LineLevels(True, None, is_up), ms(START_MS + DEAD_MS + at_ms))
    assert not judged(peer, over_ms).is_active_line_stuck, "it let go once: it lives"


def test_a_line_seen_for_the_first_time_has_not_moved() -> None:
    peer = silent_since(START_MS + DEAD_MS, levels=LineLevels(True, None, None))
    peer.boot_id = 2001
    peer.lines.read(LineLevels(True, None, True), ms(START_MS + DEAD_MS + 100))
    assert judged(peer, START_MS + DEAD_MS + UNVERIFIED_MS).is_active_line_stuck


def test_what_was_heard_since_the_own_start_is_remembered() -> None:
    peer = hearing(draft(Role.ACTIVE))
    later = draft(Role.STANDBY, revision=2)
    peer.hear(beat(later), OWN_BOOT, ms(START_MS))
    found = judged(peer, START_MS)
    assert found.was_heard and found.was_heard_active
    assert not judged(new_peer(), START_MS).was_heard


@pytest.mark.parametrize(
    ("held_epoch", "epoch", "knows"), [(0, 0, False), (3, 3, True), (3, 2, False), (3, 4, False)]
)
def test_a_peer_knows_the_epoch_of_a_claim_when_its_word_names_it(
    held_epoch: int, epoch: int, knows: bool
) -> None:
    peer = hearing(draft(epoch=epoch))
    assert judged(peer, held_epoch=held_epoch).knows_our_epoch is knows
    assert not judged(new_peer(), held_epoch=held_epoch).knows_our_epoch


def test_a_stranger_is_there_where_only_a_module_of_another_chassis_was_heard() -> None:
    foreign = PathCounts(0, 0, 0, 0, 0, 0, None, foreign_count=1, foreign_chassis_id=4712)
    unheard, known = new_peer(), hearing(draft())
    assert not judged(new_peer()).is_stranger
    for peer in (unheard, known):
        peer.monitors[1].counted(foreign, ms(START_MS))
    assert judged(unheard).is_stranger and not judged(known).is_stranger


def test_no_claim_window_runs_while_a_path_is_heard() -> None:
    peer = hearing(draft(Role.ACTIVE))
    peer.lines.read(LineLevels(True, True, False), ms(START_MS))
    assert not judged(peer, START_MS + 100).is_claim_window_over


def test_no_lease_ends_beside_a_peer_that_is_heard_or_was_not_there_since() -> None:
    heard = hearing(draft())
    absent = silent_since(START_MS + DEAD_MS, levels=LineLevels(True, None, False))
    absent.boot_id = 2001
    for at_ms, presence in ((600, False), (601, False), (602, True)):
        absent.lines.read(LineLevels(presence, None, False), ms(START_MS + at_ms))
    for peer in (heard, absent):
        assert not judged(peer, LEASE_MS + 60_000).is_lease_over


@pytest.mark.parametrize(("line", "boot_id"), [(False, 2001), (None, 2001), (True, None)])
def test_a_line_is_stuck_only_if_it_is_up_and_the_peer_was_heard(
    line: bool | None, boot_id: int | None
) -> None:
    peer = silent_since(START_MS + DEAD_MS, levels=LineLevels(True, None, line))
    peer.boot_id = boot_id
    assert not judged(peer, START_MS + DEAD_MS + UNVERIFIED_MS).is_active_line_stuck
