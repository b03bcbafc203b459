"""`bmcha top`: the live view of the modules behind one or more control sockets.

With one socket the peer is shown as that module knows it. Without a terminal one frame is printed
as text, for a report or a script. Exit codes: 0 ended by q or Ctrl-C, 3 nobody answered.
"""

from __future__ import annotations

import contextlib
import selectors
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence

from bmcha.view.frame import HEIGHT_MIN, WIDTH_MIN, frame
from bmcha.view.live import Live
from bmcha.view.model import Truth
from bmcha.view.spans import ASCII, UNICODE, text_of
from bmcha.view.terminal import canvas_for_terminal, has_curses

DONE, FAILED, NO_SERVICE = 0, 1, 3
COLLECT_S = 2.0
ONE_FRAME = (100, 40)
"""Without a terminal, unless COLUMNS and LINES say otherwise."""

KEYS = (
    ("j", "events forward"),
    ("k", "events back"),
    ("o", "switchover"),
    ("?", "help"),
    ("q", "quit"),
)
HELP = (
    ("o", "hand the chassis over to the other module; asks first"),
    ("j k", "scroll the events forward and back, also with the arrow, page, Home and End keys"),
    ("^L", "draw everything anew"),
    ("?", "this page; any key leaves it"),
    ("q", "quit; so does Ctrl-C"),
    ("", ""),
    ("loss", "of the last ten seconds, in per cent of what the peer sent"),
    ("heard", "how long ago, as the module last summed it up (twice a second)"),
    ("mirror", "how far the standby's picture is behind"),
    ("redund.", "FULL: the peer could take over this instant"),
    ("more", "docs/live-view.md"),
)


class TopStage:
    """A view that may ask for a switchover and do nothing else."""

    title = "bmcha top"
    help: tuple[tuple[str, str], ...] = HELP

    def keys(self) -> tuple[tuple[str, str], ...]:
        return KEYS

    def about(self) -> str:
        return ""

    def tick(self, now_s: float) -> None:
        pass

    def truth(self) -> Truth | None:
        return None

    def is_over(self) -> bool:
        return False

    def press(self, key: str, live: Live) -> None:
        if key in ("j", "k"):
            live.scroll(1 if key == "k" else -1)
        elif key == "o":
            live.confirm("Hand the chassis over to the other module? y/n", live.ask_switchover)


class _Ended(Exception):
    """A signal: the terminal is given back on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run_top(sockets: Sequence[str]) -> int:
    """Shows these modules, side by side in this order."""
    with selectors.DefaultSelector() as selector:
        live = Live(TopStage(), selector)
        for path in sockets:
            live.watch(path, path)
        try:
            if not sys.stdout.isatty():
                return _print_one(live)
            if not has_curses():
                text = "bmcha top needs Python's curses module (Yocto: python3-curses)"
                print(text, file=sys.stderr)
                return FAILED
            with _ending_by_signal(), canvas_for_terminal() as canvas:
                live.run(canvas)
        except _Ended as ended:
            return 128 + ended.number
        except KeyboardInterrupt:
            return DONE
        finally:
            live.close()
    return DONE


def _print_one(live: Live) -> int:
    live.collect(time.monotonic() + COLLECT_S)
    width, height = shutil.get_terminal_size(ONE_FRAME)
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    glyphs = UNICODE if encoding == "utf8" else ASCII
    rows = frame(live.screen(), max(width, WIDTH_MIN), max(height, HEIGHT_MIN), glyphs)
    # The last rows are keys, which nobody can press here.
    lines = [text_of(row).rstrip() for row in rows[:-2]]
    print("\n".join(lines).rstrip())
    return DONE if any(watch.shown().has_answered for watch in live.watches) else NO_SERVICE


@contextlib.contextmanager
def _ending_by_signal() -> Iterator[None]:
    def end(number: int, _frame: object) -> None:
        raise _Ended(number)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
