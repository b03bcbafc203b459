"""The other nodes in order of succession, and what is asked of all of them at once."""

from __future__ import annotations

from dataclasses import replace

from bmcha.ha.path_monitor import PathHealth
from bmcha.ha.peer_list import PeerList
from bmcha.ha.peer_view import PeerView
from bmcha.model.event import LineLevels
from bmcha.model.identity import Succession
from bmcha.model.role import Role
from bmcha.model.settings import BoardClass, NodeSettings
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.world import path_settings, settings_of

START_MS = 10_000


def three_nodes() -> NodeSettings:
    paths = (path_settings("a", 2), path_settings("b", 3), path_settings("c", 3, 700))
    return replace(settings_of(BoardClass.BARE, 1), succession=Succession((2, 1, 3)), paths=paths)


def new_list(settings: NodeSettings | None = None, own_slot: int | None = 1) -> PeerList:
    return PeerList(settings or three_nodes(), own_slot, ms(START_MS))


def peer_in(peers: PeerList, slot: int) -> PeerView:
    peer = peers.get(slot)
    assert peer is not None
    return peer


def hear(peer: PeerView, role: Role, *echo_ages_ms: int | None, boot_id: int = 2001) -> None:
    assert peer.meet(header(boot_id), "udp", 0)
    for monitor in peer.monitors:
        monitor.heard(ms(START_MS), 1)
    peer.hear(beat(draft(role), *echo_ages_ms), OWN_BOOT, ms(START_MS))


def lose(peer: PeerView) -> None:
    for monitor in peer.monitors:
        monitor.overdue(monitor.last_heard_ns, ms(START_MS + 60_000), False)


def test_the_peers_are_all_others_in_order_of_succession_each_with_its_paths() -> None:
    peers = new_list()
    assert [peer.slot for peer in peers] == [2, 3] and len(peers) == 2
    assert [[m.name for m in peer.monitors] for peer in peers] == [["a"], ["b", "c"]]
    assert peers.get(1) is None and peers.get(9) is None


def test_without_a_slot_nobody_is_a_peer() -> None:
    peers = new_list(own_slot=None)
    assert list(peers) == [] and peers.successor(None) is None
    assert peers.evidence(0, ms(START_MS)) == () and peers.slowest_interval_ns() == 0


def test_the_evidence_is_one_record_a_peer_in_the_same_order() -> None:
    found = new_list().evidence(0, ms(START_MS))
    assert [each.is_earlier for each in found] == [True, False]


def test_the_successor_is_the_asked_peer_or_the_first_standby_or_the_first() -> None:
    peers = new_list()
    second, third = peer_in(peers, 2), peer_in(peers, 3)
    assert peers.successor(None) is second and peers.successor(3) is third
    hear(third, Role.STANDBY)
    assert peers.successor(None) is third
    hear(second, Role.STANDBY)
    assert peers.successor(None) is second
    assert peers.successor(1) is None
    hear(second, Role.ACTIVE)
    assert peers.successor(None) is third, "who holds is no successor"


def test_a_peer_that_hears_nothing_from_here_is_found() -> None:
    peers = new_list()
    hear(peer_in(peers, 2), Role.STANDBY, 10)
    assert peers.unhearing() is None
    hear(peer_in(peers, 3), Role.STANDBY, None, None)
    assert peers.unhearing() is peer_in(peers, 3)
    lose(peer_in(peers, 3))
    assert peers.unhearing() is None, "what it said last is old"


def test_unaware_is_who_is_not_heard_or_does_not_hear() -> None:
    peers = new_list()
    assert peers.unaware() == [2, 3]
    hear(peer_in(peers, 2), Role.STANDBY, 10)
    assert peers.unaware() == [3]
    hear(peer_in(peers, 3), Role.STANDBY, None, None)
    assert peers.unaware() == [3]
    hear(peer_in(peers, 3), Role.STANDBY, 10, 10)
    assert peers.unaware() == []
    lose(peer_in(peers, 2))
    assert peers.unaware() == [2]


def test_the_active_slot_is_that_of_a_peer_that_is_heard_to_say_so() -> None:
    peers = new_list()
    hear(peer_in(peers, 2), Role.STANDBY)
    assert peers.active_slot() is None
    hear(peer_in(peers, 3), Role.ACTIVE)
    assert peers.active_slot() == 3
    lose(peer_in(peers, 3))
    assert peers.active_slot() is None


def test_new_settings_reach_every_path_the_probe_and_what_is_judged() -> None:
    settings = three_nodes()
    peers = new_list(settings)
    paths = tuple(replace(path, warntime_ms=99) for path in settings.paths)
    times = replace(settings.timers, probe_ms=33, rank_delay_ms=0)
    peers.reconfigure(replace(settings, paths=paths, timers=times))
    assert [m.settings.warntime_ms for peer in peers for m in peer.monitors] == [99] * 3
    assert [peer.lines.probe_ns for peer in peers] == [ms(33)] * 2
    hear(peer_in(peers, 2), Role.STANDBY)
    peer_in(peers, 2).tick(ms(START_MS))
    assert peers.evidence(0, ms(START_MS))[0].is_rank_delay_over


def test_whose_echo_the_beats_carry_is_the_first_heard() -> None:
    peers = new_list()
    assert not peers.is_any_known() and peers.heard_boot_id() == 0
    hear(peer_in(peers, 3), Role.STANDBY, boot_id=77)
    assert peers.is_any_known() and peers.heard_boot_id() == 77


def test_standing_still_makes_nobody_fresh() -> None:
    peers = new_list()
    for peer in peers:
        hear(peer, Role.ACTIVE)
    peers.listen_anew(ms(START_MS + 5000))
    assert [peer.is_heard() for peer in peers] == [False, False]


def test_the_next_deadline_is_that_of_the_earliest_probe() -> None:
    peers = new_list()
    assert peers.probe_deadline_ns() is None
    for slot, at_ms in ((3, START_MS), (2, START_MS + 4)):
        watch = peer_in(peers, slot).lines
        watch.read(LineLevels(presence=False), ms(at_ms))
        watch.read(LineLevels(presence=False), ms(at_ms + 1))
    assert peers.probe_deadline_ns() == ms(START_MS + 1 + 15)


def test_beats_count_where_a_path_works_both_ways_and_else_where_nobody_said_silent() -> None:
    peers = new_list()
    assert peers.may_hear_us() == {"a", "b", "c"}, "nobody has said anything"
    second, third = peer_in(peers, 2), peer_in(peers, 3)
    hear(third, Role.STANDBY, 10, 10)
    assert peers.may_hear_us() == {"a", "b", "c"}
    third.monitors[0].health = PathHealth.LATE
    assert peers.may_hear_us() == {"a", "c"}, "one that works is asked before one that is late"
    third.monitors[0].health = PathHealth.ALIVE
    hear(third, Role.STANDBY, None, 10)
    assert peers.may_hear_us() == {"a", "c"}, "b is not heard there, and c is"
    lose(third)
    assert peers.may_hear_us() == {"a", "c"}, "none works; of b it had said so"
    second.monitors[0].announced(1)
    assert peers.may_hear_us() == {"c"}, "a judges sooner than its file says here"
