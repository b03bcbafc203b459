"""Tells when an interface of this network gets an address and loses it: a process of `bmcha bench`.

    python -m bmcha.bench.address_watch 198.51.100.9

Prints "1" or "0" and a monotonic time in seconds, a line for each change, as the kernel tells of it
(rtnetlink(7)); the first line says how it is at the start.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import time
from typing import Final

RTMGRP_IPV4_IFADDR: Final = 0x10
RTM_NEWADDR, RTM_DELADDR = 20, 21
_HEAD: Final = struct.Struct("=IHHII")
"""struct nlmsghdr"""


def main(address: str) -> None:
    wanted = socket.inet_aton(address)
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    opened.bind((0, RTMGRP_IPV4_IFADDR))
    there = subprocess.run(["ip", "-o", "address"], capture_output=True, text=True, check=True)
    _tell(f" {address}/" in there.stdout)
    while True:
        data = opened.recv(65536)
        at = 0
        while at + _HEAD.size <= len(data):
            size, kind, *_ = _HEAD.unpack_from(data, at)
            if kind in (RTM_NEWADDR, RTM_DELADDR) and wanted in data[at : at + size]:
                _tell(kind == RTM_NEWADDR)
            at += max(_HEAD.size, (size + 3) & ~3)


def _tell(is_there: bool) -> None:
    print(int(is_there), time.monotonic(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
