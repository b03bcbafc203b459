"""The client of the control socket when nobody answers: what it says, and that it comes back."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmcha import cli
from bmcha.control_client import ControlClient, NoService
from bmcha.control_trouble import no_service, silent_service
from bmcha.runtime.control_socket import (
    BACKLOG,
    SocketTaken,
    connect,
    connect_at_once,
    listen,
)
from tests.waiting import wait_until

LISTENER = """
import sys, threading
from bmcha.runtime.control_socket import listen
listener = listen(sys.argv[1])
print("ready", flush=True)
threading.Event().wait()
"""


@contextlib.contextmanager
def process_that_listens(path: str) -> Iterator[subprocess.Popen[str]]:
    """It takes callers into its queue, and never answers."""
    command = [sys.executable, "-c", LISTENER, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_stopped_process_is_named_with_what_lets_it_go_on(tmp_path) -> None:
    path = str(tmp_path / "control.sock")
    with process_that_listens(path) as process:
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state_of(process.pid) == "T", "the process is stopped")
        with ControlClient(path, timeout_s=0.1) as client, pytest.raises(NoService) as told:
            client.call("status")
    assert f"process {process.pid} is stopped; `kill -CONT {process.pid}`" in str(told.value)
    assert path in str(told.value)


def test_a_process_that_runs_but_does_not_answer_is_said_to_hang(tmp_path) -> None:
    path = str(tmp_path / "control.sock")
    with (
        process_that_listens(path) as process,
        ControlClient(path, timeout_s=0.1) as client,
        pytest.raises(NoService) as told,
    ):
        client.call("status")
    assert f"process {process.pid} lives, but hangs" in str(told.value)
    assert "journalctl" in str(told.value)


def test_where_the_queue_of_callers_is_full_the_client_comes_back_too(tmp_path) -> None:
    path = str(tmp_path / "control.sock")
    with process_that_listens(path), contextlib.ExitStack() as opened:
        for _ in range(BACKLOG + 1):
            opened.enter_context(connect_at_once(path))
        with pytest.raises(NoService, match="takes no more"):
            ControlClient(path, timeout_s=0.1)


def test_news_in_between_do_not_make_the_wait_longer(tmp_path) -> None:
    path = str(tmp_path / "control.sock")
    with contextlib.closing(listen(path)) as listener, ControlClient(path) as client:
        ready, _ = listener.accept()
        with ready:
            for _ in range(100):
                ready.sendall(b'{"jsonrpc":"2.0","method":"event","params":{}}\n')
            begun_s = time.monotonic()
            with pytest.raises(NoService, match=r"waited 0\.2 s"):
                client.call("status", timeout_s=0.2)
            assert time.monotonic() - begun_s >= 0.2


def test_a_call_that_may_take_longer_says_so_itself(tmp_path) -> None:
    path = str(tmp_path / "control.sock")
    with (
        contextlib.closing(listen(path)) as listener,
        ControlClient(path, timeout_s=0.05) as client,
        listener.accept()[0] as ready,
    ):
        ready.sendall(b'{"jsonrpc":"2.0","id":1,"result":{"result":"done"}}\n')
        assert client.call("switchover", timeout_s=20) == {"result": "done"}


@pytest.mark.parametrize(
    "said", [b"220 mail.example ESMTP", b"[]", b'{"error": "x"}', b"[" * 100_000, b"\xff"]
)
def test_what_answers_without_being_a_bmcha_is_named(said: bytes, tmp_path) -> None:
    path = str(tmp_path / "control.sock")
    with contextlib.closing(listen(path)) as listener, ControlClient(path) as client:
        ready, _ = listener.accept()
        with ready:
            ready.sendall(said + b"\n")
            with pytest.raises(NoService, match="no bmcha"):
                client.call("status")


@contextlib.contextmanager
def service_that_says(result: str, path: str) -> Iterator[None]:
    """To one caller, whatever it asks."""
    with contextlib.closing(listen(path)) as listener:
        listener.setblocking(True)

        def serve() -> None:
            ready, _ = listener.accept()
            with ready, ready.makefile() as lines:
                for _ in lines:
                    ready.sendall(b'{"id": 1, "result": ' + result.encode() + b"}\n")

        server = threading.Thread(target=serve)
        server.start()
        yield
        server.join(10)


@pytest.mark.parametrize("result", ["null", "{}", "[1]", '{"node": 1, "role": {}}'])
def test_a_service_of_another_version_is_told_as_such(result: str, tmp_path, capsys) -> None:
    path = str(tmp_path / "control.sock")
    with service_that_says(result, path):
        assert cli.main(["status", "--socket", path]) == 1
    assert "so it is another version: restart it" in capsys.readouterr().err


def test_a_service_of_another_version_is_reported_as_far_as_it_goes(tmp_path, capsys) -> None:
    path, file = str(tmp_path / "control.sock"), str(tmp_path / "r.tar.gz")
    with service_that_says("{}", path):
        assert cli.main(["report", "--json", "--socket", path, file]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "service/status.json" in told["names"]
    assert "another version than this program" in told["missing"]["service/status.txt"]


def failure_of(path: Path) -> OSError:
    with pytest.raises(OSError) as failed:
        connect("" if path == Path() else str(path))
    return failed.value


def test_no_file_an_ordinary_file_and_a_dead_socket_are_told_apart(tmp_path) -> None:
    none, file, dead = tmp_path / "none", tmp_path / "file", tmp_path / "dead"
    file.touch()
    listen(str(dead)).close()
    for path, what in ((none, "no such socket"), (file, "no socket"), (dead, "has ended")):
        told = no_service(str(path), failure_of(path))
        assert what in told
        assert str(path) in told
        assert "bmcha run --config" in told
        assert "--socket" in told


def test_an_empty_name_is_told_as_such() -> None:
    assert "name is empty" in no_service("", failure_of(Path("")))


def test_a_missing_right_is_told_with_owner_and_group(tmp_path) -> None:
    path = tmp_path / "control.sock"
    with contextlib.closing(listen(str(path))):
        path.chmod(0o660)
        # The error is made here: nothing is forbidden to root, who may run this test.
        told = no_service(str(path), PermissionError(13, "Permission denied"))
    assert "srw-rw----" in told
    assert f"group {path.group()}" in told
    assert "as root" in told


def test_a_process_that_nobody_can_see_leads_to_the_log() -> None:
    assert "journalctl" in silent_service("/run/x.sock", 0, 3.0)


def test_a_dead_child_that_nobody_has_buried_is_told_as_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        wait_until(lambda: state_of(child.pid) == "Z", "the child is dead")
        assert "is dead" in silent_service("/run/x.sock", child.pid, 3.0)
    finally:
        child.wait()


DIES_BUT_FOR_A_THREAD = """
import ctypes, sys, threading
from bmcha.runtime.control_socket import listen
listener = listen(sys.argv[1])
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_dead_service_of_which_a_thread_cannot_die_is_told_as_that(tmp_path) -> None:
    """As after a kill while a thread is in a driver that does not return."""
    path = str(tmp_path / "control.sock")
    command = [sys.executable, "-c", DIES_BUT_FOR_A_THREAD, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        wait_until(lambda: state_of(child.pid) == "Z", "its first thread is dead")
        told = f"process {child.pid}, which had {path}, is dead, but a thread of it still waits"
        with pytest.raises(SocketTaken, match=f"{re.escape(told)}.* only a reset of this module"):
            listen(path)
        with ControlClient(path, timeout_s=0.1) as client, pytest.raises(NoService) as failed:
            client.call("status")
        assert "but a thread of it still waits in the kernel" in str(failed.value)
        assert child.stdin is not None
        child.stdin.close()
        child.wait(10)
    # With its last thread the socket is let go of.
    listen(path).close()


def test_the_credentials_name_the_listener_through_a_name_of_any_length(tmp_path) -> None:
    folder = tmp_path / ("a" * 60) / ("b" * 60)
    folder.mkdir(parents=True)
    path = str(folder / "control.sock")
    with (
        contextlib.closing(listen(path)),
        ControlClient(path, timeout_s=0.05) as client,
        pytest.raises(NoService) as told,
    ):
        client.call("status")
    assert f"process {os.getpid()} " in str(told.value)
