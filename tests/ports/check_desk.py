"""A module's file, a board file and a machine made of folders and real devices, under check.

The machine's /sys is a folder that a test fills; everything else is this machine's own: ptys,
sockets, processes, the network's loopback. Knows no finding.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bmcha.check.finding import Finding
from bmcha.check.machine import Machine
from bmcha.check.report import Report
from bmcha.check.run import Options, check_file

NOBODY = 65534
BOARD = """
name = "desk"
class = "bare"
[straps]
bits = [{ file = "ID0" }]
"""
HEAD = """
board = "board.toml"
hw_root = "hw"
state_dir = "state"
control_socket = "control.sock"
image_name = "/bmcha-check-desk"
[chassis]
id = 1
succession = [1, 2]
"""
TIMERS = "heartbeat_interval_ms = 100\nwarntime_ms = 500\ndeadtime_ms = 1500\n"


def serial_path(device: str, more: str = "", name: str = "serial") -> str:
    head = f'[[paths]]\nname = "{name}"\nkind = "serial"\npeer = 2\ndevice = "{device}"\n'
    return head + more + TIMERS


def udp_path(local: str, remote: str = "127.9.9.9:9", name: str = "udp") -> str:
    head = f'[[paths]]\nname = "{name}"\nkind = "udp"\npeer = 2\n'
    return head + f'local = "{local}"\nremote = "{remote}"\n' + TIMERS


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sys = folder / "sys"
        self.config = folder / "config.toml"
        (folder / "hw").mkdir()
        self.put("hw/ID0", "1\n")
        self.port = free_port()

    def put(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def link(self, name: str, to: str) -> None:
        link = self.folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(self.folder / to)

    def report(self, paths: str = "", board: str = BOARD, head: str = HEAD) -> Report:
        self.config.write_text(head + (paths or udp_path(f"127.0.0.1:{self.port}")))
        (self.folder / "board.toml").write_text(board)
        return check_file(str(self.config), Options(), Machine(str(self.sys)))

    def problems(self, paths: str = "", board: str = BOARD, head: str = HEAD) -> dict[str, Finding]:
        return {each.key: each for each in self.report(paths, board, head).problems}

    def advice(self, paths: str = "", board: str = BOARD, head: str = HEAD) -> dict[str, Finding]:
        return {each.key: each for each in self.report(paths, board, head).advice}


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


@contextlib.contextmanager
def terminal() -> Iterator[str]:
    """A pty; its name. The far end stays open, so that the near one is no hung-up line."""
    far, near = os.openpty()
    name = os.ttyname(near)
    os.close(near)
    try:
        yield name
    finally:
        os.close(far)


@contextlib.contextmanager
def held_by_another(file: str) -> Iterator[int]:
    """Another process has the file open; its id."""
    code = (
        "import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield holder.pid
        holder.communicate(b"\n", timeout=20)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """With the rights of an ordinary user who owns nothing; no change for who is one."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if before == 0:
            os.seteuid(before)
