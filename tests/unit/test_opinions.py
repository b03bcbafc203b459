"""Third opinions: what they forbid, whom they name as cut off, and for how long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.answers.paths import paths
from bmcha.answers.why import why
from bmcha.ha.opinions import Opinions
from bmcha.ha.path_fault import PathFault
from bmcha.ha.path_monitor import PathMonitor
from bmcha.ha.peer_view import PeerView
from bmcha.ha.role_rules import decide
from bmcha.ha.rule_record import PeerEvidence, RoleInputs
from bmcha.model.event import LineLevels, StopAsked
from bmcha.model.hearsay import Opinion, OpinionsHeard
from bmcha.model.role import Reason, Role, Severity
from bmcha.model.settings import BoardClass, IsolationPolicy, ThirdOpinionSettings
from tests.speech import OWN_BOOT, beat, draft, header, ms
from tests.unit.test_two_nodes import alarms_of
from tests.world import World, settings_of

REFERENCE, PEER_ADDRESS = "192.0.2.1", "192.0.2.2"
PERIOD_MS, SILENT_MS, FORBID_S = 100, 300, 5
SETTINGS = ThirdOpinionSettings(REFERENCE, PERIOD_MS, SILENT_MS, FORBID_S)
BARE = BoardClass.BARE
DEAD_MS = 700
"""More than the slowest path's dead time in the small world."""


class Outside:
    """Who answers beside the paths: (slot, address) that do not, and whose node asks nobody."""

    def __init__(self, board: BoardClass = BARE, settings: ThirdOpinionSettings = SETTINGS) -> None:
        self.world = World(board)
        self.silent: set[tuple[int, str]] = set()
        self.unasked: set[int] = set()
        self.fault = ""
        self._answered: dict[tuple[int, str], int | None] = {}
        for module in self.world.modules.values():
            udp = replace(module.settings.paths[0], remote=(PEER_ADDRESS, 7))
            given = (udp, *module.settings.paths[1:])
            module.settings = replace(module.settings, third_opinion=settings, paths=given)
        self._ask()

    def _ask(self) -> None:
        for slot, module in self.world.modules.items():
            if module.node is None or slot in self.unasked:
                continue
            for address in (REFERENCE, PEER_ADDRESS):
                if (slot, address) not in self.silent:
                    self._answered[slot, address] = module.clock()
            told = [
                Opinion(address, self._answered.get((slot, address)))
                for address in (REFERENCE, PEER_ADDRESS)
            ]
            module.ask(OpinionsHeard(tuple(told), module.clock(), self.fault))
        self.world.later(PERIOD_MS, self._ask)

    def silence(self, *slots: int, peer_too: bool = True) -> None:
        for slot in slots:
            self.silent.add((slot, REFERENCE))
            if peer_too:
                self.silent.add((slot, PEER_ADDRESS))

    def answer(self) -> None:
        self.silent.clear()

    def reason(self, slot: int) -> tuple[Role | None, Reason]:
        node = self.world.modules[slot].node
        assert node is not None
        return self.world.modules[slot].role, node.roles.machine.reason

    def diagnosis(self, slot: int, path: str = "udp") -> str:
        node = self.world.modules[slot].node
        assert node is not None
        found: str = paths(node.facts, node._last_step_ns)[path]["diagnosis"]["fault"]
        return found


def settled(**given: object) -> Outside:
    outside = Outside(**given)  # type: ignore[arg-type]
    outside.world.settled()
    outside.world.run(500)
    return outside


# ---- what a round of pings tells


def peer_heard_at(at_ms: int, *, is_silent: bool) -> PeerView:
    path = settings_of(BARE, 1).paths[0]
    peer = PeerView(2, [PathMonitor(path, 0)], ms(15), 0)
    assert peer.meet(header(), "udp", ms(at_ms))
    peer.monitors[0].heard(ms(at_ms), 3)
    peer.hear(beat(draft()), OWN_BOOT, ms(at_ms))
    if is_silent:
        peer.monitors[0].overdue(ms(at_ms), ms(at_ms + 60_000), False)
    return peer


def told(*at_ms: int, answered_ms: int | None) -> Opinions:
    opinions = Opinions()
    answered_ns = None if answered_ms is None else ms(answered_ms)
    for each_ms in at_ms:
        heard = OpinionsHeard((Opinion(REFERENCE, answered_ns),), ms(each_ms))
        opinions.heard(heard)
    return opinions


def test_who_was_never_asked_has_no_opinion_even_just_after_the_own_start() -> None:
    assert Opinions().answers(REFERENCE, SETTINGS, ms(SILENT_MS + 1)) is None


def test_who_never_answered_is_silent_when_it_was_asked_for_long_enough() -> None:
    opinions = told(1000, 1000 + SILENT_MS, answered_ms=None)
    assert opinions.answers(REFERENCE, SETTINGS, ms(1000 + SILENT_MS) - 1) is None
    assert opinions.answers(REFERENCE, SETTINGS, ms(1000 + SILENT_MS)) is False


@pytest.mark.parametrize(
    ("levels", "is_cut_off"),
    [
        (LineLevels(), True),
        (LineLevels(presence=True, health=True), True),
        (LineLevels(presence=False), False),
        (LineLevels(health=False), False),
    ],
)
def test_a_line_that_explains_a_silence_speaks_of_the_peer(
    levels: LineLevels, is_cut_off: bool
) -> None:
    now_ms = 5000
    opinions = told(now_ms, answered_ms=now_ms - SILENT_MS)
    peer = peer_heard_at(now_ms - SILENT_MS, is_silent=True)
    peer.lines.read(levels, ms(now_ms))
    assert opinions.is_cut_off(SETTINGS, [peer], ms(now_ms)) is is_cut_off
    assert not opinions.is_cut_off(None, [peer], ms(now_ms)), "nobody is asked"


@pytest.mark.parametrize(("is_silent", "is_cut_off"), [(True, True), (False, False)])
def test_a_node_that_hears_a_peer_is_forbidden_nothing(is_silent: bool, is_cut_off: bool) -> None:
    now_ms = 5000
    opinions = told(now_ms, answered_ms=now_ms - SILENT_MS)
    peer = peer_heard_at(now_ms - SILENT_MS, is_silent=is_silent)
    assert opinions.forbids_claim(SETTINGS, [peer], ms(now_ms)) is is_cut_off


@pytest.mark.parametrize(("forbid_s", "until_ms"), [(FORBID_S, 1300 + 1000 * FORBID_S), (0, 0)])
def test_a_silence_forbids_for_its_time_or_nothing(forbid_s: int, until_ms: int) -> None:
    settings = replace(SETTINGS, forbid_max_s=forbid_s)
    assert told(1000, answered_ms=1000).forbids_until_ns(settings) == ms(until_ms)
    assert told(1000, answered_ms=None).forbids_until_ns(settings) == 0
    assert told(1000, answered_ms=1000).forbids_until_ns(None) == 0


# ---- what is forbidden, and to whom


def test_a_standby_whose_reference_falls_silent_with_the_paths_claims_nothing() -> None:
    outside = settled()
    outside.world.cut()
    outside.silence(2)
    outside.world.run(DEAD_MS)
    assert outside.reason(2) == (Role.STANDBY, Reason.CUT_OFF)
    assert outside.world.modules[1].role is Role.ACTIVE
    assert "cut-off" in alarms_of(outside.world.modules[2])
    assert outside.diagnosis(2) == PathFault.CUT_OFF.value


def test_it_is_bounded() -> None:
    outside = settled()
    outside.world.kill(1)
    outside.silence(2)
    outside.world.run(DEAD_MS)
    node = outside.world.modules[2].node
    assert node is not None
    (left,) = [w for w in why(node.facts, node._last_step_ns)["waits"] if "cut off" in w["what"]]
    assert 1000 * FORBID_S - 1000 < left["remaining_ms"] < 1000 * FORBID_S
    assert not outside.world.run(left["remaining_ms"] - 100, lambda: _is_active(outside, 2))
    assert outside.world.run(1000, lambda: _is_active(outside, 2))
    assert outside.reason(2)[1] is Reason.PEER_SILENT


def test_a_reference_that_answers_again_ends_it_at_once() -> None:
    outside = settled()
    outside.world.kill(1)
    outside.silence(2)
    outside.world.run(DEAD_MS + 1000)
    outside.silent.clear()
    assert outside.world.run(300, lambda: _is_active(outside, 2))


def _is_active(outside: Outside, slot: int) -> bool:
    return outside.world.modules[slot].role is Role.ACTIVE


# ---- what forbids nothing


def test_a_reference_that_answers_lets_a_dead_peer_be_followed() -> None:
    outside = settled()
    outside.world.kill(1)
    outside.silent.add((2, PEER_ADDRESS))
    assert outside.world.run(DEAD_MS, lambda: _is_active(outside, 2))


def test_a_reference_that_was_silent_before_the_paths_forbids_nothing() -> None:
    outside = settled()
    outside.silence(2, peer_too=False)
    outside.world.run(2000)
    assert "reference-silent" in alarms_of(outside.world.modules[2])
    outside.world.kill(1)
    assert outside.world.run(DEAD_MS, lambda: _is_active(outside, 2))


def test_a_reference_that_never_answered_forbids_nothing() -> None:
    outside = Outside()
    outside.silence(1, 2)
    outside.world.settled()
    assert "reference-silent" in alarms_of(outside.world.modules[2])
    outside.world.kill(1)
    assert outside.world.run(DEAD_MS, lambda: _is_active(outside, 2))


@pytest.mark.parametrize("why_not", ["fault", "thread"])
def test_one_that_cannot_be_asked_or_was_not_just_now_forbids_nothing(why_not: str) -> None:
    outside = settled()
    outside.world.kill(1)
    outside.silence(2)
    if why_not == "fault":
        outside.fault = "pings are not allowed"
    else:
        outside.unasked.add(2)
    assert outside.world.run(2000, lambda: _is_active(outside, 2))


def test_a_node_that_never_heard_its_peer_starts_without_a_network() -> None:
    outside = Outside()
    outside.world.boot(2)
    outside.world.run(1000)
    outside.silence(2)
    assert outside.world.run(4000, lambda: _is_active(outside, 2))


def test_0_seconds_only_show() -> None:
    outside = settled(settings=replace(SETTINGS, forbid_max_s=0))
    outside.world.kill(1)
    outside.silence(2)
    assert outside.world.run(DEAD_MS, lambda: _is_active(outside, 2))


# ---- what it never touches


def test_an_active_that_is_cut_off_goes_on() -> None:
    outside = settled()
    outside.world.kill(2)
    outside.silence(1)
    outside.world.run(4000)
    assert outside.world.modules[1].role is Role.ACTIVE


@pytest.mark.parametrize("board", [BoardClass.GATED, BoardClass.RESET, BoardClass.LEASE])
def test_no_other_board_asks(board: BoardClass) -> None:
    outside = settled(board=board)
    outside.world.kill(1)
    outside.silence(2)
    assert outside.world.run(4000, lambda: _is_active(outside, 2))


def test_a_goodbye_and_a_handover_are_no_silence() -> None:
    for peer in (
        PeerEvidence(is_earlier=True, has_said_goodbye=True, is_silent=True),
        PeerEvidence(
            is_earlier=True,
            is_heard=True,
            role=Role.RELINQUISHING,
            is_released=True,
            has_handed_over=True,
        ),
    ):
        i = RoleInputs(Role.STANDBY, Reason.PEER_IS_ACTIVE, (peer,), is_cut_off=True)
        assert decide(i).role is Role.FENCING


def test_it_never_allows_what_would_not_be_allowed_without_it() -> None:
    peer = PeerEvidence(is_earlier=True, is_silent=True, was_heard=True)
    for role in Role:
        for policy in IsolationPolicy:
            i = RoleInputs(role, Reason.PEER_IS_ACTIVE, (peer,), policy=policy)
            free, bound = decide(i), decide(replace(i, is_cut_off=True))
            assert bound == free or free.role is Role.FENCING
            assert bound.role is not Role.FENCING or role is Role.FENCING


def will_claim(outside: Outside, slot: int) -> bool:
    life = outside.world.modules[slot].life
    assert life is not None and life.drafts.current is not None
    return life.drafts.current.draft.will_claim_on_silence


def test_a_cut_off_standby_does_not_announce_a_claim() -> None:
    outside = settled()
    assert will_claim(outside, 2)
    outside.world.cut()
    outside.silence(2)
    outside.world.run(DEAD_MS)
    assert not will_claim(outside, 2)


# ---- who is named as cut off


def cut_off_alarm(outside: Outside, slot: int) -> tuple[Severity, str] | None:
    node = outside.world.modules[slot].node
    assert node is not None
    found = [a for a in node.chassis.alarms.raised() if a.alarm_id == "cut-off"]
    return (found[0].severity, found[0].text) if found else None


def is_called_cut_off(outside: Outside, slot: int) -> bool:
    node = outside.world.modules[slot].node
    assert node is not None
    told: bool = why(node.facts, node._last_step_ns)["evidence"]["third_opinion"]["cut_off"]
    return told


@pytest.mark.parametrize("board", [BoardClass.GATED, BoardClass.LEASE, BARE])
@pytest.mark.parametrize("forbid_s", [0, FORBID_S])
def test_an_active_that_is_cut_off_is_named_and_goes_on(board: BoardClass, forbid_s: int) -> None:
    outside = settled(board=board, settings=replace(SETTINGS, forbid_max_s=forbid_s))
    outside.world.cut()
    outside.silence(1)
    outside.world.run(DEAD_MS)
    named = cut_off_alarm(outside, 1)
    assert named is not None and named[0] is Severity.MAJOR
    assert "this module's own network seems broken" in named[1]
    is_holding = outside.world.modules[1].role is Role.ACTIVE
    assert is_holding == ("it goes on holding the chassis" in named[1])
    assert is_holding == (board is not BoardClass.LEASE), "nobody echoes its lease"
    assert ("the peer may have taken it too" in named[1]) == (board is BARE)
    assert is_called_cut_off(outside, 1)
    assert cut_off_alarm(outside, 2) is None, "its reference answers"


def test_the_name_outlasts_what_is_forbidden() -> None:
    outside = settled()
    outside.world.cut()
    outside.silence(2)
    outside.world.run(DEAD_MS)
    named = cut_off_alarm(outside, 2)
    assert named is not None and named[0] is Severity.CRITICAL
    assert outside.world.run(1000 * FORBID_S + 1000, lambda: _is_active(outside, 2))
    outside.world.run(1000 * FORBID_S)
    named = cut_off_alarm(outside, 2)
    assert named is not None and named[0] is Severity.MAJOR


@pytest.mark.parametrize("board", [BoardClass.GATED, BARE])
def test_a_standby_that_is_forbidden_nothing_is_named_too(board: BoardClass) -> None:
    outside = settled(board=board, settings=replace(SETTINGS, forbid_max_s=0))
    outside.world.cut()
    outside.silence(2)
    outside.world.run(DEAD_MS)
    named = cut_off_alarm(outside, 2)
    assert named is not None and named[0] is Severity.MAJOR


def test_the_name_ends_when_the_reference_answers_or_the_peer_is_heard() -> None:
    for mend in (Outside.answer, lambda outside: outside.world.heal()):
        outside = settled(board=BoardClass.GATED)
        outside.world.cut()
        outside.silence(1)
        outside.world.run(DEAD_MS)
        assert cut_off_alarm(outside, 1) is not None
        mend(outside)
        outside.world.run(DEAD_MS)
        assert cut_off_alarm(outside, 1) is None


def test_a_peer_that_answers_beside_its_paths_shows_that_the_network_works() -> None:
    outside = settled()
    outside.world.cut()
    outside.silence(1, peer_too=False)
    outside.world.run(DEAD_MS)
    assert "reference-silent" in alarms_of(outside.world.modules[1])
    assert cut_off_alarm(outside, 1) is None


def test_a_reference_that_falls_silent_long_after_the_peer_speaks_of_itself() -> None:
    outside = settled()
    outside.world.kill(2)
    outside.world.run(4000)
    outside.silence(1)
    outside.world.run(2000)
    assert "reference-silent" in alarms_of(outside.world.modules[1])
    assert cut_off_alarm(outside, 1) is None


def test_a_reference_that_fell_silent_before_the_paths_speaks_of_itself() -> None:
    outside = settled()
    outside.silence(1, peer_too=False)
    outside.world.run(2000)
    outside.world.cut()
    outside.silence(1)
    outside.world.run(2000)
    assert cut_off_alarm(outside, 1) is None


def test_a_reference_that_falls_silent_while_a_peer_is_heard_speaks_of_itself() -> None:
    outside = settled()
    outside.world.cut("udp")
    outside.silence(1)
    outside.world.run(2000)
    assert cut_off_alarm(outside, 1) is None


def test_a_peer_whose_silence_a_line_explains_makes_nobody_cut_off() -> None:
    outside = settled(board=BoardClass.GATED)
    outside.world.kill(2)
    outside.silence(1)
    outside.world.run(2000)
    assert "reference-silent" in alarms_of(outside.world.modules[1])
    assert cut_off_alarm(outside, 1) is None, "its HEALTH line fell"


def test_a_peer_that_said_goodbye_makes_nobody_cut_off() -> None:
    outside = settled()
    outside.world.modules[2].ask(StopAsked("a test"))
    outside.silence(1)
    outside.world.run(2000)
    assert "reference-silent" in alarms_of(outside.world.modules[1])
    assert cut_off_alarm(outside, 1) is None


@pytest.mark.parametrize("why_not", ["fault", "thread"])
def test_one_that_cannot_be_asked_or_was_not_just_now_names_nobody(why_not: str) -> None:
    outside = settled()
    outside.world.cut()
    outside.silence(1)
    if why_not == "fault":
        outside.fault = "not allowed"
    else:
        outside.unasked.add(1)
    outside.world.run(2000)
    assert cut_off_alarm(outside, 1) is None
    assert not is_called_cut_off(outside, 1)


# ---- what is shown


def test_the_peers_software_is_told_from_a_peer_or_cable_that_is_gone() -> None:
    outside = settled()
    outside.world.kill(1)
    outside.world.run(DEAD_MS)
    assert outside.diagnosis(2) == PathFault.PEER_SOFTWARE.value
    outside.silent.add((2, PEER_ADDRESS))
    outside.world.run(DEAD_MS)
    assert outside.diagnosis(2, "serial") == PathFault.PEER_OR_CABLE.value


def test_a_udp_path_that_is_silent_beside_pings_that_come_through_is_the_peers_port() -> None:
    outside = settled()
    outside.world.cut("udp")
    outside.world.run(DEAD_MS)
    assert outside.diagnosis(2) == PathFault.PEER_PORT.value


def test_nothing_is_said_before_an_address_was_asked_for_long_enough() -> None:
    found = Opinions()
    assert found.answers(REFERENCE, SETTINGS, 0) is None
    for now_ms in (0, 200):
        found.heard(OpinionsHeard((Opinion(REFERENCE, None),), ms(now_ms)))
    assert found.answers(REFERENCE, SETTINGS, ms(SILENT_MS - 1)) is None
    assert found.answers(REFERENCE, SETTINGS, ms(SILENT_MS)) is False
    assert found.answers(REFERENCE, None, ms(SILENT_MS)) is None
    assert found.answers("198.51.100.1", SETTINGS, ms(SILENT_MS)) is None, "it is not asked"
