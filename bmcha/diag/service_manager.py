"""Tells systemd how far the service is (sd_notify(3)), if systemd asked to be told.

A datagram to $NOTIFY_SOCKET; nothing is sent elsewhere and nothing ever fails here.
"""

from __future__ import annotations

import contextlib
import os
import socket


def notify_service_manager(state: str) -> None:
    """``state`` is one or more lines as in sd_notify(3): READY=1, STATUS=..., STOPPING=1."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier,
    ):
        notifier.setblocking(False)
        notifier.sendto(state.encode(), address)
