"""The command line without a service: usage, exit codes, and what is imported."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from bmcha import __version__, cli
from bmcha.cli.commands import Parser
from bmcha.cli.maintenance import FOR_S_MAX
from bmcha.cli.output import print_json
from bmcha.cli.parser import NAMES, whole_parser
from bmcha.model.event import MAINTENANCE_S_MAX
from tests.process.rig import run_cli


def command_parsers() -> dict[str, Parser]:
    _, commands = whole_parser()
    return {name: parser for group in commands.groups.values() for name, parser in group.items()}


def test_the_version() -> None:
    ended = run_cli("--version")
    assert (ended.returncode, ended.stdout) == (0, f"bmcha {__version__}\n")


@pytest.mark.parametrize(
    "words",
    [
        ["reboot"],
        ["--socket", "status"],
        ["status", "--jsn"],
        ["run"],
        ["layout"],
        ["switchover", "--to", "0"],
        ["switchover", "--to", "two"],
        ["maintenance"],
        ["maintenance", "on", "--for", "0"],
        ["maintenance", "on", "--for", "43201"],
        ["lockout"],
        ["lockout", "begin"],
    ],
)
def test_wrong_usage_is_exit_2(words, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_without_a_word_all_commands_are_listed(capsys) -> None:
    assert cli.main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "switchover hand the chassis over" in " ".join(told.err.split())


@pytest.mark.parametrize(("words", "like"), [([], ["--help"]), (["why"], ["why", "--help"])])
def test_help_is_a_word_too(words, like, capsys) -> None:
    told = []
    for line in (["help", *words], like):
        with pytest.raises(SystemExit) as ended:
            cli.main(line)
        assert ended.value.code == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]


def test_a_mistyped_command_is_answered_with_the_nearest(capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["swichover"])
    assert "did you mean 'switchover'?" in capsys.readouterr().err


def test_every_command_is_in_its_group_with_an_example_that_names_it() -> None:
    parsers = command_parsers()
    assert list(parsers) == list(NAMES)
    for name, parser in parsers.items():
        assert f"bmcha {name}" in (parser.epilog or ""), name
        assert parser.get_default("run") is not None, name


def test_every_example_is_a_command_line_that_is_understood() -> None:
    parser, _ = whole_parser()
    tried = 0
    for name, command in command_parsers().items():
        for line in re.findall(r"^  (?! )(.*)$", command.epilog or "", re.MULTILINE):
            found = re.search(r"\bbmcha ([^|<>)]*)", line)
            if found is not None:
                words = shlex.split(found[1])
                assert words[0] == name
                assert callable(parser.parse_args(words).run)
                tried += 1
    assert tried >= len(NAMES)


def test_every_argument_of_every_command_is_explained() -> None:
    for name, parser in command_parsers().items():
        for action in parser.arguments():
            assert action.help, f"{name}: {action.dest}"


@pytest.mark.parametrize("words", [["status", "--json"], ["switchover"], ["events", "--follow"]])
def test_without_a_service_it_is_exit_3_and_one_sentence(words, tmp_path, capsys) -> None:
    path = str(tmp_path / "none.sock")
    assert cli.main([*words, "--socket", path]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert path in told.err
    assert len(told.err.splitlines()) == 1


def test_a_view_of_nobody_says_why_as_well(tmp_path, capsys) -> None:
    path = str(tmp_path / "none.sock")
    assert cli.main(["top", "--socket", path]) == 3
    assert f"No bmcha answers on {path} (there is no such socket)" in capsys.readouterr().err


def test_the_socket_may_be_named_before_or_behind_the_command_or_in_the_environment(
    tmp_path, capsys, monkeypatch
) -> None:
    path = str(tmp_path / "none.sock")
    monkeypatch.setenv("BMCHA_SOCKET", path + ".environment")
    for words in (["--socket", path, "status"], ["status", "--socket", path]):
        assert cli.main(words) == 3
        assert f"{path} " in capsys.readouterr().err
    assert cli.main(["status"]) == 3
    assert f"{path}.environment " in capsys.readouterr().err


def test_a_configuration_that_is_not_there_is_exit_2_without_a_traceback() -> None:
    ended = run_cli("run", "--config", "/no/such/config.toml")
    assert ended.returncode == 2
    assert "`bmcha check /no/such/config.toml` says what to do about it" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_decode_of_a_file_that_is_not_there_is_exit_1(capsys) -> None:
    assert cli.main(["decode", "/no/such/capture"]) == 1
    assert "/no/such/capture" in capsys.readouterr().err


def test_decode_shows_noise_as_what_it_is(tmp_path, capsys) -> None:
    capture = tmp_path / "capture"
    capture.write_bytes(b"noise\0")
    assert cli.main(["decode", str(capture)]) == 0
    assert "00000000" in capsys.readouterr().out


def test_the_c_header_is_printed(capsys) -> None:
    assert cli.main(["layout", "--c-header"]) == 0
    assert "struct bmcha_image" in capsys.readouterr().out


def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    command = f"{shlex.quote(sys.executable)} -m bmcha layout --c-header | head -1"
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("words", ["layout --c-header", "check --schema board"])
def test_a_full_disk_behind_a_redirection_is_one_sentence(words) -> None:
    command = f"{shlex.quote(sys.executable)} -m bmcha {words} >/dev/full"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    text = "bmcha: the output cannot be written: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (1, text)


@pytest.mark.parametrize("words", ["layout --c-header >&-", "decode <&-", "status 2>&- >&-"])
def test_closed_streams_cost_nothing_but_what_would_be_printed(words) -> None:
    command = f"{shlex.quote(sys.executable)} -m bmcha --socket /no/such {words}"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (3 if "status" in words else 0, "")


def test_a_question_loads_nothing_heavy() -> None:
    program = (
        "import sys; from bmcha.cli import main; main(['status', '--socket', '/no/such']);"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    heavy = {"construct", "serial", "posix_ipc", "sqlite3", "periphery", "cffi", "tomllib"}
    assert not heavy.intersection(ended.stdout.split())


def test_json_goes_out_as_it_came_in(capsys) -> None:
    print_json({"text": "°C"})
    assert json.loads(capsys.readouterr().out) == {"text": "°C"}


def test_maintenance_may_be_asked_for_as_long_as_the_node_allows() -> None:
    assert FOR_S_MAX == MAINTENANCE_S_MAX
