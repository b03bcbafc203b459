"""The thread that pings: one round a period, told as soon as all have answered; late is silent."""

from __future__ import annotations

from bmcha.diag.log import Level
from bmcha.hal.port import PortError
from bmcha.model.event import Event
from bmcha.model.hearsay import Opinion, OpinionsHeard
from bmcha.model.moment import NS_PER_MS
from bmcha.model.settings import ThirdOpinionSettings
from bmcha.runtime.opinion_worker import REOPEN_NS, SEQUENCE_MODULUS, OpinionWorker

ADDRESSES = ("192.0.2.1", "192.0.2.2")
PERIOD_MS, SILENT_MS = 100, 250
SETTINGS = ThirdOpinionSettings(ADDRESSES[0], PERIOD_MS, SILENT_MS, 60)


class Network:
    """A port with time of its own. ``delay_ms``: how long each address takes to answer a round's
    request, None: for ever; the worker is stopped after ``rounds``."""

    def __init__(self, *delays_ms: int | None, rounds: int = 3, why: str = "") -> None:
        self.delays_ms = delays_ms
        self.why = why
        self.now_ns = 0
        self.asked: list[tuple[int, int, int]] = []
        self.due: list[tuple[int, int, int]] = []
        self.told: list[OpinionsHeard] = []
        self.logged: list[str] = []
        self.opened_ns: list[int] = []
        self.is_closed = False
        self._rounds = rounds
        self.worker = OpinionWorker(
            self, ADDRESSES, SETTINGS, self.post, lambda: self.now_ns, self.log
        )
        self.worker.run()

    def post(self, event: Event) -> bool:
        assert isinstance(event, OpinionsHeard)
        self.told.append(event)
        if len(self.told) == self._rounds:
            self.worker.stop()
        return True

    def log(self, text: str, level: Level = Level.INFO) -> None:
        self.logged.append(text)

    def open(self) -> None:
        self.opened_ns.append(self.now_ns)
        if self.why:
            raise PortError(self.why)

    def close(self) -> None:
        self.is_closed = True

    def ask(self, place: int, sequence: int) -> None:
        self.asked.append((self.now_ns // NS_PER_MS, place, sequence))
        delay_ms = self.delays_ms[place]
        if delay_ms is not None:
            self.due.append((self.now_ns + delay_ms * NS_PER_MS, place, sequence))

    def read(self, timeout_s: float) -> list[tuple[int, int]]:
        ends_ns = self.now_ns + round(timeout_s * 1e9)
        self.now_ns = min([ends_ns, *(due_ns for due_ns, _, _ in self.due)])
        come = [each for each in self.due if each[0] <= self.now_ns]
        self.due = [each for each in self.due if each[0] > self.now_ns]
        return [(place, sequence) for _, place, sequence in come]

    def wake(self) -> None: ...

    def answered_ms(self) -> list[list[int | None]]:
        return [
            [None if o.answered_ns is None else o.answered_ns // NS_PER_MS for o in told.opinions]
            for told in self.told
        ]


def test_every_address_is_asked_once_a_period() -> None:
    network = Network(1, 2, rounds=3)
    assert [at_ms for at_ms, _, _ in network.asked] == [0, 0, 100, 100, 200, 200]
    assert [place for _, place, _ in network.asked] == [0, 1] * 3
    assert len({sequence for _, _, sequence in network.asked}) == 3


def test_a_round_is_told_when_the_last_has_answered() -> None:
    network = Network(1, 2, rounds=2)
    assert [told.told_ns // NS_PER_MS for told in network.told] == [2, 102]
    assert network.told[0].opinions == (
        Opinion(ADDRESSES[0], 1 * NS_PER_MS),
        Opinion(ADDRESSES[1], 2 * NS_PER_MS),
    )


def test_one_that_is_silent_delays_the_word_to_the_end_of_the_period() -> None:
    network = Network(1, None, rounds=2)
    assert [told.told_ns // NS_PER_MS for told in network.told] == [100, 200]
    assert network.answered_ms() == [[1, None], [101, None]]


def test_an_answer_of_an_earlier_round_counts_while_it_is_not_too_late() -> None:
    assert Network(1, 150, rounds=2).answered_ms() == [[1, None], [101, 150]]
    assert Network(1, SILENT_MS + 1, rounds=5).answered_ms()[-1] == [401, None]


def test_what_is_no_answer_to_a_request_of_ours_counts_for_nothing() -> None:
    class Echoing(Network):
        def read(self, timeout_s: float) -> list[tuple[int, int]]:
            super().read(timeout_s)
            return [(0, SEQUENCE_MODULUS - 1)]

    assert Echoing(None, None, rounds=1).answered_ms() == [[None, None]]


def test_a_system_that_allows_no_pings_is_said_once_and_asked_again_now_and_then() -> None:
    rounds = REOPEN_NS // (PERIOD_MS * NS_PER_MS) + 2
    network = Network(1, 1, rounds=rounds, why="not allowed")
    assert network.logged == ["third opinion: not allowed"]
    assert network.opened_ns == [0, REOPEN_NS]
    assert {told.fault for told in network.told} == {"not allowed"}
    assert network.asked == []


def test_it_closes_what_it_opened() -> None:
    assert Network(1, 1, rounds=1).is_closed
