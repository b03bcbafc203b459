"""The ports: what bmcha needs from hardware and operating system, as Protocols.

Everything else under `bmcha.hal` is one adapter a file and is named by `bmcha.app` only. Rules
for every adapter: the thread that opens a device closes it; no call waits longer than it says;
a device that fails raises `PortError` with a sentence naming the device, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bmcha.hal.native_port import NativePort
from bmcha.model.event import LinesRead, LinkSigns
from bmcha.model.reading import EventCell
from bmcha.model.record import dataclass
from bmcha.model.settings import Place


class PortError(Exception):
    """The device could not do it. The text names the device and what to look at."""


class Link(Protocol):
    """One heartbeat path's medium: opened and closed here, read and written in C through ``port``.

    Owned by one thread, but for `signs`. A stream for serial lines, datagrams elsewhere.
    """

    @property
    def port(self) -> NativePort: ...

    def open(self) -> None:
        """Raises PortError; may be called again after `close`."""

    def close(self) -> None: ...

    def failure(self, is_writing: bool, number: int) -> PortError:
        """What an errno from reading or writing means; the link is of no use from then on."""

    def signs(self) -> LinkSigns:
        """What port and kernel know beside the bytes; open or not, at once, and never raises. Not
        while another thread opens or closes it."""


class LinePort(Protocol):
    """The board's lines. `wait` and `read_straps` are the lines thread's; `drive`, `read`,
    `pulse_reset` and `let_go` are for any thread."""

    def read(self) -> LinesRead:
        """Levels of each peer's lines, and the senses of this module's own gate and line. The
        adapter leaves ``read_ns`` 0; the worker stamps it after the read."""

    def wait(self, timeout_s: float) -> bool:
        """True: something may have changed (a hint; levels are read again). Never longer."""

    def drive(self, name: str, is_up: bool) -> None:
        """name is an `OwnLine` value. A line that this board does not have is ignored."""

    def pulse_reset(self, slot: int, pulse_ms: int) -> bool:
        """Holds that slot's module in reset for ``pulse_ms`` (PULSE_MS_MIN to PULSE_MS_MAX) and
        does not wait for it. False: no such line. PortError: no pulse was begun."""

    def let_go(self) -> None:
        """From now on `drive` raises no line and `pulse_reset` begins no pulse: PortError."""

    def read_slot(self) -> int:
        """The slot by the straps; from then on `read` knows whose lines are whose. PortError:
        unreadable, or disproved by their check."""

    def read_straps(self) -> int:
        """The slot that the straps say now, as `read_slot`; moves nothing."""

    def close(self) -> None: ...


class PingPort(Protocol):
    """Asks whether a few hosts are there, by ICMP echo or ARP; each is named by its place in a
    list. Owned by one thread."""

    def open(self) -> None:
        """PortError: nobody can be asked now, and why. May be called again after `close`."""

    def close(self) -> None: ...

    def ask(self, place: int, sequence: int) -> None:
        """``sequence`` 0 to 65535. Never blocks; a host that cannot be reached does not answer."""

    def read(self, timeout_s: float) -> list[tuple[int, int]]:
        """(place, sequence) of every answer that came, at most ``timeout_s`` later."""

    def wake(self) -> None:
        """From any thread: makes a waiting `read` return at once."""


class WatchdogPort(Protocol):
    def feed(self) -> None: ...

    def close(self, is_disarmed: bool) -> None:
        """``is_disarmed`` True: magic close, the hardware must not fire."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sensor said. ``value`` None: nothing, and ``why`` tells why; else ``why`` is what the
    device itself complains of. ``low`` and ``high``: its own limits, where asked for and given.
    """

    value: int | None
    why: str = ""
    low: int | None = None
    high: int | None = None


class SensorPort(Protocol):
    """One device with sensors. Owned by one thread, which waits as long as the driver does."""

    def read(self, place: Place, has_device_limits: bool) -> Sample:
        """Never raises."""

    def close(self) -> None: ...


class FanPort(Protocol):
    """One device with fan outputs. Owned by one thread, which waits as long as the driver does."""

    def drive(self, place: Place, pwm: int) -> None:
        """PortError: not written, or not taken over by the device."""

    def close(self) -> None: ...


class ImagePort(Protocol):
    """The writer's side of the shared-memory image; see `bmcha.wire.image_codec` for the bytes."""

    def write(self, pieces: Sequence[tuple[int, bytes]], clear: tuple[int, int] | None) -> None:
        """Write (offset, data) pieces in one critical section. ``clear``: first zero this
        (offset, size) range."""

    def close(self, is_unlinked: bool) -> None: ...


class StorePort(Protocol):
    """The durable store. Owned by the store thread."""

    def load_epoch(self) -> int: ...

    def save_epoch(self, epoch: int) -> None:
        """On return the epoch survives a power cut."""

    def load_events(self, newest_max: int) -> list[EventCell]: ...

    def save_event(self, record: EventCell) -> None: ...

    def close(self) -> None: ...
