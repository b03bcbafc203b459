"""`bmcha key`: makes the keys that frames are signed with, shows them, and changes them by steps.

A further deed: its function, and a line in DEEDS. Rules: a key itself is never printed; what is not
safe for the pair is refused with what is waited for, and --force is the way past it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bmcha.cli.asking import connected
from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_NO_SERVICE, EXIT_USAGE
from bmcha.cli.key_place import CONFIG_DEFAULT, OLD_KEYS, place_of, read_by_service
from bmcha.cli.key_said import refuse, say
from bmcha.cli.output import complain, print_json, print_lines

if TYPE_CHECKING:
    from bmcha.cli.key_place import Place
    from bmcha.cli.key_steps import Step
    from bmcha.model.key import KeySet


def add(commands: Commands) -> None:
    parser = commands.add(
        "key",
        "make, show and change the keys that frames are signed with",
        _key,
        examples={
            "bmcha key new": "a key more, in the key file of this module",
            "bmcha key list": "which keys are here, and what the other module has shown",
            "bmcha key rotate": "the next step with the newest key, if it is safe",
            "bmcha key pair": "on both modules: the keys of the one come to the other",
            "bmcha key new --send --file keys.toml": "the first key of a pair that is not running",
        },
        asks_service=True,
        more="""new makes a key. In a file without any it is accepted, and so are unsigned frames;
        bring it to the other module and reload both. rotate then signs with it, and when asked
        again accepts nothing else. Each step waits until the other module has shown that it is
        ready. docs/keys.md has the whole of it. A key itself is never printed.

        pair brings the keys to a module that has none, over the serial line between the two: run it
        on both within two minutes. Both show a number; say yes if it is the same. Nothing is given
        or written before both have.

        Exit code 1: refused, and it says what is waited for. 2: the key file has a mistake, or
        there is no terminal for pair to ask on. 3: no service answers.""",
    )
    parser.add_argument("deed", metavar="|".join(DEEDS), choices=list(DEEDS), help="what to do")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"the module's config.toml, which names its key file (default: {CONFIG_DEFAULT})",
    )
    parser.add_argument("--file", metavar="FILE", help="the key file itself, without a config.toml")
    parser.add_argument(
        "--send",
        action="store_true",
        help="with new, for the first key of a pair that is not running: sign with it at once",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="with rotate: though the other module has not shown that it is ready",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="with pair, for scripts: read the number of the other module from standard input and"
        " compare it, instead of asking; the own one is the first line of the output",
    )
    parser.set_defaults(refuse=parser.error)


def _key(args: argparse.Namespace) -> int:
    from bmcha.config import ConfigError
    from bmcha.hal.mac import open_mac
    from bmcha.hal.port import PortError

    deed, options = DEEDS[args.deed]
    for word, (_, others) in DEEDS.items():
        for name in others - options:
            if getattr(args, name):
                args.refuse(f"--{name} goes with {word} only")
    if args.config is not None and args.file is not None:
        args.refuse("either --config or --file")
    try:
        open_mac()
        place = place_of(args)
        return deed(args, place, place.read())
    except ConfigError as error:
        lines = [line for each in error.problems for line in (str(each), f"  do: {each.remedy}")]
        return complain("\n".join(lines), EXIT_USAGE)
    except PortError as error:
        return complain(f"bmcha key: {error}", EXIT_FAILED)


# ---------------------------------------------------------------- the deeds


def _new(args: argparse.Namespace, place: Place, keys: KeySet) -> int:
    from bmcha.hal.mac import check_of
    from bmcha.model.key import KEY_BYTES, KEYS_MAX, Key, KeySet, KeyState, free_id

    if len(keys.keys) >= KEYS_MAX:
        text = f"{place.file} has {KEYS_MAX} keys, which is all there may be"
        return refuse(args, text, "drop the old ones first: `bmcha key rotate` on both modules")
    if args.send and keys.keys:
        text = f"{place.file} has a key already, and --send is for the first one"
        return refuse(args, text, "make it without --send, then `bmcha key rotate`")
    secret = os.urandom(KEY_BYTES)
    state = KeyState.SEND if args.send else KeyState.ACCEPT
    key = Key(free_id(keys.keys), state, secret, check_of(secret))
    # A first key begins from "unsigned"; later ones change nothing about that.
    accepts_unsigned = not args.send if not keys.keys else keys.accepts_unsigned
    place.write(KeySet((*keys.keys, key), accepts_unsigned))
    check = f"{key.check:08x}"
    text = f"Made key {key.id}, check {check}, in {place.file}."
    following = "Next: bring it to the other module (`bmcha key pair`, or copy the file with scp)."
    following += (
        " Then start both."
        if args.send
        else " Then `bmcha reload` on both, and `bmcha key rotate`."
    )
    told = {"id": key.id, "state": state.value, "check": check}
    body = {"result": "done", "text": text, "next": following, "file": place.file, "key": told}
    say(args, body, [text, following, *place.doubts()])
    return EXIT_DONE


def _list(args: argparse.Namespace, place: Place, keys: KeySet) -> int:
    from bmcha.cli.key_steps import NOT_READ, OLDER_SERVICE, has_newest, has_read
    from bmcha.cli.text.keys import key_lines

    told, trouble = place.asked()
    service = trouble
    if told is not None:
        service = "goes by this file" if has_read(keys, told) else NOT_READ
    elif not trouble:
        service = OLDER_SERVICE
    newest = keys.newest
    body = {
        "file": place.file,
        "accepts_unsigned": keys.accepts_unsigned,
        "keys": [
            {"id": key.id, "state": key.state.value, "check": f"{key.check:08x}"}
            for key in keys.keys
        ],
        "service": service,
        "peers": {
            slot: {
                "is_heard": bool(peer.get("is_heard")),
                "sends": peer.get("sends"),
                "newest": peer.get("newest"),
                "has_newest": newest is not None and has_newest(peer, newest),
            }
            for slot, peer in (told or {}).get("peers", {}).items()
        },
    }
    if args.json:
        print_json(body)
    else:
        print_lines(key_lines(body))
    return EXIT_DONE


def _rotate(args: argparse.Namespace, place: Place, keys: KeySet) -> int:
    from bmcha.cli.key_steps import next_step, obstacles

    step = next_step(keys)
    if step is None:
        return _nothing_to_do(args, place, keys)
    told, trouble = place.asked()
    if not args.force:
        if trouble:
            return refuse(args, trouble, code=EXIT_NO_SERVICE)
        if waits := obstacles(step, keys, told):
            text = f"Not yet: {_meant(step)}."
            return refuse(args, text, *waits, "--force takes the step all the same.")
    place.write(step.keys)
    text = f"In {place.file} now: {_meant(step)}."
    body = {"result": "done", "step": step.name, "text": text, "file": place.file, "reload": None}
    if trouble:
        say(args, body, [text, f"Nobody was told to read it: {trouble}"])
        return EXIT_DONE
    return _reload(args, place, body, _following(step))


def _pair(args: argparse.Namespace, place: Place, keys: KeySet) -> int:
    from bmcha.cli.key_pair import pair

    return pair(args, place, keys)


def _nothing_to_do(args: argparse.Namespace, place: Place, keys: KeySet) -> int:
    text = f"There is no key in {place.file}; `bmcha key new` makes one."
    if keys.newest is not None:
        text = f"Nothing to do: key {keys.newest.id} signs, and nothing else is accepted."
        text += " `bmcha key new` begins a rotation."
    say(args, {"result": "nothing", "step": None, "text": text, "file": place.file}, [text])
    return EXIT_DONE


DEEDS: dict[str, tuple[Callable[[argparse.Namespace, Place, KeySet], int], frozenset[str]]] = {
    "new": (_new, frozenset({"send"})),
    "list": (_list, frozenset()),
    "rotate": (_rotate, frozenset({"force"})),
    "pair": (_pair, frozenset({"compare"})),
}
"""The word → what does it, and the options that go with it alone."""


def _reload(args: argparse.Namespace, place: Place, body: dict[str, Any], following: str) -> int:
    """The service reads what was written, as by `bmcha reload`."""
    from bmcha.cli.reload import print_reload
    from bmcha.cli.text.keys import told_lines

    def tell(client: Any) -> int:
        answer, code = read_by_service(client)
        body["reload"] = answer
        if args.json:
            print_json(body)
            return code
        print_lines(told_lines([body["text"]]))
        print_reload(answer)
        if code == EXIT_DONE:
            print_lines(told_lines([following]))
        else:
            complain(OLD_KEYS, code)
        return code

    return connected(place.socket, tell)


# ---------------------------------------------------------------- what is said


def _meant(step: Step) -> str:
    key = f"key {step.newest.id} (check {step.newest.check:08x})"
    if step.name == "send":
        return f"frames are signed with {key}; what was accepted still is"
    return f"only {key} is accepted; older keys and unsigned frames are not"


def _following(step: Step) -> str:
    if step.name == "send":
        return "Next: the same on the other module; then once more on both, to drop the old."
    return "This module is done. Next: the same on the other module, if it was not yet."
