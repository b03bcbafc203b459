"""`bmcha check` on files: what is said, in which form, and with which exit code."""

import json
from pathlib import Path

import jsonschema
import pytest

from bmcha.check.finding import Finding
from bmcha.check.machine import Machine
from bmcha.check.report import Report, count_text
from bmcha.check.run import Options, check_file
from bmcha.cli import main
from tests.ports.check_desk import HEAD, Desk, serial_path, udp_path
from tests.unit.test_config import BARE, CHASSIS, FAN, GATED, MODULE, SENSOR, SERIAL, UDP, ZONE

OFFLINE = Options(is_offline=True)
BOARD_OF_FIVE = """
name = "desk"
class = "bare"
hwmon_root = "DIR/hwmon"
[straps]
bits = [{ file = "ID0" }]
[[sensors]]
name = "inlet"
kind = "temperature"
device = "lm57"
channel = "temp1"
low_milli = 0
high_milli = 45000
hysteresis_milli = 2000
[[blades]]
name = "blade1"
"""
FIVE = Path(__file__).with_name("check_five_mistakes.txt")


class Files:
    def __init__(self, folder: Path) -> None:
        self.config = folder / "config.toml"
        self.board = folder / "board.toml"

    def check(self, module: str = MODULE, board: str = GATED) -> Report:
        self.config.write_text(module)
        self.board.write_text(board)
        return check_file(str(self.config), OFFLINE)

    def only_problem(self, module: str = MODULE, board: str = GATED) -> Finding:
        (problem,) = self.check(module, board).problems
        return problem


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


# ---------------------------------------------------------------- the whole of it


def test_a_file_with_five_mistakes_lists_five(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is printed is in the file beside this one; DIR is the folder of the test."""
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path)
    desk.put("sys/class/tty/ttyS1/device/driver", "")
    serial = serial_path("/dev/ttyS99", "baud = 115000\n").replace("warntime_ms", "warn_time_ms")
    desk.config.write_text(HEAD + udp_path(f"127.0.0.1:{desk.port}") + serial)
    desk.put("hwmon/hwmon0/name", "lm75\n")
    desk.put("board.toml", BOARD_OF_FIVE.replace("DIR", str(tmp_path)))
    report = check_file("config.toml", Options(), Machine(str(desk.sys)))
    assert report.as_text(100).replace(str(tmp_path), "DIR").splitlines()[2:] == (
        FIVE.read_text().splitlines()
    )
    assert main(["check", "config.toml"]) == 2
    assert capsys.readouterr().out.splitlines()[-1] == "5 problems"


def test_a_problem_says_in_json_what_it_says_in_words(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.check(MODULE.replace("id = 4711", "id = -1"))
    assert main(["check", "--offline", "--json", str(files.config)]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["count"]) == ("module", 1)
    assert found["problems"] == [
        {
            "file": str(files.config),
            "key": "chassis.id",
            "value": "-1",
            "allowed": "a whole number from 0 to 4294967295",
            "remedy": "raise it to 0 or more",
        }
    ]
    assert found["silent_peer"]["rule"] == "the lines decide"


def test_a_sound_file_ends_with_no_problems(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.check().problems == []
    assert main(["check", "--offline", str(files.config)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no problems"


def test_without_a_file_the_command_asks_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    assert "which FILE?" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["module", "board"])
def test_the_command_prints_the_schemas(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--schema", file]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


# ---------------------------------------------------------------- which file


def test_a_board_file_alone_is_told_by_its_keys(files: Files) -> None:
    files.check()
    report = check_file(str(files.board), OFFLINE)
    assert (report.kind, report.problems) == ("board", [])
    assert "paths, timers, the succession" in report.notes[0]


def test_a_base_that_boards_inherit_is_told_from_a_board(files: Files) -> None:
    files.board.write_text('[straps]\nbits = [{ file = "x" }]\n')
    report = check_file(str(files.board), OFFLINE)
    assert [each.key for each in report.problems] == ["name", "class"]
    assert "if it is a base that boards inherit" in report.notes[1]


def test_a_table_that_is_none_is_one_problem(files: Files) -> None:
    board = GATED.replace('health = { file = "HEALTH" }', 'health = "HEALTH"')
    found = [each.key for each in files.check(MODULE, board).problems]
    assert "lines.own.health" in found
    assert "lines.own.health.file" not in found
    assert files.only_problem(board=BARE.replace("[straps]", "[strap]")).key == "strap"


def test_a_board_file_alone_is_looked_at_where_it_is_said_to_start(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    board = desk.put("board.toml", BARE.replace('{ file = "ID1", active_low = true }', ""))
    assert check_file(str(board), Options(hw_root=str(tmp_path / "hw"))).problems == []
    (problem,) = check_file(str(board), Options(hw_root=str(tmp_path))).problems
    assert problem.key == "straps.bits[0].file"
    (problem,) = check_file(str(board), Options(hw_root=str(tmp_path / "no"))).problems
    assert problem.key == "--hw-root"


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("board = @", "line 1, column 9", "not TOML: Invalid value"),
        (None, "the file", "unreadable (No such file or directory)"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(
    files: Files, text: str | None, key: str, value: str
) -> None:
    if text is not None:
        files.config.write_text(text)
    report = check_file(str(files.config), OFFLINE)
    (problem,) = report.problems
    assert (problem.key, problem.value) == (key, value)
    assert problem.remedy
    assert report.as_text(80).splitlines()[-1] == "1 problem"


# ---------------------------------------------------------------- remedies


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ("id = 4711", 'id = "4711"', "take the quotes away: id = 4711"),
        ("id = 4711", "id = 47.0", "write it without a point and without an exponent"),
        ('name = "udp"', "name = 5", 'put it in quotes: name = "5"'),
        ('kind = "udp"', 'kind = "UDP"', 'write "udp"'),
        ('kind = "udp"', 'kind = "token-ring"', 'write "udp" or another of them'),
        ("[chassis]", "[[chassis]]", "write [chassis] with single brackets: there is only one"),
        ("id = 4711\n", "", "add the line id = … under [chassis]"),
        ("succession = [1, 2]", "succesion = [1, 2]", "write succession instead of succesion"),
        ("hw_root", "hw-root", "write hw_root instead of hw-root"),
        ('name = "serial"', 'name = "udp"', "give each entry its own name"),
        (
            "id = 4711",
            "id = 4711\ntick_ms = 25",
            "move it to [timers]",
        ),
        (
            "id = 4711",
            "id = 4711\nwatchdog_ms = 25",
            "move it to the top, above the first [table], of the board file",
        ),
        ("id = 4711", "id = 4711\ncolour = 25", "take the line out"),
        ("[chassis]", "chassis_id = 4711\n[chassis]", "write id under [chassis]"),
    ],
)
def test_a_newcomers_mistake_gets_its_remedy(files: Files, old: str, new: str, remedy: str) -> None:
    assert MODULE.count(old) == 1
    assert files.only_problem(MODULE.replace(old, new)).remedy == remedy


def test_single_brackets_for_a_list_are_told(files: Files) -> None:
    problem = files.only_problem(HEAD.replace("desk", "x") + UDP.replace("[[paths]]", "[paths]"))
    assert problem.remedy == "write [[paths]] with double brackets: each is an entry of the list"


def test_a_key_of_the_top_below_a_table_is_told_to_go_up(files: Files) -> None:
    problem = files.only_problem('board = "board.toml"' + CHASSIS + 'pid_file = "x"\n' + UDP)
    assert problem.key == "chassis.pid_file"
    assert problem.remedy == "move it to the top, above the first [table]"


# ---------------------------------------------------------------- timers and lines


def test_a_frame_that_would_hold_a_beat_up_past_its_dead_time_is_refused(files: Files) -> None:
    slow = SERIAL.replace("115200", "2400").replace("= 100\n", "= 500\n")
    slow = slow.replace("warntime_ms = 500", "warntime_ms = 600")
    problem = files.only_problem(
        HEAD + UDP + slow.replace("1500", "1000") + "frame_bytes_max = 256\n", BARE
    )
    assert problem.key == "paths[1].deadtime_ms"
    assert problem.allowed == "at least 1900 at 2400 baud: a beat waits for one frame"
    slow = slow.replace("2400", "4800") + "frame_bytes_max = 500\n"
    problem = files.only_problem(HEAD + UDP + slow, BARE)
    assert problem.key == "paths[1].frame_bytes_max"
    assert problem.remedy == "lower it to 400, or take the line out: the default fits the line"


def test_a_line_that_beats_fill_is_an_advice(files: Files) -> None:
    slow = SERIAL.replace("115200", "9600")
    advice = files.check(HEAD + UDP + slow, BARE).advice
    assert [each.key for each in advice] == ["paths[1].heartbeat_interval_ms"]
    assert advice[0].value == "100: beats take 83 % of the line"
    assert advice[0].allowed == "at least 167 at 9600 baud, half of the line"


def test_a_mirror_that_does_not_fit_is_an_advice(files: Files) -> None:
    board = "sensor_period_ms = 10\n" + GATED + SENSOR + ZONE + FAN
    slow = SERIAL.replace("115200", "19200")
    (advice,) = files.check(HEAD + UDP + slow, board).advice
    assert advice.key == "paths[1].baud"
    assert "the mirror may need" in advice.value


def test_two_beats_to_a_dead_time_are_an_advice(files: Files) -> None:
    hasty = UDP.replace("warntime_ms = 500", "warntime_ms = 150").replace("1500", "200")
    board = GATED.replace("1000", "150")
    keys = [each.key for each in files.check(HEAD + hasty + SERIAL, board).advice]
    assert keys == ["paths[0].deadtime_ms", "paths[0].warntime_ms"]


# ---------------------------------------------------------------- the rule for a silent peer


@pytest.mark.parametrize(
    ("board", "policy", "rule", "why"),
    [
        (GATED, "", "the lines decide", "class gated"),
        (BARE, "", "silence means dead", '"trust-silence"'),
        (BARE, '[policy]\nisolation_policy = "hold"\n', "silence means nothing", '"hold"'),
    ],
)
def test_the_rule_for_a_silent_peer_is_told_with_its_reason(
    files: Files, board: str, policy: str, rule: str, why: str
) -> None:
    found = files.check(HEAD + policy + UDP + SERIAL, board).rule
    assert found is not None
    assert found.name == rule
    assert why in found.why


def test_a_lone_start_is_told(files: Files) -> None:
    policy = '[policy]\nisolation_policy = "hold"\nlone = true\n'
    found = files.check(HEAD + policy + UDP + SERIAL, BARE).rule
    assert found is not None
    assert "starts alone after 10000 ms" in found.sentences[-1]


def test_an_option_that_does_nothing_is_told(files: Files) -> None:
    files.check()
    report = check_file(str(files.config), Options(True, "/tmp"))
    assert "--hw-root was not used" in report.notes[0]


def test_a_board_without_a_class_has_no_rule(files: Files) -> None:
    assert files.check(board=GATED.replace('class = "gated"', 'class = "x"')).rule is None


# ---------------------------------------------------------------- what will be used


def test_what_will_be_used_is_told_with_its_times(files: Files) -> None:
    rows = dict(files.check().rows)
    assert rows["slot"] == (
        "straps ID0, highest bit first, no proof of a broken one; slots 1, 2, in this order"
    )
    assert rows["peer +1"] == "PRESENCE = PRES_N, HEALTH = PEER_HEALTH, ACTIVE = PEER_ACTIVE"
    assert rows["peer dies"] == "its lines fall: takeover in about 20 ms, no dead time waited"
    assert "takeover in about 1605 ms, dead time 1500" in rows["silence"]
    assert "beats take 6.9 % of the line, 6.9 ms each" in rows["path serial"]


def test_a_bare_board_waits_for_the_slowest_dead_time(files: Files) -> None:
    rows = dict(files.check(board=BARE).rows)
    assert "takeover in about 1505 ms" in rows["peer dies"]
    rows = dict(files.check(MODULE + '[policy]\nisolation_policy = "hold"\n', BARE).rows)
    assert rows["peer dies"].startswith("noticed after 1500 ms; no takeover")


def test_wrong_files_are_not_summed_up(files: Files) -> None:
    assert files.check(MODULE.replace("id = 4711", "id = -1")).rows == []


# ---------------------------------------------------------------- the text


def finding(key: str, value: str, remedy: str = "do it", file: str = "f") -> Finding:
    return Finding(file, key, value, "so", remedy)


def test_findings_with_one_remedy_stand_together() -> None:
    report = Report(
        "f", "module", "f", [finding("a", "1"), finding("b", "2", "not it"), finding("long", "3")],
        [], None, [], [],
    )  # fmt: skip
    assert report.as_text(80).splitlines()[2:] == [
        "Problems",
        "  f",
        "    a     1",
        "    long  3",
        "      allowed  so",
        "      do       do it",
        "    b  2",
        "      allowed  so",
        "      do       not it",
        "",
        "3 problems",
    ]


@pytest.mark.parametrize(("width", "limit"), [(1, 60), (60, 60), (80, 80), (1000, 100)])
def test_no_line_is_wider_than_the_terminal(files: Files, width: int, limit: int) -> None:
    lines = files.check(MODULE.replace("1500", "150")).as_text(width).splitlines()
    # A file's name is never broken: somebody may want to copy it.
    prose = [line for line in lines if "/" not in line]
    assert limit - 15 < max(map(len, prose)) <= limit


def test_the_count_is_a_sentence_of_its_own() -> None:
    assert [count_text(count) for count in (0, 1, 2)] == ["no problems", "1 problem", "2 problems"]


def test_nothing_unprintable_reaches_a_terminal(files: Files) -> None:
    module = MODULE.replace('kind = "udp"', 'kind = "\\u001b[31m"')
    text = files.check(module).as_text(80)
    assert "\x1b" not in text
    assert "\\x1b[31m" in text
