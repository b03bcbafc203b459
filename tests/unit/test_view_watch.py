"""Asking a module over a real socket, whatever is at its other end: nothing ever waits for it."""

import json
import selectors
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bmcha.runtime.control_socket import listen
from bmcha.view.asker import Asker, sentence_of
from bmcha.view.logbook import Logbook
from bmcha.view.watch import LOSS_WINDOW_S, Watch

STATUS = {"node": {"slot": 1}, "role": {"state": "ACTIVE"}, "paths": {"udp": {"rx": 0, "lost": 0}}}
ROUNDS_MAX = 50


class Far:
    """The module's end, driven by the test."""

    def __init__(self, path: Path) -> None:
        self.listener = listen(str(path))
        self.connection: socket.socket | None = None
        self.unread = b""

    def accept(self) -> None:
        self.listener.setblocking(True)
        self.connection, _ = self.listener.accept()

    def asked(self) -> list[dict[str, Any]]:
        """Every question that has come."""
        assert self.connection is not None
        self.connection.setblocking(False)
        while True:
            try:
                data = self.connection.recv(65536)
            except BlockingIOError:
                break
            if not data:
                break
            self.unread += data
        *lines, self.unread = self.unread.split(b"\n")
        return [json.loads(line) for line in lines]

    def say(self, *messages: Any) -> None:
        assert self.connection is not None
        for message in messages:
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def answer(self, **results: Any) -> list[str]:
        """Answers what has come by method; others are left unanswered. The methods asked."""
        asked = self.asked()
        for each in asked:
            if each["method"] in results:
                self.say({"jsonrpc": "2.0", "id": each["id"], "result": results[each["method"]]})
        return [each["method"] for each in asked]

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.listener.close()


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as found:
        yield found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
def far(path: Path) -> Iterator[Far]:
    found = Far(path)
    yield found
    found.close()


def pump(selector: selectors.BaseSelector, until: Callable[[], Any]) -> None:
    """Takes in what has arrived, until that is so. A socket pair delivers at once."""
    for _ in range(ROUNDS_MAX):
        if until():
            return
        for key, _ in selector.select(0.1):
            key.data()
    raise AssertionError("it did not arrive")


def take_in(selector: selectors.BaseSelector) -> None:
    while ready := selector.select(0):
        for key, _ in ready:
            key.data()


class Seen:
    """A watch, and what it reported."""

    def __init__(self, path: Path, selector: selectors.BaseSelector) -> None:
        self.logbook = Logbook()
        self.urgent: list[bool] = []
        self.watch = Watch("mm1", str(path), selector, self.logbook, self.urgent.append)


@pytest.fixture
def seen(path: Path, selector: selectors.BaseSelector) -> Iterator[Seen]:
    found = Seen(path, selector)
    yield found
    found.watch.close()


def test_a_socket_that_is_not_there_is_told_with_its_name(seen: Seen, path: Path) -> None:
    seen.watch.tick(0.0)
    seen.watch.tick(3.0)
    shown = seen.watch.shown()
    assert shown.trouble == "no answer for 3 s"
    assert str(path) in shown.reason_text
    assert "nobody answers there" in shown.reason_text


def test_a_module_is_followed_and_asked(
    far: Far, seen: Seen, selector: selectors.BaseSelector
) -> None:
    seen.watch.tick(0.0)
    far.accept()
    event = {"epoch": 1, "number": 1, "slot": 1, "wall_ms": 1, "text": "started"}
    asked = far.answer(
        status=STATUS,
        events={"events": [event]},
        sensors={"sensors": [{"name": "a"}]},
        fans={"fans": [{"name": "fan1"}]},
    )
    assert asked == ["follow", "events", "status", "sensors", "fans"]
    pump(selector, lambda: seen.watch.fans)
    assert seen.watch.shown().role == "ACTIVE"
    assert not seen.watch.is_silent
    assert seen.watch.sensors[0].name == "a"
    assert [line.text for line in seen.logbook.lines()] == ["started"]
    seen.watch.tick(0.1)
    assert far.answer() == []  # not before its time
    seen.watch.tick(0.6)
    assert far.answer() == ["status"]


def test_news_bring_the_next_question_forward(
    far: Far, seen: Seen, selector: selectors.BaseSelector
) -> None:
    seen.watch.tick(0.0)
    far.accept()
    far.answer(status=STATUS)
    pump(selector, lambda: seen.watch.shown().role)
    seen.urgent.clear()
    event = {"epoch": 2, "number": 1, "slot": 1, "wall_ms": 1, "text": "news"}
    far.say(
        {"jsonrpc": "2.0", "method": "role", "params": {"state": "STANDBY"}},
        {"jsonrpc": "2.0", "method": "event", "params": event},
        {"jsonrpc": "2.0", "method": "from-a-newer-version", "params": None},
    )
    pump(selector, lambda: len(seen.logbook) == 1)
    assert True in seen.urgent
    seen.watch.tick(0.1)
    assert far.answer() == ["status"]


def test_a_module_that_stands_still_is_told_and_comes_back(
    far: Far, seen: Seen, selector: selectors.BaseSelector
) -> None:
    seen.watch.tick(0.0)
    far.accept()
    far.answer(status=STATUS)
    pump(selector, lambda: seen.watch.shown().role)
    for now_s in (1.0, 2.0, 3.0, 4.0):
        seen.watch.tick(now_s)
        take_in(selector)
    shown = seen.watch.shown()
    assert shown.trouble == "no answer for 4 s"
    assert shown.role == "ACTIVE"  # what it said last
    assert far.answer(status=STATUS).count("status") == 1  # asked once, not at every tick
    pump(selector, lambda: not seen.watch.is_silent)
    assert seen.watch.shown().trouble == ""


def test_a_module_that_ends_is_told_at_once_and_found_again(
    far: Far, path: Path, seen: Seen, selector: selectors.BaseSelector
) -> None:
    seen.watch.tick(0.0)
    far.accept()
    far.answer(status=STATUS)
    pump(selector, lambda: seen.watch.shown().role)
    seen.urgent.clear()
    far.close()
    pump(selector, lambda: not seen.watch.asker.is_up)
    assert seen.watch.is_silent
    assert True in seen.urgent
    path.unlink()
    again = Far(path)
    try:
        seen.watch.tick(10.0)
        again.accept()
        again.answer(status={**STATUS, "role": {"state": "STANDBY"}})
        pump(selector, lambda: seen.watch.shown().role == "STANDBY")
        assert not seen.watch.is_silent
    finally:
        again.close()


@pytest.mark.parametrize("nonsense", [b"\xff\xfe\n", b"no json\n"])
def test_what_is_no_bmcha_is_told_so(
    far: Far, seen: Seen, selector: selectors.BaseSelector, nonsense: bytes
) -> None:
    seen.watch.tick(0.0)
    far.accept()
    assert far.connection is not None
    far.connection.sendall(nonsense)
    pump(selector, lambda: not seen.watch.asker.is_up)
    assert "no bmcha" in seen.watch.asker.why_down


def test_odd_messages_are_passed_over(
    far: Far, seen: Seen, selector: selectors.BaseSelector
) -> None:
    seen.watch.tick(0.0)
    far.accept()
    far.say(7, [], {"id": 99, "result": 1}, {"id": "x"}, {"method": "event", "params": 3})
    far.answer(status=STATUS)
    pump(selector, lambda: seen.watch.shown().role == "ACTIVE")


def test_loss_is_counted_over_the_last_seconds(
    far: Far, seen: Seen, selector: selectors.BaseSelector
) -> None:
    def answer(now_s: float, rx: int, lost: int) -> float | None:
        seen.watch.tick(now_s)
        body = {
            "paths": {"udp": {"health": "ALIVE", "rx": rx, "lost": lost}},
            "role": {"epoch": rx},
        }
        far.answer(status=body)
        pump(selector, lambda: seen.watch.shown().epoch == rx)
        return seen.watch.shown().paths[0].loss_percent

    seen.watch.tick(0.0)
    far.accept()
    assert answer(0.0, 100, 50) is None  # nothing is known of the last seconds yet
    assert answer(1.0, 175, 75) == 25.0
    assert answer(2.0 + LOSS_WINDOW_S, 275, 75) == 0.0
    assert answer(3.0 + LOSS_WINDOW_S, 10, 0) is None  # a new life counts from the start


def test_a_question_to_nobody_is_answered_with_the_reason(
    path: Path, selector: selectors.BaseSelector
) -> None:
    answers: list[Any] = []
    asker = Asker(str(path), selector, lambda: None, lambda method, params: None)
    asker.tick(0.0)
    asker.ask("status", {}, lambda result, error: answers.append((result, sentence_of(error))))
    assert answers == [(None, "nobody answers there")]


def test_questions_that_a_break_leaves_open_are_answered_with_the_reason(
    far: Far, path: Path, selector: selectors.BaseSelector
) -> None:
    answers: list[Any] = []
    asker = Asker(str(path), selector, lambda: None, lambda method, params: None)
    asker.tick(0.0)
    far.accept()
    asker.ask("switchover", {}, lambda result, error: answers.append(sentence_of(error)))
    far.close()
    pump(selector, lambda: answers)
    assert not asker.is_up
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [({"message": "It is not ACTIVE."}, "It is not ACTIVE."), ({}, "refused"), (None, "refused")],
)
def test_a_refusal_always_has_a_sentence(error: Any, sentence: str) -> None:
    assert sentence_of(error) == sentence
