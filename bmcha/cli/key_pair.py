"""`bmcha key pair`: brings `bmcha.cli.pairing` together with the service, the clock and a person.

The service carries what is said (method "pair"); this end says it again twice a second, listens,
shows the number and asks. Rules: what is typed before the question is asked is no answer; only
"yes" is one; whichever way it ends, the pairing is shut and it is said what was changed. Progress
goes to stderr: the number is the first line of stdout, where a script finds it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from bmcha.cli.asking import connected
from bmcha.cli.exit_codes import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NO_SERVICE,
    EXIT_USAGE,
)
from bmcha.cli.key_place import OLD_KEYS, Place, read_by_service
from bmcha.cli.key_said import refuse, say
from bmcha.cli.key_steps import NOT_READ, OLDER_SERVICE, has_read
from bmcha.cli.pairing import Giver, Taker, Who
from bmcha.cli.person import Person
from bmcha.control_client import ControlClient, NoService, Refused
from bmcha.hal.mac import check_of
from bmcha.hal.sealing import open_sealing
from bmcha.model.key import KeySet
from bmcha.runtime.control_protocol import METHOD_NOT_FOUND

REPEAT_S: Final = 0.5
POLL_S: Final = 0.1
SILENCE_S: Final = 120.0
"""Two people at two consoles."""
ANSWER_S: Final = 600.0
"""A question that nobody answers keeps the pairing open."""
LAST_WORDS_S: Final = 2.0
"""For so long the last word is said again, since nobody confirms it."""


class _GivenUp(Exception):
    """The sentence says why."""


def pair(args: argparse.Namespace, place: Place, keys: KeySet) -> int:
    """Raises PortError: there is no libsodium."""
    if not args.compare and not sys.stdin.isatty():
        text = "there is no terminal to ask on; a script uses --compare"
        return refuse(args, text, code=EXIT_USAGE)
    folder = os.path.dirname(os.path.realpath(place.file))
    if not keys.keys and not os.access(folder, os.W_OK):
        return refuse(args, f"nothing can be written into {folder}, where the keys would go")
    open_sealing()
    return connected(place.socket, lambda client: _Talk(args, place, keys, client).run())


class _Talk:
    """One pairing from its opening to its end."""

    def __init__(
        self, args: argparse.Namespace, place: Place, keys: KeySet, client: ControlClient
    ) -> None:
        self._args = args
        self._place = place
        self._keys = keys
        self._client = client
        self._is_written = False
        self._reload: dict[str, Any] | None = None
        self._say_s = 0.0
        self._said = b""

    def run(self) -> int:
        try:
            opened = self._client.call("pair", {"deed": "open"})
        except Refused as error:
            text = OLDER_SERVICE if error.code == METHOD_NOT_FOUND else f"{error}."
            return refuse(self._args, text)
        try:
            if trouble := self._unread(opened):
                return refuse(self._args, trouble)
            who = Who(opened["slot"], opened["chassis_id"], bool(self._keys.keys))
            self._end = Giver(who, self._keys) if self._keys.keys else Taker(who, check_of)
            self._heard_s = time.monotonic()
            return self._exchange()
        except KeyboardInterrupt:
            print(file=sys.stderr)  # behind what the terminal shows of the keys that were pressed
            self._say_no()
            return refuse(self._args, f"Stopped. {self._outcome()}", code=EXIT_INTERRUPTED)
        except _GivenUp as why:
            self._say_no()
            return refuse(self._args, str(why), self._outcome())
        except Refused as error:
            return refuse(self._args, f"{error}.", self._outcome())
        except NoService as error:
            return refuse(self._args, str(error), self._outcome(), code=EXIT_NO_SERVICE)
        except OSError as error:
            text = f"{error.filename}: {error.strerror}."
            self._say_no()
            return refuse(self._args, text, self._outcome())
        finally:
            with contextlib.suppress(NoService, Refused):
                self._client.call("pair", {"deed": "close"})

    def _unread(self, opened: dict[str, Any]) -> str:
        """The keys of a file that the service does not go by would be wrong ones to give."""
        newest = self._keys.newest
        of_file = f"{newest.check:08x}" if newest is not None else None
        is_same = opened.get("newest_check") == of_file
        return "" if is_same else f"{NOT_READ} It is {self._place.file}."

    def _outcome(self) -> str:
        end = getattr(self, "_end", None)
        if self._is_written:
            return f"The keys are in {self._place.file}."
        if isinstance(end, Giver) and end.has_given:
            return "The keys were sent, and it is not known whether the other module has kept them."
        return "Nothing was changed."

    # ---- the exchange

    def _exchange(self) -> int:
        end = self._end
        has = "keys, and gives them" if self._keys.keys else "no keys, and takes the other one's"
        self._tell(f"This module is in slot {end.who.slot}. It has {has}.")
        self._tell("Now `bmcha key pair` on the other module, within two minutes.")
        self._until(lambda: end.other_slot is not None)
        self._tell(f"Slot {end.other_slot} answers.")
        self._until(lambda: end.number != "")
        self._compare(end.number)
        end.approve()
        if isinstance(end, Giver):
            return self._give(end)
        return self._take(end)

    def _compare(self, number: str) -> None:
        self._tell("This is the number, and on the other module it has to be the same:")
        shown = f"{number[:4]} {number[4:]}"
        print(shown, file=sys.stderr if self._args.json else sys.stdout, flush=True)
        person = Person(self._args.compare)
        person.ask()
        asked_s = time.monotonic()
        try:
            while (answer := person.answer(POLL_S)) is None:
                self._turn()
                if time.monotonic() - asked_s > ANSWER_S:
                    raise _GivenUp(f"Nobody answered within {ANSWER_S / 60:.0f} minutes.")
        except _GivenUp:
            person.leave()
            raise
        if self._args.compare:
            if answer.replace(" ", "") != number:
                raise _GivenUp(
                    "The other module shows another number: somebody may sit in between."
                )
        elif answer != "yes":
            raise _GivenUp("Nobody said yes.")

    def _give(self, end: Giver) -> int:
        self._tell(f"Waiting for a yes at slot {end.other_slot}.")
        self._until(lambda: end.is_done)
        self._say_last_words()
        text = f"Slot {end.other_slot} has the keys of this module: {_told(self._keys)}."
        body = {"result": "done", "text": text, "peer": end.other_slot, "reload": None}
        say(self._args, body | _named(self._keys), [text])
        return EXIT_DONE

    def _take(self, end: Taker) -> int:
        self._tell(f"Waiting for a yes at slot {end.other_slot}.")
        self._until(lambda: end.keys is not None)
        assert end.keys is not None
        if self._place.read().keys:
            raise _GivenUp(f"Meanwhile there are keys in {self._place.file}: whose shall be kept?")
        self._place.write(end.keys)
        self._is_written = True
        code, trouble = self._have_it_read(end.keys)
        end.have_taken()
        try:
            self._until(lambda: end.is_done)
        except _GivenUp as why:
            self._tell(f"{why} It may not know that this one has the keys.")
        self._report_taken(end, end.keys, trouble)
        return code

    def _have_it_read(self, keys: KeySet) -> tuple[int, str]:
        """An exit code, and what is wrong."""
        try:
            self._reload, code = read_by_service(self._client)
            told = self._client.call("status")["keys"]
        except Refused as error:
            self._reload, code = {"text": str(error), "problems": []}, EXIT_FAILED
        if code != EXIT_DONE:
            return code, OLD_KEYS
        if not has_read(keys, told):
            text = "The service goes by another file, or by none: see key_file in its configuration"
            return EXIT_FAILED, f"{text}."
        return EXIT_DONE, ""

    def _report_taken(self, end: Taker, keys: KeySet, trouble: str) -> None:
        from bmcha.cli.reload import print_reload

        text = f"In {self._place.file} now, from slot {end.other_slot}: {_told(keys)}."
        body = {"result": "done", "text": text, "peer": end.other_slot, "reload": self._reload}
        say(self._args, body | _named(keys), [text, *self._place.doubts()])
        if not self._args.json:
            assert self._reload is not None
            print_reload(self._reload)
        if trouble:
            self._tell(trouble)

    # ---- one turn after another

    def _until(self, holds: Callable[[], bool]) -> None:
        """Raises _GivenUp."""
        while not holds():
            self._turn()
            if not holds():
                select.select([], [], [], POLL_S)

    def _turn(self) -> None:
        end = self._end
        now_s = time.monotonic()
        for each in self._client.call("pair", {"deed": "take"})["messages"]:
            if end.hear(each["slot"], bytes.fromhex(each["data"])):
                self._heard_s = now_s
        if end.refusal is not None:
            # The other end shall hear why, too: it goes by what this one says of itself.
            self._say_last_words()
            raise _GivenUp(end.refusal.value)
        if now_s >= self._say_s or end.said != self._said:
            self._say(now_s)
        if now_s - self._heard_s > SILENCE_S:
            raise _GivenUp(
                f"Nothing was heard of the other module for {SILENCE_S / 60:.0f} minutes;"
                f" this one waited {end.waits_for}."
            )

    def _say(self, now_s: float) -> None:
        self._said = self._end.said
        self._client.call("pair", {"deed": "say", "data": self._said.hex()})
        self._say_s = now_s + REPEAT_S

    def _say_no(self) -> None:
        """So that nobody waits at the other module. Whoever has no patience for it may go."""
        end = getattr(self, "_end", None)
        with contextlib.suppress(NoService, Refused, KeyboardInterrupt):
            if end is not None and end.stop():
                self._say_last_words()

    def _say_last_words(self) -> None:
        until_s = time.monotonic() + LAST_WORDS_S
        while (now_s := time.monotonic()) < until_s:
            self._say(now_s)
            select.select([], [], [], REPEAT_S)

    def _tell(self, text: str) -> None:
        from bmcha.cli.text.keys import told_lines

        print("\n".join(told_lines([text])), file=sys.stderr, flush=True)


def _told(keys: KeySet) -> str:
    parts = [f"key {key.id} ({key.state.value}, check {key.check:08x})" for key in keys.keys]
    if keys.accepts_unsigned:
        parts.append("and frames without a signature are accepted")
    return ", ".join(parts)


def _named(keys: KeySet) -> dict[str, Any]:
    return {
        "keys": [
            {"id": key.id, "state": key.state.value, "check": f"{key.check:08x}"}
            for key in keys.keys
        ]
    }
