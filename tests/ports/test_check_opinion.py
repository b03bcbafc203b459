"""What `bmcha check` says of a reference address: is it a third party, and may it be asked?"""

import sys
from pathlib import Path

from tests.ports.check_desk import BOARD, HEAD, Desk, udp_path
from tests.ports.namespaces import in_namespace, needs_namespaces

KEY = "third_opinion.address"


def asking(address: str, port: int) -> str:
    return udp_path(f"127.0.0.1:{port}") + f'[third_opinion]\naddress = "{address}"\n'


def test_a_reference_that_is_this_module_itself_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    found = desk.advice(asking("127.0.0.2", desk.port))[KEY]
    assert "this module's own (loopback)" in found.value
    assert found.remedy == "name one: this one answers whatever is cut"


def test_what_it_does_is_among_what_will_be_used(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    report = desk.report(asking("127.0.0.2", desk.port))
    assert dict(report.rows)["third opinion"].startswith(
        "127.0.0.2 and the peer, pinged every 300 ms, silent after 1000; forbids a claim on silence"
    )


def test_a_user_who_may_not_ping_is_told_what_to_set(tmp_path: Path) -> None:
    needs_namespaces()
    desk = Desk(tmp_path)
    desk.put("board.toml", BOARD)
    desk.put("config.toml", HEAD + asking("192.0.2.1", desk.port))
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-m", "bmcha"]
    done = in_namespace("ip link set lo up", [*words, "check", str(desk.config)])
    said = " ".join(done.stdout.split())
    assert "cannot ask: pings are not allowed to this user" in said, done.stdout + done.stderr
    assert "until then nothing is asked and nothing is forbidden" in said
