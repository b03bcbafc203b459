"""`bmcha key pair` against a service that is scripted, with a true other end behind it.

What it prints, writes, asks of the service and changes, and how each way ends that is not the good
one. Terminals and real services: tests/process/test_key_pair.py.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bmcha import cli
from bmcha.cli import key_pair
from bmcha.cli.pairing import End, Giver, Refusal, Step, Taker, Who
from bmcha.hal import sealing
from bmcha.hal.mac import check_of
from bmcha.hal.port import PortError
from bmcha.model.key import NO_KEYS, KeySet, KeyState
from tests.unit.test_cli_key import RELOADED, Desk, Service, desk, keys_of, told

__all__ = ["desk"]
sealing.open_sealing()
ACCEPT, SEND = KeyState.ACCEPT, KeyState.SEND
FULL = keys_of((7, ACCEPT), (9, SEND), (255, ACCEPT), (1, ACCEPT), unsigned=True)
CHANGED: dict[str, Any] = {
    "changed": [{"key": "keys, id 7", "old": "missing", "new": "accept", "file": "f"}],
    "needs_restart": [],
}


class Paired(Service):
    """``far``: who is at the other end of the line. ``answers``: the script that reads there what
    the number is and types it here."""

    def __init__(self, keys: KeySet, far: End | None, answers: int) -> None:
        super().__init__(keys)
        self.keys = keys
        self.far = far
        self.opened: dict[str, Any] | None = None
        self.closed_count = 0
        self.deaf_from: Step | None = None
        self.is_silent: Callable[[], bool] = lambda: False
        self.refusal: dict[str, Any] | None = None
        self._answers = answers
        self.number: str | None = None
        """None: that of the other end; else what is typed instead."""

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "reload" and self.reload_error is None:
            self.goes_by(self.file_keys())
        if request["method"] != "pair":
            return super().answer(request)
        if self.refusal is not None:
            return {"error": self.refusal}
        params = request["params"]
        return {"result": getattr(self, f"_{params['deed']}")(params.get("data"))}

    file_keys: Callable[[], KeySet] = staticmethod(lambda: NO_KEYS)

    def goes_by(self, keys: KeySet) -> None:
        self.status = {"keys": told(keys)}

    def _open(self, _data: Any) -> dict[str, Any]:
        newest = self.keys.newest
        found = {"slot": 1, "chassis_id": 4711, "peers": [2], "has_keys": bool(self.keys.keys)}
        found["newest_check"] = f"{newest.check:08x}" if newest is not None else None
        return {**found, "remaining_s": 120, **(self.opened or {})}

    def _say(self, data: str) -> dict[str, Any]:
        said = bytes.fromhex(data)
        if self.far is not None and not self._is_deaf(said):
            self.far.hear(1, said)
            self._type_number()
        return {"paths": 1}

    def _is_deaf(self, said: bytes) -> bool:
        return self.deaf_from is not None and said[1] >= self.deaf_from

    def _take(self, _data: Any) -> dict[str, Any]:
        far = self.far
        if far is None or self.is_silent():
            return {"messages": [], "remaining_s": 100}
        if isinstance(far, Taker) and far.keys is not None and far.step is Step.YES:
            far.have_taken()
        if self.deaf_from is not None and far.said[1] >= self.deaf_from:
            return {"messages": [], "remaining_s": 100}
        message = {"slot": 2, "boot_id": 2002, "data": far.said.hex()}
        return {"messages": [message, message], "remaining_s": 100}

    def _close(self, _data: Any) -> dict[str, Any]:
        self.closed_count += 1
        return {}

    def _type_number(self) -> None:
        if self.far is not None and self.far.number and self._answers >= 0:
            self.far.approve()  # type: ignore[attr-defined]
            number = self.far.number if self.number is None else self.number
            os.write(self._answers, f"{number[:4]} {number[4:]}\n".encode())
            os.close(self._answers)
            self._answers = -1

    def hang_up(self) -> None:
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "REPEAT_S": 0.01,
        "POLL_S": 0.005,
        "LAST_WORDS_S": 0.05,
        "SILENCE_S": 5.0,
    }.items():
        monkeypatch.setattr(key_pair, name, value)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Paired]]:
    made: list[Paired] = []

    def make_one(keys: KeySet, far: End | None) -> Paired:
        reading, writing = os.pipe()
        stdin = os.fdopen(reading)
        monkeypatch.setattr("sys.stdin", stdin)
        made.append(Paired(keys, far, writing))
        stdins.append(stdin)
        return made[-1]

    stdins: list[Any] = []
    yield make_one
    for each in made:
        each.hang_up()
    for stdin in stdins:
        stdin.close()


def taker(slot: int = 2, chassis_id: int = 4711) -> Taker:
    return Taker(Who(slot, chassis_id, False), check_of)


def giver(keys: KeySet = FULL) -> Giver:
    return Giver(Who(2, 4711, True), keys)


# ---------------------------------------------------------------- the good way


def test_the_one_with_keys_gives_all_of_them(desk: Desk, make: Callable[..., Paired]) -> None:
    desk.put(FULL)
    service = make(FULL, far := taker())
    with service.on(desk):
        out, err = desk.said("pair", "--compare")
    assert far.keys == FULL and far.is_done
    assert out.startswith(f"{far.number[:4]} {far.number[4:]} Slot 2 has the keys of this module")
    newest = FULL.newest
    assert newest is not None and f"key 1 (accept, check {newest.check:08x})" in out
    assert "frames without a signature are accepted" in out
    assert "This module is in slot 1. It has keys" in err
    assert "Slot 2 answers." in err and "Waiting for a yes at slot 2." in err
    assert desk.keys() == FULL and service.reloads == []
    assert service.closed_count == 1


def test_the_one_without_takes_them_whole_and_has_them_read(
    desk: Desk, make: Callable[..., Paired]
) -> None:
    service = make(NO_KEYS, far := giver())
    service.file_keys = desk.keys
    service.reload = CHANGED
    with service.on(desk):
        out, err = desk.said("pair", "--compare")
    assert desk.keys() == FULL
    assert stat.S_IMODE(desk.file.stat().st_mode) == 0o600
    assert far.is_done
    assert service.reloads == [{"force": False}]
    assert f"In {desk.file} now, from slot 2: key 7 (accept" in out
    assert "In use now: keys, id 7 missing -> accept" in out
    assert "takes the other one's" in err
    assert service.closed_count == 1


@pytest.mark.parametrize("has_keys", [True, False])
def test_in_json_there_is_one_object_and_no_key(
    desk: Desk, make: Callable[..., Paired], has_keys: bool
) -> None:
    if has_keys:
        desk.put(FULL)
    service = make(FULL if has_keys else NO_KEYS, taker() if has_keys else giver())
    service.file_keys = desk.keys
    with service.on(desk):
        out, err = desk.said("pair", "--compare", "--json")
    body = json.loads(out)
    assert (body["result"], body["peer"]) == ("done", 2)
    assert [each["id"] for each in body["keys"]] == [7, 9, 255, 1]
    assert set(body["keys"][0]) == {"id", "state", "check"}
    assert body["reload"] == (None if has_keys else RELOADED)
    assert service.far is not None and f"{service.far.number[:4]} {service.far.number[4:]}" in err


# ---------------------------------------------------------------- after the keys have come


def test_keys_that_the_service_does_not_read_are_kept_and_it_is_said(
    desk: Desk, make: Callable[..., Paired]
) -> None:
    service = make(NO_KEYS, far := giver())
    service.reload_error = {"text": "config.toml has a problem", "problems": [{"text": "x: y"}]}
    with service.on(desk):
        _, err = desk.said("pair", "--compare", code=2)
    assert desk.keys() == FULL and far.is_done, "they are there, and the other end knows"
    assert "x: y bmcha: config.toml has a problem" in err
    assert "The service goes by the old keys" in err


def test_a_service_without_a_key_file_does_not_go_by_them(
    desk: Desk, make: Callable[..., Paired]
) -> None:
    service = make(NO_KEYS, giver())
    with service.on(desk):
        _, err = desk.said("pair", "--compare", code=1)
    assert "The service goes by another file, or by none: see key_file" in err
    assert desk.keys() == FULL


def test_without_the_other_ends_last_word_the_keys_are_there_all_the_same(
    desk: Desk, make: Callable[..., Paired], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_pair, "SILENCE_S", 0.3)
    service = make(NO_KEYS, giver())
    service.file_keys = desk.keys
    service.deaf_from = Step.TAKEN
    # Whoever is deaf is silent, too: its repetitions would be signs of life.
    service.is_silent = desk.file.exists
    with service.on(desk):
        out, err = desk.said("pair", "--compare")
    assert desk.keys() == FULL and "from slot 2" in out
    assert "this one waited for the other module's last word" in err
    assert "It may not know that this one has the keys." in err


def test_keys_that_were_sent_and_not_confirmed_are_no_success(
    desk: Desk, make: Callable[..., Paired], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_pair, "SILENCE_S", 0.3)
    desk.put(FULL)
    service = make(FULL, far := taker())
    service.is_silent = lambda: far.keys is not None
    with service.on(desk):
        _, err = desk.said("pair", "--compare", code=1)
    assert "this one waited for the other module to say that it has the keys" in err
    assert "The keys were sent, and it is not known whether" in err


# ---------------------------------------------------------------- nothing was changed


def refused(desk: Desk, service: Paired, code: int = 1) -> str:
    before = desk.file.read_bytes() if desk.file.exists() else None
    with service.on(desk):
        _, err = desk.said("pair", "--compare", code=code)
    assert (desk.file.read_bytes() if desk.file.exists() else None) == before
    assert service.reloads == []
    assert service.closed_count == 1
    return err


@pytest.mark.parametrize("has_keys", [True, False])
@pytest.mark.parametrize("number", ["00000000", "yesyesye", "0000000 0"])
def test_another_number_ends_it(
    desk: Desk, make: Callable[..., Paired], has_keys: bool, number: str
) -> None:
    if has_keys:
        desk.put(FULL)
    service = make(FULL if has_keys else NO_KEYS, taker() if has_keys else giver())
    service.number = number
    err = refused(desk, service)
    assert "The other module shows another number: somebody may sit in between" in err
    assert "Nothing was changed." in err


def test_a_script_that_goes_away_has_not_said_yes(desk: Desk, make: Callable[..., Paired]) -> None:
    desk.put(FULL)
    service = make(FULL, taker())
    service.hang_up()
    assert "Nothing was changed." in refused(desk, service)


@pytest.mark.parametrize(
    ("far", "refusal"),
    [
        (giver, Refusal.BOTH_HAVE_KEYS),
        (lambda: taker(chassis_id=9), Refusal.OTHER_CHASSIS),
    ],
)
def test_what_does_not_fit_is_said_at_both_ends(
    desk: Desk, make: Callable[..., Paired], far: Callable[[], End], refusal: Refusal
) -> None:
    desk.put(FULL)
    service = make(FULL, far())
    err = refused(desk, service)
    assert " ".join(refusal.value.split()) in err and "Nothing was changed." in err
    assert service.far is not None and service.far.refusal is refusal


@pytest.mark.parametrize(
    ("far", "deaf_from", "waited"),
    [
        (None, None, "for the other module, on which `bmcha key pair` has to run as well"),
        (taker, Step.COMMIT, "for the other module's public key"),
    ],
    ids=["nobody", "one-way"],
)
def test_who_hears_nothing_says_what_it_waited_for(
    desk: Desk,
    make: Callable[..., Paired],
    monkeypatch: pytest.MonkeyPatch,
    far: Callable[[], End] | None,
    deaf_from: Step | None,
    waited: str,
) -> None:
    monkeypatch.setattr(key_pair, "SILENCE_S", 0.3)
    desk.put(FULL)
    service = make(FULL, far() if far else None)
    service.deaf_from = deaf_from
    turns = itertools.count()
    service.is_silent = lambda: next(turns) >= 20
    err = refused(desk, service)
    assert "Nothing was heard of the other module" in err and waited in err
    assert "Nothing was changed." in err


def test_a_question_that_nobody_answers_ends(
    desk: Desk, make: Callable[..., Paired], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_pair, "ANSWER_S", 0.1)
    desk.put(FULL)
    service = make(FULL, taker())
    service._type_number = lambda: None  # type: ignore[method-assign]
    assert "Nobody answered" in refused(desk, service)


def test_a_file_that_the_service_has_not_read_is_not_given(
    desk: Desk, make: Callable[..., Paired]
) -> None:
    desk.put(FULL)
    service = make(keys_of((3, SEND)), taker())
    err = refused(desk, service)
    assert "The service has not read this file: `bmcha reload`." in err
    assert service.far is not None and service.far.other_slot is None


def test_a_file_that_cannot_be_written_is_one_sentence(
    desk: Desk, make: Callable[..., Paired], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: str, _keys: KeySet, _owner: int | None = None) -> None:
        raise OSError(28, "No space left on device", str(desk.file))

    monkeypatch.setattr("bmcha.config.key_file.write_key_file", full)
    err = refused(desk, make(NO_KEYS, giver()))
    assert f"{desk.file}: No space left on device. - Nothing was changed." in err


def test_keys_that_came_into_the_file_meanwhile_are_kept(
    desk: Desk, make: Callable[..., Paired]
) -> None:
    """Somebody has copied them, while two people compared numbers."""
    service = make(NO_KEYS, far := giver())
    copied = keys_of((3, SEND))
    answered = far.approve

    def approve() -> None:
        desk.put(copied)
        answered()

    far.approve = approve  # type: ignore[method-assign]
    with service.on(desk):
        _, err = desk.said("pair", "--compare", code=1)
    assert "Meanwhile there are keys in" in err and "Nothing was changed." in err
    assert desk.keys() == copied and service.reloads == []


def test_an_interruption_shuts_it(
    desk: Desk, make: Callable[..., Paired], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_talk: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bmcha.cli.key_pair._Talk._turn", interrupted)
    desk.put(FULL)
    assert "Stopped. Nothing was changed." in refused(desk, make(FULL, taker()), code=130)


def test_a_service_that_ends_meanwhile_is_said(desk: Desk, make: Callable[..., Paired]) -> None:
    desk.put(FULL)
    service = make(FULL, taker())

    def end() -> bool:
        raise EndOfService

    service.is_silent = end
    serve = service.serve

    def serve_until_the_end(listener: Any) -> None:
        with contextlib.suppress(EndOfService):
            serve(listener)

    service.serve = serve_until_the_end  # type: ignore[method-assign]
    with service.on(desk):
        _, err = desk.said("pair", "--compare", code=3)
    assert "has ended." in err and "Nothing was changed." in err


class EndOfService(Exception):
    """In the thread that answers."""


def test_what_the_service_refuses_is_said(desk: Desk, make: Callable[..., Paired]) -> None:
    service = make(NO_KEYS, None)
    service.refusal = {"code": 1, "message": "there is no serial path", "data": None}
    with service.on(desk):
        _, err = desk.said("pair", "--compare", code=1)
        assert err == "bmcha key pair: there is no serial path."
        service.refusal["code"] = -32601
        assert "it is an older version: restart it" in desk.said("pair", "--compare", code=1)[1]


# ---------------------------------------------------------------- before anything is asked


def test_without_a_terminal_it_asks_nobody(desk: Desk, make: Callable[..., Paired]) -> None:
    service = make(NO_KEYS, giver())
    with service.on(desk):
        _, err = desk.said("pair", code=2)
    assert "there is no terminal to ask on; a script uses --compare" in err
    assert service.closed_count == 0


def test_without_a_service_there_is_nobody_to_carry_it(desk: Desk, make: Any) -> None:
    make(NO_KEYS, None)
    _, err = desk.said("pair", "--compare", code=3)
    assert f"No bmcha answers on {desk.socket}" in err


def test_a_folder_that_is_not_there_is_told_before_people_begin(
    make: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    make(NO_KEYS, None)
    words = ["key", "pair", "--compare", "--file", "/no/such/keys.toml"]
    assert cli.main(words) == 1
    assert "nothing can be written into /no/such" in capsys.readouterr().err


def test_without_libsodium_it_says_what_to_install(
    desk: Desk, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise PortError("libsodium cannot be opened: no; install it")

    monkeypatch.setattr(key_pair, "open_sealing", missing)
    make(NO_KEYS, None)
    _, err = desk.said("pair", "--compare", code=1)
    assert err == "bmcha key: libsodium cannot be opened: no; install it"
