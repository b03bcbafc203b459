"""A configuration read again: what changes, what is refused by name, and that nothing is lost."""

import re
from pathlib import Path

import pytest

from bmcha.config import Config, load_config
from bmcha.config.reload import CHANGEABLE, RESTART, Comparison, compare, key_changes
from bmcha.diag.log import Level
from bmcha.model.event import SettingChange as Change
from bmcha.model.key import NO_KEYS, Key, KeySet, KeyState
from bmcha.model.settings import IsolationPolicy
from tests.process.rig import BOARD, CONFIG

WHO = {"version": "1", "firmware_level": 1, "layout_id": 2}
MORE_CONFIG = """
[policy]
lone = false
[log]
level = "info"
"""


class Files:
    def __init__(self, folder: Path) -> None:
        self.config = folder / "config.toml"
        self.board = folder / "board.toml"
        text = CONFIG.format(image="/x", peer=2, local=1001, remote=1002, device="/dev/ttyS1")
        self.config.write_text(text + MORE_CONFIG)
        self.board.write_text(BOARD)
        self.in_use = self.load()

    def load(self) -> Config:
        return load_config(str(self.config), **WHO)  # type: ignore[arg-type]

    def edit(self, *pairs: tuple[str, str]) -> Comparison:
        for old, new in pairs:
            file = self.config if old in self.config.read_text() else self.board
            assert old in file.read_text(), old
            file.write_text(file.read_text().replace(old, new, 1))
        return compare(self.in_use, self.load())


@pytest.fixture
def files(tmp_path) -> Files:
    return Files(tmp_path)


def test_the_same_file_changes_nothing(files) -> None:
    assert compare(files.in_use, files.load()) == Comparison(files.in_use, ())


def test_what_can_change_does_and_is_told_with_file_key_and_both_values(files) -> None:
    found = files.edit(
        ("hold_off_ms = 100", "hold_off_ms = 200"),
        ("high_milli = 45000", "high_milli = 50000"),
        ("pwm_min = 60", "pwm_min = 70"),
        ("[35000, 140]", "[35000, 150]"),
        ("lone = false", 'lone = true\nisolation_policy = "hold"\nfailovers_max = 3'),
        ("failovers_max = 3", 'failovers_max = 3\nfailback = "preferred-slot"\npreferred_slot = 2'),
        ('level = "info"', 'level = "debug"'),
    )
    config, board = str(files.config), str(files.board)
    assert found.refused == ()
    assert set(found.applied) == {
        Change(config, "timers.hold_off_ms", "100", "200"),
        Change(board, "sensors[0].high_milli", "45000", "50000"),
        Change(board, "fans[0].pwm_min", "60", "70"),
        Change(
            *(board, "zones[0].curve"),
            *("[[25000, 80], [35000, 140], [45000, 255]]",),
            *("[[25000, 80], [35000, 150], [45000, 255]]",),
        ),
        Change(config, "policy.isolation_policy", '"trust-silence"', '"hold"'),
        Change(config, "policy.lone", "false", "true"),
        Change(config, "policy.failovers_max", "10", "3"),
        Change(config, "policy.failback", '"never"', '"preferred-slot"'),
        Change(config, "policy.preferred_slot", "missing", "2"),
        Change(config, "log.level", '"info"', '"debug"'),
    }
    assert found.config == files.load()
    assert found.config.node.isolation_policy is IsolationPolicy.HOLD
    assert found.config.service.log.level is Level.DEBUG


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("id = 4711", "id = 4712", "chassis.id"),
        ("succession = [1, 2]", "succession = [2, 1]", "chassis.succession"),
        ("initdead_ms = 1600", "initdead_ms = 1700", "timers.initdead_ms"),
        ("hold_off_ms = 100", "tick_ms = 30\nhold_off_ms = 100", "timers.tick_ms"),
        ("deadtime_ms = 1500", "deadtime_ms = 1550", "paths[0].deadtime_ms"),
        ("127.0.0.1:1001", "127.0.0.1:1003", "paths[0].local"),
        ('name = "serial"', 'name = "ttyS"', "paths[1].name"),
        ("/dev/ttyS1", "/dev/ttyS2", "paths[1].device"),
        ('log_file = "log"', 'log_file = "log2"', "log_file"),
        ('pid_file = "pid"\n', "", "pid_file"),
        ('key_file = "keys"\n', 'key_file = "keys.toml"\n', "key_file"),
        ('state_dir = "store"', 'state_dir = "state"', "state_dir"),
        ('image_name = "/x"', 'image_name = "/y"', "image_name"),
        ('control_socket = "control.sock"', 'control_socket = "c"', "control_socket"),
        ('level = "info"', 'stderr = "never"', "log.stderr"),
        (
            'pid_file = "pid"',
            'pid_file = "pid"\nrealtime.lock_memory = true',
            "realtime.lock_memory",
        ),
        ('pid_file = "pid"', 'pid_file = "pid"\nrealtime.cpus = [0]', "realtime.cpus"),
        ('class = "bare"', 'class = "bare"\nwatchdog_ms = 900\nwatchdog.file = "w"', "watchdog_ms"),
        ('name = "test-bare"', 'name = "other"', "name"),
        ("lines/OUTPUT_ENABLE", "lines/OE", "lines.own.output_enable.file"),
        ("straps/SLOT_ID1", "straps/ID1", "lines.straps.bits[1].file"),
        ("sensor_period_ms = 100", "sensor_period_ms = 120", "sensor_period_ms"),
        ("hwmon/temp1_input", "hwmon/temp2_input", "sensors[0].file"),
        ('name = "fan1"', 'name = "fan2"', "fans[0].name"),
        ("[[zones]]", '[[supplies]]\nname = "a"\nrated_milliwatt = 1\n[[zones]]', "supplies"),
    ],
)
def test_what_cannot_change_is_refused_by_name_and_the_old_stays(files, old, new, key) -> None:
    found = files.edit((old, new))
    assert found.applied == ()
    assert found.config == files.in_use
    assert key in {change.key for change in found.refused}
    assert all(change.refusal.endswith(RESTART) for change in found.refused)
    assert all(change.old != change.new for change in found.refused)


def test_an_entry_changes_whole_or_not_at_all_and_others_change(files) -> None:
    found = files.edit(
        ("warntime_ms = 500\ndeadtime_ms = 1500", "warntime_ms = 1600\ndeadtime_ms = 2000"),
        ("initdead_ms = 1600", "initdead_ms = 2600"),
        ("hold_off_ms = 100", "hold_off_ms = 200"),
        ("rpm_min = 500", "rpm_min = 600"),
    )
    config = str(files.config)
    assert len(found.changes) == 6
    assert set(found.refused) == {
        Change(config, "timers.initdead_ms", "1600", "2600", RESTART),
        Change(
            *(config, "timers.hold_off_ms", "100", "200"),
            "waits for timers.initdead_ms, which needs a restart",
        ),
        Change(config, "paths[0].deadtime_ms", "1500", "2000", RESTART),
        Change(
            *(config, "paths[0].warntime_ms", "500", "1600"),
            "waits for paths[0].deadtime_ms, which needs a restart",
        ),
        Change(
            config,
            "paths[0].jeopardy_deadtime_ms",
            "3000",
            "4000",
            "waits for paths[0].deadtime_ms, which needs a restart",
        ),
    }
    assert [change.key for change in found.applied] == ["fans[0].rpm_min"]
    assert found.config.node.paths == files.in_use.node.paths
    assert found.config.node.timers == files.in_use.node.timers


def test_a_list_of_another_length_is_refused_as_a_whole(files) -> None:
    more = '[[fans]]\nname = "f2"\nrpm_file = "r"\npwm_file = "p"\nzone = "front"\n'
    found = files.edit(("[[zones]]", f"{more}pwm_min = 1\nrpm_min = 2\n[[zones]]"))
    assert [str(change) for change in found.changes] == [
        f"{files.board}: fans: 1 entries -> 2 entries, needs a restart"
    ]
    assert found.config == files.in_use


def test_every_key_that_can_change_is_in_the_decision_record() -> None:
    record = (Path(__file__).parents[2] / "docs/adr/0009-reload.md").read_text()
    told = record.partition("| Needs a restart")[0]
    for keys in CHANGEABLE.values():
        for key in keys:
            assert re.search(rf"\b{key}\b", told), key


# ---------------------------------------------------------------- the key file


def key(key_id: int, state: KeyState, check: int) -> Key:
    return Key(key_id, state, bytes(range(32)), check)


ACCEPTED = key(1, KeyState.ACCEPT, 0x00C0FFEE)
SENT = key(1, KeyState.SEND, 0x00C0FFEE)
NEWER = key(2, KeyState.ACCEPT, 0xDEADBEEF)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        (NO_KEYS, NO_KEYS, []),
        (KeySet((SENT,), False), KeySet((SENT,), False), []),
        (
            *(NO_KEYS, KeySet((ACCEPTED,), True)),
            [("keys, id 1", "missing", "accept, check 00c0ffee")],
        ),
        (
            *(KeySet((SENT,), False), KeySet((ACCEPTED, NEWER), False)),
            [
                ("keys, id 1", "send, check 00c0ffee", "accept, check 00c0ffee"),
                ("keys, id 2", "missing", "accept, check deadbeef"),
            ],
        ),
        (
            *(KeySet((SENT, NEWER), True), KeySet((NEWER,), False)),
            [
                ("keys, id 1", "send, check 00c0ffee", "missing"),
                ("accept_unsigned", "true", "false"),
            ],
        ),
        (
            *(KeySet((SENT, NEWER), False), KeySet((NEWER, SENT), False)),
            [("keys, their order", "[1, 2]", "[2, 1]")],
        ),
        (
            *(KeySet((SENT,), False), KeySet((key(1, KeyState.SEND, 1),), False)),
            [("keys, id 1", "send, check 00c0ffee", "send, check 00000001")],
        ),
    ],
)
def test_all_that_a_key_file_says_can_change_and_no_secret_is_told(
    old: KeySet, new: KeySet, changes: list[tuple[str, str, str]]
) -> None:
    found = key_changes("/keys.toml", old, new)
    assert list(found) == [Change("/keys.toml", *each) for each in changes]
    assert bytes(range(32)).hex() not in str(found)
