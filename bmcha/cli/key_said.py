"""What the deeds of `bmcha key` have to say: as sentences, or as one JSON object."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bmcha.cli.exit_codes import EXIT_FAILED
from bmcha.cli.output import print_json, print_lines


def refuse(args: argparse.Namespace, text: str, *more: str, code: int = EXIT_FAILED) -> int:
    if args.json:
        print_json({"result": "refused", "text": text, "waits": list(more)})
        return code
    from bmcha.cli.text.keys import told_lines

    lines = told_lines([f"bmcha key {args.deed}: {text}", *(f"- {each}" for each in more)])
    print("\n".join(lines), file=sys.stderr)
    return code


def say(args: argparse.Namespace, body: dict[str, Any], texts: list[str]) -> None:
    from bmcha.cli.text.keys import told_lines

    if args.json:
        print_json(body)
    else:
        print_lines(told_lines(texts))
