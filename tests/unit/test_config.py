"""The configuration: what is read, and that a problem names file, key, value and the allowed."""

import os
from pathlib import Path

import pytest

from bmcha.config import (
    Config,
    ConfigError,
    ConfigProblem,
    check_own_slot,
    find_board,
    load_config,
    shipped_boards,
)
from bmcha.model.board import LineFile
from bmcha.model.identity import Succession
from bmcha.model.settings import BoardClass, IsolationPolicy, PathKind

UDP = """
[[paths]]
name = "udp"
kind = "udp"
peer = 2
local = "127.0.0.1:40001"
remote = "127.0.0.1:40002"
heartbeat_interval_ms = 100
warntime_ms = 500
deadtime_ms = 1500
"""
SERIAL = """
[[paths]]
name = "serial"
kind = "serial"
peer = 2
device = "tty"
baud = 115200
heartbeat_interval_ms = 100
warntime_ms = 500
deadtime_ms = 1500
"""
HEAD = """
board = "board.toml"
hw_root = "hw"
"""
CHASSIS = """
[chassis]
id = 4711
succession = [1, 2]
"""
MODULE = HEAD + CHASSIS + UDP + SERIAL
BARE = """
name = "test"
class = "bare"
[straps]
bits = [{ file = "ID0" }, { file = "ID1", active_low = true }]
"""
GATED = """
name = "test"
class = "gated"
watchdog_ms = 1000
[straps]
bits = [{ file = "ID0" }]
[watchdog]
file = "watchdog"
[lines.own]
health = { file = "HEALTH" }
active = { file = "ACTIVE" }
[[lines.peer]]
offset = 1
presence = { file = "PRES_N", active_low = true }
health = { file = "PEER_HEALTH" }
active = { file = "PEER_ACTIVE" }
"""
SENSOR = """
[[sensors]]
name = "inlet"
kind = "temperature"
file = "temp1_input"
low_milli = 0
high_milli = 45000
hysteresis_milli = 2000
zone = "front"
"""
ZONE = """
[[zones]]
name = "front"
curve = [[25000, 80], [45000, 255]]
hysteresis_milli = 1000
pwm_step_max = 20
"""
FAN = """
[[fans]]
name = "fan1"
rpm_file = "fan1_input"
pwm_file = "pwm1"
zone = "front"
pwm_min = 60
rpm_min = 500
"""


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        (self.path / name).write_bytes(data)

    def load(self, module: str | bytes = MODULE, board: str | bytes = BARE) -> Config:
        self.write("config.toml", module)
        self.write("board.toml", board)
        return load(self.path / "config.toml")

    def problems(
        self, module: str | bytes = MODULE, board: str | bytes = BARE
    ) -> tuple[ConfigProblem, ...]:
        with pytest.raises(ConfigError) as caught:
            self.load(module, board)
        assert str(caught.value).splitlines() == [str(each) for each in caught.value.problems]
        return caught.value.problems

    def only_problem(
        self, module: str | bytes = MODULE, board: str | bytes = BARE
    ) -> ConfigProblem:
        (problem,) = self.problems(module, board)
        return problem


def load(file: Path) -> Config:
    return load_config(str(file), version="1.2.3", firmware_level=4, layout_id=5)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


# ---------------------------------------------------------------- what is read


def test_a_module_is_read_with_its_board(folder: Folder) -> None:
    config = folder.load(MODULE, GATED + SENSOR + ZONE + FAN)
    node, service = config.node, config.service
    assert (node.chassis_id, node.succession) == (4711, Succession((1, 2)))
    assert (node.board_class, node.watchdog_ms) == (BoardClass.GATED, 1000)
    assert (node.has_presence, node.has_health, node.has_active) == (True, True, True)
    assert (node.version, node.firmware_level, node.layout_id) == ("1.2.3", 4, 5)
    assert [(path.name, path.kind) for path in node.paths] == [
        ("udp", PathKind.UDP),
        ("serial", PathKind.SERIAL),
    ]
    assert node.paths[0].local == ("127.0.0.1", 40001)
    assert node.paths[1].device == f"{folder.path}/tty"
    assert node.chassis.zones[0].curve == ((25000, 80), (45000, 255))
    assert node.chassis.sensors[0].file == f"{folder.path}/hw/temp1_input"
    assert service.watchdog_file == f"{folder.path}/hw/watchdog"
    assert service.lines.peers[0].presence == LineFile(f"{folder.path}/hw/PRES_N", True)
    assert service.board_name == "test"


def test_everything_optional_has_a_default(folder: Folder) -> None:
    config = folder.load('board = "board.toml"\n' + CHASSIS + UDP)
    node, service = config.node, config.service
    assert node.timers.initdead_ms == 3000
    assert node.timers.tick_ms == 25
    assert node.isolation_policy is IsolationPolicy.TRUST_SILENCE
    assert not node.is_lone_start_allowed
    assert node.paths[0].jeopardy_deadtime_ms == 3000
    assert node.paths[0].recovery_beats_min == 3
    assert service.control_socket == "/run/bmcha/control.sock"
    assert service.image_name == "/bmcha"
    assert (service.log_file, service.pid_file, service.watchdog_file) == (None, None, None)
    assert service.key_file is None
    assert service.lines.straps.bits[1] == LineFile(f"{folder.path}/ID1", True)


def test_what_is_given_is_taken(folder: Folder) -> None:
    head = 'log_file = "log"\npid_file = "/run/x.pid"\nimage_name = "/x"\n' + HEAD
    head += 'key_file = "keys.toml"\n'
    more = '[timers]\ntick_ms = 5\n[policy]\nisolation_policy = "hold"\nlone = true\n'
    config = folder.load(head + CHASSIS + more + UDP)
    assert config.service.log_file == f"{folder.path}/log"
    assert config.service.pid_file == "/run/x.pid"
    assert config.service.key_file == f"{folder.path}/keys.toml"
    assert config.service.image_name == "/x"
    assert config.node.timers.tick_ms == 5
    assert config.node.isolation_policy is IsolationPolicy.HOLD
    assert config.node.is_lone_start_allowed


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("[::1]:40001", ("::1", 40001)),
        ("[fe80::1%eth0]:40001", ("fe80::1%eth0", 40001)),
    ],
)
def test_an_ipv6_address_stands_in_brackets(
    folder: Folder, address: str, expected: tuple[str, int]
) -> None:
    path = UDP.replace("127.0.0.1:40001", address).replace("127.0.0.1:40002", "[::1]:40002")
    assert folder.load(HEAD + CHASSIS + path).node.paths[0].local == expected


@pytest.mark.parametrize(("baud", "bytes_max"), [(9600, 256), (115200, 576), (4000000, 1200)])
def test_a_serial_frame_takes_at_most_half_an_interval(
    folder: Folder, baud: int, bytes_max: int
) -> None:
    path = SERIAL.replace("115200", str(baud))
    assert folder.load(HEAD + CHASSIS + path).node.paths[0].frame_bytes_max == bytes_max


# ---------------------------------------------------------------- board files


def test_the_shipped_boards_are_found_and_sound(folder: Folder) -> None:
    assert "virtual-base.toml" in shipped_boards()
    for board_class in BoardClass:
        file = f"virtual-{board_class.value}.toml"
        folder.write("config.toml", MODULE.replace("board.toml", file))
        config = load(folder.path / "config.toml")
        chassis = config.node.chassis
        assert config.node.board_class is board_class
        assert len(chassis.sensors) == 17
        assert (len(chassis.fans), len(chassis.zones)) == (6, 2)
        assert (len(chassis.supplies), len(chassis.blades)) == (2, 4)
        assert config.service.lines.own.output_enable is not None


def test_a_board_beside_the_module_goes_before_a_shipped_one(folder: Folder) -> None:
    assert (
        find_board("virtual-bare.toml", str(folder.path)) == shipped_boards()["virtual-bare.toml"]
    )
    folder.write("virtual-bare.toml", BARE)
    assert find_board("virtual-bare.toml", str(folder.path)) == f"{folder.path}/virtual-bare.toml"
    assert find_board("no-such.toml", str(folder.path)) is None


def test_an_heir_changes_key_by_key_and_replaces_lists(folder: Folder) -> None:
    folder.write("base.toml", GATED + SENSOR + ZONE)
    heir = 'inherit = "base.toml"\nwatchdog_ms = 500\n[lines.own]\nhealth = { file = "OTHER" }\n'
    config = folder.load(MODULE, heir + SENSOR.replace("inlet", "outlet"))
    assert config.node.watchdog_ms == 500
    own = config.service.lines.own
    assert own.health == LineFile(f"{folder.path}/hw/OTHER")
    assert own.active == LineFile(f"{folder.path}/hw/ACTIVE")
    assert [sensor.name for sensor in config.node.chassis.sensors] == ["outlet"]


def test_a_problem_names_the_file_it_is_in(folder: Folder) -> None:
    folder.write("base.toml", BARE + "sensor_period_ms = 1\n" + ZONE.replace("20", "0"))
    heir = 'inherit = "base.toml"\nsensor_stale_ms = 1\n'
    found = {(each.file, each.key) for each in folder.problems(MODULE, heir)}
    base, board = f"{folder.path}/base.toml", f"{folder.path}/board.toml"
    assert (board, "sensor_stale_ms") in found
    assert (base, "zones[0].pwm_step_max") in found


def test_boards_that_inherit_in_a_circle_are_refused(folder: Folder) -> None:
    folder.write("a.toml", 'inherit = "board.toml"\n')
    problem = folder.only_problem(MODULE, 'inherit = "a.toml"\n')
    assert (problem.file, problem.key) == (f"{folder.path}/a.toml", "inherit")
    assert "does not inherit from this one" in problem.allowed
    assert folder.only_problem(MODULE, 'inherit = "board.toml"\n').key == "inherit"


def test_a_chain_of_boards_is_bounded(folder: Folder) -> None:
    for number in range(20):
        folder.write(f"b{number}.toml", f'inherit = "b{number + 1}.toml"\n')
    assert "at most 8" in folder.only_problem(MODULE, 'inherit = "b0.toml"\n').allowed


@pytest.mark.parametrize("value", ["7", '""', '"missing.toml"', '"nul\\u0000"', "[]"])
def test_a_base_that_is_not_there_is_named(folder: Folder, value: str) -> None:
    problem = folder.only_problem(MODULE, f"inherit = {value}\n")
    assert (problem.key, problem.file) == ("inherit", f"{folder.path}/board.toml")


# ---------------------------------------------------------------- files that cannot be read


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}/none.toml: .*No such file"):
        load(tmp_path / "none.toml")


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (".", "pipe", "pipe/below", "nul\0"):
        with pytest.raises(ConfigError):
            load(tmp_path / name)
    with pytest.raises(ConfigError, match="not a regular file"):
        load(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a = 1\nb = = 2\n", "line 2, column 5"),
        ("a = 1\na = 2\n", "line 2"),
        ('a = "open\n', "line 1"),
        ("[a", "end of document"),
        (b"a = 1\nb = '\xff'\n", "line 2"),
        ("a = " + "[" * 5000, "the file"),
        ("a = " + "9" * 5000, "the file"),
        ("a = 2024-02-31T00:00:00Z", "line 1"),
        ("#" * (2 << 20), "the file"),
    ],
    ids=range(9),
)
def test_what_is_not_toml_is_named_with_its_line(
    folder: Folder, text: str | bytes, key: str
) -> None:
    in_board, in_module = folder.only_problem(MODULE, text), folder.only_problem(text, BARE)
    assert in_board.file == f"{folder.path}/board.toml"
    assert in_module.file == f"{folder.path}/config.toml"
    assert in_board.key == in_module.key
    assert key in in_board.key


def test_a_name_of_thousands_of_parts_is_refused(folder: Folder) -> None:
    text = ".".join("a" * 5000) + " = 1"
    assert folder.problems(text, BARE)
    assert "nested too deeply" in folder.only_problem(MODULE, text).value


def test_a_board_that_is_not_there_is_told_with_those_that_are(folder: Folder) -> None:
    problem = folder.only_problem(MODULE.replace("board.toml", "virtual-gatd.toml"))
    assert problem.key == "board"
    assert "virtual-gated.toml" in problem.allowed


def test_problems_of_both_files_come_together(folder: Folder) -> None:
    found = {each.key for each in folder.problems(MODULE.replace("4711", "-1"), GATED + "x = 1\n")}
    assert found == {"chassis.id", "lines.peer[0].x"}
    found = {each.key for each in folder.problems(MODULE.replace("4711", "-1"), "a = = 1")}
    assert found == {"chassis.id", "line 1, column 5"}


# ---------------------------------------------------------------- one wrong value

WRONG_IN_MODULE = [
    # old, new, key, part of the value shown, part of what is allowed
    ("id = 4711", "id = -1", "chassis.id", "-1", "0 to 4294967295"),
    ("id = 4711", "id = 4294967296", "chassis.id", "4294967296", "4294967295"),
    ("id = 4711", "id = true", "chassis.id", "true", "whole number"),
    ("id = 4711", "id = 1.5", "chassis.id", "1.5", "whole number"),
    ("id = 4711", "id = nan", "chassis.id", "nan", "whole number"),
    ("id = 4711", "id = 1979-05-27", "chassis.id", "1979-05-27", "whole number"),
    ("id = 4711", 'id = "4711"', "chassis.id", '"4711"', "whole number"),
    ("id = 4711", "", "chassis.id", "missing", "whole number"),
    ("[1, 2]", "[1, 1]", "chassis.succession", "[1, 1]", "no slot twice"),
    ("[1, 2]", "[]", "chassis.succession", "[]", "1 to 16"),
    ("[1, 2]", "[0, 1]", "chassis.succession", "[0, 1]", "1 to 255"),
    ("[1, 2]", "[1, true]", "chassis.succession", "[1, true]", "whole numbers"),
    ("[1, 2]", "2", "chassis.succession", "2", "list"),
    ("peer = 2", "peer = 3", "paths[0].peer", "3", "1, 2"),
    ("peer = 2", "peer = 0", "paths[0].peer", "0", "1 to 255"),
    ('kind = "udp"', 'kind = "tcp"', "paths[0].kind", '"tcp"', "udp, serial"),
    ('"udp"\nkind', '"all"\nkind', "paths[0].name", '"all"', "every path"),
    ('"udp"\nkind', '"a b"\nkind', "paths[0].name", '"a b"', "letters"),
    ('"udp"\nkind', f'"{"x" * 25}"\nkind', "paths[0].name", "xxx", "1 to 24"),
    ('"serial"\nkind', '"udp"\nkind', "paths[1].name", '"udp"', "no other"),
    ("127.0.0.1:40001", "127.0.0.1", "paths[0].local", "127.0.0.1", "192.0.2.1:4000"),
    ("127.0.0.1:40001", "127.0.0.1:0", "paths[0].local", ":0", "1 to 65535"),
    ("127.0.0.1:40001", "127.0.0.1:65536", "paths[0].local", ":65536", "1 to 65535"),
    ("127.0.0.1:40001", "127.0.0:1", "paths[0].local", "127.0.0:1", "192.0.2.1:4000"),
    ("127.0.0.1:40001", "localhost:1", "paths[0].local", "localhost", "192.0.2.1:4000"),
    ("127.0.0.1:40001", "::1:40001", "paths[0].local", "::1:40001", "[2001:db8::1]"),
    ("127.0.0.1:40001", "[127.0.0.1]:1", "paths[0].local", "[127", "[2001:db8::1]"),
    ("127.0.0.1:40002", "[::1]:40002", "paths[0].remote", "[::1]", "same IP version"),
    ("127.0.0.1:40002", "127.0.0.1:40001", "paths[0].remote", "40001", "another address"),
    ("127.0.0.1:40002", "0.0.0.0:40002", "paths[0].remote", "0.0.0.0", "peer's own"),
    ('device = "tty"', 'device = ""', "paths[1].device", '""', "name of a file"),
    ('device = "tty"', 'local = "127.0.0.1:9"', "paths[1].device", "missing", "file"),
    ("115200", "115201", "paths[1].baud", "115201", "57600, 115200"),
    ("baud = 115200", "baud = 9600\nframe_bytes_max = 9", "paths[1].frame_bytes_max", "9", "256"),
    ("warntime_ms = 500", "warntime_ms = 100", "paths[0].warntime_ms", "100", "more than"),
    ("deadtime_ms = 1500", "deadtime_ms = 500", "paths[0].deadtime_ms", "500", "warntime_ms"),
    ("deadtime_ms = 1500", "deadtime_ms = 1550", "paths[0].deadtime_ms", "1550", "multiple"),
    ("deadtime_ms = 1500", "deadtime_ms = 3000", "timers.initdead_ms", "3000", "3000"),
    (
        *("deadtime_ms = 1500", "deadtime_ms = 1500\njeopardy_deadtime_ms = 1400"),
        *("paths[0].jeopardy_deadtime_ms", "1400", "at least deadtime_ms"),
    ),
    ('board = "board.toml"', "board = 1", "board", "1", "board file"),
    ('board = "board.toml"', "", "board", "missing", "board file"),
    ('hw_root = "hw"', "hw_root = []", "hw_root", "[]", "name of a file"),
    ('hw_root = "hw"', 'image_name = "bmcha"', "image_name", '"bmcha"', "/ and 1 to 250"),
    ('hw_root = "hw"', 'image_name = "/a/b"', "image_name", '"/a/b"', "letters"),
    ('hw_root = "hw"', "timers = 3", "timers", "3", "a table"),
    ('hw_root = "hw"', "[timers]\ntick_ms = 0", "timers.tick_ms", "0", "1 to 1000"),
    ('hw_root = "hw"', "[timers]\ntick_ms = 600", "timers.stall_limit_ms", "2000", "2400"),
    (
        *('hw_root = "hw"', '[policy]\nisolation_policy = "trust"'),
        *("policy.isolation_policy", '"trust"', "trust-silence, hold"),
    ),
    ('hw_root = "hw"', "[policy]\nlone = 1", "policy.lone", "1", "true or false"),
    ('hw_root = "hw"', 'hw_rot = "hw"', "hw_rot", "unknown", '"hw_root"'),
    (
        'hw_root = "hw"',
        "[timers]\ndrain_deadline_ms = 600",
        "timers.handover_deadline_ms",
        "1000",
        "at most 1500",
    ),
    ('hw_root = "hw"', "[timers]\ntik_ms = 9", "timers.tik_ms", "unknown", '"tick_ms"'),
    ('hw_root = "hw"', '"a b" = 9', '"a b"', "unknown", "one of board, chassis"),
    ('hw_root = "hw"', '"x\\n: y" = 9', '"x', "unknown", "one of board, chassis"),
]


@pytest.mark.parametrize(("old", "new", "key", "value", "allowed"), WRONG_IN_MODULE)
def test_a_wrong_value_of_the_module_is_named(
    folder: Folder, old: str, new: str, key: str, value: str, allowed: str
) -> None:
    assert old in MODULE
    found = [
        each
        for each in folder.problems(MODULE.replace(old, new, 1))
        if each.key.startswith(key) and value in each.value and allowed in each.allowed
    ]
    assert [each.file for each in found] == [f"{folder.path}/config.toml"]


@pytest.mark.parametrize(
    ("lines", "key", "allowed"),
    [
        ('log_file = "config.toml"', "log_file", "this one is the configuration itself"),
        ('pid_file = "board.toml"', "pid_file", "this one is the configuration itself"),
        ('pid_file = "x"\nlog_file = "a/../x"', "pid_file", "this one is log_file"),
        ('pid_file = "x.1"\nlog_file = "x"', "pid_file", "this one is log_file"),
        ('key_file = "config.toml"', "key_file", "this one is the configuration itself"),
        ('key_file = "board.toml"', "key_file", "this one is the configuration itself"),
        ('key_file = "x"\nlog_file = "x"', "key_file", "this one is log_file"),
        ('key_file = "x.1"\nlog_file = "x"', "key_file", "this one is log_file"),
        ('key_file = "x"\npid_file = "./x"', "key_file", "this one is pid_file"),
        ('key_file = "/var/lib/bmcha"', "key_file", "this one is state_dir"),
        ('key_file = ""', "key_file", "the name of a file"),
        ('log_file = "/run/bmcha/control.sock"', "log_file", "this one is control_socket"),
        ('log_file = "s"\nstate_dir = "s"', "log_file", "this one is state_dir"),
        (f'control_socket = "{"x" * 81}"', "control_socket", "at most 80 bytes"),
        ('image_name = "/.."', "image_name", "not only dots"),
    ],
)
def test_what_a_service_writes_has_a_place_of_its_own(
    folder: Folder, lines: str, key: str, allowed: str
) -> None:
    (problem,) = folder.problems(lines + MODULE)
    assert problem.key == key
    assert allowed in problem.allowed


def test_a_watchdog_without_its_time_is_told_once(folder: Folder) -> None:
    board = GATED.replace("watchdog_ms = 1000", "")
    assert [each.key for each in folder.problems(board=board)] == ["watchdog_ms"]
    (problem,) = folder.problems(board=board.replace('[watchdog]\nfile = "watchdog"', ""))
    assert (problem.key, problem.allowed[-23:]) == ("watchdog_ms", "as class gated needs it")


@pytest.mark.parametrize("address", ["224.0.0.1:9", "255.255.255.255:9", "[ff02::1%lo]:9"])
def test_a_path_leads_to_one_host(folder: Folder, address: str) -> None:
    module = MODULE.replace("127.0.0.1:40001", "[::1]:1" if "[" in address else "127.0.0.1:1")
    (problem,) = folder.problems(module.replace("127.0.0.1:40002", address))
    assert (problem.key, problem.allowed[:23]) == ("paths[0].remote", "the address of one host")


def test_a_serial_beat_has_to_fit_into_its_interval(folder: Folder) -> None:
    path = SERIAL.replace("115200", "9600").replace("= 100\n", "= 50\n")
    problem = folder.only_problem(HEAD + CHASSIS + path)
    assert problem.key == "paths[0].heartbeat_interval_ms"
    assert "at least 84" in problem.allowed


def fast_module(beats: int, tick_ms: int) -> str:
    path = UDP.replace("= 100\n", "= 10\n").replace("warntime_ms = 500", "warntime_ms = 11")
    timers = f"[timers]\ntick_ms = {tick_ms}\n"
    return HEAD + CHASSIS + timers + path.replace("= 1500", f"= {10 * beats}")


def test_a_node_that_waits_for_its_tick_has_not_stood_still(folder: Folder) -> None:
    """The slowest path's dead time less two beats is what a holder may stand still."""
    assert folder.load(fast_module(beats=3, tick_ms=5)).node.timers.tick_ms == 5
    for beats, tick_ms in ((3, 6), (2, 1)):
        problem = folder.only_problem(fast_module(beats, tick_ms))
        assert problem.key == "timers.tick_ms"
        assert f"at most half of {10 * (beats - 2)}" in problem.allowed


@pytest.mark.parametrize(("beats", "is_good"), [(1, False), (3, True), (255, True), (256, False)])
def test_the_dead_time_is_2_to_255_beats(folder: Folder, beats: int, is_good: bool) -> None:
    module = fast_module(beats, tick_ms=5)
    if is_good:
        assert folder.load(module).node.paths[0].deadtime_ms == 10 * beats
    else:
        assert "paths[0].deadtime_ms" in {each.key for each in folder.problems(module)}


def test_paths_lead_to_others_only(folder: Folder) -> None:
    problem = folder.only_problem(MODULE.replace("peer = 2", "peer = 1", 1))
    assert problem.key == "paths"
    config = folder.load()
    check_own_slot(config, 1)
    with pytest.raises(ConfigError, match=r"paths\[0\].peer: value is 2, allowed is another slot"):
        check_own_slot(config, 2)
    with pytest.raises(ConfigError, match=r"chassis.succession: .* slot 3"):
        check_own_slot(config, 3)


def test_a_chassis_of_two_needs_a_path_and_of_one_does_not(folder: Folder) -> None:
    assert folder.only_problem(HEAD + CHASSIS).key == "paths"
    alone = HEAD + CHASSIS.replace("[1, 2]", "[1]")
    assert folder.load(alone).node.paths == ()


# ---------------------------------------------------------------- one wrong value of the board

WHOLE = GATED + SENSOR + ZONE + FAN
WRONG_IN_BOARD = [
    ('class = "gated"', 'class = "rset"', "class", '"rset"', "gated, reset, lease, bare"),
    ('class = "gated"', "", "class", "missing", "gated, reset, lease, bare"),
    ('class = "gated"', 'class = "bare"', "lines.peer[0].health", "a line", "gated"),
    ('[straps]\nbits = [{ file = "ID0" }]', "", "straps", "missing", "a table"),
    ('[{ file = "ID0" }]', "[]", "straps.bits", "missing", "lowest bit first"),
    ('[{ file = "ID0" }]', '["ID0"]', "straps.bits", '["ID0"]', "tables"),
    ('{ file = "ID0" }', "{ }", "straps.bits[0].line", "missing", "a name of 1 to 31"),
    ("watchdog_ms = 1000", "watchdog_ms = 1500", "paths[0].deadtime_ms", "1500", "watchdog_ms"),
    ("watchdog_ms = 1000", "watchdog_ms = 75", "timers.tick_ms", "25", "a third"),
    ("watchdog_ms = 1000", "", "watchdog_ms", "missing", "both"),
    ('[watchdog]\nfile = "watchdog"', "", "watchdog", "missing", "both"),
    ('health = { file = "HEALTH" }', "", "lines.own.health", "missing", "gated"),
    ('active = { file = "ACTIVE" }', "", "lines.own.active", "missing", "gated"),
    ('active = { file = "PEER_ACTIVE" }', "", "lines.peer[0].active", "missing", "gated"),
    ("active_low = true", "active_low = 1", "lines.peer[0].presence.active_low", "1", "true or"),
    ("active_low", "activ_low", "lines.peer[0].presence.activ_low", "unknown", "active_low"),
    ("offset = 1", "offset = 2", "lines.peer[0].offset", "2", "1 to 1"),
    ("offset = 1", "offset = 2", "lines.peer", "without offset 1", "each other node"),
    ('"temperature"', '"heat"', "sensors[0].kind", '"heat"', "temperature, voltage"),
    ('"temperature"', '"voltage"', "sensors[0].zone", '"front"', "only a temperature"),
    ('"inlet"', f'"{"ü" * 13}"', "sensors[0].name", "ü", "1 to 24 bytes"),
    ('"inlet"', '"in let"', "sensors[0].name", "in let", "without spaces"),
    ('"inlet"', '""', "sensors[0].name", '""', "1 to 24 bytes"),
    ('"inlet"', '"in\\u0007let"', "sensors[0].name", "in", "without spaces"),
    ("low_milli = 0", "low_milli = 45000", "sensors[0].low_milli", "45000", "less than"),
    ("high_milli = 45000", "high_milli = 2147483648", "sensors[0].high_milli", "21", "2147483647"),
    ("_milli = 2000", "_milli = 45000", "sensors[0].hysteresis_milli", "45000", "high - low"),
    ('zone = "front"\n\n', 'zone = "rear"\n\n', "sensors[0].zone", '"rear"', "zones front"),
    ('zone = "front"\n\n', "\n", "zones", "no sensor names", "one temperature"),
    ('zone = "front"\npwm', 'zone = "rear"\npwm', "fans[0].zone", '"rear"', "zones front"),
    ("pwm_min = 60", "pwm_min = 256", "fans[0].pwm_min", "256", "0 to 255"),
    ("[[25000, 80], [45000, 255]]", "[]", "zones[0].curve", "[]", "1 to 16 points"),
    ("[[25000, 80], [45000, 255]]", "[[1, 2, 3]]", "zones[0].curve", "[[1, 2, 3]]", "points"),
    ("[45000, 255]", "[25000, 255]", "zones[0].curve", "[25000, 255]", "rising"),
    ("[45000, 255]", "[45000, 79]", "zones[0].curve", "79", "never falling"),
    ("[45000, 255]", "[45000, 256]", "zones[0].curve", "256", "0 to 255"),
    ("[[25000, 80], [45000, 255]]", "7", "zones[0].curve", "7", "points"),
    ('name = "test"', "", "name", "missing", "1 to 24 bytes"),
    ('name = "test"', 'name = "test"\nsensor_period_ms = 5000', "sensor_stale_ms", "2000", "5000"),
    ('name = "test"', 'name = "test"\nsupplies = [{ name = "a" }]', "supplies[0].rated", "m", ""),
    ('name = "test"', 'name = "test"\nblades = 1', "blades", "1", "list of at most 32"),
]


@pytest.mark.parametrize(("old", "new", "key", "value", "allowed"), WRONG_IN_BOARD)
def test_a_wrong_value_of_the_board_is_named(
    folder: Folder, old: str, new: str, key: str, value: str, allowed: str
) -> None:
    assert old in WHOLE
    found = [
        each
        for each in folder.problems(MODULE, WHOLE.replace(old, new, 1))
        if each.key.startswith(key) and value in each.value and allowed in each.allowed
    ]
    is_about_module = key.startswith(("paths", "timers"))
    expected = "config.toml" if is_about_module else "board.toml"
    assert {each.file for each in found} == {f"{folder.path}/{expected}"}


@pytest.mark.parametrize("entry", [SENSOR, FAN, ZONE])
def test_names_in_a_list_differ(folder: Folder, entry: str) -> None:
    problem = folder.only_problem(MODULE, WHOLE + entry)
    assert problem.key.endswith("[1].name")
    assert "no other" in problem.allowed


def test_no_list_is_longer_than_the_image(folder: Folder) -> None:
    fans = "".join(FAN.replace("fan1", f"fan{number}") for number in range(65))
    assert folder.only_problem(MODULE, GATED + SENSOR + ZONE + fans).key == "fans"


def test_presence_alone_may_be_wired_on_a_bare_board(folder: Folder) -> None:
    presence = '[[lines.peer]]\noffset = 1\npresence = { file = "PRES" }\n'
    node = folder.load(MODULE, BARE + presence).node
    assert (node.has_presence, node.has_health, node.has_active) == (True, False, False)


def test_a_message_is_one_line_whatever_the_value(folder: Folder) -> None:
    problem = folder.only_problem(
        MODULE.replace("id = 4711", 'id = "a\\nb\\u001b[31m' + "x" * 999 + '"')
    )
    assert "\n" not in str(problem)
    assert "\x1b" not in str(problem)
    assert len(str(problem)) < 300


def test_the_text_reads_file_key_value_allowed(folder: Folder) -> None:
    problem = folder.only_problem(MODULE.replace("id = 4711", "id = -1"))
    assert str(problem) == (
        f"{folder.path}/config.toml: chassis.id: value is -1,"
        " allowed is a whole number from 0 to 4294967295"
    )
