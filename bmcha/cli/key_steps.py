"""The next step of a module's keys, and whether the peers have shown what makes it safe.

Pure: the file's keys and the service's word in, a step or sentences out (docs/adr/0025-keys.md,
"Rotation in three steps"). The first step is `bmcha key new` or `pair`; these are the other two.
Called by `bmcha.cli.key`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bmcha.model.key import Key, KeySet, KeyState, mark_of
from bmcha.model.record import dataclass

Told = Mapping[str, Any]
"""The part ``keys`` of the service's answer to the question "status"."""

OLDER_SERVICE = "The service that runs knows no keys, so it is an older version: restart it."
NOT_READ = "The service has not read this file: `bmcha reload`."
NO_PEER = "The service knows no other module."


@dataclass(frozen=True, slots=True)
class Step:
    """``name``: "send" or "drop". ``keys``: what stands in the file afterwards."""

    name: str
    newest: Key
    keys: KeySet


def next_step(keys: KeySet) -> Step | None:
    """None: there is nothing to do."""
    newest = keys.newest
    if newest is None:
        return None
    if newest.state is not KeyState.SEND:
        older = tuple(replace(key, state=KeyState.ACCEPT) for key in keys.keys[:-1])
        sender = replace(newest, state=KeyState.SEND)
        return Step("send", newest, replace(keys, keys=(*older, sender)))
    if keys.view.is_rotating:
        return Step("drop", newest, KeySet((newest,), accepts_unsigned=False))
    return None


def obstacles(step: Step, before: KeySet, told: Told | None) -> list[str]:
    """What stands against it: what is waited for, and from whom."""
    if told is None:
        return [OLDER_SERVICE]
    if not has_read(before, told):
        return [NOT_READ]
    peers: Mapping[str, Told] = told.get("peers", {})
    if not peers:
        return [NO_PEER]
    look = _waits_to_send if step.name == "send" else _waits_to_drop
    return [
        sentence
        for slot, peer in sorted(peers.items(), key=lambda item: item[0].zfill(3))
        for sentence in look(f"slot {slot}", peer, step.newest)
    ]


def has_read(keys: KeySet, told: Told) -> bool:
    """Whether the service goes by these keys, as far as it tells."""
    sender, newest = keys.sender, keys.newest
    return bool(
        told.get("sends") == (sender.id if sender is not None else None)
        and told.get("newest_check") == (f"{newest.check:08x}" if newest is not None else None)
    )


def has_newest(peer: Told, newest: Key) -> bool:
    """Whether the peer has shown that it has this key."""
    mark = mark_of(newest)
    of_peer = peer.get("newest") or {}
    is_named = of_peer.get("id") == mark.id and of_peer.get("check") == f"{mark.check:04x}"
    return bool(peer.get("is_heard")) and (is_named or peer.get("sends") == newest.id)


def _waits_to_send(who: str, peer: Told, newest: Key) -> Iterator[str]:
    if not peer.get("is_heard"):
        yield _unheard(who)
    elif not has_newest(peer, newest):
        of_peer = peer.get("newest")
        wanted = f"key {newest.id} (check {newest.check:08x})"
        if of_peer is None:
            told = f"{who} does not tell of {wanted}"
        elif of_peer.get("id") == newest.id:
            told = f"{who} has another key {newest.id} (check {of_peer.get('check')}), not {wanted}"
        else:
            told = f"the newest of {who} is key {of_peer.get('id')}, not {wanted}"
        yield f"{told}: bring it there (`bmcha key pair`, or copy the file), then `bmcha reload`."


def _waits_to_drop(who: str, peer: Told, newest: Key) -> Iterator[str]:
    if not peer.get("is_heard"):
        yield _unheard(who)
    elif peer.get("sends") != newest.id:
        sends = peer.get("sends")
        now = "does not sign yet" if sends is None else f"signs with key {sends}"
        yield f"{who} {now}, and shall with key {newest.id}: `bmcha key rotate` there."


def _unheard(who: str) -> str:
    return f"{who} is not heard, so it cannot show what it has: see `bmcha paths`."
