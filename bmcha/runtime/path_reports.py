"""The thread that hears what the beat engines report, and tells the node.

One for all paths: it waits on the counter that every engine adds to, and makes events of what lies
in their rings. However late it is, the beats go on (docs/adr/0023). ``wakes_count`` tells how often
it had to look. Decides nothing.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from typing import Final

from bmcha.model.event import (
    Event,
    HeartbeatHeard,
    MessageHeard,
    PathCounts,
    PathOverdue,
    PathSummarised,
)
from bmcha.model.hearsay import Twin
from bmcha.model.message import Header, Heartbeat, MessageType, Pairing
from bmcha.model.moment import NS_PER_S
from bmcha.model.role import Role
from bmcha.runtime.engine import MESSAGE, NEVER_NS, OVERDUE, SUMMARY, Report
from bmcha.runtime.noise_meter import DATAGRAMS_PER_S, STREAM_BYTES_PER_S, NoiseMeter
from bmcha.runtime.pace import Pace
from bmcha.runtime.path_worker import PathWorker
from bmcha.runtime.worker import Clock, Post
from bmcha.wire.frame import EARLY, FOREIGN, FORGED, BadReason
from bmcha.wire.messages import parse_body

ODD_NS: Final = 60 * NS_PER_S
"""Counts that should not grow are logged so often at most: a bad cable must not fill the log."""
_SUMMARY: Final = struct.Struct("=7Q20QQqqqIIII4B4x")
"""struct bmcha_summary."""
_TYPES: Final = {kind.value: kind for kind in MessageType}


HearPairing = Callable[[Header, bytes], None]


def _hear_nothing(_header: Header, _data: bytes) -> None:
    """Nobody pairs here."""


class PathReports:
    """``fd`` is the counter; the engines are given it before their paths are. ``hear_pairing``:
    who is told what the other end's `bmcha key pair` says; the node never is."""

    name = "path reports"

    def __init__(
        self,
        post: Post,
        clock: Clock,
        log: Callable[[str], None],
        hear_pairing: HearPairing = _hear_nothing,
    ) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC)
        self._post = post
        self._log = log
        self._hear_pairing = hear_pairing
        self._readers: list[ReportReader] = []
        self._is_stopped = False
        self._clock = clock
        self.pace = Pace(clock)
        self.wakes_count = 0

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)

    def watch(self, paths: Sequence[PathWorker]) -> None:
        """Before it runs."""
        self._readers = [
            ReportReader(path, self._clock, self._log, self._hear_pairing) for path in paths
        ]

    def run(self) -> None:
        while not self._is_stopped:
            self.pace.rest()
            os.eventfd_read(self.fd)
            self.pace.begin()
            self.wakes_count += 1
            self.look()

    def stop(self) -> None:
        self._is_stopped = True
        os.eventfd_write(self.fd, 1)

    def look(self) -> None:
        for reader in self._readers:
            for event in reader.read():
                if not self._post(event):
                    what = type(event).__name__
                    self._log(f"{reader.name}: the node is overrun, {what} was refused")


class ReportReader:
    """One path's reports to events."""

    def __init__(
        self,
        path: PathWorker,
        clock: Clock,
        log: Callable[[str], None],
        hear_pairing: HearPairing = _hear_nothing,
    ) -> None:
        self.name = path.name
        self._hear_pairing = hear_pairing
        self._path = path
        self._engine = path.engine
        self._settings = path.engine.settings
        self._clock = clock
        self._log = log
        self._is_stream = self._settings.line_bytes_per_s is not None
        self._noise = NoiseMeter(STREAM_BYTES_PER_S if self._is_stream else DATAGRAMS_PER_S)
        self._bad_bodies_count = 0
        self._odd_counts: dict[str, int] = {}
        self._odd_due_ns = 0

    def read(self) -> list[Event]:
        self._engine.answer()
        events = [self._event(report) for report in self._engine.take()]
        return [event for event in events if event is not None]

    def _event(self, report: Report) -> Event | None:
        path = self._settings.path
        if report.kind == SUMMARY:
            return self._summary(report)
        if report.kind == OVERDUE:
            return PathOverdue(path, _time(report.heard_ns))
        header = _header(report)
        message_type = _TYPES[report.type_number]
        message = parse_body(message_type, report.body, report.epoch, report.heard_ns)
        if message is None:
            self._bad_bodies_count += 1
            return None
        if isinstance(message, Pairing):
            self._hear_pairing(header, message.data)
            return None
        if report.kind == MESSAGE:
            return MessageHeard(path, header, message, report.heard_ns)
        assert isinstance(message, Heartbeat)
        return HeartbeatHeard(path, header, message, report.heard_ns, report.beats_in_row)

    def _summary(self, report: Report) -> PathSummarised:
        fields = _SUMMARY.unpack_from(report.body)
        rx, tx, lost, ignored, repeated, refused, withheld = fields[:7]
        bad, noise_bytes, rtt_us, twin_ns, unproven_ns = fields[7:27], *fields[27:31]
        twin_boot_id, twin_epoch, foreign_chassis_id, openings = fields[31:35]
        twin_role, has_twin, has_foreign, is_working = fields[35:]
        self._path.summarised(openings, bool(is_working))
        counts = {reason: bad[reason.value] for reason in BadReason if bad[reason.value]}
        if self._bad_bodies_count:
            counts[BadReason.BODY] = counts.get(BadReason.BODY, 0) + self._bad_bodies_count
        sound = (*FOREIGN, *FORGED, *EARLY)
        bad_count = sum(count for reason, count in counts.items() if reason not in sound)
        forged_count = sum(counts.get(reason, 0) for reason in FORGED)
        foreign_count = sum(counts.get(reason, 0) for reason in FOREIGN) + ignored
        signs = self._path.signs()
        noise_count = noise_bytes if self._is_stream else bad_count + forged_count
        self._noise.sample(noise_count + signs.unread_count, self._clock())
        self._tell_odd_counts(
            {
                "frames not for this path": foreign_count,
                "frames heard twice or too late": repeated,
                "writes that the port refused": refused,
                "mirror messages dropped": self._engine.dropped_count,
            }
        )
        beat = report.body[_SUMMARY.size :]
        return PathSummarised(
            path=self._settings.path,
            header=_header(report) if beat else None,
            heartbeat=_heartbeat(report, beat),
            last_heard_ns=_time(report.heard_ns),
            counts=PathCounts(
                rx_count=rx,
                tx_count=tx,
                lost_count=lost,
                bad_count=bad_count,
                forged_count=forged_count,
                withheld_count=withheld,
                rtt_us=rtt_us if rtt_us >= 0 else None,
                bad_counts=tuple((reason.name, count) for reason, count in counts.items()),
                noise_per_s=self._noise.per_s,
                is_noisy=self._noise.is_noisy,
                foreign_count=foreign_count,
                foreign_chassis_id=foreign_chassis_id if has_foreign else None,
                twin=Twin(twin_boot_id, Role(twin_role), twin_epoch, twin_ns) if has_twin else None,
                unproven_ns=_time(unproven_ns),
                signs=signs,
            ),
            fault=self._path.fault,
        )

    def _tell_odd_counts(self, counts: dict[str, int]) -> None:
        now_ns = self._clock()
        if counts == self._odd_counts or now_ns < self._odd_due_ns:
            return
        grown = [
            f"{what}: {count}"
            for what, count in counts.items()
            if count != self._odd_counts.get(what, 0)
        ]
        self._odd_counts = counts
        if grown:
            self._odd_due_ns = now_ns + ODD_NS
            self._log(f"{self.name}: {', '.join(grown)}")


def _header(report: Report) -> Header:
    return Header(
        report.chassis_id,
        report.source_slot,
        report.target_slot,
        report.boot_id,
        report.epoch,
        report.sequence,
        report.key_id,
    )


def _heartbeat(report: Report, body: bytes) -> Heartbeat | None:
    """The engine keeps none that makes no sense."""
    if not body:
        return None
    found = parse_body(MessageType.HEARTBEAT, body, report.epoch, report.heard_ns)
    assert isinstance(found, Heartbeat)
    return found


def _time(ns: int) -> int | None:
    return None if ns == NEVER_NS else ns
