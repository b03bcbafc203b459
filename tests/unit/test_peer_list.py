"""The other nodes in order of succession, and what is asked of all of them at once."""

from __future__ import annotations

from dataclasses import replace

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


def test_a_peer_that_hears_nothing_from_here_is_found() -> None:
    peers = new_list()
    hear(peer_in(peers, 2), Role.STANDBY, 10)
    assert peers.unhearing() is None
    hear(peer_in(peers, 3), Role.STANDBY, None, None)
    assert peers.unhearing() is peer_in(peers, 3)


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
