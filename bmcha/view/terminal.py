"""Chooses how to draw on the terminal at hand. curses is imported here, when it is needed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from importlib.util import find_spec

from bmcha.view.live import Canvas


def has_curses() -> bool:
    """Some distributions split it off: Yocto's package is python3-curses."""
    return find_spec("curses") is not None and find_spec("_curses") is not None


@contextlib.contextmanager
def canvas_for_terminal() -> Iterator[Canvas]:
    """curses where the terminal is able to place a cursor, else frames one below the other."""
    from bmcha.view.painter import NoScreen, Painter, check_terminal, glyphs_for

    try:
        check_terminal()
    except NoScreen:
        from bmcha.view.plain_painter import PlainPainter

        with PlainPainter(glyphs_for(os.environ)) as plain:
            yield plain
        return
    with Painter(os.environ) as painter:
        yield painter
