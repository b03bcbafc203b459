"""`bmcha-respawn`, with busybox as on a board, in a root of its own: a service that ends as a plan
says stands in for bmcha. Needs root, as the supervisor itself does."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.waiting import WAIT_S, wait_until

SOURCE = Path(__file__).parents[2] / "bmcha" / "sysvinit" / "bmcha-respawn"
APPLETS = ("sh", "mkdir", "chown", "chmod", "start-stop-daemon", "sleep", "cat", "sed", "cut", "id")
SERVICE = """#!/bin/sh
cd /var/log/bmcha
trap 'echo HUP >>signals' HUP
trap 'echo TERM >>signals; exit 0' TERM
echo "$(cut -d' ' -f1 /proc/uptime) $*" >>lives
echo "$(id -un) $(id -Gn) $(umask) $(ulimit -n) $(ulimit -c) $MALLOC_ARENA_MAX" >account
step=$(sed -n 1p plan)
sed -i 1d plan
case $step in
stay) while :; do sleep 0.05; done ;;
*) exit "$step" ;;
esac
"""


class Supervised:
    """The supervisor in a root that has nothing but busybox and the planned service."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process: subprocess.Popen[bytes] | None = None
        for folder in ("bin", "proc", "dev", "etc", "run", "usr/bin", "usr/sbin", "var/log/bmcha"):
            (root / folder).mkdir(parents=True)
        busybox = needs.program("busybox", package="busybox-static")
        shutil.copy(busybox, root / "bin" / "busybox")
        for applet in APPLETS:
            (root / "bin" / applet).symlink_to("busybox")
        (root / "dev" / "null").touch()
        # busybox has a logger of its own, so what is said goes to syslog.
        self.syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.chdir(root / "dev"):
            self.syslog.bind("log")
        (root / "etc" / "passwd").write_text("root:x:0:0::/:\nbmcha:x:4242:4242::/:\n")
        (root / "etc" / "group").write_text("root:x:0:\nbmcha:x:4242:\ndialout:x:20:bmcha\n")
        shutil.copy(SOURCE, root / "usr" / "sbin" / "bmcha-respawn")
        service = root / "usr" / "bin" / "bmcha"
        service.write_text(SERVICE)
        service.chmod(0o755)

    def path(self, name: str) -> Path:
        return self.root / "var" / "log" / "bmcha" / name

    def lives(self) -> list[str]:
        return self.path("lives").read_text().splitlines() if self.path("lives").exists() else []

    def signals(self) -> list[str]:
        found = self.path("signals")
        return found.read_text().split() if found.exists() else []

    def start(self, *plan: str) -> subprocess.Popen[bytes]:
        self.path("plan").write_text("".join(f"{step}\n" for step in plan))
        self.path("plan").chmod(0o666)
        inside = f"mount -t proc proc {self.root}/proc && exec chroot {self.root} bmcha-respawn"
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", inside],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            start_new_session=True,
            # Under nohup it is ignored, and what a shell finds ignored it can not trap.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        return self.process

    def is_slow_to_note(self) -> None:
        """The service runs long before the supervisor knows its number."""
        script = self.root / "usr" / "sbin" / "bmcha-respawn"
        before, found, after = script.read_text().partition("    service=$!\n")
        assert found
        script.write_text(f"{before}    sleep 1\n{found}{after}")

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self) -> int:
        """The exit code."""
        assert self.process is not None
        return self.process.wait(WAIT_S)

    def hear(self, count: int) -> list[str]:
        """The next lines to syslog, without time and tag."""
        self.syslog.settimeout(WAIT_S)
        return [self.syslog.recv(1000).decode().split(": ", 1)[1].strip() for _ in range(count)]

    def has_said_more(self) -> bool:
        self.syslog.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            return bool(self.syslog.recv(1000))
        return False


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    needs.that(os.geteuid() == 0, "root, for a root of its own", "sudo -E make pytest")
    needs.program("unshare", package="util-linux")
    found = Supervised(tmp_path / "root")
    # A service of another user has to come to its folder.
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    yield found
    if found.process is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(found.process.pid, signal.SIGKILL)
        found.process.wait(WAIT_S)
    found.syslog.close()


def uptimes(lives: list[str]) -> list[float]:
    return [float(life.split()[0]) for life in lives]


def test_a_failed_service_is_started_again_at_once_and_then_after_two_seconds(
    supervised: Supervised,
) -> None:
    supervised.start("1", "137", "1", "0")
    assert supervised.hear(3) == [
        "bmcha-respawn: the service ended with code 1; started again in 0 s",
        "bmcha-respawn: the service ended with code 137; started again in 2 s",
        "bmcha-respawn: the service ended with code 1; started again in 2 s",
    ]
    assert supervised.ended() == 0 and not supervised.has_said_more()
    began_s = uptimes(supervised.lives())
    assert len(began_s) == 4
    assert began_s[2] - began_s[1] >= 2 and began_s[3] - began_s[2] >= 2
    assert {life.split(maxsplit=1)[1] for life in supervised.lives()} == {
        "run --config /etc/bmcha/config.toml"
    }


def test_a_refused_configuration_is_not_tried_again(supervised: Supervised) -> None:
    supervised.start("2", "0")
    assert supervised.ended() == 2
    assert supervised.hear(1) == [
        "bmcha-respawn: /etc/bmcha/config.toml is refused; mend it, then start the service again"
    ]
    assert len(supervised.lives()) == 1


def test_sigterm_ends_the_service_in_order_and_is_the_end(supervised: Supervised) -> None:
    supervised.start("stay", "stay")
    wait_until(supervised.lives, "the service lives")
    supervised.send(signal.SIGTERM)
    assert supervised.ended() == 0 and not supervised.has_said_more()
    assert supervised.signals() == ["TERM"] and len(supervised.lives()) == 1


def test_sigterm_in_the_pause_before_a_start_is_the_end_too(supervised: Supervised) -> None:
    supervised.start("1", "1", "stay")
    wait_until(lambda: len(supervised.lives()) == 2, "the second life")
    wait_until(lambda: supervised.path("plan").read_text() == "stay\n", "it ends")
    supervised.send(signal.SIGTERM)
    assert supervised.ended() == 0
    assert len(supervised.lives()) == 2


def test_sighup_reaches_the_service_which_lives_on(supervised: Supervised) -> None:
    supervised.start("stay")
    wait_until(supervised.lives, "the service lives")
    for count in (1, 2):
        supervised.send(signal.SIGHUP)
        wait_until(heard(supervised, count), f"SIGHUP {count}")
    supervised.send(signal.SIGTERM)
    assert supervised.ended() == 0 and not supervised.has_said_more()
    assert supervised.signals() == ["HUP", "HUP", "TERM"] and len(supervised.lives()) == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_between_the_start_and_its_number_is_not_lost(
    supervised: Supervised, number: signal.Signals
) -> None:
    supervised.is_slow_to_note()
    supervised.start("stay")
    wait_until(supervised.lives, "the service lives")
    supervised.send(number)
    wait_until(heard(supervised, 1), f"{number.name} is passed on")
    if number is signal.SIGHUP:
        supervised.send(signal.SIGTERM)
    assert supervised.ended() == 0
    assert supervised.signals() == ["HUP", "TERM"][number is signal.SIGTERM :]


def heard(supervised: Supervised, count: int) -> Callable[[], bool]:
    return lambda: len(supervised.signals()) == count


def test_the_service_has_its_own_user_few_rights_and_its_folders(supervised: Supervised) -> None:
    supervised.start("0")
    assert supervised.ended() == 0
    account = supervised.path("account").read_text().split()
    assert account == ["bmcha", "bmcha", "dialout", "0007", "1024", "0", "1"]
    for folder in ("run", "var/lib", "var/log"):
        found = (supervised.root / folder / "bmcha").stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (4242, 0o750)
