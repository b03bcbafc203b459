"""Pulses on a reset line to a peer: of bounded length, whatever happens to this process.

Knows how long a pulse may be and who ends it; when one is due is the core's to say. Who ends it:
- a LED line: the kernel, by the LED class's trigger "oneshot". Nothing more is needed of us once
  the pulse has begun, so this process may be killed or frozen in the middle of it;
- a GPIO line or a file: a timer in this process, for the usual case, and behind it the hardware's
  one-shot (the board file has to say that there is one) or the virtual chassis. The kernel does
  not end it: it leaves most outputs as they were when a process dies.
Rules: no call waits for a pulse; a second pulse while one runs is not begun, so that two askers
cannot make one long one; no other thread is needed to end a pulse. Made by `board_lines`.
"""

from __future__ import annotations

import contextlib
import os
import time
from threading import Lock, Timer
from typing import Final, Protocol

from bmcha.hal.port import PortError
from bmcha.hal.value_file import write_whole_number
from bmcha.model.board import LineLed
from bmcha.model.moment import NS_PER_MS
from bmcha.model.settings import PULSE_MS_MAX, PULSE_MS_MIN

LEDS: Final = "/sys/class/leds"
_TRIGGER: Final = "oneshot"


class OutputLine(Protocol):
    def drive(self, is_up: bool) -> None: ...

    def close(self) -> None: ...


class ResetLine(Protocol):
    def pulse(self, pulse_ms: int) -> None:
        """Begins one; at most PULSE_MS_MAX. PortError: it was not begun."""

    def close(self) -> None:
        """Ends a pulse that is ours to end."""


class TimedReset:
    """On a line whose pulse a timer of ours ends."""

    def __init__(self, line: OutputLine) -> None:
        self._line = line
        self._lock = Lock()
        self._timer: Timer | None = None

    def pulse(self, pulse_ms: int) -> None:
        check_length(pulse_ms)
        with self._lock:
            if self._timer is not None:
                raise PortError(f"reset line {self._line}: a pulse is being given already")
            timer = Timer(pulse_ms / 1000, self._end)
            timer.name, timer.daemon = "reset pulse", True
            try:
                # Before the line goes up: without its end no pulse begins.
                timer.start()
            except RuntimeError as error:
                raise PortError(f"reset line {self._line}: no pulse begun, {error}") from error
            self._timer = timer
            try:
                self._line.drive(True)
            except PortError:
                timer.cancel()
                self._timer = None
                self._lower()
                raise

    def close(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
                self._lower()
        self._line.close()

    def _end(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer = None
                self._lower()

    def _lower(self) -> None:
        # A chip that is gone cannot hold the line; when it is back, its line is opened as down.
        with contextlib.suppress(PortError):
            self._line.drive(False)


class LedReset:
    """On a LED of the kernel's. PortError: there is no such LED, or it cannot give pulses."""

    def __init__(self, led: LineLed) -> None:
        self._folder = os.path.join(LEDS, led.name)
        self._lock = Lock()
        self._ends_ns = 0
        try:
            self._set_trigger()
            self._set("invert", 0)
        except OSError as error:
            raise PortError(f"reset LED {led.name}: {self._why(led, error)}") from error

    def _set_trigger(self) -> None:
        """Not again where it is set: that makes the files of a pulse anew, and they are root's."""
        file = os.path.join(self._folder, "trigger")
        with open(file, encoding="utf-8") as opened:
            if f"[{_TRIGGER}]" in opened.read():
                return
        fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, _TRIGGER.encode())
        finally:
            os.close(fd)

    def pulse(self, pulse_ms: int) -> None:
        check_length(pulse_ms)
        with self._lock:
            if time.monotonic_ns() < self._ends_ns:
                raise PortError(f"reset LED {self._folder}: a pulse is being given already")
            try:
                self._set("delay_on", pulse_ms)
                # Not 0: the LED class takes that as "stay on", without an end.
                self._set("delay_off", 1)
                self._set("shot", 1)
            except OSError as error:
                raise PortError(f"reset LED {self._folder}: {error.strerror}") from error
            self._ends_ns = time.monotonic_ns() + (pulse_ms + 1) * NS_PER_MS

    def close(self) -> None:
        """A pulse that runs is ended by the kernel."""

    def _set(self, name: str, value: int) -> None:
        write_whole_number(os.path.join(self._folder, name), value)

    def _why(self, led: LineLed, error: OSError) -> str:
        if isinstance(error, FileNotFoundError) and not os.path.isdir(self._folder):
            there = sorted(os.listdir(LEDS)) if os.path.isdir(LEDS) else []
            return f"there is none; {LEDS} has " + (", ".join(there[:8]) or "nothing")
        if isinstance(error, PermissionError):
            return f"permission denied; this user needs to write the files in {self._folder}"
        return f'the kernel has no trigger "{_TRIGGER}" for it (CONFIG_LEDS_TRIGGER_ONESHOT)'


def check_length(pulse_ms: int) -> None:
    if not PULSE_MS_MIN <= pulse_ms <= PULSE_MS_MAX:
        allowed = f"{PULSE_MS_MIN} to {PULSE_MS_MAX}"
        raise PortError(f"a reset pulse of {pulse_ms} ms was asked for; allowed is {allowed}")
