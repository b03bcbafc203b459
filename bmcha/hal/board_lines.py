"""The board's lines, whatever each one is made of: files, GPIO lines, LEDs. One `LinePort`.

Knows which line is which and who may wait for changes; judges nothing. Rules: straps are believed
only when every bit and every check of theirs can be read, twice the same; a change is a hint,
levels are read again; a line that rattles gives no more hints for a while; GPIO outputs exist at
their safe level from the moment this object does; after `let_go` nothing is raised any more, also
not by a thread that was stuck and goes on. `drive`, `read`, `pulse_reset` and `let_go` may be
called from any thread, `wait` and `read_straps` by the lines thread, the rest by whoever made it:
the composition root.
"""

from __future__ import annotations

import contextlib
import select
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bmcha.hal.file_lines import FileLine
from bmcha.hal.file_watch import FileWatch
from bmcha.hal.hint_limit import HintLimit
from bmcha.hal.port import PortError
from bmcha.hal.reset_lines import LedReset, ResetLine, TimedReset
from bmcha.model.board import (
    BoardLines,
    Line,
    LineFile,
    LineGpio,
    LineLed,
    PulseLine,
    StrapCheck,
)
from bmcha.model.effect import OwnLine
from bmcha.model.event import LineLevels, LinesRead
from bmcha.model.identity import Succession
from bmcha.model.moment import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from bmcha.hal.gpio_lines import GpioLine

    AnyLine = FileLine | GpioLine

_CHECK_OUTPUTS_NS: Final = 100 * NS_PER_MS
"""How often it is asked whether the outputs' chips are still there."""
_DEAF_NS: Final = 10 * NS_PER_MS


class WiredLines:
    """Lines of one module in a chassis whose slots stand in ``succession``.

    Which slot a peer's lines belong to is known once `read_slot` has read the own one; until then
    `read` has no peers. Raises PortError when a GPIO line cannot be had, or files not be watched.
    """

    def __init__(self, lines: BoardLines, succession: Succession) -> None:
        self._straps = lines.straps
        self._succession = succession
        self._ranked: tuple[tuple[int, _Peer], ...] = ()
        self._limits: dict[str, HintLimit] = {}
        self._checked_ns = 0
        self._files_deaf_until_ns = 0
        self._has_let_go = False
        self._turns = {line.value: threading.Lock() for line in OwnLine}
        with contextlib.ExitStack() as closing:
            self._watch = FileWatch()
            closing.callback(self._watch.close)
            self._opened = _Opened(self._watch, closing)
            own = lines.own
            self._driven = {
                OwnLine.HEALTH.value: self._opened.output(own.health),
                OwnLine.ACTIVE.value: self._opened.output(own.active),
                OwnLine.OUTPUT_ENABLE.value: self._opened.output(own.output_enable),
            }
            self._outputs_open = self._opened.input(own.outputs_open)
            self._active_sense = self._opened.input(own.active_sense)
            self._peers = tuple(
                _Peer(
                    peer.offset,
                    self._opened.input(peer.presence),
                    self._opened.input(peer.health),
                    self._opened.input(peer.active),
                    self._opened.input(peer.reset_sense),
                    self._opened.reset(peer.reset),
                )
                for peer in lines.peers
            )
            self._closing = closing.pop_all()

    # ------------------------------------------------------------ any thread

    def read(self) -> LinesRead:
        return LinesRead(
            peers=tuple((slot, peer.levels()) for slot, peer in self._ranked),
            outputs_open=_level(self._outputs_open),
            own_active=_level(self._active_sense),
            read_ns=0,
        )

    def drive(self, name: str, is_up: bool) -> None:
        """Raises PortError when it could not be driven."""
        line = self._driven.get(name)
        if line is None:
            return
        try:
            with self._turns[name]:
                if is_up:
                    self._refuse_after_end()
                line.drive(is_up)
        except PortError as error:
            raise PortError(f"line {name}: {error}") from error

    def let_go(self) -> None:
        self._has_let_go = True

    def _refuse_after_end(self) -> None:
        if self._has_let_go:
            raise PortError("the service is ending and has let go of its lines")

    def pulse_reset(self, slot: int, pulse_ms: int) -> bool:
        """False: no reset line goes to that slot. PortError: no pulse was begun."""
        reset = next((peer.reset for known, peer in self._ranked if known == slot), None)
        if reset is None:
            return False
        self._refuse_after_end()
        reset.pulse(pulse_ms)
        return True

    def wake(self) -> None:
        """A waiting `wait` returns at once."""
        self._watch.wake()

    # ------------------------------------------------------------ the lines thread

    def wait(self, timeout_s: float) -> bool:
        ends_ns = time.monotonic_ns() + int(max(0.0, timeout_s) * NS_PER_S)
        while True:
            now_ns = time.monotonic_ns()
            self._check_outputs(now_ns)
            if self._have_files_changed(now_ns):
                return True
            gpio = self._listened(now_ns)
            ready = self._poll(gpio, now_ns, ends_ns)
            if self._watch.waker_fd in ready:
                self._watch.take_wake()
                return False
            now_ns = time.monotonic_ns()
            if self._count_edges(gpio, ready, now_ns) or self._have_files_changed(now_ns):
                return True
            if now_ns >= ends_ns:
                return False

    def _listened(self, now_ns: int) -> dict[int, GpioLine]:
        """Descriptors of the GPIO inputs that may give hints just now."""
        return {
            fd: line
            for line in self._opened.gpio_inputs
            if not self._limit(str(line)).is_muted(now_ns) and (fd := line.fd) is not None
        }

    def _poll(self, gpio: dict[int, GpioLine], now_ns: int, ends_ns: int) -> set[int]:
        poll = select.poll()
        for fd in (self._watch.waker_fd, *gpio):
            poll.register(fd, select.POLLIN)
        if now_ns >= self._files_deaf_until_ns:
            poll.register(self._watch.fd, select.POLLIN)
        else:
            ends_ns = min(ends_ns, self._files_deaf_until_ns)
        return {fd for fd, _ in poll.poll(max(0, ends_ns - now_ns) / NS_PER_MS)}

    def _have_files_changed(self, now_ns: int) -> bool:
        """Files of lines that may give hints. One that may not is left alone for a moment, and the
        others with it: they share one descriptor."""
        if now_ns < self._files_deaf_until_ns:
            return False
        changed = self._watch.take_changes()
        muted = {file for file in changed if self._limit(file).is_muted(now_ns)}
        for file in changed:
            self._limit(file).count(1, now_ns)
        if muted:
            self._files_deaf_until_ns = now_ns + _DEAF_NS
        return changed != muted

    def _count_edges(self, gpio: dict[int, GpioLine], ready: set[int], now_ns: int) -> bool:
        hinting = ready & gpio.keys()
        for fd in hinting:
            # A descriptor that is ready without edges is one whose chip is gone.
            self._limit(str(gpio[fd])).count(max(1, gpio[fd].take_edges(fd)), now_ns)
        return bool(hinting)

    def _limit(self, line: str) -> HintLimit:
        return self._limits.setdefault(line, HintLimit())

    def _check_outputs(self, now_ns: int) -> None:
        """Nobody else touches an output that is not changed: its chip may have come back."""
        if now_ns - self._checked_ns >= _CHECK_OUTPUTS_NS:
            self._checked_ns = now_ns
            for line in self._opened.gpio_outputs:
                line.level()

    def read_straps(self) -> int:
        """PortError: unreadable, unstable, disproved by their check, or not of this chassis."""
        with contextlib.ExitStack() as closing:
            # Held for this moment only: for the rest of the time they are anybody's to look at.
            opened = _Opened(None, closing)
            bits = [opened.input(line) for line in self._straps.bits]
            checks = [opened.input(line) for line in self._straps.checks]
            first = [_strap_level(number, line) for number, line in enumerate((*bits, *checks))]
            again = [_strap_level(number, line) for number, line in enumerate((*bits, *checks))]
            names = ", ".join(map(str, (*bits, *checks)))
        if first != again:
            raise PortError(f"the slot straps ({names}) change while they are read")
        self._require_proof(first, names)
        slot = sum(level << number for number, level in enumerate(first[: len(bits)]))
        slots = self._succession.slots
        if slot not in slots:
            known = ", ".join(map(str, slots))
            raise PortError(f"the straps ({names}) say slot {slot}, not one of {known}")
        return slot

    def _require_proof(self, levels: Sequence[bool], names: str) -> None:
        count = len(self._straps.bits)
        bits, checks = levels[:count], levels[count:]
        shown = "".join("01"[level] for level in reversed(bits))
        match self._straps.check:
            case StrapCheck.NONE:
                return
            case StrapCheck.EVEN | StrapCheck.ODD:
                is_good = sum(levels) % 2 == (self._straps.check is StrapCheck.ODD)
                what = f"{self._straps.check.value} parity: the parity line is {int(checks[0])}"
            case StrapCheck.COMPLEMENT:
                is_good = all(bit != check for bit, check in zip(bits, checks, strict=True))
                inverse = "".join("01"[level] for level in reversed(checks))
                what = f"their complement, which reads {inverse}"
        if not is_good:
            raise PortError(
                f"the slot straps ({names}) read {shown}, which contradicts {what}; "
                "see how the module is seated, and the backplane's straps"
            )

    # ------------------------------------------------------------ the composition root

    def read_slot(self) -> int:
        """PortError as in `read_straps`."""
        slot = self.read_straps()
        slots = self._succession.slots
        rank = self._succession.rank(slot)
        self._ranked = tuple(
            (slots[(rank + peer.offset) % len(slots)], peer) for peer in self._peers
        )
        return slot

    def close(self) -> None:
        """GPIO outputs go to their safe level; a reset pulse of ours ends."""
        self._closing.close()


class _Peer:
    """One peer's lines, by how many places later it stands in the succession."""

    def __init__(
        self,
        offset: int,
        presence: AnyLine | None,
        health: AnyLine | None,
        active: AnyLine | None,
        reset_sense: AnyLine | None,
        reset: ResetLine | None,
    ) -> None:
        self.offset = offset
        self.reset = reset
        self._presence = presence
        self._health = health
        self._active = active
        self._reset_sense = reset_sense

    def levels(self) -> LineLevels:
        return LineLevels(
            presence=_level(self._presence),
            health=_level(self._health),
            active=_level(self._active),
            reset=_level(self._reset_sense),
        )


class _Opened:
    """Opens lines, so that ``closing`` closes them in turn. Without ``watch``: no hints."""

    def __init__(self, watch: FileWatch | None, closing: contextlib.ExitStack) -> None:
        self._watch = watch
        self._closing = closing
        self.gpio_inputs: list[GpioLine] = []
        self.gpio_outputs: list[GpioLine] = []

    def input(self, line: Line | None) -> AnyLine | None:
        match line:
            case None:
                return None
            case LineFile():
                if self._watch is not None:
                    self._watch.add(line.file)
                return FileLine(line)
            case LineGpio():
                opened = self._gpio(line, is_output=False)
                self.gpio_inputs.append(opened)
                return opened

    def output(self, line: Line | None) -> AnyLine | None:
        match line:
            case None:
                return None
            case LineFile():
                return FileLine(line)
            case LineGpio():
                opened = self._gpio(line, is_output=True)
                self.gpio_outputs.append(opened)
                return opened

    def reset(self, line: PulseLine | None) -> ResetLine | None:
        if isinstance(line, LineLed):
            return LedReset(line)
        opened = self.output(line)
        if opened is None:
            return None
        reset = TimedReset(opened)
        self._closing.callback(reset.close)
        return reset

    def _gpio(self, line: LineGpio, is_output: bool) -> GpioLine:
        # Imported where a board has such lines: python-periphery costs 2.5 MB.
        from bmcha.hal.gpio_lines import GpioLine

        opened = GpioLine(line, is_output)
        self._closing.callback(opened.close)
        return opened


def _level(line: AnyLine | None) -> bool | None:
    return None if line is None else line.level()


def _strap_level(number: int, line: AnyLine | None) -> bool:
    level = _level(line)
    if level is None:
        raise PortError(f"slot strap {number} ({line}) cannot be read as 0 or 1")
    return level
