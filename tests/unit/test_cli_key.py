"""`bmcha key`: what it writes, what it says, what it waits for, and that no key is ever printed.

The service is a thread that answers on a real control socket as it is told to.
"""

import contextlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bmcha import cli
from bmcha.cli import key_place
from bmcha.cli.text.keys import key_lines
from bmcha.config.key_file import read_key_file, write_key_file
from bmcha.hal import mac
from bmcha.hal.port import PortError
from bmcha.model.key import KEYS_MAX, NO_KEYS, Key, KeySet, KeyState
from bmcha.runtime.control_socket import listen
from tests import needs
from tests.process.rig import run_cli
from tests.unit.test_config import GATED, MODULE

ACCEPT, SEND = KeyState.ACCEPT, KeyState.SEND
RELOADED: dict[str, Any] = {"changed": [], "needs_restart": []}

try:
    mac.open_mac()
except PortError as error:
    needs.that(False, f"libsodium ({error})", "apt install libsodium23")


def secret_of(key_id: int) -> bytes:
    return bytes([key_id]) * 32


def keys_of(*pairs: tuple[int, KeyState], unsigned: bool = False) -> KeySet:
    keys = (
        Key(each, state, secret_of(each), mac.check_of(secret_of(each))) for each, state in pairs
    )
    return KeySet(tuple(keys), unsigned)


def check(key_id: int) -> str:
    return f"{mac.check_of(secret_of(key_id)):08x}"


class Desk:
    """A key file, and what is said about it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.file = folder / "keys.toml"
        self.socket = "/no/such.sock"
        self.capsys = capsys

    def put(self, keys: KeySet) -> None:
        write_key_file(str(self.file), keys)

    def keys(self) -> KeySet:
        return read_key_file(str(self.file), mac.check_of)

    def said(self, *words: str, code: int = 0) -> tuple[str, str]:
        """(stdout, stderr), each on one line. No key that is or was in the file is among it."""
        before = self.keys() if self.file.exists() and code != 2 else NO_KEYS
        assert cli.main(["key", *words, "--file", str(self.file), "--socket", self.socket]) == code
        told = self.capsys.readouterr()
        after = self.keys() if self.file.exists() and code != 2 else NO_KEYS
        for key in (*before.keys, *after.keys):
            assert key.secret.hex() not in (told.out + told.err).lower()
        return " ".join(told.out.split()), " ".join(told.err.split())

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        out, err = self.said(*words, "--json", code=code)
        assert err == ""
        found: dict[str, Any] = json.loads(out)
        return found


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


class Service:
    """Answers to `status` and `reload`; ``reloads``: what it was asked to read."""

    def __init__(self, keys: KeySet, *peers: dict[str, Any]) -> None:
        self.status: Any = {"keys": told(keys, *peers)}
        self.reload: Any = RELOADED
        self.reload_error: Any = None
        self.reloads: list[Any] = []

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "status":
            return {"result": self.status}
        assert request["method"] == "reload"
        self.reloads.append(request["params"])
        if self.reload_error is not None:
            return {"error": {"code": -32000, "message": "refused", "data": self.reload_error}}
        return {"result": self.reload}

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                for line in stream:
                    request = json.loads(line)
                    answer = {"jsonrpc": "2.0", "id": request["id"], **self.answer(request)}
                    stream.write(json.dumps(answer).encode() + b"\n")
                    stream.flush()

    @contextlib.contextmanager
    def on(self, desk: Desk) -> Iterator[None]:
        with tempfile.TemporaryDirectory() as folder:
            desk.socket = os.path.join(folder, "control.sock")
            listener = listen(desk.socket)
            listener.setblocking(True)
            thread = threading.Thread(target=self.serve, args=(listener,))
            thread.start()
            try:
                yield
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(10)
                listener.close()
                assert not thread.is_alive()


def told(keys: KeySet, *peers: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": "rotating" if keys.view.is_rotating else "signed",
        "sends": keys.sender.id if keys.sender is not None else None,
        "accepts": [key.id for key in keys.keys],
        "accepts_unsigned": keys.accepts_unsigned,
        "newest_check": f"{keys.newest.check:08x}" if keys.newest is not None else None,
        "peers": {str(slot): peer for slot, peer in enumerate(peers, 2)},
    }


def peer(sends: int | None, newest: int | None = None, is_heard: bool = True) -> dict[str, Any]:
    shown = {"id": newest, "check": check(newest)[:4]} if newest is not None else None
    return {"is_heard": is_heard, "sends": sends, "newest": shown}


# ---------------------------------------------------------------- new


def test_the_first_key_is_accepted_beside_unsigned_frames(desk: Desk) -> None:
    out, _ = desk.said("new")
    (key,) = desk.keys().keys
    assert (key.id, key.state, desk.keys().accepts_unsigned) == (1, ACCEPT, True)
    assert out.startswith(f"Made key 1, check {key.check:08x}, in {desk.file}.")
    assert "`bmcha key pair`, or copy the file with scp" in out
    assert "`bmcha reload` on both" in out


def test_the_first_key_of_a_pair_that_does_not_run_may_sign_at_once(desk: Desk) -> None:
    out, _ = desk.said("new", "--send")
    (key,) = desk.keys().keys
    assert (key.state, desk.keys().accepts_unsigned) == (SEND, False)
    assert "Then start both." in out


@pytest.mark.parametrize("unsigned", [False, True])
def test_a_further_key_is_the_newest_and_changes_nothing_else(desk: Desk, unsigned: bool) -> None:
    before = keys_of((7, SEND), unsigned=unsigned)
    desk.put(before)
    desk.said("new")
    after = desk.keys()
    assert after.keys[0] == before.keys[0]
    assert [(key.id, key.state) for key in after.keys[1:]] == [(8, ACCEPT)]
    assert after.accepts_unsigned is unsigned


def test_no_two_keys_are_the_same(desk: Desk) -> None:
    for _ in range(KEYS_MAX):
        desk.said("new")
    assert len({key.secret for key in desk.keys().keys}) == KEYS_MAX


def test_a_fifth_key_is_refused_with_what_to_do(desk: Desk) -> None:
    full = keys_of((1, SEND), (2, ACCEPT), (3, ACCEPT), (4, ACCEPT))
    desk.put(full)
    out, err = desk.said("new", code=1)
    assert out == ""
    assert "has 4 keys" in err and "`bmcha key rotate` on both modules" in err
    assert desk.keys() == full


def test_send_is_for_the_first_key_alone(desk: Desk) -> None:
    desk.put(keys_of((1, SEND)))
    _, err = desk.said("new", "--send", code=1)
    assert "--send is for the first one" in err
    assert len(desk.keys().keys) == 1


def test_a_new_key_in_json_has_number_state_and_check(desk: Desk) -> None:
    body = desk.json("new")
    (key,) = desk.keys().keys
    assert body["key"] == {"id": 1, "state": "accept", "check": f"{key.check:08x}"}
    assert body["file"] == str(desk.file)


def test_root_says_whose_file_it_made(desk: Desk) -> None:
    needs.that(os.geteuid() == 0, "to be root", "run it as root")
    out, _ = desk.said("new")
    assert f"chown USER {desk.file}" in out


def test_a_folder_that_is_not_there_is_one_sentence(desk: Desk) -> None:
    ended = run_cli("key", "new", "--file", f"{desk.folder}/no/keys.toml")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"bmcha: {desk.folder}/no: No such file or directory\n"


# ---------------------------------------------------------------- which file


def configured(desk: Desk, line: str = 'key_file = "keys.toml"\n') -> list[str]:
    config = desk.folder / "config.toml"
    places = 'state_dir = "state"\ncontrol_socket = "module.sock"\n'
    config.write_text(line + places + MODULE)
    (desk.folder / "board.toml").write_text(GATED)
    (desk.folder / "state").mkdir(exist_ok=True)
    return ["--config", str(config)]


def test_the_configuration_names_the_file_and_the_socket(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BMCHA_SOCKET", raising=False)
    words = configured(desk)
    assert cli.main(["key", "new", *words]) == 0
    assert len(desk.keys().keys) == 1
    assert cli.main(["key", "rotate", *words]) == 3
    assert f"{desk.folder}/module.sock" in capsys.readouterr().err
    assert cli.main(["key", "rotate", *words, "--socket", "/no/such.sock"]) == 3
    assert "/no/such.sock" in capsys.readouterr().err


def test_for_root_a_new_file_is_that_of_the_service(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    needs.that(os.geteuid() == 0, "to give files away", "run it as root")
    words = configured(desk)
    os.chown(desk.folder / "state", 4711, -1)
    assert cli.main(["key", "new", *words]) == 0
    assert desk.file.stat().st_uid == 4711
    assert "chown" not in capsys.readouterr().out
    # And root goes on to read and to write it for the service.
    assert cli.main(["key", "new", *words]) == 0
    assert desk.file.stat().st_uid == 4711


@pytest.mark.parametrize(
    ("line", "value"),
    [("", "missing"), ("key_file = 5\n", "5"), ('key_file = "board.toml"\n', '"')],
)
def test_a_configuration_without_a_key_file_says_what_to_add(
    desk: Desk, capsys: pytest.CaptureFixture[str], line: str, value: str
) -> None:
    assert cli.main(["key", "new", *configured(desk, line)]) == 2
    err = capsys.readouterr().err
    assert f"config.toml: key_file: value is {value}" in err
    assert "do: " in err


def test_another_mistake_of_the_configuration_is_not_in_the_way(desk: Desk) -> None:
    words = configured(desk, 'colour = "red"\nkey_file = "keys.toml"\n')
    assert cli.main(["key", "new", *words]) == 0


def test_without_a_word_it_is_the_installed_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_place, "CONFIG_DEFAULT", "/no/such/config.toml")
    assert cli.main(["key", "list"]) == 2
    assert "/no/such/config.toml: the file: value is unreadable" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["rotate", "--send"], "--send goes with new only"),
        (["list", "--force"], "--force goes with rotate only"),
        (["new", "--force"], "--force goes with rotate only"),
        (["rotate", "--compare"], "--compare goes with pair only"),
        (["new", "--file", "x", "--config", "y"], "either --config or --file"),
        (["burn"], "invalid choice"),
        ([], "required"),
    ],
)
def test_wrong_words_are_told_and_do_nothing(
    desk: Desk, capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["key", *words])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("deed", ["new", "list", "rotate"])
def test_a_key_file_with_a_mistake_is_left_alone(desk: Desk, deed: str) -> None:
    desk.put(keys_of((1, SEND), (2, SEND)))
    before = desk.file.read_bytes()
    out, err = desk.said(deed, code=2)
    assert out == ""
    assert 'keys[1].state: value is "send"' in err
    assert 'do: leave "send" at one of them' in err
    assert secret_of(1).hex() not in err and secret_of(2).hex() not in err
    assert desk.file.read_bytes() == before


def test_without_libsodium_it_says_what_to_install(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise PortError("libsodium cannot be opened: no; install it")

    monkeypatch.setattr(mac, "open_mac", missing)
    _, err = desk.said("new", code=1)
    assert err == "bmcha key: libsodium cannot be opened: no; install it"
    assert not desk.file.exists()


# ---------------------------------------------------------------- list


def test_the_list_has_numbers_states_and_checks(desk: Desk) -> None:
    desk.put(keys_of((1, SEND), (12, ACCEPT)))
    out, _ = desk.said("list")
    assert f"id state check 1 send {check(1)} 12 accept {check(12)}" in out
    assert "frames without a signature are refused" in out
    assert f"No bmcha answers on {desk.socket}" in out


def test_the_list_of_no_file_says_that_there_is_none(desk: Desk) -> None:
    out, _ = desk.said("list")
    assert f"Keys in {desk.file} none" in out
    assert "frames without a signature are accepted" in out


def test_the_list_tells_what_the_peers_have_shown(desk: Desk) -> None:
    keys = keys_of((1, SEND), (2, ACCEPT))
    desk.put(keys)
    peers = (peer(1, 2), peer(None, 1), peer(2), peer(None, is_heard=False))
    with Service(keys, *peers).on(desk):
        out, _ = desk.said("list")
        body = desk.json("list")
    assert "service goes by this file" in out
    assert f"signs with key 1; its newest is key 2, check {check(2)[:4]}: the same as here" in out
    assert f"does not sign; its newest is key 1, check {check(1)[:4]}: not the newest here" in out
    assert "slot 4 signs with key 2 slot 5 not heard" in out
    assert body["keys"] == [
        {"id": 1, "state": "send", "check": check(1)},
        {"id": 2, "state": "accept", "check": check(2)},
    ]
    assert body["accepts_unsigned"] is False
    assert body["peers"]["2"] == {**peer(1, 2), "has_newest": True}
    assert [each["has_newest"] for each in body["peers"].values()] == [True, False, True, False]


def test_the_list_says_when_the_service_goes_by_something_else(desk: Desk) -> None:
    desk.put(keys_of((1, SEND)))
    service = Service(NO_KEYS, peer(None))
    with service.on(desk):
        assert "The service has not read this file" in desk.said("list")[0]
        service.status = {"role": {}}
        assert "an older version" in desk.said("list")[0]


def test_a_list_moves_no_cursor_and_keeps_the_name_of_the_file_whole() -> None:
    name = "/a long folder/" + "x" * 90
    body = {"file": name, "keys": [], "accepts_unsigned": True, "service": "\x1b[31m", "peers": {}}
    lines = list(key_lines(body))
    assert "x" * 90 in "\n".join(lines)
    assert "\x1b" not in "\n".join(lines)


# ---------------------------------------------------------------- rotate


def test_a_key_that_the_peer_has_shown_is_signed_with(desk: Desk) -> None:
    keys = keys_of((1, SEND), (2, ACCEPT))
    desk.put(keys)
    service = Service(keys, peer(1, 2))
    service.reload = {
        "changed": [{"key": "keys, id 2", "old": "accept", "new": "send", "file": "f"}],
        "needs_restart": [],
    }
    with service.on(desk):
        out, err = desk.said("rotate")
    assert desk.keys() == keys_of((1, ACCEPT), (2, SEND))
    assert service.reloads == [{"force": False}]
    assert f"frames are signed with key 2 (check {check(2)})" in out
    assert "In use now: keys, id 2 accept -> send" in out
    assert "Next: the same on the other module" in out
    assert err == ""


def test_a_first_key_goes_by_the_same_steps(desk: Desk) -> None:
    desk.put(keys_of((1, ACCEPT), unsigned=True))
    with Service(desk.keys(), peer(None, 1)).on(desk):
        desk.said("rotate")
    assert desk.keys() == keys_of((1, SEND), unsigned=True)
    with Service(desk.keys(), peer(1, 1)).on(desk):
        out, _ = desk.said("rotate")
    assert desk.keys() == keys_of((1, SEND))
    assert "older keys and unsigned frames are not" in out
    with Service(desk.keys(), peer(1)).on(desk):
        out, _ = desk.said("rotate")
    assert out.startswith("Nothing to do: key 1 signs, and nothing else is accepted.")
    assert desk.keys() == keys_of((1, SEND))


@pytest.mark.parametrize(
    ("keys", "shown", "sentence"),
    [
        (((1, SEND), (2, ACCEPT)), peer(1), "slot 2 does not tell of key 2"),
        (((1, SEND), (2, ACCEPT)), peer(1, 2, is_heard=False), "slot 2 is not heard"),
        (((1, ACCEPT), (2, SEND)), peer(1, 2), "slot 2 signs with key 1, and shall with key 2"),
        (((1, ACCEPT), (2, SEND)), peer(None, 2), "slot 2 does not sign yet"),
    ],
)
def test_what_is_not_safe_is_refused_with_what_is_waited_for(
    desk: Desk, keys: tuple[tuple[int, KeyState], ...], shown: dict[str, Any], sentence: str
) -> None:
    desk.put(keys_of(*keys))
    before = desk.file.read_bytes()
    service = Service(desk.keys(), shown)
    with service.on(desk):
        out, err = desk.said("rotate", code=1)
        body = desk.json("rotate", code=1)
        assert out == ""
        assert "Not yet: " in err and sentence in err and "--force" in err
        assert body["result"] == "refused"
        assert sentence in body["waits"][0]
        assert desk.file.read_bytes() == before
        assert service.reloads == []
        desk.said("rotate", "--force")
    assert desk.file.read_bytes() != before
    assert service.reloads == [{"force": False}]


def test_a_service_that_has_not_read_the_file_is_not_believed(desk: Desk) -> None:
    desk.put(keys_of((1, SEND), (2, ACCEPT)))
    with Service(keys_of((1, SEND)), peer(1, 2)).on(desk):
        _, err = desk.said("rotate", code=1)
    assert "The service has not read this file: `bmcha reload`." in err


def test_a_service_of_an_older_version_is_told(desk: Desk) -> None:
    desk.put(keys_of((1, SEND), (2, ACCEPT)))
    service = Service(desk.keys())
    service.status = {"role": {}}
    with service.on(desk):
        _, err = desk.said("rotate", code=1)
    assert "an older version: restart it" in err


def test_without_a_service_nothing_is_done_unless_forced(desk: Desk) -> None:
    desk.put(keys_of((1, SEND), (2, ACCEPT)))
    out, err = desk.said("rotate", code=3)
    assert out == "" and f"No bmcha answers on {desk.socket}" in err
    assert desk.keys() == keys_of((1, SEND), (2, ACCEPT))
    out, _ = desk.said("rotate", "--force")
    assert "Nobody was told to read it: No bmcha answers" in out
    assert desk.keys() == keys_of((1, ACCEPT), (2, SEND))


def test_with_nothing_to_do_no_service_is_needed(desk: Desk) -> None:
    out, _ = desk.said("rotate")
    assert f"There is no key in {desk.file}; `bmcha key new` makes one." in out
    assert not desk.file.exists()
    desk.put(keys_of((1, SEND)))
    assert desk.json("rotate")["result"] == "nothing"
    assert desk.keys() == keys_of((1, SEND))


@pytest.mark.parametrize(
    ("error", "reload", "code", "text"),
    [
        ({"text": "there is no", "refusals": [{"text": "because"}]}, None, 1, "because"),
        ({"text": "1 problem", "problems": [{"text": "f: k: wrong"}]}, None, 2, "f: k: wrong"),
        (
            None,
            {
                "changed": [],
                "needs_restart": [
                    {"key": "key_file", "old": "a", "new": "b", "file": "f", "why": "restart"}
                ],
            },
            1,
            "key_file a -> b (f): restart",
        ),
    ],
)
def test_a_reload_that_is_refused_is_told(
    desk: Desk, error: Any, reload: Any, code: int, text: str
) -> None:
    keys = keys_of((1, SEND), (2, ACCEPT))
    desk.put(keys)
    service = Service(keys, peer(1, 2))
    service.reload, service.reload_error = reload, error
    with service.on(desk):
        assert cli.main(rotate_words(desk)) == code
        told = desk.capsys.readouterr()
        desk.put(keys)
        assert cli.main([*rotate_words(desk), "--json"]) == code
        body = json.loads(desk.capsys.readouterr().out)
    assert text in " ".join((told.out + told.err).split())
    assert "The service goes by the old keys" in told.err
    assert "Next:" not in told.out
    assert desk.keys() == keys_of((1, ACCEPT), (2, SEND))
    assert body["step"] == "send"
    assert body["reload"] == (error if error is not None else reload)


def test_what_else_needs_a_restart_is_told_and_keeps_no_key_from_being_used(desk: Desk) -> None:
    keys = keys_of((1, SEND), (2, ACCEPT))
    desk.put(keys)
    service = Service(keys, peer(1, 2))
    other = {"key": "chassis.id", "old": "1", "new": "2", "file": "f", "why": "needs a restart"}
    service.reload = {"changed": [], "needs_restart": [other]}
    with service.on(desk):
        out, err = desk.said("rotate")
    assert "chassis.id 1 -> 2 (f): needs a restart" in out
    assert "Next: the same on the other module" in out
    assert err == ""


def rotate_words(desk: Desk) -> list[str]:
    return ["key", "rotate", "--file", str(desk.file), "--socket", desk.socket]


def test_a_step_in_json_has_what_the_service_said(desk: Desk) -> None:
    keys = keys_of((1, ACCEPT), (2, SEND))
    desk.put(keys)
    with Service(keys, peer(2)).on(desk):
        body = desk.json("rotate")
    assert (body["result"], body["step"], body["reload"]) == ("done", "drop", RELOADED)
    assert desk.keys() == keys_of((2, SEND))
