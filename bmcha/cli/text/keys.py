"""`bmcha key list` as text: the keys of a module and what the peers have shown of theirs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from bmcha.cli.text.columns import WIDTH, Body, Lines, clean, labelled, table

UNSIGNED = {
    True: "frames without a signature are accepted",
    False: "frames without a signature are refused",
}


def key_lines(body: Body) -> Lines:
    """``body``: what `bmcha key list --json` prints."""
    yield from told_lines([f"Keys in {body['file']}"])
    if body["keys"]:
        rows = [(str(key["id"]), key["state"], key["check"]) for key in body["keys"]]
        yield from table((">id", "state", "check"), rows)
    else:
        yield "none"
    yield from labelled("unsigned", [UNSIGNED[body["accepts_unsigned"]]])
    yield from labelled("service", [clean(body["service"])])
    for slot, peer in body["peers"].items():
        yield from labelled(f"slot {clean(slot)}", [_peer(peer)])


def told_lines(texts: Iterable[str]) -> Lines:
    """What `bmcha key` says. The name of a file is never broken: somebody may want to copy it."""
    for text in texts:
        yield from textwrap.wrap(
            clean(text),
            WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _peer(peer: Body) -> str:
    if not peer["is_heard"]:
        return "not heard"
    told = "does not sign" if peer["sends"] is None else f"signs with key {clean(peer['sends'])}"
    newest = peer["newest"]
    if newest is not None:
        same = "the same as here" if peer["has_newest"] else "not the newest here"
        told += f"; its newest is key {clean(newest['id'])}, check {clean(newest['check'])}: {same}"
    return told
