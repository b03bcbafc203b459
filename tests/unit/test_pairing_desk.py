"""The desk that carries pairing messages: what it answers, for how long, and where it sends."""

from dataclasses import replace
from typing import Any

import pytest

from bmcha.diag.log import Level
from bmcha.model.effect import Answer
from bmcha.model.key import NO_KEYS, KeySet
from bmcha.model.message import Header, Pairing, Probe
from bmcha.model.moment import NS_PER_S
from bmcha.model.settings import BoardClass, PathKind
from bmcha.runtime.effect_runner import PathOutlet
from bmcha.runtime.engine import EngineKeys
from bmcha.runtime.key_desk import KeyDesk
from bmcha.runtime.out_queue import Letter, OutQueue
from bmcha.runtime.pairing_desk import INBOX_MAX, NO_SERIAL_PATH, OPEN_S, PairingDesk
from tests.world.settings import KEYS, settings_of

HEADER = Header(7, 2, 1, 2002, 1, 0)


class Board(EngineKeys):
    """``untils``: what the engines were told."""

    def __init__(self) -> None:
        self.untils: list[int] = []
        super().__init__()

    def open_pairing(self, until_ns: int) -> None:
        self.untils.append(until_ns)


class Desk:
    """One, with its paths, its clock and whom it answers."""

    def __init__(self, keys: KeySet = KEYS, own_slot: int | None = 1, kinds: Any = None) -> None:
        node = settings_of(BoardClass.BARE, 1)
        kinds = kinds or {"udp": PathKind.UDP, "serial": PathKind.SERIAL}
        paths = tuple(replace(path, kind=kinds[path.name]) for path in node.paths)
        self.queues = {path.name: OutQueue() for path in paths}
        self.wakes: list[str] = []
        outlets = {
            name: PathOutlet(queue, lambda name=name: self.wakes.append(name))  # type: ignore[misc]
            for name, queue in self.queues.items()
        }
        self.now_ns = 1000 * NS_PER_S
        self.answers: list[Answer] = []
        self.lines: list[str] = []
        self.keys = KeyDesk(lambda: keys, keys)
        self.keys.board = self.board = Board()
        self.desk = PairingDesk(
            replace(node, paths=paths),
            own_slot,
            self.keys,
            outlets,
            self.answers.append,
            lambda: self.now_ns,
            self.log,
        )

    def log(self, text: str, level: Level = Level.INFO) -> None:
        assert level is Level.NOTICE
        self.lines.append(text)

    def ask(self, deed: str, data: str | None = None) -> Any:
        self.desk.asked(5, {"deed": deed, "data": data})
        answer = self.answers.pop()
        assert (answer.request_id, answer.is_done, self.answers) == (5, True, [])
        return answer.body

    def refused(self, deed: str, data: str | None = None) -> str:
        self.desk.asked(5, {"deed": deed, "data": data})
        answer = self.answers.pop()
        assert not answer.is_done and isinstance(answer.body, dict)
        return str(answer.body["text"])

    def is_open(self) -> bool:
        return self.desk.is_open

    def said(self, path: str) -> list[Letter]:
        found = []
        while letter := self.queues[path].take_role():
            found.append(letter)
        return found


def test_who_opens_is_told_who_and_where_this_module_is() -> None:
    desk = Desk()
    assert desk.ask("open") == {
        "slot": 1,
        "chassis_id": 7,
        "peers": [2],
        "has_keys": True,
        "newest_check": f"{KEYS.keys[0].check:08x}",
        "remaining_s": OPEN_S,
    }
    assert Desk(NO_KEYS).ask("open")["has_keys"] is False
    assert Desk(NO_KEYS).ask("open")["newest_check"] is None


def test_a_word_goes_out_on_every_serial_path_and_on_no_other() -> None:
    desk = Desk()
    assert desk.ask("say", "00ff") == {"paths": 1}
    assert desk.said("serial") == [Letter(2, Pairing(b"\x00\xff"))]
    assert desk.said("udp") == [] and desk.wakes == ["serial"]
    both = Desk(kinds={"udp": PathKind.SERIAL, "serial": PathKind.SERIAL})
    assert both.ask("say", "01") == {"paths": 2}
    assert both.said("udp") == both.said("serial") == [Letter(2, Pairing(b"\x01"))]


@pytest.mark.parametrize("deed", ["open", "say", "take", "close"])
def test_without_a_serial_path_it_is_refused_and_never_open(deed: str) -> None:
    desk = Desk(kinds={"udp": PathKind.UDP, "serial": PathKind.ETHERNET})
    assert desk.refused(deed, "01") == NO_SERIAL_PATH
    assert desk.board.untils == [] and not desk.is_open()
    assert Desk(own_slot=None).refused(deed, "01") == NO_SERIAL_PATH


def test_to_say_nothing_is_refused() -> None:
    assert "data" in Desk().refused("say")


def test_what_is_heard_waits_with_who_said_it() -> None:
    desk = Desk()
    desk.desk.hear(HEADER, b"too early")
    desk.ask("open")
    desk.desk.hear(HEADER, b"\x01")
    desk.desk.hear(HEADER, b"\x02")
    messages = [{"slot": 2, "boot_id": 2002, "data": each} for each in ("01", "02")]
    assert desk.ask("take") == {"messages": messages, "remaining_s": OPEN_S}
    assert desk.ask("take")["messages"] == []


def test_the_inbox_holds_the_newest_few() -> None:
    desk = Desk()
    desk.ask("open")
    for number in range(INBOX_MAX + 3):
        desk.desk.hear(HEADER, bytes([number]))
    data = [each["data"] for each in desk.ask("take")["messages"]]
    assert data == [f"{number:02x}" for number in range(3, INBOX_MAX + 3)]


def test_it_shuts_by_itself_unless_something_is_said() -> None:
    desk = Desk()
    desk.ask("open")
    desk.now_ns += (OPEN_S - 1) * NS_PER_S
    assert desk.ask("take")["remaining_s"] == 1
    desk.ask("say", "01")
    assert desk.board.untils == [
        desk.now_ns + NS_PER_S,
        desk.now_ns + OPEN_S * NS_PER_S,
    ], "the engines are told until when"
    desk.now_ns += OPEN_S * NS_PER_S - 1
    desk.desk.hear(HEADER, b"\x01")
    assert desk.is_open()
    desk.now_ns += 1
    desk.desk.hear(HEADER, b"\x02")
    assert not desk.is_open()
    assert [each["data"] for each in desk.ask("take")["messages"]] == ["01"]
    assert desk.ask("take")["remaining_s"] == 0


def test_closing_forgets_what_was_heard() -> None:
    desk = Desk()
    desk.ask("open")
    desk.desk.hear(HEADER, b"\x01")
    assert desk.ask("close") == {}
    assert desk.board.untils[-1] == 0 and not desk.is_open()
    assert desk.ask("take") == {"messages": [], "remaining_s": 0}
    desk.ask("close")
    desk.ask("open")
    assert desk.ask("take")["messages"] == []


def test_the_log_tells_when_it_is_open_and_nothing_of_what_is_said() -> None:
    desk = Desk()
    desk.ask("open")
    for _ in range(5):
        desk.ask("say", "abcdef")
    desk.desk.hear(HEADER, b"\xab\xcd\xef")
    desk.ask("take")
    desk.ask("close")
    assert len(desk.lines) == 2
    assert desk.lines[0].startswith(f"pairing is open for {OPEN_S} s")
    assert desk.lines[1] == "pairing is shut"
    assert "abcdef" not in "".join(desk.lines)


def test_on_a_line_that_is_held_up_the_newest_word_is_the_only_one() -> None:
    """Probes and the like keep their place."""
    desk = Desk()
    desk.queues["serial"].put(2, Probe(1))
    for number in range(1000):
        desk.ask("say", f"{number % 256:02x}")
    desk.queues["serial"].put(2, Probe(2))
    last = Pairing(bytes([999 % 256]))
    assert [each.message for each in desk.said("serial")] == [Probe(1), last, Probe(2)]
    assert desk.queues["serial"].dropped_count == 0
