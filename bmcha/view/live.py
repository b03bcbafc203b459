"""The view's loop: one thread waits for sockets, keys and signals, and draws when there is news.

Nothing in it waits for a module. What a key does belongs to the `Backstage`: `top` has one, the
simulator another. Main thread only (signals). Called by `bmcha.view.top` and `bmcha.sim.live`.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from bmcha.view.asker import sentence_of
from bmcha.view.frame import frame
from bmcha.view.logbook import Logbook
from bmcha.view.model import LogLine, ModuleShown, ReadingsShown, Screen, Tone, Truth
from bmcha.view.spans import Glyphs, Row
from bmcha.view.watch import Watch

TICK_S = 0.25
DRAW_PERIOD_S = 0.5
"""Without news: ages grow."""
HASTE_S = 0.05
"""News that follow each other this closely are drawn together."""
EMPTY_READS_MAX = 20
"""A terminal that is gone is readable for ever and gives nothing."""


class Canvas(Protocol):
    """`Painter` or `PlainPainter`, entered."""

    glyphs: Glyphs

    def size(self) -> tuple[int, int]: ...
    def resize(self) -> None: ...
    def paint(self, rows: Sequence[Row]) -> None: ...
    def keys(self) -> list[str]: ...


class Backstage(Protocol):
    """What is special to one use of the view."""

    title: str
    help: tuple[tuple[str, str], ...]

    def keys(self) -> tuple[tuple[str, str], ...]: ...
    def about(self) -> str: ...
    def tick(self, now_s: float) -> None: ...
    def truth(self) -> Truth | None: ...
    def press(self, key: str, live: Live) -> None:
        """A key that the loop itself does not know."""

    def is_over(self) -> bool: ...


class Live:
    def __init__(self, backstage: Backstage, selector: selectors.BaseSelector) -> None:
        self.logbook = Logbook()
        self.watches: list[Watch] = []
        self._backstage = backstage
        self._selector = selector
        self._scrolled = 0
        self._is_helping = False
        self._question = ""
        self._if_yes: Any = None
        self._has_quit = False
        self._draw_at_s = 0.0
        self._empty_reads = 0

    def watch(self, name: str, path: str) -> None:
        self.watches.append(Watch(name, path, self._selector, self.logbook, self.changed))

    # ------------------------------------------------------------ for backstage

    def changed(self, is_urgent: bool) -> None:
        """Draw soon; ``is_urgent``: at once, but for what follows at its heels."""
        if is_urgent:
            self._draw_at_s = min(self._draw_at_s, time.monotonic() + HASTE_S)

    def note(self, text: str, tone: Tone = Tone.DEED, who: str = "you") -> None:
        self.logbook.add(LogLine(round(time.time() * 1000), who, text, tone))
        self._scrolled = 0
        self.changed(True)

    def confirm(self, question: str, if_yes: Any) -> None:
        """``if_yes`` is called after y; any other key is a no."""
        self._question, self._if_yes = question, if_yes
        self.changed(True)

    def active(self) -> Watch | None:
        """The one that says that it is ACTIVE, by its own last word."""
        return next(
            (w for w in self.watches if w.shown().role == "ACTIVE" and not w.is_silent), None
        )

    def ask_switchover(self) -> None:
        watch = self.active()
        if watch is None:
            self.note("switchover: no module answers as ACTIVE, there is none to ask")
            return
        self.note(f"switchover: {watch.title} is asked to hand over")

        def heard(result: Any, error: Any) -> None:
            text = result.get("text") if isinstance(result, dict) else None
            self.note(f"switchover: {sentence_of(error) if error is not None else text}")

        watch.asker.ask("switchover", {"to": None, "force": False}, heard)

    # ------------------------------------------------------------ the loop

    def run(self, canvas: Canvas) -> None:
        """Until q, or until backstage is over. Signals' exceptions pass through."""
        with self._listening(canvas):
            while not (self._has_quit or self._backstage.is_over()):
                now_s = time.monotonic()
                self._tick(now_s)
                if now_s >= self._draw_at_s:
                    canvas.paint(frame(self.screen(), *canvas.size(), canvas.glyphs))
                    self._draw_at_s = now_s + DRAW_PERIOD_S
                wait_s = min(TICK_S, max(0.0, self._draw_at_s - time.monotonic()))
                for key, _ in self._selector.select(wait_s):
                    key.data()

    def collect(self, until_s: float) -> None:
        """Without a terminal: until every module that answers has told all, or until then."""
        while time.monotonic() < until_s:
            self._tick(time.monotonic())
            if all(w.has_log and w.fans and w.shown().has_answered for w in self.watches):
                return
            for key, _ in self._selector.select(TICK_S / 5):
                key.data()

    def screen(self) -> Screen:
        modules = tuple(watch.shown() for watch in self.watches)
        return Screen(
            title=self._backstage.title,
            about=self._backstage.about(),
            clock=time.strftime("%H:%M:%S"),
            modules=modules,
            truth=self._backstage.truth(),
            readings=self._readings(modules),
            log=self.logbook.lines(),
            scrolled_lines=self._scrolled,
            keys=self._backstage.keys(),
            question=self._question,
            help=self._backstage.help if self._is_helping else (),
        )

    def close(self) -> None:
        for watch in self.watches:
            watch.close()

    # ------------------------------------------------------------ how

    def _tick(self, now_s: float) -> None:
        self._backstage.tick(now_s)
        for watch in self.watches:
            watch.tick(now_s)

    def _readings(self, modules: Sequence[ModuleShown]) -> ReadingsShown:
        """The ACTIVE's; else those of whoever answers; else the last ones."""

        def rank(place: int) -> tuple[bool, bool, int]:
            return bool(modules[place].trouble), modules[place].role != "ACTIVE", place

        places = [place for place, watch in enumerate(self.watches) if watch.sensors or watch.fans]
        if not places:
            return ReadingsShown()
        place = min(places, key=rank)
        watch, module = self.watches[place], modules[place]
        return ReadingsShown(watch.title, bool(module.trouble), watch.sensors, watch.fans)

    def _press(self, canvas: Canvas) -> None:
        pressed = canvas.keys()
        self._empty_reads = 0 if pressed else self._empty_reads + 1
        if self._empty_reads > EMPTY_READS_MAX:
            self._has_quit = True
        for key in pressed:
            self._press_one(key, canvas)
        if pressed:
            self._draw_at_s = 0.0

    def _press_one(self, key: str, canvas: Canvas) -> None:
        if self._question:
            question, if_yes = self._question, self._if_yes
            self._question, self._if_yes = "", None
            if key in "yY":
                if_yes()
            elif question:
                self.note("not done")
        elif key in ("q", "Q"):
            self._has_quit = True
        elif self._is_helping or key in ("h", "?"):
            self._is_helping = not self._is_helping
        elif key == "\x0c":
            canvas.resize()
        elif not self._scroll(key, canvas.size()[1] // 2):
            self._backstage.press(key, self)

    def _scroll(self, key: str, page_lines: int) -> bool:
        lines = {"up": 1, "down": -1, "page-up": page_lines, "page-down": -page_lines}
        lines |= {"home": len(self.logbook), "end": -len(self.logbook)}
        if key not in lines:
            return False
        self.scroll(lines[key])
        return True

    def scroll(self, lines: int) -> None:
        """Back by so many lines, forward if negative."""
        self._scrolled = min(max(0, self._scrolled + lines), max(0, len(self.logbook) - 1))

    @contextlib.contextmanager
    def _listening(self, canvas: Canvas) -> Iterator[None]:
        """To keys, and to the signals after which everything is drawn anew."""
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)

        def redraw() -> None:
            with contextlib.suppress(BlockingIOError):
                near.recv(64)
            canvas.resize()
            self._draw_at_s = 0.0

        # The handlers do nothing: a signal is heard where the loop waits anyway.
        numbers = (signal.SIGWINCH, signal.SIGCONT)
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        fd_before = signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)
        self._selector.register(near, selectors.EVENT_READ, redraw)
        has_keys = os.isatty(sys.stdin.fileno()) if sys.stdin is not None else False
        if has_keys:
            self._selector.register(sys.stdin, selectors.EVENT_READ, lambda: self._press(canvas))
        try:
            yield
        finally:
            if has_keys:
                self._selector.unregister(sys.stdin)
            self._selector.unregister(near)
            signal.set_wakeup_fd(fd_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            near.close()
            far.close()
