"""The control server on a real socket: good clients are served, bad ones harm nobody."""

import contextlib
import json
import os
import socket
import threading
import time

import pytest

from bmcha.control_client import ControlClient, NoService, Refused
from bmcha.model.effect import Answer, EnterRole
from bmcha.model.event import Event, Question, StatusAsked, SwitchoverAsked
from bmcha.model.reading import EventCell
from bmcha.model.role import Reason, Role, Severity
from bmcha.runtime import control_server
from bmcha.runtime.control_protocol import LINE_BYTES_MAX, OVERRUN, REFUSED
from bmcha.runtime.control_server import ANSWER_NS_MAX, CLIENTS_MAX, ControlServer
from bmcha.runtime.control_socket import ADDRESS_BYTES_MAX, SocketTaken, connect, listen
from tests.waiting import wait_until

STANDBY = EnterRole(Role.STANDBY, Reason.PEER_IS_ACTIVE, 7, Role.STARTING)


class Service:
    """A server in its thread, and a node that answers what the test says."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.asked: list[object] = []
        self.answers: dict[type, tuple[bool, object]] = {}
        self.has_room = True
        self.late_ns = 0
        self.server = ControlServer(listen(path), path, 1, self.post, self.clock)
        self.thread = threading.Thread(target=self.server.run)

    def clock(self) -> int:
        return time.monotonic_ns() + self.late_ns

    def post(self, event: Event) -> bool:
        if not self.has_room:
            return False
        assert isinstance(event, StatusAsked | SwitchoverAsked)
        self.asked.append(event)
        if type(event) in self.answers:
            is_done, body = self.answers[type(event)]
            self.server.answered(Answer(event.request_id, is_done, body))
        return True

    def __enter__(self) -> "Service":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()
        os.close(self.server._wake_fd)


@pytest.fixture
def service(tmp_path):
    with Service(str(tmp_path / "control.sock")) as running:
        running.answers[StatusAsked] = (True, {"schema": 1})
        yield running


def raw(path: str) -> socket.socket:
    connection = connect(path)
    connection.settimeout(10)
    return connection


def read_line(connection: socket.socket) -> dict:
    data = b""
    while not data.endswith(b"\n"):
        received = connection.recv(1)
        assert received, "the server closed the connection"
        data += received
    message: dict = json.loads(data)
    return message


@pytest.mark.parametrize("question", list(Question))
def test_a_question_reaches_the_node_and_its_answer_the_client(service, question) -> None:
    with ControlClient(service.path) as client:
        assert client.call(question.value) == {"schema": 1}
    assert service.asked == [StatusAsked(1, question)]


def test_a_switchover_that_is_done_is_a_result(service) -> None:
    service.answers[SwitchoverAsked] = (True, {"result": "done"})
    with ControlClient(service.path) as client:
        assert client.call("switchover", {"to": 2, "force": True}) == {"result": "done"}
    assert service.asked == [SwitchoverAsked(1, "control", 2, True)]


def test_a_refusal_is_an_error_with_all_reasons_as_data(service) -> None:
    body = {"result": "refused", "text": "switchover refused", "refusals": [{"id": "X"}]}
    service.answers[SwitchoverAsked] = (False, body)
    with ControlClient(service.path) as client, pytest.raises(Refused) as refused:
        client.call("switchover")
    assert (refused.value.code, refused.value.data) == (REFUSED, body)
    assert str(refused.value) == "switchover refused"


def test_the_version_is_told_without_the_node(service) -> None:
    with ControlClient(service.path) as client:
        assert client.call("version")["slot"] == 1
    assert service.asked == []


def test_a_malformed_line_is_answered_and_the_next_one_served(service) -> None:
    with raw(service.path) as connection:
        connection.sendall(b"rubbish\n\n")
        assert read_line(connection)["error"]["code"] == -32700
        connection.sendall(b'{"jsonrpc":"2.0","id":5,"method":"version"}\n')
        assert read_line(connection)["id"] == 5


def test_a_line_in_many_pieces_and_many_lines_in_one_piece(service) -> None:
    with raw(service.path) as connection:
        request = b'{"jsonrpc":"2.0","id":%d,"method":"version"}\n'
        for byte in request % 1:
            connection.sendall(bytes([byte]))
        connection.sendall(request % 2 + request % 3)
        assert [read_line(connection)["id"] for _ in range(3)] == [1, 2, 3]


def test_a_line_that_is_too_long_is_told_and_ends_the_connection(service) -> None:
    with raw(service.path) as connection:
        connection.sendall(b"x" * (LINE_BYTES_MAX + 1))
        assert "longer" in read_line(connection)["error"]["message"]
        # What was not read makes it a reset instead of an end.
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""


def test_a_client_that_has_said_all_still_gets_its_answers(service) -> None:
    with raw(service.path) as connection:
        connection.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status"}\n')
        connection.shutdown(socket.SHUT_WR)
        assert read_line(connection)["result"] == {"schema": 1}
        assert connection.recv(1) == b""


def test_a_notification_is_done_and_not_answered(service) -> None:
    service.answers[SwitchoverAsked] = (False, {})
    with raw(service.path) as connection:
        connection.sendall(b'{"jsonrpc":"2.0","method":"switchover"}\n')
        connection.sendall(b'{"jsonrpc":"2.0","id":2,"method":"version"}\n')
        assert read_line(connection)["id"] == 2
    assert service.asked == [SwitchoverAsked(1, "control", None, False)]


def test_a_follower_hears_the_present_role_first_and_then_what_happens(service) -> None:
    service.server.role_entered(STANDBY, 5)
    with ControlClient(service.path) as client:
        client.start_following()
        news = client.news()
        assert next(news) == (
            "role",
            {
                "t_ns": 5,
                "slot": 1,
                "state": "STANDBY",
                "reason": "PEER_IS_ACTIVE",
                "reason_text": Reason.PEER_IS_ACTIVE.sentence,
                "epoch": 7,
                "from": "STARTING",
            },
        )
        record = EventCell(7, 3, 1, Severity.MINOR, 99, "role", "it happened")
        service.server.event_recorded(record, 6)
        method, params = next(news)
        assert (method, params["number"], params["text"]) == ("event", 3, "it happened")


def test_several_clients_follow_at_once_and_one_that_leaves_disturbs_nobody(service) -> None:
    with ControlClient(service.path) as first:
        with ControlClient(service.path) as second:
            first.start_following()
            second.start_following()
        service.server.role_entered(STANDBY, 1)
        service.server.role_entered(STANDBY, 2)
        assert [params["t_ns"] for _, params in zip_two(first.news())] == [1, 2]


def zip_two(news):
    return [next(news), next(news)]


def test_a_follower_that_does_not_fetch_is_dropped_and_the_others_are_served(service) -> None:
    record = EventCell(7, 3, 1, Severity.MINOR, 99, "role", "x" * 90)
    with raw(service.path) as dead, ControlClient(service.path) as client:
        dead.sendall(b'{"jsonrpc":"2.0","id":1,"method":"follow"}\n')
        read_line(dead)
        for _ in range(40):
            for _ in range(500):
                service.server.event_recorded(record, 1)
            assert client.call("status") == {"schema": 1}
        with contextlib.suppress(ConnectionResetError):
            while dead.recv(65_536):
                pass


def test_one_client_too_many_is_told_so(service) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(CLIENTS_MAX):
            opened.enter_context(ControlClient(service.path)).call("version")
        with raw(service.path) as connection:
            assert read_line(connection)["error"]["code"] == OVERRUN
    wait_until(lambda: len(service.server._clients) < CLIENTS_MAX, "a place is free")
    with ControlClient(service.path) as client:
        assert client.call("version")


def test_too_many_waiting_answers_of_one_client_are_refused(service) -> None:
    service.answers.clear()
    with raw(service.path) as connection:
        for number in range(control_server.ANSWERS_WAITING_MAX + 1):
            connection.sendall(b'{"jsonrpc":"2.0","id":%d,"method":"why"}\n' % number)
        answer = read_line(connection)
    assert answer["id"] == control_server.ANSWERS_WAITING_MAX
    assert answer["error"]["code"] == OVERRUN


def test_a_node_without_room_is_an_error_at_once(service) -> None:
    service.has_room = False
    with ControlClient(service.path) as client, pytest.raises(Refused) as refused:
        client.call("status")
    assert refused.value.code == OVERRUN


def test_a_node_that_does_not_answer_is_an_error_in_the_end(service) -> None:
    service.answers.clear()
    with raw(service.path) as connection:
        connection.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status"}\n')
        wait_until(lambda: service.asked, "the question is asked")
        service.late_ns = ANSWER_NS_MAX + 1
        service.server._wake()
        assert read_line(connection)["error"]["code"] == OVERRUN
        # Its answer comes too late and harms nothing.
        service.server.answered(Answer(1, True, {}))
        connection.sendall(b'{"jsonrpc":"2.0","id":2,"method":"version"}\n')
        assert read_line(connection)["id"] == 2


def test_the_end_of_the_service_ends_the_clients_and_removes_the_file(tmp_path) -> None:
    path = str(tmp_path / "control.sock")
    with Service(path):
        client = ControlClient(path)
        client.call("version")
    with client, pytest.raises(NoService, match="has ended"):
        client.call("version")
    assert not os.path.exists(path)


def test_without_a_service_the_client_says_where_and_what_to_do(tmp_path) -> None:
    path = str(tmp_path / "none.sock")
    with pytest.raises(NoService, match=r"none\.sock.*bmcha run.*--socket"):
        ControlClient(path)


# ---------------------------------------------------------------- the socket's name


def long_folder(tmp_path):
    folder = tmp_path / ("a" * 60) / ("b" * 60)
    folder.mkdir(parents=True)
    return folder


def test_a_name_longer_than_the_kernel_takes_works_on_both_sides(tmp_path) -> None:
    path = str(long_folder(tmp_path) / "control.sock")
    assert len(path) > ADDRESS_BYTES_MAX
    with Service(path), ControlClient(path) as client:
        assert client.call("version")["slot"] == 1
    assert not os.path.exists(path)


@pytest.mark.parametrize("is_long", [False, True])
def test_a_file_left_by_a_dead_process_is_replaced(tmp_path, is_long) -> None:
    path = str((long_folder(tmp_path) if is_long else tmp_path) / "control.sock")
    listen(path).close()
    assert os.path.exists(path)
    listen(path).close()


@pytest.mark.parametrize("is_long", [False, True])
def test_a_socket_on_which_somebody_listens_is_refused(tmp_path, is_long) -> None:
    path = str((long_folder(tmp_path) if is_long else tmp_path) / "control.sock")
    with contextlib.closing(listen(path)):
        with pytest.raises(SocketTaken, match="another bmcha listens"):
            listen(path)
        connect(path).close()


def test_a_folder_that_is_not_there_is_named(tmp_path) -> None:
    path = str(tmp_path / "none" / "control.sock")
    with pytest.raises(FileNotFoundError) as failed:
        listen(path)
    assert failed.value.filename == path


def test_a_file_that_is_no_socket_is_left_alone(tmp_path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")
    with pytest.raises(SocketTaken, match="no socket"):
        listen(str(path))
    assert path.read_text() == "precious"


def test_only_owner_and_group_may_use_the_socket(tmp_path) -> None:
    path = str(tmp_path / "control.sock")
    with contextlib.closing(listen(path)):
        assert os.stat(path).st_mode & 0o007 == 0
