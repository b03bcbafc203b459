"""What only the running service knows of itself, for a report: files, threads, queues, libraries.

Answers the control socket's "report"; also has the flight recorder written, and says where.
JSON-ready values, nothing secret. Runs in the clerk's thread.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from bmcha.config import Config
from bmcha.model.effect import Answer
from bmcha.runtime.black_box import BlackBox
from bmcha.runtime.mailbox import Mailbox
from bmcha.runtime.pace import Pace
from bmcha.runtime.worker import Worker

PROC_FILES = ("status", "limits", "schedstat", "cgroup", "oom_score_adj")
PROC_BYTES_MAX = 16_384


class Reporter:
    """``config``: what is in use now."""

    def __init__(
        self,
        config: Callable[[], Config],
        workers: Callable[[], Sequence[Worker]],
        mailbox: Mailbox,
        box: BlackBox,
        log_fault: Callable[[], str],
        answer: Callable[[Answer], None],
    ) -> None:
        self._config = config
        # Now: the folder in which the service was started may be gone when somebody asks.
        self._config_file = os.path.abspath(config().service.config_file)
        self._workers = workers
        self._mailbox = mailbox
        self._box = box
        self._log_fault = log_fault
        self._answer = answer

    def report(self, request_id: int) -> None:
        flight = self._box.dump("report", "asked for by a report")
        self._answer(Answer(request_id, True, {**self._facts(), "flight_file": flight or None}))

    def _facts(self) -> dict[str, Any]:
        service = self._config().service
        return {
            "pid": os.getpid(),
            "files": {
                "config": self._config_file,
                "board": service.board_file,
                "state_dir": service.state_dir,
                "log": service.log_file,
            },
            "versions": {
                "bmcha": self._config().node.version,
                "python": sys.version,
                "kernel": " ".join(os.uname()),
            },
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "workers": {
                worker.name: {"stuck_for_ms": pace.overdue_ns() // 1_000_000}
                for worker in self._workers()
                if isinstance(pace := getattr(worker, "pace", None), Pace)
            },
            "mailbox": {
                "dropped": self._mailbox.dropped_count,
                "refused": self._mailbox.refused_count,
                "replaced": self._mailbox.replaced_count,
            },
            "log_fault": self._log_fault(),
            "proc": {name: _proc(name) for name in PROC_FILES},
        }


def _proc(name: str) -> str:
    try:
        with open(f"/proc/self/{name}", encoding="utf-8", errors="replace") as opened:
            return opened.read(PROC_BYTES_MAX)
    except OSError as error:
        return f"unreadable: {error.strerror}"
