"""The wires between the two boards: one serial line, two Ethernets. Each can be cut and spoilt.

A wire never holds up its sender: what the far end does not take at once is lost. The serial line
is as slow as its baud rate, which QEMU is not.
"""

from __future__ import annotations

import heapq
import itertools
import random
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rig.resources import BAUD, Board

TICK_S = 0.002
LINE_BYTES_MAX = 4096
"""On the serial line at once; more is lost, as in a UART that nobody reads."""
BYTES_PER_S = BAUD / 10
"""A byte is ten bits on the line."""
SEND_BUFFER = 4608
"""The least that Linux gives a socket."""
CONNECT_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame on a cable, when it left ``slot``."""

    at_s: float
    slot: int
    frame: bytes


@dataclass
class Harm:
    """What one direction does to what is sent. ``loss`` and ``damage``: of 100."""

    is_cut: bool = False
    loss: float = 0.0
    damage: float = 0.0
    delay_ms: float = 0.0


class Wire(threading.Thread):
    """``harms``: by the index of the sending end."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.harms = (Harm(), Harm())
        self.passed, self.lost = [0, 0], [0, 0]
        self._is_over = False
        self._random = random.Random(name)

    def cut(self, sender: int | None = None) -> None:
        """``sender``: the slot whose words are lost; None: both."""
        for slot in (1, 2) if sender is None else (sender,):
            self.harms[slot - 1].is_cut = True

    def heal(self) -> None:
        for harm in self.harms:
            harm.is_cut, harm.loss, harm.damage, harm.delay_ms = False, 0.0, 0.0, 0.0

    def close(self) -> None:
        self._is_over = True
        self.join(2)

    def run(self) -> None:
        while not self._is_over:
            self._turn()

    def _turn(self) -> None:
        raise NotImplementedError

    def _spoilt(self, end: int, data: bytes) -> bytes | None:
        """None: it is lost."""
        harm = self.harms[end]
        if harm.is_cut or self._random.random() * 100 < harm.loss:
            self.lost[end] += 1
            return None
        self.passed[end] += 1
        if data and self._random.random() * 100 < harm.damage:
            place = self._random.randrange(len(data))
            flipped = data[place] ^ 1 << self._random.randrange(8)
            return data[:place] + bytes([flipped]) + data[place + 1 :]
        return data


class Ethernet(Wire):
    """A cable of frames, each a datagram of QEMU's."""

    def __init__(self, name: str, boards: Sequence[Board]) -> None:
        super().__init__(f"eth-{name}")
        self._far = [str(board.socket(f"eth-{name}")) for board in boards]
        self._ends: list[socket.socket] = []
        for board in boards:
            path = board.socket(f"rig-{name}")
            path.unlink(missing_ok=True)
            end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            end.bind(str(path))
            end.setblocking(False)
            self._ends.append(end)
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._count = itertools.count()
        self._analyser: list[Seen] | None = None
        self.start()

    def close(self) -> None:
        super().close()
        for end in self._ends:
            end.close()

    @contextmanager
    def analysed(self) -> Iterator[list[Seen]]:
        """All that is sent meanwhile, also what the cable then loses."""
        seen = self._analyser = []
        try:
            yield seen
        finally:
            self._analyser = None

    def _turn(self) -> None:
        now_s = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now_s:
            _, _, sender, held_back = heapq.heappop(self._waiting)
            self._deliver(sender, held_back)
        wait_s = self._waiting[0][0] - now_s if self._waiting else 0.1
        ready, _, _ = select.select(self._ends, [], [], max(0.0, min(wait_s, 0.1)))
        for each in ready:
            end = self._ends.index(each)
            with suppress(OSError):
                sent = each.recv(65_536)
                if self._analyser is not None:
                    self._analyser.append(Seen(time.monotonic(), end + 1, sent))
                frame = self._spoilt(end, sent)
                if frame is not None:
                    self._pass(end, frame)

    def _pass(self, end: int, frame: bytes) -> None:
        delay_ms = self.harms[end].delay_ms
        if not delay_ms:
            self._deliver(end, frame)
            return
        due_s = time.monotonic() + delay_ms / 1000
        heapq.heappush(self._waiting, (due_s, next(self._count), end, frame))

    def _deliver(self, end: int, frame: bytes) -> None:
        # Nobody is there, or does not read: a cable knows of neither.
        with suppress(OSError):
            self._ends[end].sendto(frame, socket.MSG_DONTWAIT, self._far[1 - end])


class SerialLine(Wire):
    """Bytes, as fast as the baud rate has them. A cut is heard as silence."""

    def __init__(self, boards: Sequence[Board]) -> None:
        super().__init__("serial")
        self._paths = [str(board.socket("serial")) for board in boards]
        self._ends: list[socket.socket | None] = [None, None]
        self._retry_s = 0.0
        self._on_line = [bytearray(), bytearray()]
        self._moved_s = time.monotonic()
        self.start()

    def close(self) -> None:
        super().close()
        for end in self._ends:
            if end is not None:
                end.close()

    def _turn(self) -> None:
        self._connect()
        present = [end for end in self._ends if end is not None]
        if present:
            ready, _, _ = select.select(present, [], [], TICK_S)
        else:
            time.sleep(TICK_S)
            ready = []
        for each in ready:
            self._read(self._ends.index(each), each)
        self._move()

    def _connect(self) -> None:
        now_s = time.monotonic()
        if now_s < self._retry_s or None not in self._ends:
            return
        self._retry_s = now_s + CONNECT_PAUSE_S
        for end, path in enumerate(self._paths):
            if self._ends[end] is None:
                found = socket.socket(socket.AF_UNIX)
                try:
                    found.connect(path)
                except OSError:
                    found.close()
                    continue
                found.setblocking(False)
                found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
                self._ends[end] = found

    def _read(self, end: int, each: socket.socket) -> None:
        try:
            some = each.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            some = b""
        if not some:
            each.close()
            self._ends[end] = None
            return
        spoilt = self._spoilt(end, some)
        room = LINE_BYTES_MAX - len(self._on_line[end])
        self._on_line[end] += (spoilt or b"")[:room]

    def _move(self) -> None:
        now_s = time.monotonic()
        count = int((now_s - self._moved_s) * BYTES_PER_S)
        if count == 0:
            return
        self._moved_s = now_s
        for end, line in enumerate(self._on_line):
            some, far = bytes(line[:count]), self._ends[1 - end]
            del line[:count]
            if some and far is not None:
                with suppress(OSError):
                    far.send(some, socket.MSG_DONTWAIT)
