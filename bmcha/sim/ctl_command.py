"""``bmcha sim-ctl``: one action on a running sim. Called by `bmcha.cli`.

Apart from `bmcha.sim.entry`, which brings the whole simulator along: this one is typed often, and
asks another process. Exit codes: 0 done, 1 refused, 2 words that make no sense, 3 no sim runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from bmcha.sim.action_words import usage_lines
from bmcha.sim.ctl import INVALID_PARAMS, UNKNOWN_METHOD
from bmcha.sim.layout import RigLayout
from bmcha.sim.rpc import RpcClient, RpcRefused

DONE, FAILED, USAGE, NO_SERVICE = 0, 1, 2, 3


def add_sim_ctl_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "actions:\n  " + "\n  ".join(usage_lines())
    parser.add_argument("--dir", metavar="DIR", required=True, help="the running sim's directory")
    parser.add_argument(
        "action", metavar="ACTION", nargs=argparse.REMAINDER, help="what to do, see below"
    )


def run_sim_ctl(args: argparse.Namespace) -> int:
    words = [word for word in args.action if word != "--"]
    if not words:
        print("bmcha sim-ctl: an action is missing; there are:", file=sys.stderr)
        for line in usage_lines():
            print(f"  {line}", file=sys.stderr)
        return USAGE
    layout = RigLayout(Path(os.path.abspath(args.dir)))
    try:
        client = RpcClient(layout.chassis_socket)
    except OSError:
        print(f"bmcha sim-ctl: no sim runs in {layout.root}", file=sys.stderr)
        return NO_SERVICE
    try:
        result = client.call(words[0], words[1:])
    except RpcRefused as refused:
        print(f"bmcha sim-ctl: {refused}", file=sys.stderr)
        return USAGE if refused.code in (UNKNOWN_METHOD, INVALID_PARAMS) else FAILED
    except OSError as error:
        print(f"bmcha sim-ctl: the sim in {layout.root} went away: {error}", file=sys.stderr)
        return NO_SERVICE
    finally:
        client.close()
    if words[0] != "state":
        print(result["text"])
    elif "--json" in words:
        print(json.dumps(result, indent=2))
    else:
        from bmcha.sim.state import state_text

        print("\n".join(state_text(result)))
    return DONE
