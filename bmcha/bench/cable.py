"""Two networks with one cable between them, for as long as a `bmcha bench` lasts.

The first is the caller's own, which has to be one of its own (`own_network`); the second belongs
to a process that only waits. Nothing of the machine's network is touched. Takes root or user
namespaces.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final

WAYS: Final = (("unshare", "--user", "--map-root-user", "--net"), ("unshare", "--net"))
MACS: Final = {1: "02:00:00:00:b0:01", 2: "02:00:00:00:b0:02"}
ADDRESSES: Final = {1: "198.51.100.1", 2: "198.51.100.2"}
"""Of a block that is for documents (RFC 5737): nobody's."""
INTERFACES: Final = {1: "bench1", 2: "bench2"}


class NoNetworks(Exception):
    """This machine gives no network of one's own; the sentence says what would help."""


def own_network(words: Sequence[str]) -> list[str]:
    """``words`` so that they run in a network of their own."""
    for way in WAYS:
        try:
            if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
                return [*way, *words]
        except FileNotFoundError as error:
            raise NoNetworks("it takes unshare and ip: apt install util-linux iproute2") from error
    raise NoNetworks("it takes root, or sysctl -w kernel.unprivileged_userns_clone=1")


class Cable:
    def __enter__(self) -> Cable:
        ip("link", "set", "lo", "up")
        waiting = "import sys; print(flush=True); sys.stdin.read()"
        self._holder = subprocess.Popen(
            ["unshare", "--net", sys.executable, "-c", waiting],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        far = ("name", INTERFACES[2], "address", MACS[2], "netns", str(self._holder.pid))
        ip("link", "add", INTERFACES[1], "address", MACS[1], "type", "veth", "peer", *far)
        for slot in (1, 2):
            ip("address", "add", f"{ADDRESSES[slot]}/24", "dev", INTERFACES[slot], at=self.at(slot))
            ip("link", "set", INTERFACES[slot], "up", at=self.at(slot))
        ip("link", "set", "lo", "up", at=self.at(2))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Both ends at once: by itself it would go some time after its network.
        ip("link", "delete", INTERFACES[1])
        self._holder.communicate()

    def at(self, slot: int) -> list[str]:
        """What a command in that slot's network begins with."""
        return [] if slot == 1 else ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def cut(self) -> None:
        """Of all that goes over it; both ends lose the carrier."""
        ip("link", "set", INTERFACES[1], "down")

    def heal(self) -> None:
        ip("link", "set", INTERFACES[1], "up")

    def cut_ip(self) -> None:
        """Of IP alone, at slot 1: bare Ethernet goes on."""
        ip("address", "del", f"{ADDRESSES[1]}/24", "dev", INTERFACES[1])

    def heal_ip(self) -> None:
        ip("address", "add", f"{ADDRESSES[1]}/24", "dev", INTERFACES[1])


def ip(*words: str, at: Sequence[str] = ()) -> None:
    done = subprocess.run([*at, "ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNetworks(f"ip {' '.join(words)}: {done.stderr.strip()}")
