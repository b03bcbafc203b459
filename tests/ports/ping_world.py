"""Stories of asking over a cable, one a process.

Run inside a user and network namespace, where it is root (`tests.ports.test_ping_ports`,
`tests.ports.test_arp_ping`):

    python -m tests.ports.ping_world STORY ping|arp

It prints one JSON value: what was seen.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import threading
import time
from typing import Any

from bmcha.hal.arp_ping import ArpPing
from bmcha.hal.port import PingPort
from tests.ports.ping_cable import (
    ALL,
    AT_FAR,
    AT_FENCE,
    AT_SILENT,
    FAR,
    FENCE,
    NEAR,
    OTHER_MAC,
    QUIET_S,
    SILENT,
    SOON_S,
    Cable,
    ask,
    frame,
    hear,
    hear_fence,
    ip,
    mac,
    port,
    refusal,
)
from tests.waiting import open_descriptors_count, wait_until

# ---- stories for both


def answers(cable: Cable, via: str) -> Any:
    cable.lay(f"{NEAR}/24")
    asked = port(via)
    asked.open()
    ask(asked, 65535, AT_SILENT, AT_FAR)
    first = hear(asked, 1)
    ask(asked, 0, AT_FAR, AT_SILENT)
    return [first, hear(asked, 1)]


def lives(cable: Cable, via: str) -> Any:
    """Not open, open twice, closed, open again."""
    cable.lay(f"{NEAR}/24")
    asked = port(via)
    before = open_descriptors_count()
    refused = [refusal(lambda: asked.ask(AT_FAR, 1))]
    asked.open()
    asked.open()
    ask(asked, 1, AT_FAR)
    heard = hear(asked, 1)
    asked.close()
    asked.close()
    left = open_descriptors_count() - before
    refused.append(refusal(lambda: asked.ask(AT_FAR, 2)))
    asked.open()
    ask(asked, 3, AT_FAR)
    return {"refused": refused, "heard": [heard, hear(asked, 1)], "left": left}


def wakes(cable: Cable, via: str) -> Any:
    cable.lay(f"{NEAR}/24")
    asked = port(via)
    asked.open()
    asked.wake()
    begun_s = time.monotonic()
    early = asked.read(60)
    threading.Timer(0.1, asked.wake).start()
    late = asked.read(60)
    return {"heard": [early, late], "s": time.monotonic() - begun_s}


def comes_back(cable: Cable, via: str) -> Any:
    """Down and up again, as often as it likes."""
    cable.lay(f"{NEAR}/24")
    asked = port(via)
    asked.open()
    found = []
    for sequence in range(3):
        ask(asked, 10 + sequence, AT_FAR)
        found.append(hear(asked, 1))
        ip("link", "set", "eth0", "down")
        ask(asked, 20 + sequence, AT_FAR)
        found.append(asked.read(QUIET_S))
        ip("link", "set", "eth0", "up")
    return found


def is_made_anew(cable: Cable, via: str) -> Any:
    """Torn out and laid again, with another number and then with the same one."""
    cable.lay(f"{NEAR}/24")
    asked = port(via)
    asked.open()
    found = []
    for sequence in range(3):
        ask(asked, 10 + sequence, AT_FAR)
        found.append(hear(asked, 1))
        number = socket.if_nametoindex("eth0")
        cable.tear_out()
        found.append(asked.read(QUIET_S))
        ask(asked, 20 + sequence, AT_FAR)
        found.append(asked.read(QUIET_S))
        cable.lay(f"{NEAR}/24", index=number if sequence else None)
    return found


# ---- stories of ARP


def what_counts(cable: Cable, via: str) -> Any:
    """Name → whether the address that never answers was taken to have answered."""
    cable.lay(f"{NEAR}/24")
    own = mac()
    frames = {
        "an answer": frame(),
        "an answer with padding": frame() + bytes(18),
        "an answer of another module with that address": frame(sender=OTHER_MAC, source=OTHER_MAC),
        "an answer to everybody": frame(to=ALL),
        "an answer to a probe": frame(told="0.0.0.0"),
        "a gratuitous request": frame(operation=1, to=ALL, target=bytes(6), told=SILENT),
        "a gratuitous answer": frame(to=ALL, target=ALL, told=SILENT),
        "a gratuitous answer to us": frame(told=SILENT),
        "an answer for another address": frame(said_by="10.9.1.77"),
        "an answer to another": frame(target=OTHER_MAC),
        "an answer on its way to another": frame(to=OTHER_MAC),
        "an answer with our own address": frame(sender=own),
        "an answer that we sent": frame(source=own),
        "an answer of nobody": frame(sender=bytes(6)),
        "an answer of a group": frame(sender=b"\x01\0\x5e\0\0\x01"),
        "a request": frame(operation=1),
        "an inverse answer": frame(operation=9),
        "an answer over another hardware": frame(head=(6, 0x0800, 6, 4)),
        "an answer of another protocol": frame(head=(1, 0x86DD, 6, 4)),
        "an answer with longer addresses": frame(head=(1, 0x0800, 6, 16)),
        "a truncated answer": frame()[:-1],
        "half an answer": frame()[:28],
        "nothing": frame()[:14],
        "noise": frame()[:14] + bytes(range(200)),
    }
    asked = port(via)
    asked.open()
    found = {}
    for sequence, (name, junk) in enumerate(frames.items()):
        ask(asked, sequence, AT_SILENT, AT_FENCE)
        cable.send(junk, frame(said_by=FENCE))
        heard = hear_fence(asked)
        found[name] = (AT_SILENT, sequence) in heard
    return found


def what_was_not_asked(cable: Cable, via: str) -> Any:
    """What came in each case, named after it."""
    cable.lay(f"{NEAR}/24")
    asked = port(via)
    asked.open()

    def after(*said_by: str) -> list[tuple[int, int]]:
        cable.send(*(frame(said_by=each) for each in (*said_by, FENCE)))
        return hear_fence(asked)

    ask(asked, 1, AT_FENCE)
    found = {"before": after(SILENT)}
    ask(asked, 2, AT_FENCE, AT_SILENT)
    found["twice"] = after(SILENT, SILENT)
    ask(asked, 3, AT_SILENT)
    cable.send(frame())
    _wait_for_input(asked)
    ask(asked, 4, AT_SILENT, AT_FENCE)
    found["older"] = asked.read(60)
    found["newer"] = after(SILENT)
    ip("link", "set", "eth0", "down")
    ask(asked, 5, AT_SILENT)
    ip("link", "set", "eth0", "up")
    ask(asked, 6, AT_FENCE)
    found["not sent"] = after(SILENT)
    ask(asked, 7, AT_SILENT)
    asked.close()
    asked.open()
    ask(asked, 8, AT_FENCE)
    found["former life"] = after(SILENT)
    return found


def _wait_for_input(asked: PingPort) -> None:
    assert isinstance(asked, ArpPing) and asked._socket is not None
    poll = select.poll()
    poll.register(asked._socket.fileno(), select.POLLIN)
    wait_until(lambda: bool(poll.poll(100)), "a frame has come")


def is_not_woken_by_requests(cable: Cable, via: str) -> Any:
    cable.lay(f"{NEAR}/24")
    asked = port(via)
    asked.open()
    ask(asked, 1, AT_FENCE)
    cable.send(*[frame(operation=1, to=ALL)] * 200, frame(said_by=FENCE))
    return asked.read(SOON_S)


def requests(cable: Cable, near: tuple[str, ...], address: str) -> dict[str, str]:
    cable.lay(*near)
    asked = port("arp", (address,))
    asked.open()
    asked.ask(0, 1)
    seen = cable.request_for(address)
    cable.tear_out()
    ours = (
        b"\xff" * 6,
        seen[6:12] == seen[22:28],
        struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, 1),
    )
    assert (seen[:6], True, seen[12:22]) == ours
    assert seen[32:38] == bytes(6), "RFC 5227 says zero, RFC 826 nothing"
    return {"sender": socket.inet_ntoa(seen[28:32]), "target": socket.inet_ntoa(seen[38:42])}


def asks_in_its_name(cable: Cable, _via: str) -> Any:
    two = ("10.8.0.1/24", f"{NEAR}/24")
    return {
        "one": requests(cable, (f"{NEAR}/24",), FAR),
        "the fitting one": requests(cable, two, FAR),
        "the first": requests(cable, two, "10.7.0.1"),
        "none": requests(cable, (), FAR),
    }


def has_no_address(cable: Cable, via: str) -> Any:
    """Then it has, and then has not."""
    cable.lay()
    asked = port(via)
    asked.open()
    found = []
    for sequence, change in enumerate(("add", "delete", "add")):
        ask(asked, sequence, AT_FAR, AT_SILENT)
        name = socket.inet_ntoa(cable.request_for(FAR)[28:32])
        found.append([name, hear(asked, 1)])
        ip("address", change, f"{NEAR}/24", "dev", "eth0")
    return found


def gets_another_mac(cable: Cable, via: str) -> Any:
    cable.lay(f"{NEAR}/24")
    asked = port(via)
    asked.open()
    ip("link", "set", "eth0", "address", "02:00:00:00:00:77")
    ask(asked, 1, AT_FAR)
    return hear(asked, 1)


def cannot_open(cable: Cable, via: str) -> Any:
    asked = port(via)
    found = {"missing": refusal(asked.open)}
    cable.lay(f"{NEAR}/24")
    ip("link", "set", "eth0", "down")
    found["down"] = refusal(asked.open)
    ip("link", "set", "eth0", "up")
    found["up"] = refusal(asked.open)
    found["loopback"] = refusal(ArpPing([FAR], "lo").open)
    asked.close()
    return found


STORIES = {
    story.__name__: story
    for story in (
        *(answers, lives, wakes, comes_back, is_made_anew),
        *(what_counts, what_was_not_asked, is_not_woken_by_requests, asks_in_its_name),
        *(has_no_address, gets_another_mac, cannot_open),
    )
}


def main() -> None:
    name, via = sys.argv[1:]
    cable = Cable()
    try:
        print(json.dumps(STORIES[name](cable, via)))
    finally:
        cable.holder.kill()
        cable.holder.wait()


if __name__ == "__main__":
    main()
