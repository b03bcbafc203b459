"""One connected client of the control server: its half lines, and the bytes it has not fetched.

Owned by the server's thread. Never blocks; whoever does not fetch what it asked for is told by
`is_lost` and is dropped.
"""

from __future__ import annotations

import socket

from bmcha.runtime.control_protocol import LineSplitter

READ_BYTES = 65_536
UNFETCHED_BYTES_MAX = 1_048_576
"""The largest answer is some 100 kB; a follower that is this far behind has died."""


class ClientLink:
    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.is_follower = False
        self.is_lost = False
        self.is_leaving = False
        """It has sent all it had to send; it goes when everything is answered and fetched."""
        self.waiting_count = 0
        self._lines = LineSplitter()
        self._unsent = bytearray()

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    @property
    def is_done(self) -> bool:
        return self.is_lost or (self.is_leaving and not self.waiting_count and not self._unsent)

    def read_lines(self) -> list[bytes] | None:
        """None: a line is longer than allowed."""
        try:
            data = self.connection.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            self.is_lost = True
            return []
        if not data:
            self.is_leaving = True
            return []
        return self._lines.feed(data)

    def send(self, line: bytes) -> None:
        self._unsent += line
        self.flush()
        if len(self._unsent) > UNFETCHED_BYTES_MAX:
            self.is_lost = True

    def flush(self) -> None:
        while self._unsent and not self.is_lost:
            try:
                sent_count = self.connection.send(self._unsent)
            except BlockingIOError:
                return
            except OSError:
                self.is_lost = True
                return
            del self._unsent[:sent_count]
