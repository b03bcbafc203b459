"""What is signed and what is not, between two real services, on real sockets and a real line.

What is said in the peer's name here would move a role if it were believed: beats of an ACTIVE with
a newer epoch.
"""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bmcha.model.key import Key, KeySet, KeyState
from bmcha.model.message import Heartbeat, Message, MessageType
from bmcha.model.role import Role
from bmcha.runtime.pulse_settings import PulseSettings
from bmcha.wire.checksum import crc32c
from bmcha.wire.codec_native import decode_datagram, encode_frame
from bmcha.wire.frame import FORGED, RawFrame
from bmcha.wire.messages import build_body, parse_body, type_of
from tests.process.rig import Module, Relay, Wire, roles, run_cli, two_modules
from tests.unit.test_pulse import SETTINGS
from tests.waiting import wait_until
from tests.world.keyring import Keyring
from tests.world.settings import KEYS

CHASSIS_ID = 4711
UDP, SERIAL = 0, 1
COUNT = 10


class Bench:
    """Two services; slot 1 is ACTIVE, and what is made up here comes to it in slot 2's name."""

    def __init__(self, modules: tuple[Module, Module], wire: Wire, relay: Relay) -> None:
        self.active, self.standby = modules
        self.wire, self.relay = wire, relay
        self.former = b""
        """A beat of slot 2's boot before this one."""

    def start(self) -> None:
        self.active.start()
        wait_until(lambda: self.active.role() == "ACTIVE", "the first is ACTIVE")
        self.standby.start()
        self.settle()

    def settle(self) -> None:
        def is_whole() -> bool:
            is_full = self.active.ask()["redundancy"]["state"] == "FULL"
            return is_full and roles(self.active, self.standby) == ["ACTIVE", "STANDBY"]

        wait_until(is_whole, "one ACTIVE, one STANDBY, full redundancy")

    def restart_standby(self) -> None:
        self.former = self.beat()
        self.standby.signal(signal.SIGKILL)
        self.standby.end()
        self.standby.start()
        self.settle()

    def beat(self, index: int = 1) -> bytes:
        """A new one of the standby's over the network; 0: of the ACTIVE's."""
        return bytes(wait_until(lambda: self._beat(index), "a beat is said"))

    def _beat(self, index: int) -> bytes:
        data = self.relay.last[index]
        raw = decode_datagram(data)
        is_beat = isinstance(raw, RawFrame) and raw.type_number == MessageType.HEARTBEAT.value
        return data if is_beat else b""

    def newest(self) -> RawFrame:
        raw = decode_datagram(self.beat())
        assert isinstance(raw, RawFrame)
        return raw

    def said(
        self, message: Message, keys: KeySet, path: int = UDP, is_stuffed: bool = False
    ) -> bytes:
        """A frame in slot 2's name and of its present boot, next in its sequence."""
        header = self.newest().header
        header = replace(header, sequence=header.sequence + 1000, epoch=header.epoch + 5, key_id=1)
        body, number = build_body(message, 0), type_of(message).value
        mac = Keyring(_settings(path), keys).sign(header, number, body)
        return encode_frame(header, number, body, is_stuffed, mac)

    def send(self, data: bytes) -> None:
        """As a datagram from the peer's address."""
        where = self.relay._modules[0]
        self.relay.sockets[0].sendto(data, where)

    def counts(self) -> dict[str, int]:
        path = self.active.ask("paths")["paths"]["udp"]
        line = path["line"]
        return {**line["bad"], "dropped by the filter": line["unread"], "forged": path["forged"]}

    def state(self) -> Any:
        """What a frame that was believed would change."""
        status = self.active.ask()
        paths = {name: path["health"] for name, path in status["paths"].items()}
        peer = {key: status["peer"][key] for key in ("role", "epoch", "boot_id", "state")}
        role = {key: status["role"][key] for key in ("state", "reason", "epoch")}
        return role, peer, paths, status["redundancy"]


def _settings(path: int) -> PulseSettings:
    return replace(SETTINGS, chassis_id=CHASSIS_ID, own_slot=2, peer_slot=1, echo_index=path)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    wire, relay = Wire(), Relay()
    with two_modules(tmp_path_factory.mktemp("keys"), wire, relay) as modules:
        made = Bench(modules, wire, relay)
        made.start()
        made.restart_standby()
        yield made


def takeover(bench: Bench) -> Heartbeat:
    """A beat that says: I am ACTIVE, by a newer epoch than yours."""
    raw = bench.newest()
    header = raw.header
    beat = parse_body(MessageType.HEARTBEAT, raw.body, header.epoch, 0)
    assert isinstance(beat, Heartbeat)
    draft = replace(beat.draft, role=Role.ACTIVE, is_holding=True, epoch=header.epoch + 5)
    return replace(beat, draft=replace(draft, revision=draft.revision + 1))


SECRET = b"nobody has this one ............"
STRANGE = KeySet((Key(1, KeyState.SEND, SECRET, 1),), False)
UNSIGNED = KeySet()
FORGED_NAMES = {reason.name for reason in FORGED}


def of_unknown_key(bench: Bench) -> bytes:
    raw = bench.newest()
    header = replace(raw.header, key_id=9, sequence=raw.header.sequence + 1000)
    return encode_frame(header, raw.type_number, raw.body, False, raw.mac)


def flipped(bench: Bench) -> bytes:
    """A signed beat in which one bit of the role was changed, and the checksum made to fit."""
    data = bytearray(bench.beat())
    data[24] ^= 1
    data[-4:] = crc32c(bytes(data[:-4])).to_bytes(4, "little")
    return bytes(data)


def damaged(bench: Bench) -> bytes:
    data = bytearray(bench.beat())
    data[-6] ^= 1
    return bytes(data)


FORGERIES: dict[str, tuple[str, Callable[[Bench], bytes]]] = {
    "unsigned": ("MAC_MISSING", lambda bench: bench.said(takeover(bench), UNSIGNED)),
    "signed with another key": ("MAC_WRONG", lambda bench: bench.said(takeover(bench), STRANGE)),
    "signed with an unknown key": ("KEY_UNKNOWN", of_unknown_key),
    "flipped under a new checksum": ("MAC_WRONG", flipped),
    "flipped": ("CRC", damaged),
    "truncated": ("dropped by the filter", lambda bench: bench.beat()[:-7]),
    "of another path": ("OTHER_PATH", lambda bench: bench.said(takeover(bench), KEYS, SERIAL)),
    "of a boot before": ("REPLAYED", lambda bench: bench.former),
    "sent back": ("REFLECTED", lambda bench: bench.beat(0)),
}
"""By the reason that they are counted under."""


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_frames_on_a_real_socket_leave_a_count_and_no_effect(
    bench: Bench, name: str
) -> None:
    reason, make = FORGERIES[name]
    before, state = bench.counts(), bench.state()

    def are_counted() -> bool:
        """Of many at once not each is looked at for a reason."""
        bench.send(make(bench))
        return bench.counts().get(reason, 0) >= before.get(reason, 0) + COUNT

    wait_until(are_counted, f"{COUNT} frames are counted as {reason}")
    assert bench.state() == state
    is_forged = reason in FORGED_NAMES
    assert (bench.counts()["forged"] - before["forged"] >= COUNT) is is_forged
    alarms = {alarm["id"] for alarm in bench.active.ask()["alarms"]}
    assert not is_forged or "path-udp-forged" in alarms


@pytest.mark.parametrize(
    ("keys", "path", "reason"),
    [(UNSIGNED, SERIAL, "MAC_MISSING"), (STRANGE, SERIAL, "MAC_WRONG"), (KEYS, UDP, "OTHER_PATH")],
    ids=["unsigned", "another key", "of another path"],
)
def test_forged_frames_on_a_line_leave_a_count_and_no_effect(
    bench: Bench, keys: KeySet, path: int, reason: str
) -> None:
    def count() -> int:
        bad = bench.active.ask("paths")["paths"]["serial"]["line"]["bad"]
        return int(bad.get(reason, 0))

    before, state = count(), bench.state()

    def are_counted() -> bool:
        """Of many at once not each is looked at for a reason."""
        os.write(bench.wire.near_fds[0], bench.said(takeover(bench), keys, path, is_stuffed=True))
        return count() >= before + COUNT

    wait_until(are_counted, f"{COUNT} frames are counted as {reason}")
    assert bench.state() == state


def test_a_frame_that_was_heard_once_is_not_heard_again(bench: Bench) -> None:
    data = bench.beat()
    state = bench.state()
    heard = threading.Event()
    for _ in range(200):
        bench.send(data)
        heard.wait(0.002)
    assert bench.state() == state
    assert "frames heard twice or too late" in wait_until(
        lambda: next((line for line in bench.active.log().splitlines() if "twice" in line), ""),
        "the log tells of it",
    )


def test_a_signed_frame_of_the_peers_would_have_had_an_effect(tmp_path: Path) -> None:
    """The counter-proof: what is refused above is believed from who has the key."""
    wire, relay = Wire(), Relay()
    with two_modules(tmp_path, wire, relay) as modules:
        bench = Bench(modules, wire, relay)
        bench.start()
        epoch = bench.active.ask()["role"]["epoch"]
        bench.send(bench.said(takeover(bench), KEYS))
        wait_until(
            lambda: bench.active.role() != "ACTIVE" or bench.active.ask()["role"]["epoch"] > epoch,
            "the ACTIVE believes that there is a newer one",
        )


def test_a_module_that_is_killed_beside_a_replay_of_itself_is_followed(tmp_path: Path) -> None:
    wire, relay = Wire(), Relay()
    with two_modules(tmp_path, wire, relay) as modules:
        bench = Bench(modules, wire, relay)
        bench.start()
        kept: list[bytes] = []
        enough = 30

        def has_kept() -> bool:
            data = bench.beat(0)
            if not kept or kept[-1] != data:
                kept.append(data)
            return len(kept) >= enough

        wait_until(has_kept, f"{enough} beats of the ACTIVE were kept")
        bench.active.signal(signal.SIGKILL)
        bench.active.end()

        def is_followed() -> bool:
            for data in kept:
                relay.sockets[1].sendto(data, relay._modules[1])
            return bench.standby.role() == "ACTIVE"

        wait_until(is_followed, "the survivor takes over while the dead one's beats are replayed")


def test_three_steps_of_a_rotation_are_taken_by_the_command_and_no_beat_is_lost(
    tmp_path: Path,
) -> None:
    wire, relay = Wire(), Relay()
    with two_modules(tmp_path, wire, relay) as modules:
        bench = Bench(modules, wire, relay)
        bench.start()
        first, second = modules

        def command(module: Module, *words: str) -> Any:
            config = str(module.folder / "config.toml")
            return run_cli("--socket", module.socket, "key", *words, "--config", config)

        assert command(first, "rotate").returncode == 0, "nothing to do yet"
        made = command(first, "new")
        assert made.returncode == 0, made.stdout + made.stderr
        assert run_cli("--socket", first.socket, "reload").returncode == 0
        too_soon = command(first, "rotate")
        assert too_soon.returncode == 1 and "slot 2" in too_soon.stdout + too_soon.stderr
        shutil.copy(first.folder / "keys", second.folder / "keys")
        for module in modules:
            assert run_cli("--socket", module.socket, "reload").returncode == 0
        for _ in range(2):
            for module in modules:

                def is_taken(module: Module = module) -> bool:
                    return bool(command(module, "rotate").returncode == 0)

                wait_until(is_taken, "the next step is safe, and taken")
        for module in modules:
            keys = module.ask()["keys"]
            assert keys["state"] == "signed" and keys["sends"] == 2 and keys["accepts"] == [2]
            wait_until(partial(_peer_signs_with, module, 2), "the peer signs with it")
            for path in module.ask("paths")["paths"].values():
                assert path["forged"] == 0 and path["lost"] == 0, path
        assert roles(*modules) == ["ACTIVE", "STANDBY"]


def _peer_signs_with(module: Module, key_id: int) -> bool:
    return bool(module.ask()["keys"]["peers"][str(3 - module.slot)]["sends"] == key_id)


def test_a_module_without_a_key_beside_one_that_signs_stays_standby_and_says_why(
    tmp_path: Path,
) -> None:
    with two_modules(tmp_path) as (first, second):
        (second.folder / "keys").unlink()
        first.start()
        wait_until(lambda: first.role() == "ACTIVE", "the first is ACTIVE")
        second.start()
        wait_until(lambda: second.role() == "STANDBY", "the second is STANDBY")
        alarms = {each["id"]: each for each in second.ask()["alarms"]}
        assert alarms["keys-missing"]["severity"] == "MAJOR"
        assert first.ask()["peer"]["role"] is None
        shutil.copy(first.folder / "keys", second.folder / "keys")
        assert run_cli("--socket", second.socket, "reload").returncode == 0
        wait_until(lambda: first.ask()["redundancy"]["state"] == "FULL", "full redundancy")


def test_a_key_file_that_others_may_read_keeps_the_service_from_starting(tmp_path: Path) -> None:
    with two_modules(tmp_path) as (first, _):
        (first.folder / "keys").chmod(0o640)
        first.start()
        code, output = first.end()
        assert code == 2
        assert "mode 0640" in output
        checked = run_cli("check", str(first.folder / "config.toml"))
        assert checked.returncode != 0 and "chmod 600" in checked.stdout + checked.stderr
        secret = KEYS.keys[0].secret.hex()
        assert secret not in output
