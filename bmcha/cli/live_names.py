"""Names for completions that only a running module or a running sim knows.

Whoever pressed TAB waits, so nobody is waited for longer than a blink, and who does not answer has
no names. Imports the simulator's words only when a word of it is to be completed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bmcha.cli.commands import SOCKET_DEFAULT

BLINK_S = 0.5

Candidates = Iterator[tuple[str, str]]


def scenarios() -> Candidates:
    from bmcha.sim.scenario import shipped_scenarios

    yield from ((name, "") for name in shipped_scenarios())


def slots(socket: str | None) -> Candidates:
    """This module's and its peers'."""
    status = _asked(socket, "status")
    if status is not None:
        yield str(status["node"]["slot"]), f"{status['role']['state']}, this module"
        yield from ((str(peer["slot"]), peer["role"] or "") for peer in status["peers"])


def paths(socket: str | None) -> Candidates:
    body = _asked(socket, "paths")
    if body is not None:
        yield from ((name, f"{path['kind']}, {path['health']}") for name, path in _pairs(body))


def _pairs(body: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    pairs: dict[str, dict[str, Any]] = body["paths"]
    return pairs.items()


def _asked(socket: str | None, question: str) -> dict[str, Any] | None:
    from bmcha.control_client import ControlClient, NoService, Refused

    where = socket or os.environ.get("BMCHA_SOCKET") or SOCKET_DEFAULT
    with contextlib.suppress(NoService, Refused), ControlClient(where, BLINK_S) as client:
        body: dict[str, Any] = client.call(question)
        return body
    return None


def of_action(words: Sequence[str], folder: str | None) -> Candidates:
    """The word that follows ``words`` of a sim-ctl action, by the action's usage line."""
    from bmcha.sim.action_words import usage_lines

    usages = [line.replace("[", "").replace("]", "").split() for line in usage_lines()]
    if not words:
        yield from ((usage[0], " ".join(usage[1:])) for usage in usages)
        return
    for usage in usages:
        if usage[0] == words[0] and len(words) < len(usage):
            yield from _of_word(usage[len(words)], words[0], folder)


def _of_word(word: str, action: str, folder: str | None) -> Candidates:
    """``word`` is what stands at that place of the usage: PATH, high|low, --one-way."""
    if word.startswith("--"):
        yield word, ""
        return
    literals = [each for each in word.split("|") if not each.isupper()]
    yield from ((each, "") for each in literals)
    if folder is None or literals == word.split("|"):
        return
    yield from _names(word.split("|")[0], action, _sim_state(folder))


def _names(kind: str, action: str, state: dict[str, Any]) -> Candidates:
    slots = state.get("slots", {})
    match kind:
        case "PATH":
            yield from ((name, "") for name in state.get("paths", {}))
            yield "all", "every path"
        case "SLOT" | "FROM":
            yield from ((slot, f"gate {slots[slot]['gate']}") for slot in slots)
            yield from (("active", "whose gate is open"), ("standby", "whose gate is shut"))
        case "NAME":
            yield from ((f"mm{slot}.{line}", "") for slot in slots for line in slots[slot]["lines"])
        case "SENSOR":
            yield from ((each["name"], "") for each in state.get("sensors", []))
        case "N":
            units = {"fan": "fans", "psu": "supplies", "blade": "blades"}[action]
            yield from ((each["name"], "") for each in state.get(units, []))
        case _:
            return  # a number: nothing to offer


def _sim_state(folder: str) -> dict[str, Any]:
    from bmcha.sim.layout import RigLayout
    from bmcha.sim.rpc import RpcClient, RpcRefused

    layout = RigLayout(Path(os.path.abspath(os.path.expanduser(folder))))
    with contextlib.suppress(OSError, RpcRefused):
        client = RpcClient(layout.chassis_socket, BLINK_S)
        with contextlib.closing(client):
            state: dict[str, Any] = client.call("state", [])
            return state
    return {}
