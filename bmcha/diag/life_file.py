"""Remembers from one life of the service to the next how it ended, so that a crash loop holds off.

A small JSON file: written at the start, at a failure and at an orderly end. What a life did not
write itself (it was killed, or C code failed) shows as a life that never ended. Lives of another
boot of the kernel do not count: there a power cut looks the same. Nothing here raises; a disk that
does not answer costs at most `WAIT_S`. Called by `bmcha.app`.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from bmcha.model.moment import NS_PER_S
from bmcha.model.restart import Restart

HOLD_OFF_MS: Final = 2000
HOLD_OFF_MS_MAX: Final = 120_000
"""A module alone in its chassis must get going in bounded time, whatever it does to itself."""
STEADY_NS: Final = 600 * NS_PER_S
"""A life that began longer ago is no part of a crash loop; `ha.service_state` has the same."""
WAIT_S: Final = 1.0
WHY_CHARS_MAX: Final = 300
KERNEL_BOOT_FILE: Final = "/proc/sys/kernel/random/boot_id"
NO_WORD = "it ended without a word: killed, or a fault in C code; see the log"


def hold_off_ms(crashes_count: int) -> int:
    """Doubles with each crash in a row, up to a bound."""
    if crashes_count == 0:
        return 0
    return min(HOLD_OFF_MS_MAX, HOLD_OFF_MS << min(crashes_count - 1, 30))


class LifeFile:
    """``fault``: why the file could not be read or written, "" if it could."""

    def __init__(self, state_dir: str, clock: Callable[[], int]) -> None:
        self._file = os.path.join(state_dir, "life.json")
        self._clock = clock
        self._life: dict[str, Any] = {}
        self.fault = ""

    def begin(self) -> Restart:
        """How the former life ended; from now on this one runs."""
        found = [Restart()]

        def read_and_write() -> None:
            found[0] = self._judge(self._read())
            self._life = {
                "kernel_boot": _kernel_boot(),
                "begun_ns": self._clock(),
                "crashes": found[0].crashes_count,
                "state": "running",
                "why": "",
            }
            self._write()

        self._in_time(read_and_write)
        return found[0]

    def failed(self, why: str) -> None:
        self._in_time(lambda: self._end("failed", why))

    def ended(self) -> None:
        self._in_time(lambda: self._end("ended", ""))

    def _judge(self, former: dict[str, Any]) -> Restart:
        is_crash = former.get("state") in ("running", "failed")
        if not is_crash or former.get("kernel_boot") != _kernel_boot():
            return Restart()
        begun_ns, count = former.get("begun_ns"), former.get("crashes")
        if not isinstance(begun_ns, int) or not isinstance(count, int):
            return Restart()
        is_loop = self._clock() - begun_ns < STEADY_NS
        count = max(0, count) + 1 if is_loop else 1
        return Restart(count, hold_off_ms(count), str(former.get("why") or NO_WORD))

    def _end(self, state: str, why: str) -> None:
        self._life |= {"state": state, "why": why[:WHY_CHARS_MAX]}
        self._write()

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError, ValueError), open(self._file, "rb") as opened:
            found = json.loads(opened.read(10_000))
            return found if isinstance(found, dict) else {}
        return {}

    def _write(self) -> None:
        draft = f"{self._file}.new"
        os.makedirs(os.path.dirname(self._file), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(draft, flags, 0o640), "w", encoding="utf-8") as opened:
            json.dump(self._life, opened)
        os.replace(draft, self._file)

    def _in_time(self, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
                self.fault = ""
            except OSError as error:
                self.fault = str(error)

        self.fault = f"{self._file} does not answer"
        thread = threading.Thread(target=guarded, name="life", daemon=True)
        thread.start()
        thread.join(WAIT_S)


def _kernel_boot() -> str:
    with contextlib.suppress(OSError), open(KERNEL_BOOT_FILE, encoding="ascii") as opened:
        return opened.read().strip()
    return ""
